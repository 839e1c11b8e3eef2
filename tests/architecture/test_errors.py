"""The tree at the top of each ``errors.py`` is the tree of its classes."""

import importlib
import inspect
import re
from pathlib import Path
from types import ModuleType

import pytest

ENTRY = re.compile(r"^(?P<branch>[ │├└─]*)(?P<name>[A-Z]\w*)(?: {2,}\S.*)?$")


def drawn(docstring: str) -> dict[str, str | None]:
    """Read the tree of a docstring: each class and the one above it, None for a root."""
    parents: dict[str, str | None] = {}
    above: list[tuple[int, str]] = []
    for line in inspect.cleandoc(docstring).partition("::\n")[2].splitlines():
        entry = ENTRY.match(line.removeprefix("    "))
        if entry is None:
            continue
        depth, name = len(entry["branch"]), entry["name"]
        while above and above[-1][0] >= depth:
            above.pop()
        parents[name] = above[-1][1] if above else None
        above.append((depth, name))
    return parents


def defined(module: ModuleType) -> dict[str, str | None]:
    """List the exceptions of a module, each with its parent where that is of the module too."""
    classes = {
        name: value
        for name, value in vars(module).items()
        if inspect.isclass(value)
        and issubclass(value, BaseException)
        and value.__module__ == module.__name__
    }
    return {
        name: value.__base__.__name__ if value.__base__ in classes.values() else None
        for name, value in classes.items()
        if value.__base__ is not None
    }


def error_modules(root: Path, packages: tuple[str, ...]) -> list[str]:
    return [
        ".".join(path.relative_to(root).with_suffix("").parts)
        for package in packages
        for path in sorted((root / package).rglob("errors.py"))
    ]


def test_each_package_draws_its_errors_as_they_are(root: Path, packages: tuple[str, ...]) -> None:
    modules = [importlib.import_module(name) for name in error_modules(root, packages)]

    assert {module.__name__: drawn(module.__doc__ or "") for module in modules} == {
        module.__name__: defined(module) for module in modules
    }


def test_each_package_has_one_file_of_errors(root: Path, packages: tuple[str, ...]) -> None:
    found = error_modules(root, packages)

    assert {f"{package}.errors" for package in packages} <= set(found)


@pytest.mark.parametrize(
    ("docstring", "tree"),
    [
        (
            "Errors.\n\n::\n\n    A\n    ├── B   peer: wrong\n    └── C\n",
            {"A": None, "B": "A", "C": "A"},
        ),
        (
            "Errors.\n\n::\n\n    A\n    └── B\n        └── C  ours\n",
            {"A": None, "B": "A", "C": "B"},
        ),
        (
            "Errors.\n\n::\n\n    A  ours\n    B  theirs\n\nMore prose here.\n",
            {"A": None, "B": None},
        ),
        ("No tree.", {}),
    ],
)
def test_a_drawing_is_read_as_it_looks(docstring: str, tree: dict[str, str | None]) -> None:
    assert drawn(docstring) == tree
