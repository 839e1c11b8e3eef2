"""One service of a chain, run beside the pipeline: opened when needed, thrown away when broken."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any

from loguru import logger
from pipecat.frames.frames import (
    CancelFrame,
    EndFrame,
    Frame,
    InterruptionFrame,
    MetricsFrame,
    StartFrame,
)
from pipecat.frames.frames import StopFrame as PipecatStopFrame
from pipecat.pipeline.pipeline import Pipeline, PipelineSink, PipelineSource
from pipecat.processors.frame_processor import (
    FrameDirection,
    FrameProcessor,
    FrameProcessorSetup,
)

LIFE_FRAMES = (StartFrame, EndFrame, CancelFrame, PipecatStopFrame, InterruptionFrame)
"""A chain passes these on itself; what a service passes on of them stays inside."""

OPEN_SECONDS = 3.0

STOP_SECONDS = 1.0
"""So long a service may take to hang up before its tasks are cancelled."""

Outlet = Callable[["Rung", Frame, FrameDirection], Awaitable[None]]
"""Awaited with everything that a service pushes, but for the frames of its life."""


@dataclass(frozen=True, slots=True)
class RungParams:
    """What a chain knows of one of its services.

    Attributes:
        name: As in the registry.
        key: The same for all conversations that use it with the same parameters.
        make: Makes the service for one conversation; may raise what the service raises.
        first_byte_seconds: So long it may be silent.
    """

    name: str
    key: str
    make: Callable[[], FrameProcessor]
    first_byte_seconds: float


class GivenUp(Exception):
    """A service was thrown away while it was being opened."""


class Rung:
    """A service that is not linked to the pipeline's other processors.

    Args:
        params: Which service.
        outlet: Gets what it pushes.
    """

    def __init__(self, params: RungParams, outlet: Outlet) -> None:
        self.params = params
        self._outlet = outlet
        self._service: FrameProcessor | None = None
        self._pipeline: Pipeline | None = None
        self._started = asyncio.Event()
        self._stopped = asyncio.Event()
        self._opening: asyncio.Task[None] | None = None

    @property
    def name(self) -> str:
        """The service's name in the registry."""
        return self.params.name

    @property
    def service(self) -> FrameProcessor | None:
        """The service while it is open."""
        return self._service

    @property
    def is_open(self) -> bool:
        """Whether the service can be given frames."""
        return self._started.is_set()

    async def open(
        self, setup: FrameProcessorSetup, start: StartFrame, standing: Sequence[Frame] = ()
    ) -> None:
        """Make and start the service, unless it is open; whoever comes second waits as well.

        Whoever stops waiting leaves it opening for the next one.

        Args:
            setup: The chain's own.
            start: The conversation's.
            standing: What holds for every service, and grows meanwhile: given to it first.

        Raises:
            Exception: What the service raises when it cannot be made.
            TimeoutError: It does not start in time.
        """
        if self.is_open:
            return
        if self._opening is None:
            opens = self._open(setup, start, standing)
            self._opening = asyncio.create_task(opens, name=f"open {self.name}")
        opening = self._opening
        try:
            await asyncio.shield(opening)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if opening.cancelled() and task and not task.cancelling():
                raise GivenUp("given up") from None
            raise

    async def _open(
        self, setup: FrameProcessorSetup, start: StartFrame, standing: Sequence[Frame]
    ) -> None:
        try:
            pipeline = self._make()
            async with asyncio.timeout(OPEN_SECONDS):
                await pipeline.setup(setup)
                await pipeline.queue_frame(start)
                await self._started.wait()
                for frame in standing:
                    await pipeline.queue_frame(frame)
        except Exception:
            if self._opening is asyncio.current_task():
                self._opening = None
                await self.detach()
            raise
        self._opening = None

    def _make(self) -> Pipeline:
        service = self.params.make()
        started, stopped = self._started, self._stopped

        async def came_out(frame: Frame, direction: FrameDirection) -> None:
            if isinstance(frame, StartFrame):
                started.set()
            elif isinstance(frame, CancelFrame):
                stopped.set()
            elif self._service is service and not isinstance(frame, LIFE_FRAMES):
                await self._outlet(self, self._named(frame), direction)

        pipeline = Pipeline([service], source=PipelineSource(came_out), sink=PipelineSink(came_out))
        self._service, self._pipeline = service, pipeline
        return pipeline

    def _named(self, frame: Frame) -> Frame:
        """Say of whom something was measured."""
        if not isinstance(frame, MetricsFrame):
            return frame
        by_name = {"processor": self.name}
        return MetricsFrame(data=[data.model_copy(update=by_name) for data in frame.data])

    async def put(
        self, frame: Frame, direction: FrameDirection = FrameDirection.DOWNSTREAM
    ) -> None:
        """Give the service a frame, if it is open."""
        if self._pipeline and self.is_open:
            await self._pipeline.queue_frame(frame, direction)

    def detach(self) -> Coroutine[Any, Any, None]:
        """Forget the service at once; the next :meth:`open` makes a new one.

        Returns:
            To be awaited, some time: stops the service.
        """
        pipeline, self._pipeline, self._service = self._pipeline, None, None
        opening, self._opening = self._opening, None
        stopped, self._stopped = self._stopped, asyncio.Event()
        was_open, self._started = self.is_open, asyncio.Event()
        return _stop(self.name, pipeline, opening, stopped if was_open else None)


async def _stop(
    name: str,
    pipeline: Pipeline | None,
    opening: asyncio.Task[None] | None,
    stopped: asyncio.Event | None,
) -> None:
    """Stop a service.

    Args:
        name: In the registry.
        pipeline: Around it.
        opening: Still at work on it.
        stopped: Set once it has hung up; none if it was never open.
    """
    if opening:
        opening.cancel()
        await asyncio.gather(opening, return_exceptions=True)
    if pipeline is None:
        return
    try:
        if stopped:
            await pipeline.queue_frame(CancelFrame())
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(STOP_SECONDS):
                    await stopped.wait()
        await pipeline.cleanup()  # type: ignore[no-untyped-call]
    except Exception as error:  # noqa: BLE001 - a broken service may break in any way
        logger.bind(service=name).warning("service.not_closed: {!r}", error)
