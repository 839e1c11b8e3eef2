"""The caller's speech against the assistant's voice, on one call's stream."""

from typing import Final

from transports.audio.barge_in import (
    DUCKING,
    HOLDING,
    Action,
    BargeInPolicy,
    BargeInTally,
    Event,
    State,
)
from transports.audio.echo import EchoJudge
from transports.audio.endpointing import Hearing, Verdict
from transports.audio.fade import ramped
from transports.caller_filters import CallerFilters
from transports.media import MediaStream
from transports.rtp.events import FRAME_SAMPLES, ArrivedAudio, PlayedFrame
from transports.rtp.sender import DUCKED_GAIN, RAMP_SAMPLES

__all__ = ["EXPECTED_TICKS", "BargeIn"]

SAMPLE_BYTES: Final = 2
PAUSE_TICKS: Final = 3
"""60 ms without audio: a pipeline may be so late and go on speaking."""
GAP_TICKS: Final = 10
"""200 ms: in a shorter time without audio this process may have stood still, and sent the rest at
once; its echo has no hole then."""
RESTING_TICKS: Final = 50
"""A second without audio: of what was written, none is still to be counted as played."""
EXPECTED_TICKS: Final = 500
"""Ten seconds: an answer that takes longer may be cut off before it has begun."""
WRITTEN_LIMIT: Final = 2 * 8000 * SAMPLE_BYTES
"""Two seconds: a stream takes far less."""

HELD: Final = State.HELD
"""By its own name, since every tick asks: members of enumerations take a while to be found."""
EVENTS: Final = {
    Verdict.SUSPECTED: Event.SUSPECTED,
    Verdict.DISMISSED: Event.DISMISSED,
    Verdict.STARTED: Event.STARTED,
    Verdict.STOPPED: Event.STOPPED,
}


class BargeIn:
    """Lowers and holds the assistant's voice by what is heard, once it is allowed to.

    Implements ``VerdictListener``: it acts in the tick that heard, so that the packet that leaves
    next is changed already. It knows the echo of what was written, allowed or not: an assistant
    who may not be interrupted would else answer its own last words.

    Args:
        stream: What is sent, and what is heard.
        filters: Told of what is sent.
        tally: Where it is counted; may be shared by many calls.
    """

    __slots__ = (
        "_cut_off",
        "_ducked",
        "_echo",
        "_expected_ticks",
        "_filters",
        "_gain",
        "_played_samples",
        "_policy",
        "_silent_ticks",
        "_stream",
        "_tally",
        "_written",
    )

    def __init__(
        self,
        stream: MediaStream,
        filters: CallerFilters | None = None,
        tally: BargeInTally | None = None,
    ) -> None:
        self._stream = stream
        self._filters = filters
        self._tally = tally or BargeInTally()
        self._policy: BargeInPolicy | None = None
        self._echo = EchoJudge()
        self._written = bytearray()  # and not yet played
        self._played_samples = 0
        self._silent_ticks = PAUSE_TICKS
        self._ducked = False
        self._gain = 1.0  # of what left last
        self._expected_ticks = 0  # for so long an answer may still be on its way
        self._cut_off = False  # by a flush, while the assistant was heard

    def listen(self) -> None:
        """Follow what the stream hears and plays."""
        self._played_samples = self._stream.played_samples
        self._stream.listen(self._hear)
        self._stream.subscribe(self._tick)

    @property
    def is_held(self) -> bool:
        """Whether the assistant waits until it is known whether it was interrupted."""
        return self._policy is not None and self._policy.state is State.HELD

    def write(self, pcm: bytes) -> None:
        """Take note of what is being written to the stream."""
        if self._filters is not None:
            self._filters.write(pcm)
        self._written += pcm
        del self._written[:-WRITTEN_LIMIT]

    def flush(self) -> None:
        """Drop what the stream still holds."""
        self._cut_off = self._cut_off or self._stream.queued_samples > 0
        dropped = self._stream.flush()
        if self._filters is not None:
            self._filters.drop(dropped)
        del self._written[max(len(self._written) - dropped * SAMPLE_BYTES, 0) :]

    def is_echo(self) -> bool:
        """Whether what was just heard is the assistant's own voice."""
        echoed = self._echo.is_echo()
        self._tally.echoes += echoed
        return echoed

    def allow(self, *, hold: bool) -> None:
        """Act from now on.

        Args:
            hold: Whether speech silences the assistant, or lowers it only.
        """
        self._policy = BargeInPolicy(HOLDING if hold else DUCKING)

    def expect(self, *, expected: bool) -> None:
        """Take note that an answer is on its way, or no longer: speech holds it in advance."""
        self._expected_ticks = EXPECTED_TICKS if expected else 0

    def on_verdict(self, hearing: Hearing) -> None:
        """Take what one window decided."""
        event = EVENTS.get(hearing.verdict)
        if event is not None:
            self._put(event)

    def interrupted(self) -> None:
        """Let what is written from now on be heard; what waited was flushed."""
        if self._policy is not None and (self._cut_off or self._policy.state is not State.OPEN):
            self._tally.interruptions += 1
        self._cut_off = False
        self._put(Event.INTERRUPTED)

    def dismiss(self) -> None:
        """Let the assistant go on from where it was held."""
        self._put(Event.REFUTED)

    def end(self) -> None:
        """Let the last words be heard, whatever the caller does: nobody is left to judge it."""
        self._put(Event.REFUTED)
        self._put(Event.DISMISSED)
        self._put(Event.STOPPED)
        self._policy = None

    def _hear(self, audio: ArrivedAudio) -> None:
        self._echo.heard(audio.pcm)

    def _tick(self, _frame: PlayedFrame) -> None:
        """Tell the judge what was played: without a hole where a count came late."""
        if self._expected_ticks:
            self._expected_ticks -= 1
        policy = self._policy
        if policy is not None and policy.state is HELD:
            expired = policy.tick()
            self._tally.resumed += expired is Action.RELEASE
            self._do(expired)
        elif self._silent_ticks > RESTING_TICKS and not self._written:
            return
        played = self._stream.played_samples
        size = (played - self._played_samples) * SAMPLE_BYTES
        self._played_samples = played
        if size:
            self._silent_ticks = 0
            self._expected_ticks = EXPECTED_TICKS if self._expected_ticks else 0
            self._echo.sent(self._as_sent(bytes(self._written[:size])))
            del self._written[:size]
            return
        self._silent_ticks += 1
        if self._silent_ticks == GAP_TICKS:
            self._echo.paused(GAP_TICKS * FRAME_SAMPLES)
        elif self._silent_ticks > GAP_TICKS:
            self._echo.paused(FRAME_SAMPLES)

    def _as_sent(self, pcm: bytes) -> bytes:
        """Return what was written as it left: a duck is decided after a tick, before a packet."""
        before, self._gain = self._gain, DUCKED_GAIN if self._ducked else 1.0
        if before == self._gain == 1.0:
            return pcm
        return ramped(pcm, before, self._gain, RAMP_SAMPLES)

    def _put(self, event: Event) -> None:
        if self._policy is None:
            return
        audible = self._expected_ticks > 0 or self._is_audible()
        action = self._policy.put(event, audible=audible)
        self._tally.resumed += action is Action.RELEASE and event is Event.REFUTED
        self._do(action)

    def _is_audible(self) -> bool:
        return self._stream.queued_samples > 0 or self._silent_ticks < PAUSE_TICKS

    def _do(self, action: Action | None) -> None:
        match action:
            case Action.DUCK:
                self._tally.ducks += 1
                self._duck(ducked=True)
            case Action.UNDUCK:
                self._duck(ducked=False)
            case Action.HOLD:
                self._tally.holds += 1
                self._stream.hold()
            case Action.RELEASE:
                self._duck(ducked=False)
                self._stream.release()
            case None:
                pass

    def _duck(self, *, ducked: bool) -> None:
        self._ducked = ducked
        if ducked:
            self._stream.duck()
        else:
            self._stream.unduck()
        if self._filters is not None:
            self._filters.duck(ducked=ducked)
