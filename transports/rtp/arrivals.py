"""One line of what the far side says, as it arrives: for who must know before playout does.

::

    in order ------------------------------------> emitted at once
    after a hole --a packet more, or a moment----> the hole filled, then emitted
    its time was emitted already ----------------> left out
    nothing comes --patience---------------------> noise, in real time
"""

from transports.audio.comfort_noise import ComfortNoise
from transports.rtp.events import FRAME_SAMPLES, SAMPLE_RATE, ArrivedAudio, new

__all__ = ["ArrivalLine"]

SHORTEST_PATIENCE = 0.04
"""Seconds without a packet after which the line goes on in noise, or longer if they spread."""

LONGEST_NOISE = SAMPLE_RATE
"""Samples of noise at one look."""

BEHIND = 0.02
"""Seconds by which the noise then stays behind, so that speech that resumes fits on."""

SHORTEST_HOLD = 0.01
LONGEST_HOLD = 0.04
"""Seconds that a packet behind a hole waits, at least, for the one that it overtook: looked at
once per tick and with each packet, so up to 30 ms on a path that seldom changes the order."""

HOLD_LONGER = 0.004
HOLD_SHORTER = 0.002
"""Seconds by which it changes with a packet that came too late, and with one that never came."""

MOST_HELD = 8
"""Packets; then the hole is filled, however short the wait."""

LARGEST_HIDDEN_LOSS = 960
LARGEST_LOSS = 4000
"""Samples of a hole: beyond them it is a jump of the timeline, as in the playout buffer."""

COVERED_SAMPLES = 1600
"""So far behind the line a packet is late; further behind, the line was filled for too long."""

RATE = 1.25 * SAMPLE_RATE
BURST_SAMPLES = 2 * SAMPLE_RATE
"""No more audio than this passes: a quarter more than there is time, and two seconds at once."""

KEEPS_TIME = 0.12
"""Seconds by which timestamps and arrivals may disagree on a pause that both say there was."""

STALL = 0.06
"""Seconds between two looks after which it was us who were late: what came meanwhile is unread."""


class ArrivalLine:
    """Puts the packets of one source into a line without holes, and no longer than time itself.

    Up to 40 ms of a hole repeat what was before it, which keeps a word one word; the rest of it
    is noise.

    Attributes:
        overrun: Packets left out because more audio came than there is time.

    Args:
        noise: 16-bit comfort noise.
    """

    __slots__ = (
        "_allowance",
        "_allowed_at",
        "_end",
        "_heard_at",
        "_heard_end",
        "_held",
        "_hold",
        "_last",
        "_line",
        "_looked_at",
        "_noise",
        "_number",
        "overrun",
    )

    def __init__(self, noise: ComfortNoise) -> None:
        self.overrun = 0
        self._noise = noise
        self._line: list[ArrivedAudio] = []
        self._held: list[tuple[int, int, bytes, float]] = []  # timestamp, number, samples, arrival
        self._end: int | None = None  # the timestamp that the line has reached
        self._number = 0  # the highest number emitted of this source; 0 before
        self._heard_end = 0  # the timestamp after the newest audio, and when that came
        self._heard_at = 0.0
        self._looked_at: float | None = None
        self._last = b""
        self._hold = SHORTEST_HOLD
        self._allowance = float(BURST_SAMPLES)
        self._allowed_at = 0.0

    def put(self, number: int, timestamp: int, pcm: bytes, now: float) -> None:
        """Take a decoded packet.

        Args:
            number: Unwrapped sequence number, at least 1.
            timestamp: Unwrapped, in samples.
            pcm: 16-bit samples; not empty.
            now: When it arrived, in monotonic seconds.
        """
        if not self._held and timestamp == self._end:
            self._emit(number, timestamp, pcm, now)
            return
        if not self._number:
            self._end = timestamp
        self._held.append((timestamp, number, pcm, now))
        self._held.sort()
        self._drain()
        while self._held and (number == self._number + 1 or self._has_held_long(now)):
            self._release()

    def restart(self) -> None:
        """Begin a new source: its timestamps have nothing to do with those before.

        Until its first audio comes, the line goes on in noise.
        """
        while self._held:
            self._release()
        self._number = 0

    def take(self, now: float, spread: float) -> list[ArrivedAudio]:
        """Return what was added to the line. Call once per tick.

        Args:
            now: Monotonic seconds.
            spread: How unevenly packets are known to come, in seconds.
        """
        stalled = self._looked_at is None or now - self._looked_at > STALL
        self._looked_at = now
        if not stalled:
            while self._held and self._has_held_long(now):
                self._release()
            if now - self._heard_at >= SHORTEST_PATIENCE and not self._held:
                self._go_on_in_noise(now, spread)
        line, self._line = self._line, []
        return line

    def _go_on_in_noise(self, now: float, spread: float) -> None:
        """Keep up with time, where nothing has come for longer than is usual."""
        waited = now - self._heard_at
        patience = max(len(self._last) / 2 / SAMPLE_RATE + spread, SHORTEST_PATIENCE)
        if waited < patience or self._end is None:
            return
        due = self._heard_end + round((waited - patience + BEHIND) * SAMPLE_RATE)
        samples = min(due - self._end, LONGEST_NOISE)
        if samples > 0 and self._spend(samples, now):
            self._end += samples
            self._line.append(ArrivedAudio(self._noise.take(samples), None))

    def _has_held_long(self, now: float) -> bool:
        """Say whether to give up the packet that is missing."""
        oldest = min([arrived_at for _, _, _, arrived_at in self._held])
        return now - oldest >= self._hold or len(self._held) >= MOST_HELD

    def _drain(self) -> None:
        """Emit what fits on, and leave out what was filled already."""
        while self._held and self._end is not None:
            timestamp, number, pcm, arrived_at = self._held[0]
            covered = self._end - timestamp
            if covered < 0:
                return
            del self._held[0]
            if covered <= COVERED_SAMPLES:
                pcm = pcm[2 * covered :]
                timestamp += covered
            elif number <= self._number:
                pcm = b""
            if pcm:
                self._emit(number, timestamp, pcm, arrived_at)
            else:
                self._hold = min(self._hold + HOLD_LONGER, LONGEST_HOLD)

    def _release(self) -> None:
        """Fill the hole before the first packet held, if it is one, and go on with that packet."""
        timestamp, number, pcm, arrived_at = self._held[0]
        end = timestamp if self._end is None else self._end
        gap = timestamp - end
        missing = (number - self._number - 1) * (len(pcm) // 2)
        silent = timestamp + len(pcm) // 2 - self._heard_end
        paused = silent / SAMPLE_RATE - (arrived_at - self._heard_at)
        if gap <= min(max(LARGEST_HIDDEN_LOSS, missing), LARGEST_LOSS) or (
            gap <= LONGEST_NOISE and -KEEPS_TIME <= paused <= KEEPS_TIME
        ):
            self._fill(gap)
        if missing:
            self._hold = max(self._hold - HOLD_SHORTER, SHORTEST_HOLD)
        self._end = timestamp
        self._drain()

    def _fill(self, samples: int) -> None:
        """Bridge a hole."""
        if samples <= 0 or not self._spend(samples, self._heard_at):
            return
        tail = self._last[-2 * FRAME_SAMPLES :]
        repeated = (tail * 2)[: 2 * samples] if self._end == self._heard_end else b""
        rest = samples - len(repeated) // 2
        pcm = repeated + self._noise.take(rest) if rest else repeated
        self._line.append(ArrivedAudio(pcm, None))

    def _emit(self, number: int, timestamp: int, pcm: bytes, now: float) -> None:
        """Lengthen the line by audio that begins where it ends."""
        samples = len(pcm) // 2
        self._end = self._heard_end = timestamp + samples
        self._heard_at = now
        self._last = pcm
        if number > self._number:  # noqa: PLR1730  max() costs as much as the rest
            self._number = number
        if self._spend(samples, now):
            self._line.append(new(ArrivedAudio, (pcm, now)))
        else:
            self.overrun += 1

    def _spend(self, samples: int, now: float) -> bool:
        """Say whether there has been time for so much audio."""
        allowance = self._allowance
        if now > self._allowed_at:
            allowance += (now - self._allowed_at) * RATE
            if allowance > BURST_SAMPLES:  # noqa: PLR1730  likewise
                allowance = BURST_SAMPLES
            self._allowed_at = now
        allowed = allowance >= samples
        self._allowance = allowance - samples if allowed else allowance
        return allowed
