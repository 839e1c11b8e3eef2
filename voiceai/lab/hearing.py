"""What a caller hears of what arrives: the playout of a telephone, after the fact. Pure.

A telephone has a jitter buffer and conceals what is lost; this one is our own receiver, which is
asked for 20 ms every 20 ms, as in a call. What was noted of the arrivals is all it gets.
"""

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np
from numpy.typing import NDArray

from transports.audio.comfort_noise import ComfortNoise
from transports.params import RtpParams
from transports.rtp.events import FRAME_SAMPLES, FRAME_SECONDS
from transports.rtp.receiver import Receiver
from voiceai.bench.track import SPEECH_DBFS, level_dbfs

__all__ = ["NOTHING_HEARD", "Arrivals", "Hearing", "play_out"]

Arrivals = Sequence[tuple[float, bytes]]
"""When a datagram came, in seconds, and itself."""

SOURCE = ("192.0.2.1", 4000)
"""Where the packets seem to come from; any address does."""
AFTERWARDS_SECONDS = 0.2
"""Playout goes on for so long after the last packet."""
FULL_SCALE = 32768.0


@dataclass(frozen=True, slots=True, eq=False)
class Hearing:
    """What was heard.

    Attributes:
        samples: Of -1..1 at 8 kHz.
        voiced: When loud frames began, in seconds from the first sample.
        concealed: Share of the time that was made up, since nothing had come in time.
        lost: Packets that never came.
        late: Packets that came after their turn.
        delay_ms: From a packet's arrival to its turn, in the middle of all delays.
    """

    samples: NDArray[np.float32]
    voiced: tuple[float, ...] = ()
    concealed: float = 0.0
    lost: int = 0
    late: int = 0
    delay_ms: float = 0.0

    @property
    def seconds(self) -> float:
        """How long it is."""
        return len(self.samples) * FRAME_SECONDS / FRAME_SAMPLES

    def first_voice_after(self, seconds: float) -> float | None:
        """Return when a voice is first heard at or after a time."""
        return next((at for at in self.voiced if at >= seconds), None)

    def between(self, started: float, ended: float) -> NDArray[np.float32]:
        """Return what is heard between two times, in seconds from the first sample."""
        rate = FRAME_SAMPLES / FRAME_SECONDS
        return self.samples[max(0, round(started * rate)) : max(0, round(ended * rate))]


NOTHING_HEARD = Hearing(np.zeros(0, np.float32))


def play_out(arrivals: Arrivals, start: float) -> Hearing:
    """Return what is heard of all that came.

    Args:
        arrivals: In the order in which they came.
        start: Of what is returned, on the clock of the arrivals.
    """
    if not arrivals:
        return NOTHING_HEARD
    receiver = Receiver(delay=RtpParams().playout_delay, noise=ComfortNoise())
    waiting = deque(arrivals)
    first = start - FRAME_SECONDS * math.ceil(max(0.0, start - arrivals[0][0]) / FRAME_SECONDS)
    ticks = math.ceil((arrivals[-1][0] + AFTERWARDS_SECONDS - first) / FRAME_SECONDS)
    frames, voiced, delays, concealed = [], [], [0.0], 0
    for tick in range(ticks):
        now = first + tick * FRAME_SECONDS
        while waiting and waiting[0][0] <= now:
            at, datagram = waiting.popleft()
            receiver.receive(datagram, SOURCE, at)
        frame = receiver.frame(now)
        receiver.arrived(now)
        if now < start - FRAME_SECONDS / 2:
            continue
        frames.append(frame.pcm)
        delays += [receiver.playout_delay] if receiver.playout_delay else []
        concealed += frame.kind == "concealed"
        if level_dbfs(frame.pcm) > SPEECH_DBFS:
            voiced.append(now - start)
    samples = np.frombuffer(b"".join(frames), "<i2").astype(np.float32) / np.float32(FULL_SCALE)
    return Hearing(
        samples,
        tuple(voiced),
        concealed / max(1, len(frames)),
        receiver.packets.lost,
        receiver.late,
        1000 * median(delays),
    )
