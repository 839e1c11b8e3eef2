"""The documents tell of the tree as it is."""

import re
from pathlib import Path

import pytest

LIMITS = {"ARCHITECTURE.md": 150, "CONTRIBUTING.md": 60, "AGENTS.md": 60}
DECISION_LINES = 40
LINK = re.compile(r"\]\((?![a-z]+:|#)(?P<target>[^)#\s]+)")


def folders(root: Path, packages: tuple[str, ...]) -> list[str]:
    """List the folders that hold files of ours, with their path from the project's folder."""
    found = {
        parent.relative_to(root).as_posix()
        for top in (*packages, "tests", "docs", "examples", "scripts")
        for path in (root / top).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
        for parent in path.parents
        if parent != root and root in parent.parents
    }
    return sorted(found)


def test_the_map_names_every_folder(root: Path, packages: tuple[str, ...]) -> None:
    """Below ``tests/unit`` the tree is that of the code, and each example has its own folder."""
    text = (root / "ARCHITECTURE.md").read_text(encoding="utf-8")
    mapped = [
        name
        for name in folders(root, packages)
        if not name.startswith(("tests/unit/", "tests/integration/", "examples/", "docs/"))
        and "/data" not in name
    ]

    assert [name for name in mapped if f"{name}/" not in text] == []


def test_the_map_names_no_folder_that_is_gone(root: Path) -> None:
    text = (root / "ARCHITECTURE.md").read_text(encoding="utf-8")
    named = re.findall(r"^((?:[a-z_]+/)+) ", text, flags=re.MULTILINE)

    assert named
    assert [name for name in named if not (root / name).is_dir()] == []


def test_the_tests_of_a_module_stand_where_the_module_stands(root: Path) -> None:
    strays = [
        path.relative_to(root).as_posix()
        for path in (root / "tests" / "unit").rglob("*")
        if path.is_dir() and path.name not in {"__pycache__", "data"}
        if not (root / path.relative_to(root / "tests" / "unit")).exists()
    ]

    assert strays == []


@pytest.mark.parametrize(("name", "limit"), LIMITS.items())
def test_a_document_stays_readable_in_one_sitting(root: Path, name: str, limit: int) -> None:
    lines = (root / name).read_text(encoding="utf-8").splitlines()

    assert len(lines) <= limit


def test_a_decision_is_short_and_says_what_it_was_weighed_against(root: Path) -> None:
    for path in sorted((root / "docs" / "decisions").glob("*.md")):
        text = path.read_text(encoding="utf-8")

        assert re.fullmatch(r"\d{4}-[a-z0-9-]+\.md", path.name)
        assert len(text.splitlines()) <= DECISION_LINES, path.name
        for heading in ("## Context", "## Decision", "## Consequences"):
            assert heading in text, f"{path.name} lacks {heading}"


def test_every_link_between_documents_leads_somewhere(root: Path) -> None:
    documents = [*root.glob("*.md"), *(root / "docs").rglob("*.md"), *root.glob("examples/**/*.md")]
    dead = [
        f"{path.relative_to(root)}: {match['target']}"
        for path in documents
        for match in LINK.finditer(path.read_text(encoding="utf-8"))
        if not (path.parent / match["target"]).exists()
    ]

    assert documents
    assert dead == []
