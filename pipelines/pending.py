"""Keys that are read and checked, and not carried out yet: each is refused with its place.

Whoever makes one work takes its line out of :data:`PENDING`.
"""

from collections.abc import Callable, Iterator, Mapping

from pipelines.document import KeyPath
from pipelines.spec import PipelineSpec

Uses = Iterator[KeyPath]


def _where(path: KeyPath, asked: Callable[[PipelineSpec], bool]) -> Callable[[PipelineSpec], Uses]:
    return lambda spec: iter([path] if asked(spec) else [])


PENDING: Mapping[str, Callable[[PipelineSpec], Uses]] = {
    "flow": _where(("flow",), lambda spec: spec.flow is not None),
}
"""What is refused, and where a pipeline uses it."""


def pending(spec: PipelineSpec) -> Uses:
    """Where a pipeline uses what is not carried out yet."""
    for uses in PENDING.values():
        yield from uses(spec)
