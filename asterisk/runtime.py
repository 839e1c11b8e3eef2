"""A private Asterisk 22: found on the machine or fetched into a cache folder.

Debian 12 has no Asterisk, so where `asterisk` 22 is not on PATH the packages of Debian's suite
sid are unpacked into a cache folder and run through their own dynamic loader; nothing is
installed and no root is needed. Everything here blocks: from an event loop call it through
:func:`asyncio.to_thread`.
"""

from __future__ import annotations

import re
import shutil
import struct
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from asterisk.unpack import PackagesUnavailable, PrivateApt, ensure_folder, private_apt

MAJOR_VERSION: Final = 22
"""The release of Asterisk that the product is made for and tested with."""

DEBIAN_SUITE: Final = "sid"
"""The Debian suite that packages Asterisk 22."""

ASTERISK_PACKAGES: Final = ("asterisk", "asterisk-modules", "asterisk-config")
EXTRA_LIBRARIES: Final = ("libgsm1",)
"""Of the libraries that asterisk-modules depends on, those that modules we load are linked to."""

PT_INTERP: Final = 3
"""ELF program header that names the dynamic loader (System V ABI, "Program Header")."""


class AsteriskUnavailable(Exception):
    """No Asterisk 22 can be had on this machine; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Installation:
    """An Asterisk that can be started.

    Attributes:
        command: Program and leading arguments; Asterisk's own options follow.
        version: What `asterisk -V` says, such as `22.10.1~dfsg`.
        modules: Folder with the loadable modules.
        data: Folder with `documentation/`, without which configuration types do not load.
    """

    command: tuple[str, ...]
    version: str
    modules: Path
    data: Path


def ensure_asterisk(cache: Path) -> Installation:
    """Return an Asterisk 22: the machine's own, the one in the cache, or one fetched into it.

    Args:
        cache: Folder for unpacked packages; made when absent. Safe to share between processes.

    Raises:
        AsteriskUnavailable: With the reason and what to do about it.
    """
    own = find_installed()
    if own:
        return own
    try:
        root = ensure_folder(cache, f"asterisk-{MAJOR_VERSION}", _fetch)
    except PackagesUnavailable as error:
        raise AsteriskUnavailable(
            f"no asterisk {MAJOR_VERSION} on PATH, and it cannot be fetched from Debian"
            f" {DEBIAN_SUITE}: {error}. Install Asterisk {MAJOR_VERSION}, or go online on Debian."
        ) from error
    return _unpacked(root)


def find_installed() -> Installation | None:
    """Return the machine's own Asterisk when it is of the right release."""
    binary = shutil.which("asterisk") or shutil.which("asterisk", path="/usr/sbin:/usr/local/sbin")
    if not binary:
        return None
    try:
        version = _version((binary,))
        return Installation((binary,), version, _modules(Path("/")), _data(Path("/")))
    except AsteriskUnavailable:
        return None


def _fetch(root: Path) -> None:
    with private_apt(DEBIAN_SUITE, "main") as apt:
        apt.download_with_dependencies([*_core_libraries(apt), *EXTRA_LIBRARIES])
        apt.download(ASTERISK_PACKAGES)
        apt.unpack(root)
    try:
        _unpacked(root)
    except AsteriskUnavailable as error:
        raise PackagesUnavailable(str(error)) from error


def _core_libraries(apt: PrivateApt) -> list[str]:
    """Return the libraries that the program itself is linked to.

    The whole closure is 160 packages and 77 MB, because asterisk-modules depends on the
    libraries of all its modules; a module whose library is absent is one that cannot be loaded.
    """
    return [name for name in apt.dependencies(ASTERISK_PACKAGES[0]) if name.startswith("lib")]


def _unpacked(root: Path) -> Installation:
    """Return the Asterisk below `root`, run through the dynamic loader that was unpacked with it.

    Raises:
        AsteriskUnavailable: The files are incomplete or of another release.
    """
    binary = root / "usr/sbin/asterisk"
    loader = _inside(root, read_interpreter(binary))
    command = (str(loader), "--library-path", str(loader.parent), str(binary))
    return Installation(command, _version(command), _modules(root), _data(root))


def read_interpreter(binary: Path) -> Path:
    """Return the dynamic loader that a 64-bit little-endian ELF program asks for.

    Source: System V ABI, chapters "ELF Header" and "Program Header".

    Raises:
        AsteriskUnavailable: The file is missing or is no such program.
    """
    try:
        image = binary.read_bytes()
        if image[:6] != b"\x7fELF\x02\x01":
            raise AsteriskUnavailable(f"{binary} is no 64-bit little-endian ELF program")
        table, size, count = struct.unpack_from("<32xQ14xHH", image)
        for index in range(count):
            kind, offset, length = struct.unpack_from("<I4xQ16xQ", image, table + index * size)
            if kind == PT_INTERP:
                return Path(image[offset : offset + length].rstrip(b"\0").decode())
    except (OSError, OverflowError, struct.error, UnicodeDecodeError) as error:
        raise AsteriskUnavailable(f"{binary} cannot be read as a program: {error}") from error
    raise AsteriskUnavailable(f"{binary} names no dynamic loader")


def _inside(root: Path, path: Path) -> Path:
    """Return where an absolute path of the unpacked system lies, its symbolic links followed.

    Debian's `/lib` and `/lib64` are links into `/usr` that no package ships any more.
    """
    relative = path.relative_to("/")
    for found in (root / relative, root / "usr" / relative):
        if found.is_symlink() or found.exists():
            break
    else:
        raise AsteriskUnavailable(f"the dynamic loader {path} is not among the unpacked packages")
    if found.is_symlink():
        target = found.readlink()
        return _inside(root, target) if target.is_absolute() else (found.parent / target).resolve()
    return found


def _version(command: tuple[str, ...]) -> str:
    """Return the version that the program reports.

    Raises:
        AsteriskUnavailable: It does not run, or is of another release.
    """
    try:
        done = subprocess.run(  # noqa: S603 - the program was found or unpacked by us
            [*command, "-V"], capture_output=True, text=True, timeout=30, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise AsteriskUnavailable(f"{command[-1]} does not start: {error}") from error
    found = re.match(r"Asterisk (?:\w+-)?(\d+)(\S*)", done.stdout)
    if not found:
        reason = (done.stderr or done.stdout).strip()[-300:]
        raise AsteriskUnavailable(f"{command[-1]} does not run: {reason}")
    if int(found[1]) != MAJOR_VERSION:
        raise AsteriskUnavailable(
            f"{command[-1]} is Asterisk {found[1]}, not {MAJOR_VERSION}: install {MAJOR_VERSION}"
        )
    return found[1] + found[2]


def _modules(root: Path) -> Path:
    for pattern in ("usr/lib/*/asterisk/modules", "usr/lib*/asterisk/modules"):
        for folder in sorted(root.glob(pattern)):
            if (folder / "res_ari.so").exists():
                return folder
    raise AsteriskUnavailable(f"no folder asterisk/modules with res_ari.so below {root}/usr/lib")


def _data(root: Path) -> Path:
    for name in ("usr/share/asterisk", "var/lib/asterisk", "usr/local/share/asterisk"):
        if (root / name / "documentation").is_dir():
            return root / name
    raise AsteriskUnavailable(f"no folder asterisk/documentation below {root}")
