"""What a conversation needs from outside; ``voiceai`` plugs it in."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from pipecat.processors.frame_processor import FrameProcessor

AudioTap = Callable[[bytes, bool], None]
"""Called with audio (16-bit little-endian mono at 8 kHz) and whether the caller speaks."""

PauseTap = Callable[[], Awaitable[None]]
"""Awaited when the caller pauses within speech: perhaps that was all."""

EarlyPauseTap = Callable[[], None]
"""Called likewise, at once."""


class PhoneTransport(Protocol):
    """The telephone as Pipecat sees it.

    ``input()`` pushes audio and, **before** the recogniser, ``VADUserStartedSpeakingFrame``
    and ``VADUserStoppedSpeakingFrame``: the former at once, even ahead of the audio that caused
    it, the latter after all speech.
    """

    def input(self) -> FrameProcessor:
        """Return where the caller's audio comes in."""
        ...

    def output(self) -> FrameProcessor:
        """Return where the assistant's audio goes out."""
        ...

    @property
    def is_held(self) -> bool:
        """Whether the caller spoke up and the assistant waits, with nothing lost yet."""
        ...

    def allow_barge_in(self, *, hold: bool) -> None:
        """From now on lower the assistant's voice when the caller seems to speak.

        Args:
            hold: Whether to hold it back as soon as the caller does speak, until an
                ``InterruptionFrame`` drops what waits, or :meth:`dismiss_barge_in`. Else it stays
                low until the caller has stopped.
        """
        ...

    def dismiss_barge_in(self) -> None:
        """Let the assistant go on, from the sample at which it was held."""
        ...

    def expect_speech(self, *, expected: bool) -> None:
        """Take an assistant who is about to speak, or pauses within an answer, for one who speaks.

        Args:
            expected: Whether an answer is on its way; forgotten after ten seconds of it.
        """
        ...

    def add_audio_tap(self, tap: AudioTap) -> None:
        """Call ``tap`` with the caller's audio as it arrives, ahead of what ``input()`` pushes."""
        ...

    def add_early_pause_tap(self, tap: EarlyPauseTap) -> None:
        """Call ``tap`` at each pause within speech, when audio taps have been told all of it."""
        ...

    def add_pause_tap(self, tap: PauseTap) -> None:
        """Await ``tap`` at each pause within speech, well before its end would be certain.

        After the audio up to the pause was pushed, and before what follows is.
        """
        ...


@runtime_checkable
class Anticipating(Protocol):
    """A service that uses a pause to work ahead, should nothing follow it."""

    async def caller_paused(self) -> None:
        """Take note of a pause. Must not wait."""
        ...


@dataclass(frozen=True, slots=True)
class AttendedTransfer:
    """Whom to ask before the caller is put through.

    Attributes:
        to: Extension or number.
        announce: Said to the other alone; empty for nothing.
        ring_seconds: So long the other is called.
        when_unanswered: Said to the caller when nobody was there; empty for a sentence of ours.
    """

    to: str
    announce: str = ""
    ring_seconds: int = 25
    when_unanswered: str = ""


class CallControl(Protocol):
    """What a tool may do to the call. Called when all that was said before it has been spoken."""

    async def hangup(self) -> None:
        """Hang up once audio already written has been sent. Must not wait for the pipeline."""
        ...

    async def transfer(self, to: str) -> None:
        """Hand the caller on, likewise."""
        ...

    async def consult(self, transfer: AttendedTransfer) -> None:
        """Begin to ask another for the caller. Must not wait: the conversation goes on."""
        ...

    async def send_digits(self, digits: str) -> None:
        """Send DTMF digits to the caller's side; the conversation goes on."""
        ...


class FailureListener(Protocol):
    """Is told when a service fails. Called on the event loop; must not block."""

    def service_failed(self, kind: str, service: str, *, reason: str, instead: str | None) -> None:
        """Tell which service failed.

        Args:
            kind: ``stt``, ``llm`` or ``tts``.
            service: Name in the registry.
            reason: One line.
            instead: Who takes its place; None if nobody is left.
        """
        ...


class LookUp(Protocol):
    """A database of the operator's, to be read by a role that may do nothing else."""

    async def __call__(
        self, query: str, values: Sequence[object], *, timeout_seconds: float, max_rows: int
    ) -> list[dict[str, Any]]:
        """Run a query with ``$1``, ``$2``... and return its rows as plain data.

        Raises:
            LookUpFailed: It cannot be done; the text says why in one sentence.
        """
        ...


class ConversationListener(FailureListener, Protocol):
    """Is told what was said. Called on the event loop; must not block."""

    def caller_turn(self, text: str, *, started_at: float | None) -> None:
        """Tell what the caller said.

        Args:
            text: Recognised; empty if nothing was understood.
            started_at: Event loop's time at which the turn started, if known.
        """
        ...

    def assistant_turn(self, text: str, *, interrupted: bool) -> None:
        """Tell what the assistant said, as far as the caller heard it."""
        ...

    def tool_called(self, name: str, arguments: Mapping[str, Any]) -> None:
        """Tell which tool was called."""
        ...

    def tool_returned(self, name: str, result: object, *, failed: bool = False) -> None:
        """Tell what came of it: plain data, or why it failed."""
        ...
