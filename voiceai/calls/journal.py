"""What happened in one call, told to its record, to the log and to whoever watches."""

import asyncio
import json
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Protocol

from loguru import logger

from transports.engine import MediaStream
from transports.pipecat_transport import SpeechMarks
from voiceai.calls.events import (
    CallAnswered,
    CallEnded,
    CallEvent,
    CallStarted,
    GreetingStarted,
    Role,
    ServiceFailed,
    TurnAnswered,
    TurnSpoken,
)
from voiceai.calls.outcome import EndReason
from voiceai.store.records import CallRecord, Message, Turn
from voiceai.store.repository import Assistant
from voiceai.telemetry.latency import TurnClock, TurnLatency

SAMPLE_RATE = 8000
VERDICT_SECONDS = 0.5
"""How long a turn may have been spoken, at most, before it is known to have begun."""
RESULT_CHARACTERS = 8000
"""Of a tool's result that are kept."""
OPEN_TOOLS = 32
"""Tool calls that may wait for their results; an older one stays without."""


class CallWriter(Protocol):
    """Where records go; never blocks and never raises."""

    def begin_call(self, call: CallRecord) -> None:
        """A call entered the application."""

    def answer_call(
        self, call_id: str, answered_at: datetime, assistant: Assistant | None = None
    ) -> None:
        """It was answered."""

    def add_turn(self, call_id: str, turn: Turn) -> None:
        """Somebody spoke."""

    def add_message(self, call_id: str, message: Message) -> None:
        """Something else happened."""

    def add_recording(self, call_id: str, recording: Mapping[str, Any]) -> None:
        """It is recorded; later news replace it."""

    def end_call(
        self,
        call_id: str,
        ended_at: datetime,
        reason: str,
        details: Mapping[str, Any] | None = None,
    ) -> None:
        """It is over."""


class CallJournal:
    """The journal of one call. Implements Pipecat's side of it as a ``ConversationListener``.

    Args:
        record: The call as it begins.
        writer: Where the record goes, as the call goes.
        tell: Is told of every event.
    """

    def __init__(
        self, record: CallRecord, writer: CallWriter, tell: Callable[[CallEvent], None]
    ) -> None:
        self.clock = TurnClock()
        self._record = record
        self._writer = writer
        self._tell = tell
        self._loop = asyncio.get_running_loop()
        self._begun_at = self._loop.time()
        self._answered_at: float | None = None
        self._speech: SpeechMarks | None = None
        self._stream: MediaStream | None = None
        self._spoke_at: float | None = None
        self._latency: TurnLatency | None = None
        self._greeted = False
        self._turns = 0
        self._messages = 0
        self._tools: deque[Message] = deque(maxlen=OPEN_TOOLS)
        writer.begin_call(record)
        tell(CallStarted(record.id, record.number, record.caller or ""))
        logger.bind(number=record.number, caller=record.caller).info("call.started")

    def answered(self, assistant: Assistant) -> None:
        """The caller and the assistant are connected."""
        self._answered_at = self._loop.time()
        self._writer.answer_call(self._record.id, datetime.now(UTC), assistant)
        setup = self._answered_at - self._begun_at
        self._tell(CallAnswered(self._record.id, assistant.name, setup))
        logger.bind(assistant=assistant.name, setup_ms=round(1000 * setup)).info("call.answered")

    def listen(self, stream: MediaStream, speech: SpeechMarks) -> None:
        """Take the times of turns from the media."""
        self._stream, self._speech = stream, speech
        stream.on_speech_sent = self._on_speech_sent

    def _on_speech_sent(self, now: float) -> None:
        """Hear of the first packet of the assistant's speech after a pause."""
        if self._spoke_at is None:
            self._spoke_at = now
        if not self._greeted:
            self._greeted = True
            self._tell(GreetingStarted(self._record.id, now - self._begun_at))
            logger.bind(after_ms=round(1000 * (now - self._begun_at))).info("call.greeting")
        latency = self.clock.first_packet(now)
        if latency:
            self._spoke_at = now
            self._latency = latency
            self._tell(TurnAnswered(self._record.id, latency))
            logger.bind(**latency.as_dict()).info("turn.answered")

    def caller_turn(self, text: str, *, started_at: float | None) -> None:
        """Note what the caller said; an empty text is a noise, not a turn."""
        if not text:
            return
        now = self._loop.time()
        turn_at = now if started_at is None else started_at
        voice_at = self._speech.last_voice_at if self._speech else None
        if self._speech and voice_at and voice_at > turn_at - VERDICT_SECONDS:
            latest = self._speech.started_at or turn_at  # exact, but behind a pause in the turn
            began, ended = min(latest, turn_at), voice_at
        else:  # digits, and the latest speech is of another turn
            began, ended = turn_at, now
        self._turn("caller", text, began, ended, interrupted=False)

    def assistant_turn(self, text: str, *, interrupted: bool) -> None:
        """Note what the assistant said, as far as it was played."""
        now = self._loop.time()
        began, self._spoke_at = self._spoke_at, None
        latency, self._latency = self._latency, None
        if not text:
            return
        waiting = self._stream.queued_samples / SAMPLE_RATE if self._stream else 0.0
        ended = now if interrupted else now + waiting
        self._turn("assistant", text, began, ended, interrupted=interrupted, latency=latency)

    def _turn(
        self,
        role: Role,
        text: str,
        began: float | None,
        ended: float | None,
        *,
        interrupted: bool,
        latency: TurnLatency | None = None,
    ) -> None:
        self._turns += 1
        turn = Turn(
            n=self._turns,
            role=role,
            text=text,
            started_ms=self._milliseconds(began),
            ended_ms=self._milliseconds(ended),
            interrupted=interrupted,
            latency=latency.as_dict() if latency else None,
        )
        self._writer.add_turn(self._record.id, turn)
        self._tell(TurnSpoken(self._record.id, turn.n, role, text, interrupted))
        logger.bind(n=turn.n, role=role, interrupted=interrupted).info("turn.spoken")

    def tool_called(self, name: str, arguments: Mapping[str, Any]) -> None:
        """Note that the assistant used a tool."""
        self._messages += 1
        content = {"name": name, "arguments": dict(arguments)}
        message = Message(self._messages, "tool", content, self._milliseconds(self._loop.time()))
        self._writer.add_message(self._record.id, message)
        self._tools.append(message)
        logger.bind(tool=name).info("turn.tool")

    def tool_returned(self, name: str, result: object, *, failed: bool = False) -> None:
        """Note what a tool gave back, beside the oldest call of it that has no result yet.

        Args:
            name: As it was called.
            result: Plain data; what is longer than ``RESULT_CHARACTERS`` as JSON is cut.
            failed: Whether it is why the tool could not do it.
        """
        called = next((tool for tool in self._tools if tool.content["name"] == name), None)
        if called is None:
            return
        self._tools.remove(called)
        text = json.dumps(result, ensure_ascii=False, default=str)
        shown = result if len(text) <= RESULT_CHARACTERS else text[:RESULT_CHARACTERS] + "…"
        ended_ms = self._milliseconds(self._loop.time())
        content = {**called.content, "result": shown, "failed": failed, "ended_ms": ended_ms}
        self._writer.add_message(self._record.id, replace(called, content=content))
        logger.bind(tool=name, failed=failed).info("turn.tool_returned")

    def referred(self, to: str, *, why_not: str | None) -> None:
        """Note that the caller's phone handed the call over, or wanted to (SIP's REFER).

        Args:
            to: Whom the phone named.
            why_not: Why the call goes on with the caller; None when it does with the other.
        """
        self._messages += 1
        content = {"to": to, "result": why_not or "accepted", "failed": why_not is not None}
        message = Message(self._messages, "refer", content, self._milliseconds(self._loop.time()))
        self._writer.add_message(self._record.id, message)
        logger.bind(to=to, result=content["result"]).info("call.referred")

    def service_failed(self, kind: str, service: str, *, reason: str, instead: str | None) -> None:
        """Note that a service failed, and who took its place."""
        self._messages += 1
        content = {"kind": kind, "service": service, "reason": reason, "instead": instead}
        at = self._milliseconds(self._loop.time())
        self._writer.add_message(
            self._record.id, Message(self._messages, "service_failed", content, at)
        )
        self._tell(ServiceFailed(self._record.id, kind, service, instead))

    def recorded(self, recording: Mapping[str, Any]) -> None:
        """Note where the call's recording is, and how long it is."""
        self._writer.add_recording(self._record.id, recording)

    def ended(self, reason: EndReason, details: Mapping[str, Any] | None = None) -> None:
        """Close the record."""
        seconds = self._loop.time() - self._begun_at
        self._writer.end_call(self._record.id, datetime.now(UTC), reason, details)
        self._tell(CallEnded(self._record.id, reason, seconds))
        logger.bind(reason=str(reason), seconds=round(seconds, 1)).info("call.ended")

    def _milliseconds(self, at: float | None) -> int | None:
        if at is None or self._answered_at is None:
            return None
        return max(0, round(1000 * (at - self._answered_at)))
