"""Where a flow goes when a tool that asks for digits brings nothing."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from pipecat.audio.dtmf.types import KeypadEntry
from pipecat.clocks.system_clock import SystemClock
from pipecat.frames.frames import Frame, InputDTMFFrame
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineWorker
from pipecat.processors.frame_processor import FrameDirection, FrameProcessorSetup
from pipecat.services.llm_service import FunctionCallParams
from pipecat.utils.asyncio.task_manager import TaskManager

from pipelines.flows.director import Director
from pipelines.flows.progress import Progress
from pipelines.flows.spec import FlowSpec
from pipelines.spec import ToolSpec
from pipelines.tool_specs import CollectDigitsTool
from pipelines.tools.digits import DigitCollector
from pipelines.tools.schema import Handler, Toolbox

FLOW = {
    "name": "pin",
    "start": "ask",
    "nodes": {
        "ask": {"functions": {"pin": {"tool": "type_pin", "next": "done"}}},
        "done": {"say": "Thank you.", "then": "hangup"},
    },
}
ANOTHER = CollectDigitsTool(max=1)


class Model:
    """A language model that asks for functions.

    Attributes:
        pushed: What was said and done besides.
        results: What the functions gave back.
    """

    def __init__(self) -> None:
        self.pushed: list[Frame] = []
        self.results: list[Any] = []

    def tool_called(self, name: str, arguments: object) -> None: ...

    def tool_returned(self, name: str, result: object) -> None:
        raise ZeroDivisionError

    async def push_frame(self, frame: Frame) -> None:
        self.pushed.append(frame)

    async def take(self, result: Any, *, properties: object = None) -> None:
        self.results.append(result)

    def asks(self, name: str) -> FunctionCallParams:
        anything: Any = self
        context: Any = None
        return FunctionCallParams(name, "1", {}, anything, context, context, self.take)


@pytest.fixture
async def collector() -> AsyncIterator[DigitCollector]:
    collector = DigitCollector(1.0)
    worker = PipelineWorker(Pipeline([]))
    clock = SystemClock()  # type: ignore[no-untyped-call]
    await collector.setup(FrameProcessorSetup(clock, TaskManager(), worker))
    yield collector
    await collector.cleanup()


async def soon() -> None:
    """Let every task go as far as it can."""
    for _ in range(20):
        await asyncio.sleep(0)


def begun(model: Model, collector: DigitCollector) -> tuple[Progress, Handler]:
    """Return where a flow is that has begun, and its function that asks for digits."""
    listener: Any = model
    tools = [ToolSpec.model_validate({"collect_digits": {"name": "type_pin", "max": 4}})]
    progress = Progress(FlowSpec.model_validate(FLOW), tools)
    director = Director(progress, Toolbox(listener, listener, collector))
    schema: Any = director.context.tools
    (pin,) = [one for one in schema.standard_tools if one.name == "pin"]
    return progress, pin.handler


async def test_digits_that_nobody_waits_for_any_more_lead_nowhere(
    collector: DigitCollector,
) -> None:
    model = Model()
    progress, pin = begun(model, collector)

    asking = asyncio.ensure_future(pin(model.asks("pin")))
    await soon()
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    others = asyncio.create_task(collector.collect(ANOTHER))  # drops the first
    await soon()

    assert (progress.node, model.pushed, model.results) == ("ask", [], [])
    others.cancel()
    await asyncio.gather(others, return_exceptions=True)


async def test_a_tool_that_is_interrupted_before_it_asks_gives_way(
    collector: DigitCollector,
) -> None:
    """Its entry was taken for one that somebody waits for, and the next was refused."""
    model = Model()
    _, pin = begun(model, collector)

    asking = asyncio.ensure_future(pin(model.asks("pin")))
    await asyncio.sleep(0)
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    await soon()
    others = asyncio.create_task(collector.collect(ANOTHER))
    await soon()

    assert not others.done()
    others.cancel()
    await asyncio.gather(others, return_exceptions=True)


async def test_whoever_asked_learns_that_a_tool_failed(collector: DigitCollector) -> None:
    model = Model()
    progress, pin = begun(model, collector)

    asking = asyncio.ensure_future(pin(model.asks("pin")))
    await soon()
    typed = InputDTMFFrame(button=KeypadEntry("#"))
    await collector.process_frame(typed, FrameDirection.DOWNSTREAM)

    with pytest.raises(ZeroDivisionError):
        await asking
    assert (progress.node, model.results) == ("ask", [])
