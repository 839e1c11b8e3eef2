"""The measured process of ``bench capacity``: one core, one system, as many calls as are asked for.

Run by :class:`voiceai.bench.companion.Companion`. Messages::

    {"open": [port, ...]}   a call to each of these ports  -> "opened", the ports to talk to
    {"measure": seconds}    -> "cost", after so long
"""

import asyncio
import contextlib
import gc
import os
import time
from typing import Any, Final, NoReturn, Protocol

import uvloop

from voiceai.bench.companion import read_message, tell
from voiceai.bench.loop_lag import LoopLag
from voiceai.bench.usage import memory_bytes, used
from voiceai.telemetry.logging import configure_logging

WINDOW_SECONDS: Final = 1.0
"""A sample of processor time."""


class Subject(Protocol):
    """A system that can have calls."""

    async def open_call(self, port: int) -> int:
        """Begin a call with a caller at a port of this machine; return where we listen."""

    def parts(self) -> dict[str, float]:
        """Return the processor seconds used so far, by part of the system, as far as known."""

    def turns(self) -> int:
        """Return how many turns callers have had so far."""

    def scheduling(self) -> str:
        """Say how the loop, and a media process, are ranked."""

    async def end(self) -> None:
        """Give back what would outlive this process."""


class Meter:
    """What the process and its children use.

    Args:
        subject: The system in it.
    """

    def __init__(self, subject: Subject) -> None:
        self._subject = subject
        self._lag = LoopLag()
        self._calls = 0
        gc.collect()
        self._memory_before = memory_bytes()

    async def watch(self) -> None:
        """Watch the loop until cancelled."""
        await self._lag.run()

    def opened(self, calls: int) -> None:
        """Take note of further calls."""
        self._calls += calls

    async def cost(self, seconds: float) -> dict[str, Any]:
        """Return what calls cost from now on: by part, samples of ms per call and second."""
        samples: list[dict[str, float]] = []
        lags: list[float] = []
        self._lag.take()
        turns, begun = self._subject.turns(), time.monotonic()
        before, at = await self._used(), begun
        for _ in range(max(round(seconds / WINDOW_SECONDS), 1)):
            await asyncio.sleep(WINDOW_SECONDS)
            after, now = await self._used(), time.monotonic()
            per_call = 1000 / self._calls / (now - at)
            samples.append({name: per_call * (after[name] - before[name]) for name in after})
            lags.append(1000 * self._lag.take())
            before, at = after, now
        lasted = time.monotonic() - begun
        return {
            "parts": {name: [sample[name] for sample in samples] for name in before},
            "lags": lags,
            "turns_per_minute": 60 * (self._subject.turns() - turns) / self._calls / lasted,
            "memory_mb": (memory_bytes() - self._memory_before) / self._calls / 1e6,
        }

    async def _used(self) -> dict[str, float]:
        own = time.process_time()
        children = used().children
        parts = {"all": own + children, "loop": time.thread_time(), **self._subject.parts()}
        if children:
            parts["media process"] = children
        return parts


async def _serve(greeting: dict[str, Any]) -> NoReturn:
    if greeting["system"] == "stock":
        from voiceai.bench.capacity_stock import stock_pipecat as system  # noqa: PLC0415
    else:
        from voiceai.bench.capacity_ours import voiceai_calls as system  # noqa: PLC0415
    async with contextlib.AsyncExitStack() as stack:
        subject = await stack.enter_async_context(system(greeting))
        tasks = await stack.enter_async_context(asyncio.TaskGroup())
        meter = Meter(subject)
        tasks.create_task(meter.watch())
        tell("ready", scheduling=subject.scheduling())
        while (message := await asyncio.to_thread(read_message)) is not None:
            if "open" in message:
                tell("opened", ports=[await subject.open_call(port) for port in message["open"]])
                meter.opened(len(message["open"]))
            if "measure" in message:
                tell("cost", **await meter.cost(message["measure"]))
        await subject.end()
        os._exit(0)  # a hundred overloaded pipelines take minutes to wind down


def main() -> None:
    """Have calls until the parent closes our standard input."""
    greeting = read_message()
    if greeting is None:
        return
    os.sched_setaffinity(0, {greeting["core"]})
    configure_logging("text", "ERROR", secrets=())
    uvloop.run(_serve(greeting))


if __name__ == "__main__":
    main()
