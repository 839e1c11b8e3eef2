"""Frame processors of the operator's own: found, checked and made."""

import inspect
from collections.abc import Callable
from types import ModuleType

from pipecat.processors.frame_processor import FrameProcessor

from pipelines.document import Document
from pipelines.errors import SpecError
from pipelines.findings import Finding, nearest_name
from pipelines.mistakes import place
from pipelines.own_code import import_own, wrong_use
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
    module = import_own(module_name, (*path, "use"))
    found = getattr(module, name, None)
    if not (isinstance(found, type) and issubclass(found, FrameProcessor)):
        if found is not None:
            raise wrong_use(f"'{name}' is no FrameProcessor of Pipecat", (*path, "use"))
        nearest = nearest_name(name, _names(module))
        raise wrong_use(f"{module_name} has no '{name}'", (*path, "use"), nearest=nearest)
    try:
        inspect.signature(found).bind(**processor.params)
    except TypeError as error:
        raise wrong_use(f"{name}: {error}", (*path, "params")) from error
    return found


def _names(module: ModuleType) -> list[str]:
    """Processors that a module has."""
    return [
        name
        for name, entry in vars(module).items()
        if isinstance(entry, type) and issubclass(entry, FrameProcessor)
    ]
