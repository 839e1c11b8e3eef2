"""Names say what is inside: no drawer for leftovers, no ancestry in a class's name."""

import ast
import re
from pathlib import Path

DRAWERS = frozenset({"utils", "util", "helpers", "common", "base", "manager", "misc"})
ANCESTRY = re.compile(r"^(Base|Abstract)[A-Z]|Impl$")


def test_no_file_or_folder_is_a_drawer(root: Path, packages: tuple[str, ...]) -> None:
    found = [
        path.relative_to(root).as_posix()
        for folder in (*packages, "tests", "examples", "scripts")
        for path in (root / folder).rglob("*")
        if path.stem in DRAWERS
    ]

    assert found == []


def test_no_class_is_named_after_its_place_in_a_hierarchy(sources: dict[str, ast.Module]) -> None:
    found = [
        f"{path}:{node.lineno} {node.name}"
        for path, tree in sources.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef) and ANCESTRY.search(node.name)
    ]

    assert found == []
