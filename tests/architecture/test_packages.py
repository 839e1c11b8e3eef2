"""The four packages are ours, and what they promise is there."""

import ast
import importlib
from pathlib import Path


def test_all_packages_load_from_one_folder(root: Path, packages: tuple[str, ...]) -> None:
    """Others publish packages of the names transports, pipelines and asterisk (decision 0003)."""
    folders = {
        name: Path(importlib.import_module(name).__file__ or "").parents[1] for name in packages
    }

    assert folders == dict.fromkeys(packages, root)


def test_every_folder_with_code_is_a_package(root: Path, sources: dict[str, ast.Module]) -> None:
    folders = {Path(path).parent for path in sources}

    assert [str(folder) for folder in folders if not (root / folder / "__init__.py").exists()] == []


def test_every_public_name_is_there(sources: dict[str, ast.Module]) -> None:
    missing = []
    for path, tree in sources.items():
        if not any(
            isinstance(node, ast.Assign | ast.AnnAssign) and "__all__" in ast.unparse(node)
            for node in tree.body
        ):
            continue
        name = ".".join(Path(path).with_suffix("").parts).removesuffix(".__init__")
        module = importlib.import_module(name)
        missing += [f"{name}.{public}" for public in module.__all__ if not hasattr(module, public)]

    assert missing == []


def test_every_package_says_what_it_is(sources: dict[str, ast.Module]) -> None:
    assert [path for path, tree in sources.items() if not ast.get_docstring(tree)] == []
