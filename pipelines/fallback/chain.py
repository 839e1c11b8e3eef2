"""What the chains of all kinds share: their services, and whom to ask next."""

import asyncio
from collections.abc import Iterator, Sequence
from typing import Literal

from loguru import logger
from pipecat.frames.frames import (
    Frame,
    ServiceUpdateSettingsFrame,
    StartFrame,
    STTMuteFrame,
)
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor

from pipelines.fallback.health import ServiceHealth
from pipelines.fallback.reason import one_line, reason_of
from pipelines.fallback.rung import GivenUp, Outlet, Rung, RungParams
from pipelines.ports import FailureListener

Kind = Literal["stt", "llm", "tts"]

MOST_SETTINGS = 32
"""Changes of settings that are kept for services that open later."""


class Ladder:
    """The services of one chain in one conversation.

    Args:
        kind: Of service.
        params: The services, the preferred one first.
        health: Shared by all conversations.
        listener: Is told of each switch.
        outlet: Gets what the services push.
        owner: The chain's processor: its set-up is theirs, and tasks are its.
    """

    def __init__(
        self,
        kind: Kind,
        params: Sequence[RungParams],
        *,
        health: ServiceHealth,
        listener: FailureListener,
        outlet: Outlet,
        owner: FrameProcessor,
    ) -> None:
        self._owner = owner
        self.rungs = tuple(Rung(each, outlet) for each in params)
        self._kind = kind
        self._health = health
        self._listener = listener
        self._start: StartFrame | None = None
        self._warming: asyncio.Task[None] | None = None
        self._closing: set[asyncio.Task[None]] = set()
        self._awaited: list[Rung] = []
        self._standing: list[Frame] = []

    def start(self, frame: StartFrame) -> None:
        """Begin to open the service that will be asked first; nobody has to wait for it."""
        self._start = frame
        rung = next(self.order())
        self._warming = self._owner.create_task(self._warm(rung), name=f"open {rung.name}")

    async def _warm(self, rung: Rung) -> None:
        try:
            await self._open(rung)  # nobody has asked it: others may
        except Exception as error:  # noqa: BLE001 - whatever it is, another service may work
            if rung in self._awaited or isinstance(error, GivenUp):
                return  # whoever waits for it tells
            self.report(rung, f"cannot start: {reason_of(error)}", self.other_than(rung))

    def order(self) -> Iterator[Rung]:
        """Return the services in the order in which to ask them."""
        keys = [rung.params.key for rung in self.rungs]
        return (self.rungs[index] for index in self._health.order(keys, _now()))

    def other_than(self, rung: Rung) -> Rung | None:
        """Return who is asked in the place of a service."""
        return next((other for other in self.order() if other is not rung), None)

    async def open(self, rung: Rung) -> None:
        """Make sure that a service is open, because it is asked something.

        Raises:
            Exception: It cannot be opened.
        """
        self._awaited.append(rung)
        self._health.asked(rung.params.key, _now())
        try:
            await self._open(rung)
        finally:
            self._awaited.remove(rung)

    async def _open(self, rung: Rung) -> None:
        if self._start is None:
            raise RuntimeError("the chain has not been started")
        await rung.open(self._owner.processor_setup, self._start, self._standing)

    async def put_to_all(
        self, frame: Frame, direction: FrameDirection = FrameDirection.DOWNSTREAM
    ) -> None:
        """Give every open service a frame, such as an interruption; settings to later ones too."""
        if isinstance(frame, STTMuteFrame):
            self._standing[:] = [one for one in self._standing if type(one) is not STTMuteFrame]
        if isinstance(frame, STTMuteFrame | ServiceUpdateSettingsFrame):
            self._standing[:] = [*self._standing[1 - MOST_SETTINGS :], frame]
        for rung in self.rungs:
            await rung.put(frame, direction)

    def worked(self, rung: Rung) -> None:
        """Note that a service did what it was asked."""
        if self._health.worked(rung.params.key):
            logger.bind(kind=self._kind, service=rung.name).info("service.recovered")

    def report(self, rung: Rung, reason: str, instead: Rung | None) -> None:
        """Note that a service failed, throw it away, and tell who takes its place."""
        reason = one_line(reason)
        self._health.failed(rung.params.key, _now())
        taken_by = instead.name if instead else None
        logger.bind(kind=self._kind, service=rung.name, instead=taken_by).warning(
            "service.failed: {}", reason
        )
        self._listener.service_failed(self._kind, rung.name, reason=reason, instead=taken_by)
        self.throw_away(rung)

    def note_error(self, rung: Rung, reason: str) -> bool:
        """Note that a service failed of which nothing was expected.

        Returns:
            Whether it counts: whoever is waiting for it to open will tell otherwise.
        """
        if rung in self._awaited:
            return False
        self.report(rung, reason, self.other_than(rung))
        return True

    def throw_away(self, rung: Rung) -> None:
        """Close a service; it is made anew when it is needed."""
        task = self._owner.create_task(rung.detach(), name=f"close {rung.name}")
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    async def close(self) -> None:
        """Close all services."""
        if self._warming:
            await self._owner.cancel_task(self._warming)
        await asyncio.gather(*self._closing, *(rung.detach() for rung in self.rungs))


def _now() -> float:
    return asyncio.get_running_loop().time()
