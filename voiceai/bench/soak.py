"""``bench soak``: an hour of a call over a bad network, in seconds: a clock of its own, no socket.

Two sessions, each with a clock that drifts, talk to each other through `transports.netem`.
"""

import asyncio
import random
import time
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import psutil

from transports.audio.codec import Codec
from transports.netem import Impairments, Network
from transports.params import RtpParams
from transports.rtp.session import RtpSession
from transports.rtp.stats import StreamStats
from voiceai.bench.growth import growth
from voiceai.bench.machine import describe_machine
from voiceai.bench.report import Budget, Chart, Distribution, Measure, Report, Series

__all__ = ["run_soak"]

TICK_SECONDS: Final = 0.02
MINUTE_TICKS: Final = 3000
DRIFTS_PPM: Final = (200, -200)
"""Of the caller's clock against ours; one call each."""
NETWORK: Final = Impairments(
    loss=0.01, delay=0.04, jitter=0.02, reorder=0.01, reorder_delay=0.03, duplicate=0.01
)
"""1 % lost, 40 ms and up to 20 ms more or less, 1 % overtaken, 1 % twice."""
PLAYOUT_LIMIT_MS: Final = 140.0
OURS: Final = ("192.0.2.1", 10000)
CALLER: Final = ("192.0.2.2", 20000)
TALK_TICKS: Final = (60, 150)
PAUSE_TICKS: Final = (30, 150)
LOUD_RMS: Final = 3000
MEMORY_LIMIT_MB: Final = 2.0
DELAY_LIMIT_MS: Final = 20.0
"""A frame: the delay is a whole number of them, and may be one or the other."""
SHOWN: Final = (
    "received",
    "lost",
    "late",
    "duplicate",
    "reordered",
    "evicted",
    "concealed",
    "noise",
    "hastened",
    "delayed",
)


@dataclass(slots=True)
class Side:
    """One end of the call.

    Attributes:
        session: Its RTP.
        address: Its own.
        clock_rate: Its seconds per true second.
        delays: By minute, from a packet's arrival to its playout, milliseconds.
    """

    session: RtpSession
    address: tuple[str, int]
    clock_rate: float
    delays: list["array[float]"] = field(default_factory=list)

    def tick_at(self, number: int) -> float:
        """Return the true time of one of its ticks."""
        return number * TICK_SECONDS / self.clock_rate


@dataclass(frozen=True, slots=True)
class Soaked:
    """What an hour did to one end.

    Attributes:
        label: Which call and end.
        delays: By minute, from a packet's arrival to its playout, milliseconds.
        counters: At the end.
        memory: Of the process by minute, megabytes.
    """

    label: str
    delays: tuple["array[float]", ...]
    counters: StreamStats
    memory: tuple[float, ...]

    def medians(self) -> list[float]:
        """Return the median delay of each minute with speech."""
        found = (Distribution.of(minute) for minute in self.delays)
        return [each.p50 for each in found if each]


async def run_soak(*, minutes: int = 60, seed: int = 1) -> Report:
    """Let two calls last so long, on a clock of their own.

    Args:
        minutes: Each.
        seed: Of network and speech.
    """
    machine = describe_machine()
    begun = time.monotonic()
    found: list[Soaked] = []
    for drift in DRIFTS_PPM:
        found += await asyncio.to_thread(soak, minutes, drift, seed)
    return Report(
        bench="soak",
        machine=machine,
        parameters={"minutes": minutes, "seed": seed, "drift": "+-200 ppm"},
        measures=tuple(measure for each in found for measure in _measures(each)),
        notes=(
            (
                f"{len(DRIFTS_PPM)} calls of {minutes} minutes took "
                f"{time.monotonic() - begun:.1f} s, both ends of each in this process"
            ),
            "network, both ways: 1 % lost, 40 ms +- 20 ms, 1 % overtaken by 30 ms, 1 % twice",
            "delay: from a packet's arrival to its playout, of every frame with audio in it",
            "grown: median of the last quarter of the minutes less that of the second quarter",
            *(_counted(each) for each in found),
        ),
        charts=_charts(found),
    )


def soak(minutes: int, drift_ppm: float, seed: int) -> list[Soaked]:
    """Return what a call did to both of its ends; blocks for some seconds."""
    dice = random.Random(seed)  # noqa: S311 - to be repeated
    ours = Side(_session(dice), OURS, 1.0)
    caller = Side(_session(dice), CALLER, 1 + drift_ppm / 1e6)
    ours.session.connect(CALLER)
    caller.session.connect(OURS)
    paths = {"out": Network(NETWORK, dice), "in": Network(NETWORK, dice)}
    memory: list[float] = []
    speech = {"ours": _Speech(dice), "caller": _Speech(dice)}
    ticks = minutes * MINUTE_TICKS
    done = [0, 0]
    while done[0] < ticks:
        if ours.tick_at(done[0]) <= caller.tick_at(done[1]):
            _tick(ours, done[0], speech["ours"], (paths["out"], paths["in"]), CALLER)
            done[0] += 1
            if done[0] % MINUTE_TICKS == 0:
                memory.append(psutil.Process().memory_info().rss / 1e6)
        else:
            _tick(caller, done[1], speech["caller"], (paths["in"], paths["out"]), OURS)
            done[1] += 1
    call = f"caller's clock {drift_ppm:+g} ppm"
    return [
        Soaked(
            f"{call}, {name} end",
            tuple(side.delays),
            side.session.stats(),
            tuple(memory),
        )
        for name, side in (("our", ours), ("caller's", caller))
    ]


class _Speech:
    """Talkspurts and pauses of random lengths."""

    def __init__(self, dice: random.Random) -> None:
        samples = np.random.default_rng(dice.getrandbits(32)).normal(0, LOUD_RMS, 16000)
        self._pcm = samples.astype("<i2").tobytes()
        self._dice = dice
        self._talking = False
        self._left = 0
        self._at = 0

    def next(self) -> bytes:
        """Return 20 ms; nothing in a pause."""
        if not self._left:
            self._talking = not self._talking
            self._left = self._dice.randint(*(TALK_TICKS if self._talking else PAUSE_TICKS))
        self._left -= 1
        self._at = (self._at + 320) % (len(self._pcm) - 320)
        return self._pcm[self._at : self._at + 320] if self._talking else b""


def _session(dice: random.Random) -> RtpSession:
    return RtpSession(codec=Codec.ALAW, playout_delay=RtpParams().playout_delay, random=dice)


def _tick(
    side: Side, number: int, speech: _Speech, paths: tuple[Network, Network], far: tuple[str, int]
) -> None:
    """Let one end take what came, play a frame and send a packet."""
    out, back = paths
    now = side.tick_at(number)
    for at, datagram in back.receive(now):
        side.session.receive(datagram, far, at * side.clock_rate)
    own_now = now * side.clock_rate
    side.session.arrived(own_now)
    frame = side.session.frame(own_now)
    if number % MINUTE_TICKS == 0:
        side.delays.append(array("f"))
    if frame.arrived_at is not None:
        side.delays[-1].append(1000 * (own_now - frame.arrived_at))
    if pcm := speech.next():
        side.session.sender.write(pcm)
    out.send(side.session.next_packet().datagram, now)


def _measures(soaked: Soaked) -> list[Measure]:
    label = soaked.label
    delays = tuple(delay for minute in soaked.delays for delay in minute)
    return [
        Measure(f"{label}: delay", "ms", delays, Budget("p99", PLAYOUT_LIMIT_MS)),
        Measure(
            f"{label}: delay, grown",
            "ms",
            (growth(soaked.medians()),),
            Budget("max", DELAY_LIMIT_MS),
        ),
        Measure(
            f"{label}: memory, grown",
            "MB",
            (growth(soaked.memory),),
            Budget("max", MEMORY_LIMIT_MB),
        ),
    ]


def _counted(soaked: Soaked) -> str:
    counters = soaked.counters._asdict()
    return f"{soaked.label}: " + ", ".join(f"{counters[name]} {name}" for name in SHOWN)


def _charts(found: Sequence[Soaked]) -> tuple[Chart, ...]:
    def series(statistic: str) -> tuple[Series, ...]:
        lines = []
        for each in found:
            spreads = [Distribution.of(minute) for minute in each.delays]
            points = [
                (float(number), float(getattr(spread, statistic)))
                for number, spread in enumerate(spreads, start=1)
                if spread
            ]
            lines.append(Series(each.label, tuple(points)))
        return tuple(lines)

    return (
        Chart("Delay in each minute, median", "minute", "arrival to playout, ms", series("p50")),
        Chart("Delay in each minute, p99", "minute", "arrival to playout, ms", series("p99")),
    )
