"""Debian packages unpacked into a folder of our own, with apt's tools and without installing.

apt keeps its lists, its package status and its downloads in a temporary folder here, so neither
root nor a change to the machine is needed. The mirror is the one that apt itself is configured
with; signatures are verified as always, with the Debian keyring where the machine has one.
Source: apt-get(8), apt.conf(5), sources.list(5), dpkg-deb(1).
"""

from __future__ import annotations

import fcntl
import hashlib
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

KEYRING: Final = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
"""Where Debian's package `debian-archive-keyring` puts its keys."""

APT_TIMEOUT_SECONDS: Final = 300.0
"""Longest that one apt or dpkg command may take; precedent: a slow mirror needs 60 s for sid."""


class PackagesUnavailable(Exception):
    """Debian packages cannot be had here; the message says why and what to do."""


def ensure_packages(cache: Path, suite: str, component: str, names: Sequence[str]) -> Path:
    """Return the folder that holds the unpacked packages, fetching them the first time.

    Dependencies are not followed: name each package that is needed.

    Args:
        cache: Folder for unpacked packages; made when absent.
        suite: Debian suite, such as `bookworm` or `sid`.
        component: Component of the suite, such as `main` or `non-free`.
        names: Package names.

    Returns:
        The root of the unpacked files: `usr/share/...` is found below it.

    Raises:
        PackagesUnavailable: apt is missing, the mirror cannot be reached or has no such package.
    """
    key = hashlib.sha256(" ".join([suite, component, *sorted(names)]).encode()).hexdigest()[:12]

    def fetch(root: Path) -> None:
        with private_apt(suite, component) as apt:
            apt.download(names)
            apt.unpack(root)

    return ensure_folder(cache, f"{suite}-{names[0]}-{key}", fetch)


def ensure_folder(cache: Path, name: str, fill: Callable[[Path], None]) -> Path:
    """Return `cache/name/root`, filled once however many processes ask at the same time.

    Args:
        cache: Parent folder; made when absent.
        name: Folder name; a file `.name.lock` beside it is the lock.
        fill: Called with the empty folder to fill. When it raises, nothing is left behind.

    Raises:
        PackagesUnavailable: The cache folder cannot be written.
    """
    cache = cache.resolve()
    final = cache / name
    if final.is_dir():
        return final / "root"
    try:
        cache.mkdir(parents=True, exist_ok=True)
        lock = (cache / f".{name}.lock").open("w")
    except OSError as error:
        raise PackagesUnavailable(
            f"cannot write the cache folder {cache}: {error.strerror}; name another folder"
        ) from error
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if final.is_dir():
            return final / "root"
        with tempfile.TemporaryDirectory(prefix=f".{name}.", dir=cache) as temporary:
            partial = Path(temporary) / "filled"
            (partial / "root").mkdir(parents=True)
            fill(partial / "root")
            partial.rename(final)
    return final / "root"


class PrivateApt:
    """apt with every directory below one temporary folder; nothing counts as installed.

    Use through :func:`private_apt`, which also removes the folder.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._archives = folder / "archives"

    def dependencies(self, name: str) -> list[str]:
        """Return the names that a package depends on, the first of each set of alternatives."""
        listing = self._run("apt-cache", "show", "--no-all-versions", name)
        found = re.findall(r"^(?:Pre-)?Depends: (.*)$", listing, re.MULTILINE)
        wanted = (part.strip() for line in found for part in line.split(","))
        return [re.split(r"[ |:(]", part, maxsplit=1)[0] for part in wanted if part]

    def download(self, names: Sequence[str]) -> None:
        """Download the packages alone."""
        self._run("apt-get", "download", *names, cwd=self._archives)

    def download_with_dependencies(self, names: Sequence[str]) -> None:
        """Download the packages and all that apt says they depend on."""
        self._run("apt-get", "install", "--yes", "--download-only", *names)

    def unpack(self, root: Path) -> None:
        """Unpack everything downloaded so far below `root`."""
        for archive in sorted(self._archives.glob("*.deb")):
            self._run("dpkg-deb", "--extract", str(archive), str(root))

    def update(self, source: str) -> None:
        """Read the package lists of one line of `sources.list(5)`."""
        (self._folder / "sources.list").write_text(source + "\n")
        self._run("apt-get", "update")

    def _run(self, *command: str, cwd: Path | None = None) -> str:
        return _run(*command, configuration=self._folder / "apt.conf", cwd=cwd)


@contextmanager
def private_apt(suite: str, component: str) -> Iterator[PrivateApt]:
    """Open an apt of our own that knows one suite and component of the machine's Debian mirror.

    Raises:
        PackagesUnavailable: apt is missing, or none of its mirrors offers the suite.
    """
    missing = [name for name in ("apt-get", "dpkg-deb") if shutil.which(name) is None]
    if missing:
        raise PackagesUnavailable(
            f"{' and '.join(missing)} not found: Debian packages can be fetched on Debian and its"
            " kin only"
        )
    mirrors = _mirrors()
    if not mirrors:
        raise PackagesUnavailable("apt has no mirror: `apt-get indextargets` names no repository")
    signed_by = f"[signed-by={KEYRING}] " if KEYRING.exists() else ""
    with tempfile.TemporaryDirectory(prefix="private-apt-") as name:
        folder = Path(name)
        _write_configuration(folder)
        apt = PrivateApt(folder)
        failures: list[str] = []
        for mirror in mirrors:
            try:
                apt.update(f"deb {signed_by}{mirror} {suite} {component}")
                break
            except PackagesUnavailable as error:
                failures.append(str(error))
        else:
            raise PackagesUnavailable(
                f"no mirror of apt gives the Debian suite {suite}; online? " + " | ".join(failures)
            )
        yield apt


def _mirrors() -> list[str]:
    """Return the repository addresses that apt uses on this machine, Debian's own archive first."""
    listing = _run("apt-get", "indextargets", "--format", "$(LABEL) $(REPO_URI)")
    rows = {tuple(line.rsplit(" ", 1)) for line in listing.splitlines() if " " in line}
    ranked = sorted(rows, key=lambda row: (row[0] != "Debian", "security" in row[1], row[1]))
    debian = [row for row in ranked if row[0] == "Debian"]
    return list(dict.fromkeys(row[1] for row in debian or ranked))


def _write_configuration(folder: Path) -> None:
    """Write an apt.conf with the machine's ways to fetch (proxies) and our own directories."""
    for child in ("lists/partial", "archives/partial", "state"):
        (folder / child).mkdir(parents=True)
    (folder / "state" / "status").touch()
    acquire = [
        line for line in _run("apt-config", "dump").splitlines() if line.startswith("Acquire::")
    ]
    ours = {
        "Dir::Etc::main": "/dev/null",
        "Dir::Etc::parts": "/dev/null",
        "Dir::Etc::preferences": "/dev/null",
        "Dir::Etc::preferencesparts": "/dev/null",
        "Dir::Etc::sourcelist": f"{folder}/sources.list",
        "Dir::Etc::sourceparts": "/dev/null",
        "Dir::State": f"{folder}/state",
        "Dir::State::lists": f"{folder}/lists",
        "Dir::State::status": f"{folder}/state/status",
        "Dir::Cache": f"{folder}",
        "Dir::Cache::archives": f"{folder}/archives",
        "Dir::Log": f"{folder}",
        "APT::Install-Recommends": "false",
        "APT::Sandbox::User": "root",
        "APT::Update::Error-Mode": "any",
        "Acquire::Languages": "none",
        "Acquire::Retries": "2",
        "Debug::NoLocking": "true",
    }
    lines = acquire + [f'{key} "{value}";' for key, value in ours.items()]
    (folder / "apt.conf").write_text("\n".join(lines) + "\n")


def _run(*command: str, configuration: Path | None = None, cwd: Path | None = None) -> str:
    """Run one command and return what it printed.

    Raises:
        PackagesUnavailable: It cannot be started, failed or took too long.
    """
    settings = ["LC_ALL=C.UTF-8", *([f"APT_CONFIG={configuration}"] if configuration else [])]
    try:
        done = subprocess.run(  # noqa: S603 - program names and arguments are ours
            ["/usr/bin/env", *settings, *command],
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=APT_TIMEOUT_SECONDS,
            check=True,
        )
    except subprocess.CalledProcessError as error:
        lines = [line for line in error.stderr.splitlines() if line.startswith(("E:", "dpkg"))]
        reason = "; ".join(lines) or error.stderr.strip()[-500:]
        raise PackagesUnavailable(f"`{' '.join(command[:2])}` failed: {reason}") from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise PackagesUnavailable(f"`{' '.join(command[:2])}` failed: {error}") from error
    return done.stdout
