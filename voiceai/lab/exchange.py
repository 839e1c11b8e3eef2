"""A telephone exchange without Asterisk: calls over the real media engine, on loopback sockets.

Gateway, supervisor, session, media engine and pipeline are those of ``serve``; Asterisk's side of
ARI is the simulator, its side of the audio a telephone of ours. Nothing is stored.
"""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Iterable, Mapping
from datetime import datetime
from typing import Any, Self

from asterisk.gateway import Gateway
from asterisk.leg import Leg
from asterisk.simulated_call import SimulatedCall
from asterisk.simulated_channel import ExternalMedia
from asterisk.simulator import AsteriskSimulator
from pipelines.errors import ServiceUnavailable, SpecError
from pipelines.findings import Finding
from pipelines.resources import Resources
from pipelines.spec import PipelineSpec
from pipelines.validate import validate
from transports.audio.codec import Codec
from transports.engine import make_engine
from transports.hearing import make_voice_activity
from transports.netem import Impairments, Network
from transports.params import RtpParams
from voiceai.calls.events import CallEvent, TurnSpoken
from voiceai.calls.session import CallServices
from voiceai.calls.supervisor import CallSupervisor
from voiceai.lab.line import LabLine
from voiceai.store.records import CallRecord, Message, Turn
from voiceai.store.repository import Assistant

__all__ = ["BadPath", "CallNotes", "Exchange", "LabCall"]

HOST = "127.0.0.1"
NUMBER = "100"
CALLER = "lab"
ANSWER_SECONDS = 15.0
END_SECONDS = 10.0
LONGEST_UNDER_WAY_SECONDS = 10.0
OTHER_WAY = 1_000_000
"""Chance has another seed there."""


class BadPath:
    """What a bad network makes of a telephone's packets.

    Args:
        impairments: Of the network.
        seed: Of its chance: the same makes the same of the same.
    """

    def __init__(self, impairments: Impairments, seed: int) -> None:
        self._network = Network(impairments, random.Random(seed))  # noqa: S311 - repeatable

    def __call__(self, datagram: bytes, now: float) -> Iterable[tuple[float, bytes]]:
        """Return after how many seconds, and how often, a datagram comes out."""
        self._network.send(datagram, now)
        arrived = self._network.receive(now + LONGEST_UNDER_WAY_SECONDS)
        return [(at - now, data) for at, data in arrived]


class CallNotes:
    """The record of one call, kept in memory. Implements ``CallWriter``.

    Attributes:
        turns: By their numbers.
        messages: Likewise: tools, failures.
        reason: Why it ended; None while it goes on.
        decided: When the caller's turns were taken for finished, on the loop's clock.
        changed: Set with each note.
    """

    def __init__(self) -> None:
        self.turns: dict[int, Turn] = {}
        self.messages: dict[int, Message] = {}
        self.reason: str | None = None
        self.decided: list[float] = []
        self.changed = asyncio.Event()

    def begin_call(self, call: CallRecord) -> None:
        """Do nothing: there is but one call."""

    def answer_call(
        self, call_id: str, answered_at: datetime, assistant: Assistant | None = None
    ) -> None:
        """Do nothing."""

    def add_turn(self, call_id: str, turn: Turn) -> None:
        """Note who said what."""
        del call_id
        self.turns[turn.n] = turn
        self.changed.set()

    def add_message(self, call_id: str, message: Message) -> None:
        """Note what else happened."""
        del call_id
        self.messages[message.n] = message
        self.changed.set()

    def add_recording(self, call_id: str, recording: Mapping[str, Any]) -> None:
        """Do nothing: conversations that are tried out are not recorded."""

    def end_call(
        self,
        call_id: str,
        ended_at: datetime,
        reason: str,
        details: Mapping[str, Any] | None = None,
    ) -> None:
        """Note why it ended."""
        del call_id, ended_at, details
        self.reason = str(reason)
        self.changed.set()

    def watch(self, event: CallEvent) -> None:
        """Note when a turn of the caller's was taken for finished."""
        if isinstance(event, TurnSpoken) and event.role == "caller":
            self.decided.append(asyncio.get_running_loop().time())

    def tools(self, *names: str) -> list[Message]:
        """Return the uses of tools, of those with these names if any are given."""
        return [
            message
            for _, message in sorted(self.messages.items())
            if message.kind == "tool" and (not names or message.content["name"] in names)
        ]

    async def until_over(self, within: float) -> None:
        """Wait until the call is recorded as over; give up in silence after so long."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within):
                while self.reason is None:
                    self.changed.clear()
                    await self.changed.wait()


class LabCall:
    """A call that is up.

    Attributes:
        line: The caller's telephone.
        notes: What the product records of it.
        answered_at: On the loop's clock.
    """

    def __init__(
        self, line: LabLine, notes: CallNotes, simulated: SimulatedCall, answered_at: float
    ) -> None:
        self.line = line
        self.notes = notes
        self.answered_at = answered_at
        self.simulated = simulated

    def press(self, digits: str) -> None:
        """Press keys."""
        for digit in digits:
            self.simulated.press(digit)


class Exchange:
    """The exchange; a context manager. One call at a time.

    Args:
        resources: Shared by all calls.
        codec: Of the calls, G.711 of either kind.
        ports: The first and the last for the assistants' end of the audio.
    """

    def __init__(self, resources: Resources, codec: Codec, ports: tuple[int, int]) -> None:
        self._resources = resources
        first, last = ports
        self._engine = make_engine(
            RtpParams(port_min=first, port_max=last, placement="inline", codec=codec)
        )
        self._stack = contextlib.AsyncExitStack()
        self._busy = asyncio.Lock()
        self._assistant: Assistant | None = None
        self._line: LabLine | None = None
        self._services = CallServices(self._engine, resources, make_voice_activity(self._engine))
        self._supervisor: CallSupervisor | None = None
        self._simulator = AsteriskSimulator(media_address=self._address)

    async def __aenter__(self) -> Self:
        await self._engine.start()
        self._stack.push_async_callback(self._engine.close)
        await self._stack.enter_async_context(self._simulator)
        gateway = Gateway(self._simulator.params(), on_call=self._take)
        running = asyncio.ensure_future(gateway.run())

        async def stop() -> None:
            await gateway.close()
            running.cancel()
            await asyncio.wait({running})

        self._stack.push_async_callback(stop)
        await gateway.wait_ready()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    @contextlib.asynccontextmanager
    async def dial(
        self,
        spec: PipelineSpec,
        impairments: Impairments,
        to_caller: Impairments,
        *,
        seed: int,
        noise_dbfs: float,
    ) -> AsyncIterator[LabCall]:
        """Call a pipeline; leaving hangs up.

        Args:
            spec: Who answers.
            impairments: Of the way to it.
            to_caller: Of the way back.
            seed: Of their chance.
            noise_dbfs: Of the caller's room.

        Raises:
            SpecError: The pipeline cannot be built.
            ServiceUnavailable: It cannot work, or does not answer.
        """
        async with self._busy:
            notes = CallNotes()
            await self._prepare(spec, notes)
            line = self._line = await LabLine.open(HOST, noise_dbfs=noise_dbfs)
            line.impairment = BadPath(impairments, seed)
            line.incoming = BadPath(to_caller, seed + OTHER_WAY)
            call = self._simulator.new_call(NUMBER, CALLER)
            call.ended.add_done_callback(lambda _: line.close())
            try:
                yield LabCall(line, notes, call, await _answered(call))
            finally:
                call.hang_up()
                await notes.until_over(END_SECONDS)
                line.close()

    async def _prepare(self, spec: PipelineSpec, notes: CallNotes) -> None:
        findings = validate(spec, resources=self._resources)
        wrong = [found for found in findings if found.severity == "error"]
        if wrong:
            raise SpecError(*wrong)
        self._assistant = Assistant(spec.name, spec.name, (NUMBER,), spec)
        self._supervisor = CallSupervisor(self._services, self._find, notes, limit=1)
        self._supervisor.watch(notes.watch)
        if missing := await self._supervisor.warm(self._assistant):
            raise ServiceUnavailable(Finding(missing))

    async def _take(self, leg: Leg) -> None:
        if self._supervisor:
            await self._supervisor.take(leg)

    async def _find(self, _number: str, _call_id: str) -> Assistant | None:
        return self._assistant

    def _address(self, media: ExternalMedia) -> tuple[str, int]:
        line = self._line
        if line is None:
            raise RuntimeError("nobody has called")
        line.connect((media.host, media.port), Codec(media.codec))
        return line.host, line.port


async def _answered(call: SimulatedCall) -> float:
    either: set[asyncio.Future[Any]] = {call.answered, call.ended}
    await asyncio.wait(either, timeout=ANSWER_SECONDS, return_when=asyncio.FIRST_COMPLETED)
    if not call.answered.done():
        raise ServiceUnavailable(Finding("the call was not answered"))
    return asyncio.get_running_loop().time()
