"""A call of the laboratory: what was said and heard, when, how well, and the sound of it."""

import base64
import io
import wave
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import median

import numpy as np
from numpy.typing import NDArray

from voiceai.bench.word_errors import word_errors
from voiceai.lab.caller import Spoken
from voiceai.lab.exchange import CallNotes, LabCall
from voiceai.lab.hearing import NOTHING_HEARD, Hearing, play_out
from voiceai.lab.picture import Picture, draw
from voiceai.lab.spoken import SAMPLE_RATE_HZ, to_samples
from voiceai.lab.transcript import Ending, Failure, ToolUse, Transcript, Turn
from voiceai.store.records import Turn as StoredTurn

__all__ = ["Heard", "MadeOut", "Player", "Recording", "record"]

ENDINGS: dict[str, Ending] = {
    "assistant_hung_up": "hangup",
    "transferred": "transfer",
    "caller_silent": "idle",
}
CUT_OFF_SECONDS = 0.1
"""A turn that was taken for finished so long before the caller's last sound was cut off."""
BELONGS_SECONDS = 0.3
"""A turn may seem to begin so long before its first loud sound."""


@dataclass(frozen=True, slots=True)
class MadeOut:
    """An answer, and what could be made out of it at the caller's end.

    Attributes:
        said: The assistant's words.
        heard: Those that a recogniser finds in what the caller heard.
    """

    said: str
    heard: str


@dataclass(frozen=True, slots=True)
class Heard:
    """A turn of the caller's, and how it was understood.

    Attributes:
        said: The words; None for a recording whose words are not known, and for digits.
        understood: What the assistant made of it; empty for nothing.
        started: First sound, seconds from the beginning of the call.
        ended: Last sound.
        answered: First sound of the answer, as the caller heard it; None if none came.
        cut_off: Whether it was taken for finished while the caller still spoke.
    """

    said: str | None
    understood: str
    started: float
    ended: float
    answered: float | None
    cut_off: bool

    @property
    def latency_ms(self) -> int | None:
        """How long the caller waited for the answer, in milliseconds."""
        if self.answered is None:
            return None
        return max(0, round(1000 * (self.answered - self.ended)))


@dataclass(frozen=True, slots=True)
class Player:
    """Sound that a notebook can play."""

    wav: bytes

    def _repr_html_(self) -> str:
        data = base64.b64encode(self.wav).decode()
        return f'<audio controls src="data:audio/wav;base64,{data}"></audio>'


@dataclass(frozen=True, slots=True, eq=False)
class Recording:
    """A whole call.

    Attributes:
        transcript: What was said, as the product records it.
        exchanges: The caller's turns and how they were understood.
        caller: What the caller said, before the network had its way with it: samples of -1..1
            at 8 kHz from the moment of the answer.
        assistant: What the caller heard, likewise: what came, as a telephone plays it.
        reason: Why the call ended, as in ``calls list``.
        hearing: How well the caller heard.
        made_out: The answers that could be listened to; none unless somebody listened.
    """

    transcript: Transcript
    exchanges: tuple[Heard, ...]
    caller: NDArray[np.float32]
    assistant: NDArray[np.float32]
    reason: str
    hearing: Hearing = NOTHING_HEARD
    made_out: tuple[MadeOut, ...] = ()

    @property
    def sample_rate(self) -> int:
        """Of both sides, in Hz."""
        return SAMPLE_RATE_HZ

    @property
    def seconds(self) -> float:
        """How long the call was."""
        return max(len(self.caller), len(self.assistant)) / SAMPLE_RATE_HZ

    @property
    def latencies_ms(self) -> list[int]:
        """How long the caller waited for each answer, until it was heard, in milliseconds."""
        return [each.latency_ms for each in self.exchanges if each.latency_ms is not None]

    @property
    def median_latency_ms(self) -> float | None:
        """Their median; None without an answer."""
        return median(self.latencies_ms) if self.latencies_ms else None

    @property
    def word_error_rate(self) -> float | None:
        """Errors of recognition per word said; None if no words are known."""
        counts = [word_errors(each.said, each.understood) for each in self.exchanges if each.said]
        words = sum(count for _, count in counts)
        return sum(errors for errors, _ in counts) / words if words else None

    @property
    def hearing_error_rate(self) -> float | None:
        """Errors at the caller's end per word of the assistant's; None if nobody listened."""
        counts = [word_errors(each.said, each.heard) for each in self.made_out]
        words = sum(count for _, count in counts)
        return sum(errors for errors, _ in counts) / words if words else None

    @property
    def cut_offs(self) -> int:
        """How many turns of the caller's were taken for finished too early."""
        return sum(each.cut_off for each in self.exchanges)

    def wav(self) -> bytes:
        """Return the call as a WAV file: the caller left, the assistant right."""
        size = max(len(self.caller), len(self.assistant))
        stereo = np.zeros((size, 2), "<i2")
        for channel, side in enumerate((self.caller, self.assistant)):
            stereo[: len(side), channel] = np.clip(side * 32768, -32768, 32767).astype("<i2")
        file = io.BytesIO()
        with wave.open(file, "wb") as writer:
            writer.setnchannels(2)
            writer.setsampwidth(2)
            writer.setframerate(SAMPLE_RATE_HZ)
            writer.writeframes(stereo.tobytes())
        return file.getvalue()

    def play(self) -> Player:
        """Return it as a notebook plays it."""
        return Player(self.wav())

    def plot(self, width: int = 960) -> Picture:
        """Return a picture of both sides' sound, with turns and waits.

        Args:
            width: In pixels.
        """
        waits = [
            (each.ended, each.answered) for each in self.exchanges if each.answered is not None
        ]
        name = self.transcript.pipeline
        title = f"A call to {name}: who speaks when, and how long the caller waits"
        sides = self.caller, self.assistant
        return draw(*sides, self.transcript.turns, waits, title=title, width=width)

    def __str__(self) -> str:
        """Return what was said, and how well it went."""
        rate, latency = self.word_error_rate, self.median_latency_ms
        figures = [
            f"{len(self.exchanges)} turns",
            "no answer" if latency is None else f"answers after {latency:.0f} ms (median)",
            *([] if rate is None else [f"word error rate {100 * rate:.0f} %"]),
            f"{self.cut_offs} cut off",
            f"ended: {self.reason}",
        ]
        return f"{self.transcript}\n({', '.join(figures)})"

    def _repr_html_(self) -> str:
        return f"{self.plot().svg}{self.play()._repr_html_()}"


def record(name: str, call: LabCall, said: Sequence[Spoken]) -> Recording:
    """Put a call that is over together.

    Args:
        name: Of the pipeline.
        call: It is over.
        said: What the caller said.
    """
    notes, line, start = call.notes, call.line, call.answered_at
    hearing = play_out(line.arrivals, start)
    turns = [turn for _, turn in sorted(notes.turns.items())]
    owned = _by_exchange(turns, said, start)
    exchanges = tuple(
        _heard(each, own, notes, start, hearing) for each, own in zip(said, owned, strict=True)
    )
    texts = {
        turn.n: each.say.text or None
        for each, own in zip(said, owned, strict=True)
        for turn in own[:1]
    }
    transcript = Transcript(
        name,
        tuple(_turn(turn, texts.get(turn.n)) for turn in turns),
        tuple(_tool(message.content, message.at_ms) for message in notes.tools()),
        tuple(
            Failure(**message.content)
            for _, message in sorted(notes.messages.items())
            if message.kind == "service_failed"
        ),
        ending=ENDINGS.get(notes.reason or "", "caller"),
        transferred_to=_transferred_to(notes),
        characters=sum(len(turn.text) for turn in turns if turn.role == "assistant"),
        seconds=hearing.seconds,
    )
    spoken = to_samples(line.spoken.pcm(start=start))
    return Recording(transcript, exchanges, spoken, hearing.samples, notes.reason or "", hearing)


def _by_exchange(
    turns: Sequence[StoredTurn], said: Sequence[Spoken], start: float
) -> list[list[StoredTurn]]:
    """Return what the assistant understood of each turn of the script."""
    owned: list[list[StoredTurn]] = [[] for _ in said]
    for turn in turns:
        if turn.role != "caller" or turn.started_ms is None:
            continue
        at = start + turn.started_ms / 1000 + BELONGS_SECONDS
        begun = [index for index, each in enumerate(said) if each.started_at <= at]
        if begun:
            owned[begun[-1]].append(turn)
    return owned


def _heard(
    each: Spoken, own: Sequence[StoredTurn], notes: CallNotes, start: float, hearing: Hearing
) -> Heard:
    came = None if each.answered_at is None else hearing.first_voice_after(each.answered_at - start)
    cut_off = any(each.started_at < at < each.ended_at - CUT_OFF_SECONDS for at in notes.decided)
    return Heard(
        said=each.say.text or None,
        understood=" ".join(turn.text for turn in own),
        started=each.started_at - start,
        ended=each.ended_at - start,
        answered=came,
        cut_off=cut_off,
    )


def _turn(turn: StoredTurn, said: str | None) -> Turn:
    latency = dict(turn.latency) if turn.latency else {}
    total = latency.pop("total", None)
    began = turn.started_ms if turn.started_ms is not None else turn.ended_ms or 0
    return Turn(
        turn.role,
        turn.text,
        began,
        turn.ended_ms or began,
        None if total is None else round(total),
        turn.interrupted,
        said=said,
        parts=latency or None,
    )


def _tool(content: object, at_ms: int | None) -> ToolUse:
    data = dict(content) if isinstance(content, dict) else {}
    use = ToolUse(str(data.get("name", "")), data.get("arguments", {}), at_ms or 0)
    if "ended_ms" not in data:
        return use
    took = max(0, (data["ended_ms"] or 0) - use.at_ms)
    return replace(use, result=data.get("result"), failed=data.get("failed", False), took_ms=took)


def _transferred_to(notes: CallNotes) -> str | None:
    if notes.reason != "transferred":
        return None
    uses = notes.tools("transfer")
    return str(uses[-1].content["arguments"].get("to", "")) if uses else None
