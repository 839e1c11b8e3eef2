"""Ways from the packets of a trace to unbroken audio: the engine's own, and those it is beside.

Each way is run on a virtual clock, a tick every 20 ms, on the same arrivals.
"""

import importlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol, cast

from transports.audio.comfort_noise import ComfortNoise
from transports.audio.concealment import Concealment
from transports.params import RtpParams
from transports.rtp.receiver import Receiver
from voiceai.bench.errors import BenchUnavailable
from voiceai.bench.loss_traces import Trace
from voiceai.bench.plcmos import HOW_TO_INSTALL

__all__ = ["ENGINE", "WAYS", "Heard", "play"]

ENGINE: Final = "engine"
FRAME_SECONDS: Final = 0.02
FRAME_BYTES: Final = 320
PEER: Final = ("192.0.2.1", 4000)
LONGEST_DELAY_SECONDS: Final = 0.6


@dataclass(frozen=True, slots=True)
class Heard:
    """What came out.

    Attributes:
        pcm: Of the part to judge, 16-bit at 8 kHz.
        delay: Seconds that the first packet of that part took from being sent to its turn.
    """

    pcm: bytes
    delay: float


class _Way(Protocol):
    def receive(self, number: int, data: bytes, now: float) -> None:
        """Take a datagram."""

    def frame(self, now: float) -> tuple[int | None, bytes]:
        """Return the number of the packet whose turn it is, if it came, and 20 ms."""


class _Engine:
    """The receiver of the product, as it is set up by default."""

    def __init__(self) -> None:
        self.receiver = Receiver(delay=RtpParams().playout_delay, noise=ComfortNoise())
        self.receiver.expect(PEER)
        self._numbers: dict[float, int] = {}

    def receive(self, number: int, data: bytes, now: float) -> None:
        self._numbers[now] = number
        self.receiver.receive(data, PEER, now)

    def frame(self, now: float) -> tuple[int | None, bytes]:
        self.receiver.arrived(now)
        frame = self.receiver.frame(now)
        at = frame.arrived_at
        return None if at is None else self._numbers[at], frame.pcm


class _Silence:
    """Nothing for what is lost."""

    faded = False

    def heard(self, pcm: bytes) -> bytes:
        return pcm

    def lost(self, samples: int, _following: bytes = b"", _distance: int = 0) -> bytes:
        return bytes(2 * samples)


class _Repetition(_Silence):
    """The last 20 ms for what is lost, as often as that is needed."""

    def __init__(self) -> None:
        self._last = bytes(FRAME_BYTES)

    def heard(self, pcm: bytes) -> bytes:
        self._last = (self._last + pcm)[-FRAME_BYTES:]
        return pcm

    def lost(self, samples: int, _following: bytes = b"", _distance: int = 0) -> bytes:
        self._last = (self._last * (2 + 2 * samples // FRAME_BYTES))[: 2 * samples]
        pcm, self._last = self._last, (self._last * 160)[:FRAME_BYTES]
        return pcm


class _EngineFilledWith(_Engine):
    """The same receiver, its concealment replaced."""

    def __init__(self, filling: _Silence) -> None:
        super().__init__()
        self.receiver._concealment = cast("Concealment", filling)  # noqa: SLF001 - for comparison


class _Aiortp:
    """The package's jitter buffer, adaptive playout and concealment, joined as its session does."""

    def __init__(self) -> None:
        try:
            playout: Any = importlib.import_module("aiortp.playout")
            buffer: Any = importlib.import_module("aiortp.jitterbuffer")
            packet: Any = importlib.import_module("aiortp.packet")
            codecs: Any = importlib.import_module("aiortp.codecs")
        except ImportError as error:
            raise BenchUnavailable(f"the package aiortp is missing: {HOW_TO_INSTALL}") from error
        self._now = 0.0
        self._parse = packet.RtpPacket.parse
        self._playout = playout.AdaptivePlayout(
            codecs.get_codec(8), now=lambda: self._now, clock_rate=8000
        )
        self._buffer = buffer.JitterBuffer(capacity=16, prefetch=0, skip_audio_gaps=True)

    def receive(self, _number: int, data: bytes, now: float) -> None:
        self._now = now
        _, frame = self._buffer.add(self._parse(data))
        if frame is not None:
            self._playout.put(frame.timestamp, frame.data)

    def frame(self, now: float) -> tuple[int | None, bytes]:
        self._now = now
        played = self._playout.tick()
        if played is None:
            return None, bytes(FRAME_BYTES)
        return played[1] // (FRAME_BYTES // 2), played[0]


WAYS: Final[Mapping[str, Callable[[], _Way]]] = {
    ENGINE: _Engine,
    "silence": lambda: _EngineFilledWith(_Silence()),
    "repetition": lambda: _EngineFilledWith(_Repetition()),
    "aiortp": _Aiortp,
}
"""By name; the last one needs its package."""


def play(way: str, trace: Trace) -> Heard:
    """Return what a way makes of a trace.

    Raises:
        BenchUnavailable: The way's package is missing.
    """
    frames: list[bytes] = []
    delay = 0.0
    for now, number, pcm in _frames(WAYS[way](), trace):
        begins = number is not None and trace.first <= number
        if begins and not frames and number is not None:
            delay = now - number * FRAME_SECONDS
        if begins or frames:
            frames.append(pcm)
        if len(frames) == trace.packets:
            break
    return Heard(b"".join(frames), delay)


def _frames(way: _Way, trace: Trace) -> Iterator[tuple[float, int | None, bytes]]:
    """Deliver what arrives, and tick."""
    arrivals = iter(trace.arrivals)
    following = next(arrivals, None)
    tick = 0
    end = trace.arrivals[-1][0] + LONGEST_DELAY_SECONDS
    now = trace.tick
    while now < end:
        while following is not None and following[0] <= now:
            at, number, data = following
            way.receive(number, data, at)
            following = next(arrivals, None)
        yield now, *way.frame(now)
        tick += 1
        now = trace.tick + tick * FRAME_SECONDS
