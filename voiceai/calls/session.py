"""One call: its leg, its media and its conversation, from the first ring to the last packet."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeVar

from loguru import logger
from pipecat.workers.runner import WorkerRunner

from asterisk.ari.call import LegEnd
from asterisk.ari.requests import HangupCause
from asterisk.errors import AriDisconnected, AriRefused, AsteriskError
from asterisk.leg import Leg
from asterisk.params import TRANSFER_CONTEXT
from pipelines.builder import Conversation, build
from pipelines.errors import ServiceUnavailable, SpecError
from pipelines.resources import Resources
from transports.audio.barge_in import BargeInTally
from transports.audio.endpointing import EndpointingParams
from transports.caller_filters import CallerFilters
from transports.engine import MediaEngine, MediaStream
from transports.errors import (
    AddressUnavailable,
    FilterUnavailable,
    MediaUnavailable,
    PortsExhausted,
)
from transports.filtering import make_caller_filters
from transports.pipecat_transport import RtpTransport
from transports.vad import VoiceActivity
from voiceai.calls.attended import Attendant
from voiceai.calls.control import LegControl
from voiceai.calls.journal import CallJournal
from voiceai.calls.outcome import EndReason, Refusal
from voiceai.calls.remembering import EarlierCalls, no_earlier_calls, with_history
from voiceai.recording.recorder import CallRecording
from voiceai.recording.writer import RecordingWriter
from voiceai.store.repository import Assistant
from voiceai.telemetry.turn_observer import TurnObserver

T = TypeVar("T")

PIPELINE_STOP_SECONDS = 5.0
"""How long a cancelled pipeline may take; its call's channels are gone by then."""
LAST_WORDS_SECONDS = 2.0
"""How long queued audio may take to play before the assistant hangs up: 60 ms are usual."""
FAR_BUFFER_SECONDS = 0.2
"""Between the last packet and the hang-up: what a phone's jitter buffer still holds."""
SILENT_SECONDS = 5.0
"""Without a packet for so long, a caller in an Asterisk that is out of reach has gone."""
DIGITS_LIMIT = 64
"""Digits of the caller that may wait for the pipeline; more are dropped."""

ENDINGS = {
    "caller": EndReason.CALLER_HUNG_UP,
    "us": EndReason.SHUTDOWN,
    "handover": EndReason.TRANSFERRED,
    "media": EndReason.MEDIA_FAILED,
    "timeout": EndReason.TIME_LIMIT,
    "asterisk": EndReason.ASTERISK_LOST,
}
"""Who ended the leg, when it was not the conversation -> what the record says."""

OURS = frozenset({"us", "handover"})
"""Of these, the ends that a conversation brings about too."""


@contextlib.asynccontextmanager
async def _beside(work: Coroutine[Any, Any, T]) -> AsyncIterator[asyncio.Task[T]]:
    """Run ``work`` beside the block; leaving cancels it and waits until it has ended."""
    task = asyncio.ensure_future(work)
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.wait({task})
        if not task.cancelled():
            task.exception()  # whoever wanted the result has asked for it


def _connect(stream: MediaStream, far_end: tuple[str, int]) -> None:
    """Send to Asterisk's address.

    Raises:
        Refusal: It is not of the IP version that we listen on.
    """
    try:
        stream.connect(far_end)
    except ValueError as error:
        why = f"Asterisk's audio address {far_end[0]} does not go with RTP_HOST: {error}"
        raise Refusal(EndReason.SERVICE_UNAVAILABLE, HangupCause.FAILURE, why) from error


def _hears(stream: MediaStream) -> bool:
    arrived_at = stream.stats.last_arrival
    now = asyncio.get_running_loop().time()
    return arrived_at is not None and now - arrived_at < SILENT_SECONDS


@dataclass(frozen=True, slots=True)
class CallServices:
    """What all calls of the process share.

    Attributes:
        ears: Of all calls.
        on_media_address: Told where Asterisk's end of a call's audio is: host and port.
        barge_in: Where the callers' barge-ins are counted.
        earlier_calls: What was said in a caller's earlier calls.
        recordings: Writes them; without it nothing is recorded.
    """

    engine: MediaEngine
    resources: Resources
    ears: VoiceActivity
    on_media_address: Callable[[tuple[str, int]], None] = lambda _: None
    barge_in: BargeInTally = field(default_factory=BargeInTally)
    earlier_calls: EarlierCalls = no_earlier_calls
    recordings: RecordingWriter | None = None


class CallSession:
    """Run one call.

    Args:
        leg: The caller's leg; released here, but for a refusal.
        assistant: Who answers.
        services: What all calls share.
        journal: Where the call is written down as it goes.
    """

    def __init__(
        self, leg: Leg, assistant: Assistant, services: CallServices, journal: CallJournal
    ) -> None:
        self._leg = leg
        self._assistant = assistant
        self._spec = assistant.spec
        self._services = services
        self._journal = journal
        self._control = LegControl(leg)
        self._digits: asyncio.Queue[str] = asyncio.Queue(DIGITS_LIMIT)
        self._recording: CallRecording | None = None
        self._decided: EndReason | None = None  # by the conversation, which then ends the leg

    async def run(self) -> EndReason:
        """Talk until somebody hangs up; on every path port, channels and pipeline are freed.

        The channels go before the pipeline has wound down: turn detection can hold a
        cancellation up for 100 ms, and an open channel is a caller in silence.

        Raises:
            Refusal: The call cannot be served and was not answered.
        """
        try:
            stream = await self._services.engine.open_stream()
        except PortsExhausted as error:
            raise Refusal(EndReason.SERVER_FULL, HangupCause.OVERLOADED, str(error)) from error
        except AddressUnavailable as error:
            why = f"{error}; set RTP_HOST, or RTP_BIND where Asterisk reaches us at another"
            raise Refusal(EndReason.MEDIA_FAILED, HangupCause.FAILURE, why) from error
        except MediaUnavailable as error:
            raise Refusal(EndReason.MEDIA_FAILED, HangupCause.OVERLOADED, str(error)) from error
        with contextlib.closing(stream):
            async with _beside(self._talk(stream)) as talk:
                try:
                    either: set[asyncio.Future[Any]] = {talk, self._leg.ended}
                    await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
                    end = self._leg.ended.result() if self._leg.ended.done() else None
                finally:
                    await self._give_back(talk)
        return self._end_reason(talk, end)

    async def _give_back(self, talk: "asyncio.Future[EndReason]") -> None:
        error = talk.exception() if talk.done() and not talk.cancelled() else None
        if isinstance(error, Refusal):
            return  # who catches it tells the caller's network why
        if error:
            await self._leg.hangup(HangupCause.FAILURE)
        await self._leg.release()

    def _end_reason(self, talk: "asyncio.Future[EndReason]", end: LegEnd | None) -> EndReason:
        """Say why the call is over.

        Args:
            talk: Done.
            end: Of the leg, as it was before we gave it back.
        """
        if end is None or not (talk.cancelled() or isinstance(talk.exception(), AsteriskError)):
            return talk.result()
        if self._decided and end.who in OURS:
            return self._decided
        return ENDINGS[end.who]  # Asterisk's refusals after a hang-up are no news

    async def _talk(self, stream: MediaStream) -> EndReason:
        stream.hold()
        preparing = self._leg.prepare_media(stream.host, stream.port, stream.receive_codec.value)
        async with (
            _beside(preparing) as address,
            self._conversation(stream) as (conversation, running),
        ):
            far_end = await address
            _connect(stream, far_end)
            self._leg.hears_caller = lambda: _hears(stream)
            self._services.on_media_address(far_end)
            await self._leg.answer()
            await self._leg.join()
            self._journal.answered(self._assistant)
            with self._recorded(stream):
                stream.release()
                await conversation.greet()
                return await self._until_over(stream, conversation, running)

    @contextlib.contextmanager
    def _recorded(self, stream: MediaStream) -> Iterator[None]:
        """Record the call, if its pipeline asks for that."""
        spec, writer = self._spec.recording, self._services.recordings
        if not spec.enabled or writer is None:
            yield
            return
        self._recording = CallRecording(
            self._leg.call_id,
            stream,
            spec,
            writer,
            self._journal.recorded,
            wall_clock=datetime.now(UTC),
        )
        with contextlib.closing(self._recording):
            yield

    def _on_secret(self, secret: bool) -> None:  # noqa: FBT001  as it is called
        """Keep what the caller types out of the recording."""
        if self._recording is not None:
            self._recording.mask(masked=secret)

    @contextlib.asynccontextmanager
    async def _conversation(
        self, stream: MediaStream
    ) -> AsyncIterator[tuple[Conversation, "asyncio.Future[None]"]]:
        """Open the call's ear, and its pipeline."""
        vad = self._spec.turn.vad
        params = EndpointingParams(
            start_seconds=vad.start_ms / 1000,
            stop_seconds=vad.stop_ms / 1000,
            confidence=vad.confidence,
            threshold=vad.threshold_dbfs,
        )
        with contextlib.ExitStack() as opened:
            filters = self._filters(stream)
            if filters is not None:
                opened.enter_context(contextlib.closing(filters))
            ear = self._services.ears.open(params, model=vad.model)
            detector = opened.enter_context(contextlib.closing(ear))
            transport = RtpTransport(
                stream,
                detector,
                self._control,
                call_id=self._leg.call_id,
                filters=filters,
                tally=self._services.barge_in,
            )
            async with self._pipeline(stream, transport) as running:
                yield running

    def _filters(self, stream: MediaStream) -> CallerFilters | None:
        """Make the filters that the pipeline asks for.

        Raises:
            Refusal: The package of one is missing.
        """
        audio = self._spec.audio
        try:
            return make_caller_filters(
                stream,
                echo_cancellation=audio.echo_cancellation,
                noise_suppression=audio.noise_suppression,
            )
        except FilterUnavailable as error:
            raise Refusal(EndReason.SERVICE_UNAVAILABLE, HangupCause.FAILURE, str(error)) from error

    @contextlib.asynccontextmanager
    async def _pipeline(
        self, stream: MediaStream, transport: RtpTransport
    ) -> AsyncIterator[tuple[Conversation, "asyncio.Future[None]"]]:
        """Build and start the pipeline; leaving cancels what is left of it, without draining."""
        spec = await with_history(
            self._spec, self._leg.caller, self._assistant.id, self._services.earlier_calls
        )
        try:
            conversation = build(
                spec,
                transport=transport,
                resources=self._services.resources,
                control=self._control,
                listener=self._journal,
                call_id=self._leg.call_id,
                observe=TurnObserver(self._journal.clock, transport.marks).observe,
                on_secret=self._on_secret,
            )
        except SpecError as error:
            raise Refusal(EndReason.PIPELINE_INVALID, HangupCause.FAILURE, str(error)) from error
        except ServiceUnavailable as error:
            raise Refusal(EndReason.SERVICE_UNAVAILABLE, HangupCause.FAILURE, str(error)) from error
        self._journal.listen(stream, transport.marks)
        runner = WorkerRunner(handle_sigint=False)
        await runner.add_workers(conversation.worker)
        running = asyncio.ensure_future(runner.run())
        try:
            yield conversation, running
        finally:
            await runner.cancel()
            done, _ = await asyncio.wait({running}, timeout=PIPELINE_STOP_SECONDS)
            if not done:
                running.cancel()
                logger.error("call.pipeline_stuck")

    async def _until_over(
        self, stream: MediaStream, conversation: Conversation, running: "asyncio.Future[None]"
    ) -> EndReason:
        """Wait for the conversation's own end, then let its last word be heard."""
        self._leg.on_dtmf = self._on_digit
        attendant = Attendant(self._leg, self._control, self._journal)
        failed = asyncio.Event()
        stream.on_failed = lambda _: failed.set()
        if stream.failed:
            return EndReason.MEDIA_FAILED
        try:
            async with (
                asyncio.timeout(self._spec.limits.call_seconds),
                _beside(self._forward_digits(conversation)),
                _beside(attendant.serve(stream, conversation)) as attending,
                _beside(failed.wait()) as failing,
            ):
                either: set[asyncio.Future[Any]] = {running, failing, attending}
                await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
                if attending.done():
                    attending.result()  # which raises: it ends with the call only
        except TimeoutError:
            return EndReason.TIME_LIMIT
        if failed.is_set():
            return EndReason.MEDIA_FAILED
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LAST_WORDS_SECONDS):
                await stream.drained()
        await asyncio.sleep(FAR_BUFFER_SECONDS)
        self._decided = self._control.ending
        if conversation.gave_up:
            self._decided = self._decided or EndReason.CALLER_SILENT
        if self._decided is None:
            error = None if running.cancelled() else running.exception()
            logger.opt(exception=error).error("call.pipeline_ended: nobody asked for it")
            self._decided = EndReason.ERROR
        if self._control.handed_to is not None:
            try:
                await self._leg.continue_in_dialplan(TRANSFER_CONTEXT, self._control.handed_to, 1)
            except (AriDisconnected, AriRefused) as error:
                logger.warning("call.transfer_failed: {}", error)
                self._decided = EndReason.ERROR
        await self._leg.hangup()  # does nothing to a caller who was handed over
        return self._decided

    def _on_digit(self, digit: str, _duration_ms: int) -> None:
        with contextlib.suppress(asyncio.QueueFull):
            self._digits.put_nowait(digit)

    async def _forward_digits(self, conversation: Conversation) -> None:
        while True:
            await conversation.press(await self._digits.get())
