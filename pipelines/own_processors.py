"""Frame processors of the operator's own: found, checked and made."""

import importlib
import inspect
from collections.abc import Callable
from types import ModuleType
from typing import Any

from pipecat.processors.frame_processor import FrameProcessor

from pipelines.document import Document, KeyPath, show_path
from pipelines.errors import SpecError
from pipelines.findings import Finding, nearest_name
from pipelines.mistakes import place
from pipelines.spec import PipelineSpec


def make_processor(spec: PipelineSpec, index: int) -> FrameProcessor:
    """Make one conversation's processor.

    Raises:
        SpecError: There is no such class, or its parameters are others.
    """
    make: Callable[..., FrameProcessor] = _class(spec, index)
    return make(**spec.processors[index].params)


def check_processors(spec: PipelineSpec, document: Document) -> list[Finding]:
    """Return what is wrong with a pipeline's own processors; imports their modules."""
    findings = []
    for index in range(len(spec.processors)):
        try:
            _class(spec, index)
        except SpecError as error:
            finding = error.findings[0]
            key = "params" if finding.path.endswith("params") else "use"
            findings.append(place(finding, document.locate(("processors", index, key))))
    return findings


def _class(spec: PipelineSpec, index: int) -> type[FrameProcessor]:
    processor, path = spec.processors[index], ("processors", index)
    module_name, _, name = processor.use.partition(":")
    module = _module(module_name, (*path, "use"))
    found = getattr(module, name, None)
    if not (isinstance(found, type) and issubclass(found, FrameProcessor)):
        if found is not None:
            raise _wrong(f"'{name}' is no FrameProcessor of Pipecat", (*path, "use"))
        nearest = nearest_name(name, _names(module))
        raise _wrong(f"{module_name} has no '{name}'", (*path, "use"), nearest=nearest)
    try:
        inspect.signature(found).bind(**processor.params)
    except TypeError as error:
        raise _wrong(f"{name}: {error}", (*path, "params")) from error
    return found


def _module(name: str, path: KeyPath) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and (name == error.name or name.startswith(f"{error.name}.")):
            fix = "put it beside the pipelines, in VOICEAI_PIPELINES, or install it"
            raise _wrong(f"there is no module '{error.name}'", path, fix=fix) from error
        raise _wrong(f"{name} cannot be imported: {error}", path) from error
    except (Exception, SystemExit) as error:  # whatever the operator's own module does
        what = f"{type(error).__name__}: {error}"
        raise _wrong(f"{name} cannot be imported: {what}", path) from error


def _names(module: ModuleType) -> list[str]:
    """Processors that a module has."""
    return [
        name
        for name, entry in vars(module).items()
        if isinstance(entry, type) and issubclass(entry, FrameProcessor)
    ]


def _wrong(message: str, path: KeyPath, **more: Any) -> SpecError:
    return SpecError(Finding(message, path=show_path(path), **more))
