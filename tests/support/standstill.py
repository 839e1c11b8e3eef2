"""Whether the machine itself stood still: processes that only sleep say when they could not run.

Virtual machines are halted by their hosts, one processor or all, for 0.2 s at a time. Packets are
late then whatever sends them, and a test of evenness may not count that time.
"""

import asyncio
import os
import sys
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Final, Self

from voiceai.bench.track import TrackPacket

Standstill = tuple[float, float]
"""From when to when, on the loop's clock."""

BURST_SECONDS: Final = 0.04
"""After a standstill, until packets come evenly again."""

_SLEEPER: Final = """\
import os, sys, time
os.sched_setaffinity(0, [int(sys.argv[1])])
last = time.monotonic()
while True:
    time.sleep(0.002)
    now = time.monotonic()
    if now - last > 0.012:
        sys.stdout.write(f"{last} {now}\\n")
        sys.stdout.flush()
    last = now
"""


class Sleepers:
    """The processes, one for each processor; a context manager."""

    def __init__(self) -> None:
        self._processes: list[asyncio.subprocess.Process] = []

    async def __aenter__(self) -> Self:
        for processor in os.sched_getaffinity(0):
            arguments = ("-S", "-c", _SLEEPER, str(processor))
            self._processes.append(
                await asyncio.create_subprocess_exec(
                    sys.executable, *arguments, stdout=asyncio.subprocess.PIPE
                )
            )
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.end()

    async def end(self) -> list[Standstill]:
        """Stop them; return when any of them could not run."""
        found = []
        while self._processes:
            process = self._processes.pop()
            process.terminate()
            output, _ = await process.communicate()
            found += [line.split() for line in output.decode().splitlines()]
        return _merged((float(start), float(end)) for start, end in found)


def longest_wait(packets: Sequence[TrackPacket], standstills: Sequence[Standstill]) -> float:
    """Return the longest time between two packets, without the machine's standstills, in seconds.

    Args:
        packets: In the order of the wire.
        standstills: None overlaps another.
    """

    def wait(before: TrackPacket, packet: TrackPacket) -> float:
        halted = sum(_overlap(before.at, packet.at, each) for each in standstills)
        return packet.at - before.at - halted

    return max((wait(*pair) for pair in pairwise(packets)), default=0.0)


def deviations(packets: Sequence[TrackPacket], standstills: Sequence[Standstill]) -> list[float]:
    """Return by how much each time between two packets is not that of the audio between them.

    Those around a standstill of the machine are left out: late packets come in a burst after it.

    Args:
        packets: Of one source, in the order of the wire.
        standstills: None overlaps another.

    Returns:
        Seconds, without sign.
    """
    halted = [(start - BURST_SECONDS, end + BURST_SECONDS) for start, end in standstills]
    return [
        abs(packet.at - before.at - (packet.timestamp - before.timestamp) % (1 << 32) / 8000)
        for before, packet in pairwise(packets)
        if not any(_overlap(before.at, packet.at, each) for each in halted)
    ]


def _overlap(start: float, end: float, standstill: Standstill) -> float:
    return max(0.0, min(end, standstill[1]) - max(start, standstill[0]))


def _merged(standstills: Iterable[Standstill]) -> list[Standstill]:
    merged: list[Standstill] = []
    for start, end in sorted(standstills):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged
