"""Modules of the operator's own, which pipelines in files name."""

import importlib
from types import ModuleType
from typing import Any

from pipelines.document import KeyPath, show_path
from pipelines.errors import SpecError
from pipelines.findings import Finding


def import_own(name: str, path: KeyPath) -> ModuleType:
    """Import a module.

    Args:
        name: Of the module.
        path: Where it is named, for the finding.

    Raises:
        SpecError: There is none, or it cannot be imported.
    """
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and (name == error.name or name.startswith(f"{error.name}.")):
            fix = "put it beside the pipelines, in VOICEAI_PIPELINES, or install it"
            raise wrong_use(f"there is no module '{error.name}'", path, fix=fix) from error
        raise wrong_use(f"{name} cannot be imported: {error}", path) from error
    except (Exception, SystemExit) as error:  # whatever the operator's own module does
        what = f"{type(error).__name__}: {error}"
        raise wrong_use(f"{name} cannot be imported: {what}", path) from error


def wrong_use(message: str, path: KeyPath, **more: Any) -> SpecError:
    """Return the error of a key that names something of the operator's own."""
    return SpecError(Finding(message, path=show_path(path), **more))
