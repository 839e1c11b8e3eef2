"""``bench jitter``: how evenly packets leave, beside the way of a sleep per call.

Both send in the same process and run, on the same kind of loop; a process of its own receives,
and the kernel takes the times.
"""

import asyncio
import contextlib
import itertools
import random
import socket
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any, Final

from pipecat.transports.websocket.server import SingleClientWebsocketServerOutputTransport

from transports.audio.g711 import Codec
from transports.engine import MediaStream, make_engine
from transports.params import RtpParams
from transports.rtp.sender import Sender
from voiceai.bench.companion import Companion
from voiceai.bench.machine import describe_machine, take_realtime_class
from voiceai.bench.report import Budget, Measure, Report

__all__ = ["drift_ms", "interval_errors_ms", "run_jitter"]

SLOT_NANOSECONDS: Final = 20_000_000
SLOT_BYTES: Final = 320
WARM_UP_SECONDS: Final = 0.5
DRIFT_PACKETS: Final = 50
"""At both ends of a stream; the median of a second of packets does not see their jitter."""
SPEECH: Final = bytes(range(256)) * 125
"""Two seconds of anything: what it sounds like costs nothing."""
ENGINE_BUDGETS: Final = {1: Budget("p99", 2), 10: Budget("p99", 2), 50: Budget("p99", 2)}
DRIFT_BUDGET: Final = Budget("max", 0.1)
REALTIME_SHARE: Final = 4
"""Under the normal scheduler so much more is allowed."""
HEAR_SECONDS: Final = 10.0
NOTES: Final = (
    "engine: MediaEngine inline, a writer per stream as the pipeline's output is one",
    (
        "sleep: a task per stream, paced by Pipecat's own websocket transport "
        "(_write_audio_sleep, packets of 20 ms); neither way has a pipeline in front"
    ),
    "drift: how much longer a stream took than its packets last, over the run",
)

Sending = Callable[[int, int], "contextlib.AbstractAsyncContextManager[None]"]


@dataclass(frozen=True, slots=True)
class Pace:
    """How the packets of some streams came, milliseconds.

    Attributes:
        errors: |interval - 20 ms| of all intervals of all streams.
        drifts: By stream, how much longer it took than its packets last.
    """

    errors: tuple[float, ...]
    drifts: tuple[float, ...]


async def run_jitter(
    *, streams: Sequence[int] = (1, 10, 50), seconds: float = 10.0, realtime: bool = False
) -> Report:
    """Send so many streams at a time, each way for so long.

    Args:
        streams: How many at once, one run each.
        seconds: Each run, for each of the two ways.
        realtime: Whether to send under SCHED_FIFO.

    Raises:
        BenchUnavailable: SCHED_FIFO was asked for and is not allowed.
    """
    if realtime:
        take_realtime_class()
    machine = describe_machine()
    measures: list[Measure] = []
    async with Companion("voiceai.bench.arrivals", {}) as receiver:
        listening = await receiver.hear("listening", HEAR_SECONDS)
        for count in streams:
            ours = await _pace(_by_engine, count, seconds, receiver, listening["port"])
            theirs = await _pace(_by_sleep, count, seconds, receiver, listening["port"])
            measures += _measures(count, ours, theirs, realtime=realtime)
    loop = type(asyncio.get_running_loop()).__module__
    clock = "the kernel's" if listening["by_kernel"] else "the receiver's, after each read"
    return Report(
        bench="jitter",
        machine=machine,
        parameters={"streams": "/".join(map(str, streams)), "seconds": seconds},
        measures=tuple(measures),
        notes=(
            f"receiver in a process of its own; times are {clock}; one loop for both: {loop}",
            *NOTES,
        ),
    )


def _measures(count: int, ours: Pace, theirs: Pace, *, realtime: bool) -> list[Measure]:
    budget = ENGINE_BUDGETS.get(count)
    if budget and not realtime:
        budget = Budget(budget.statistic, budget.limit * REALTIME_SHARE)
    label = f"{count} stream{'s' if count > 1 else ''}"
    return [
        Measure(f"{label}, engine: |interval - 20|", "ms", ours.errors, budget),
        Measure(f"{label}, sleep: |interval - 20|", "ms", theirs.errors),
        Measure(f"{label}, engine: |drift|", "ms", ours.drifts, DRIFT_BUDGET),
        Measure(f"{label}, sleep: |drift|", "ms", theirs.drifts),
    ]


async def _pace(
    sending: Sending, count: int, seconds: float, receiver: Companion, port: int
) -> Pace:
    async with sending(count, port):
        await asyncio.sleep(WARM_UP_SECONDS)
        await receiver.tell({})
        await receiver.hear("arrivals", HEAR_SECONDS)
        await asyncio.sleep(seconds)
        await receiver.tell({})
        arrived = await receiver.hear("arrivals", HEAR_SECONDS)
    by_sender: Mapping[str, Sequence[int]] = arrived["by_sender"]
    return Pace(
        tuple(error for times in by_sender.values() for error in interval_errors_ms(times)),
        tuple(abs(drift_ms(times)) for times in by_sender.values()),
    )


def interval_errors_ms(arrivals: Sequence[int]) -> list[float]:
    """Return |interval - 20 ms| of arrivals in nanoseconds, in milliseconds."""
    return [
        abs(after - before - SLOT_NANOSECONDS) / 1e6
        for before, after in itertools.pairwise(arrivals)
    ]


def drift_ms(arrivals: Sequence[int]) -> float:
    """Return how much later the last packets came than the first ones promised, in ms.

    Args:
        arrivals: Nanoseconds, one packet per 20 ms.
    """
    offsets = [at - n * SLOT_NANOSECONDS for n, at in enumerate(arrivals)]
    edge = max(min(DRIFT_PACKETS, len(offsets) // 2), 1)
    return (median(offsets[-edge:]) - median(offsets[:edge])) / 1e6


@contextlib.asynccontextmanager
async def _by_engine(count: int, port: int) -> AsyncIterator[None]:
    """Send with the media engine."""
    engine = make_engine(RtpParams())
    await engine.start()
    try:
        streams = [await engine.open_stream() for _ in range(count)]
        for stream in streams:
            stream.connect(("127.0.0.1", port))
        async with _beside([_write(stream) for stream in streams]):
            yield
    finally:
        await engine.close()


async def _write(stream: MediaStream) -> None:
    for start in _starts():
        await stream.write(SPEECH[start : start + SLOT_BYTES])


@contextlib.asynccontextmanager
async def _by_sleep(count: int, port: int) -> AsyncIterator[None]:
    """Send from a task per stream."""
    async with _beside([_sleep_and_send(port) for _ in range(count)]):
        yield


async def _sleep_and_send(port: int) -> None:
    sender = Sender(Codec.ALAW, random.SystemRandom())
    pacer = _Pacer()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(0)
        sock.connect(("127.0.0.1", port))
        for start in _starts():
            sender.write(SPEECH[start : start + SLOT_BYTES])
            sock.send(sender.next_packet().datagram)
            await pacer.sleep()


class _Pacer:
    """What Pipecat's method needs of its transport, for packets of 20 ms."""

    def __init__(self) -> None:
        self._next_send_time = 0.0
        self._send_interval = SLOT_NANOSECONDS / 1e9

    async def sleep(self) -> None:
        method: Any = SingleClientWebsocketServerOutputTransport._write_audio_sleep  # noqa: SLF001
        await method(self)


def _starts() -> Iterator[int]:
    return itertools.cycle(range(0, len(SPEECH) - SLOT_BYTES, SLOT_BYTES))


@contextlib.asynccontextmanager
async def _beside(work: Sequence[Coroutine[Any, Any, None]]) -> AsyncIterator[None]:
    """Run coroutines beside the block; its end is theirs."""
    async with asyncio.TaskGroup() as tasks:
        running = [tasks.create_task(each) for each in work]
        yield
        for task in running:
            task.cancel()
