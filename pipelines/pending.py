"""Keys that are read and checked, and not carried out yet: each is refused with its place.

Whoever makes one work takes its line out of :data:`PENDING`.
"""

import contextlib
from collections.abc import Callable, Iterator, Mapping

from pydantic import ValidationError

from pipelines.document import KeyPath
from pipelines.spec import PipelineSpec
from pipelines.tool_specs import ToolSpec, one_tool

Uses = Iterator[KeyPath]


def _every_tool(spec: PipelineSpec) -> Iterator[tuple[KeyPath, ToolSpec]]:
    """The tools of a language model, and those of rules."""
    for index, tool in enumerate(spec.tools):
        yield ("tools", index), tool
    for index, service in enumerate(spec.llm.chain):
        path: KeyPath = ("llm", "fallback", index - 1) if index else ("llm",)
        rules = service.params.get("rules")
        for number, rule in enumerate(rules if isinstance(rules, list) else []):
            written = one_tool(rule.get("tool")) if isinstance(rule, dict) else None
            with contextlib.suppress(ValidationError):  # told where rules are checked
                yield (*path, "rules", number, "tool"), ToolSpec.model_validate(written)


def _of_tools(path: KeyPath, asked: Callable[[ToolSpec], object]) -> Callable[[PipelineSpec], Uses]:
    def uses(spec: PipelineSpec) -> Uses:
        for place, tool in _every_tool(spec):
            if asked(tool):
                yield (*place, *path)

    return uses


def _where(path: KeyPath, asked: Callable[[PipelineSpec], bool]) -> Callable[[PipelineSpec], Uses]:
    return lambda spec: iter([path] if asked(spec) else [])


PENDING: Mapping[str, Callable[[PipelineSpec], Uses]] = {
    "stop: stt": _where(("turn", "stop"), lambda spec: spec.turn.stop == "stt"),
    "stop: eager": _where(("turn", "stop"), lambda spec: spec.turn.stop == "eager"),
    "transfer.mode": _of_tools(
        ("transfer", "mode"), lambda tool: tool.transfer and tool.transfer.mode == "attended"
    ),
    "transfer.when_unanswered": _of_tools(
        ("transfer", "when_unanswered"),
        lambda tool: tool.transfer and tool.transfer.when_unanswered,
    ),
    "flow": _where(("flow",), lambda spec: spec.flow is not None),
    "recording": _where(("recording", "enabled"), lambda spec: spec.recording.enabled),
}
"""What is refused, and where a pipeline uses it."""


def pending(spec: PipelineSpec) -> Uses:
    """Where a pipeline uses what is not carried out yet."""
    for uses in PENDING.values():
        yield from uses(spec)
