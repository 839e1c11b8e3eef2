"""A whole call but for Asterisk and the models: for benches.

Media stream, receiver, voice activity and turn detection, pipeline and turn clock are the real
ones, as in ``voiceai.calls.session``; recognition, answers and voice cost nothing.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from pipecat.workers.runner import WorkerRunner

from pipelines.builder import Conversation, build
from pipelines.ports import AttendedTransfer
from pipelines.registry import Registry
from pipelines.resources import Resources, Voice
from pipelines.rules import Reply
from pipelines.services.entry import Request, ServiceEntry
from pipelines.services.recognition import LocalRecognition
from pipelines.services.scripted import ResponderService
from pipelines.services.synthesis import LocalSynthesis
from pipelines.spec import PipelineSpec, ServiceSpec, Spec, TurnSpec
from transports.audio.endpointing import EndpointingParams, VerdictListener
from transports.engine import MediaEngine, MediaStream
from transports.hearing import make_voice_activity
from transports.pipecat_transport import RtpTransport
from voiceai.telemetry.latency import TurnClock
from voiceai.telemetry.turn_observer import TurnObserver

__all__ = ["SENTENCE_SECONDS", "StubServices", "open_conversation"]

SENTENCE_SECONDS: Final = 3.0
SAMPLE_RATE_HZ: Final = 8000
STUB: Final = ServiceSpec(service="stub")


class _Recogniser:
    """Understands the same of everything, at once."""

    def __init__(self, services: "StubServices") -> None:
        self._services = services

    def recognise(self, samples: NDArray[np.float32]) -> str:
        del samples
        return self._services.understood


class _Voice:
    """Says everything in three seconds of loud noise."""

    name = "stub"
    sample_rate = SAMPLE_RATE_HZ

    def __init__(self) -> None:
        size = int(SENTENCE_SECONDS * SAMPLE_RATE_HZ)
        self._samples = np.random.default_rng(3).normal(0, 0.1, size).astype(np.float32)

    def synthesize(self, text: str) -> NDArray[np.float32]:
        del text
        return self._samples


class StubServices:
    """What the conversations of a bench share, and what they did.

    Implements ``CallControl``, ``DigitSender`` and ``ConversationListener``.

    Attributes:
        resources: The real threads and the turn model.
        ears: Of all calls.
        answer: What is said in each turn; empty for nothing.
        understood: Of everything that callers say.
        turns: How many turns callers have had.

    Args:
        resources: The real threads and the turn model.
        engine: Of the calls.
        voice: Of the assistant; three seconds of loud noise for each sentence unless given.
    """

    def __init__(
        self, resources: Resources, engine: MediaEngine, *, voice: Voice | None = None
    ) -> None:
        self.resources = resources
        self.ears = make_voice_activity(engine)
        self.answer = ""
        self.understood = "I would like to make an appointment."
        self.turns = 0
        self._voice = voice or _Voice()
        self.registry: Registry = {
            "stt": {"stub": ServiceEntry(make=self._recognition, params=Spec)},
            "llm": {"stub": ServiceEntry(make=self._responder, params=Spec)},
            "tts": {"stub": ServiceEntry(make=self._synthesis, params=Spec)},
        }

    def _recognition(self, request: Request) -> LocalRecognition:
        language = request.spec.language
        return LocalRecognition(
            _Recogniser(self),
            self.resources,
            language=language,
            model="stub",
            latency=0.5,
            ahead=True,
        )

    def _responder(self, _request: Request) -> "_Responder":
        return _Responder(self)

    def _synthesis(self, request: Request) -> LocalSynthesis:
        return LocalSynthesis(self._voice, self.resources, language=request.spec.language)

    async def hangup(self) -> None:
        """Do nothing."""

    async def transfer(self, to: str) -> None:
        """Do nothing."""

    async def consult(self, transfer: AttendedTransfer) -> None:
        """Do nothing."""

    async def send_digits(self, digits: str) -> None:
        """Do nothing."""

    def caller_turn(self, text: str, *, started_at: float | None) -> None:
        """Count a turn."""
        del text, started_at
        self.turns += 1

    def assistant_turn(self, text: str, *, interrupted: bool) -> None:
        """Do nothing."""

    def tool_called(self, name: str, arguments: Mapping[str, Any]) -> None:
        """Do nothing."""

    def tool_returned(self, name: str, result: object, *, failed: bool = False) -> None:
        """Do nothing."""

    def service_failed(self, kind: str, service: str, *, reason: str, instead: str | None) -> None:
        """Do nothing."""


class _Responder(ResponderService):
    """Says what the bench wants said."""

    def __init__(self, services: StubServices) -> None:
        super().__init__(name="stub")
        self._services = services

    def reply(self, heard: str | None) -> Reply:
        del heard
        return Reply(self._services.answer)


@contextlib.asynccontextmanager
async def open_conversation(
    services: StubServices,
    stream: MediaStream,
    number: int,
    *,
    smart_turn: bool,
    listeners: Sequence[VerdictListener] = (),
) -> AsyncIterator[Conversation]:
    """Run a pipeline on a stream; leaving cancels it.

    Args:
        services: Shared by all.
        stream: Connected, of the media engine.
        number: Of the call.
        smart_turn: Whether the turn model decides, or silence alone.
        listeners: Told of what the detector decides.
    """
    turn = TurnSpec(stop="smart-turn" if smart_turn else "silence")
    spec = PipelineSpec(name="bench", language="en-US", stt=STUB, llm=STUB, tts=STUB, turn=turn)
    detector = services.ears.open(EndpointingParams())
    transport = RtpTransport(stream, detector, services, call_id=str(number))
    for listener in listeners:
        transport.add_verdict_listener(listener)
    conversation = build(
        spec,
        transport=transport,
        resources=services.resources,
        control=services,
        listener=services,
        call_id=str(number),
        observe=TurnObserver(TurnClock(), transport.marks).observe,
        registry=services.registry,
    )
    runner = WorkerRunner(handle_sigint=False)
    await runner.add_workers(conversation.worker)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(runner.run())
        try:
            yield conversation
        finally:
            await runner.cancel()
            detector.close()
