"""How long a caller waits for an answer, on the wire, and where the time goes.

A turn's latency runs from the arrival of the last RTP packet that held the caller's
speech to the sending of the first one that holds the assistant's.
"""

import enum
from dataclasses import asdict, dataclass


class Mark(enum.IntEnum):
    """The moments of a turn, in the order in which they happen."""

    SPEECH_ENDED = 0
    """The last packet with the caller's speech arrived."""
    SILENCE_DECIDED = 1
    """Voice activity detection said so."""
    TRANSCRIPT = 2
    """The recogniser's final text."""
    TURN_ENDED = 3
    """Turn detection handed the context to the language model."""
    FIRST_TEXT = 4
    """The language model's first words."""
    FIRST_AUDIO = 5
    """The synthesiser's first audio."""
    FIRST_PACKET = 6
    """The first packet with the assistant's speech left."""


@dataclass(frozen=True, slots=True)
class TurnLatency:
    """One turn's latency and its parts, in milliseconds.

    Attributes:
        total: From the caller's last speech packet to our first.
        endpointing: Waiting to be sure that the caller has stopped.
        stt: From there to the transcript.
        turn: From there to the decision that it is our turn.
        llm: From there to the first words of the answer.
        tts: From there to its first audio.
        queue: From there to the wire.
    """

    total: float
    endpointing: float
    stt: float
    turn: float
    llm: float
    tts: float
    queue: float

    def as_dict(self) -> dict[str, float]:
        """Return the figures by name, rounded to a tenth of a millisecond."""
        return {name: round(value, 1) for name, value in asdict(self).items()}


class TurnClock:
    """Collect a turn's marks; pure, times are seconds of one monotonic clock.

    A mark counts once per turn: the first of its kind after the caller's last speech,
    except a transcript, of which the last before the answer counts.
    """

    def __init__(self) -> None:
        self._marks: dict[Mark, float] = {}

    def speech_ended(self, last_voice_at: float, decided_at: float) -> None:
        """Begin anew: the caller has stopped speaking."""
        self._marks = {Mark.SPEECH_ENDED: last_voice_at, Mark.SILENCE_DECIDED: decided_at}

    def interrupted(self) -> None:
        """Forget the turn: the caller speaks again."""
        self._marks = {}

    def mark(self, mark: Mark, now: float) -> None:
        """Note that ``mark`` happened at ``now``; ignored while no turn is open."""
        if not self._marks:
            return
        if mark is Mark.TRANSCRIPT and Mark.FIRST_TEXT not in self._marks:
            self._marks[mark] = now
        else:
            self._marks.setdefault(mark, now)

    def first_packet(self, now: float) -> TurnLatency | None:
        """Close the turn with the first packet of the answer; None if none was open."""
        if Mark.FIRST_AUDIO not in self._marks:
            return None
        self._marks[Mark.FIRST_PACKET] = now
        latency = self._measure()
        self._marks = {}
        return latency

    def _measure(self) -> TurnLatency:
        """Return the parts; one whose mark is missing is nothing, its time goes to the next."""
        spans: dict[Mark, float] = {}
        previous = start = self._marks[Mark.SPEECH_ENDED]
        for mark in list(Mark)[1:]:
            at = max(self._marks.get(mark, previous), previous)
            spans[mark] = 1000 * (at - previous)
            previous = at
        return TurnLatency(
            total=1000 * (previous - start),
            endpointing=spans[Mark.SILENCE_DECIDED],
            stt=spans[Mark.TRANSCRIPT],
            turn=spans[Mark.TURN_ENDED],
            llm=spans[Mark.FIRST_TEXT],
            tts=spans[Mark.FIRST_AUDIO],
            queue=spans[Mark.FIRST_PACKET],
        )
