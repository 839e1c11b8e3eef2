"""What the tests of the architecture look at: the project's files, parsed once."""

import ast
from pathlib import Path

import pytest

PACKAGES = ("voiceai", "pipelines", "transports", "asterisk")


@pytest.fixture(scope="session")
def packages() -> tuple[str, ...]:
    """The import packages of the product."""
    return PACKAGES


@pytest.fixture(scope="session")
def root() -> Path:
    """The project's folder."""
    return Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def sources(root: Path) -> dict[str, ast.Module]:
    """The product's modules by their path from the project's folder."""
    found = {
        path.relative_to(root).as_posix(): ast.parse(path.read_text(encoding="utf-8"))
        for package in PACKAGES
        for path in sorted((root / package).rglob("*.py"))
    }
    assert len(found) > len(PACKAGES), "the product's files were not found"
    return found
