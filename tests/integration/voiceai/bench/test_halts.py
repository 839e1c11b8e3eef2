"""Whether it is noticed that a core was gone."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from voiceai.bench.halts import INTERVAL_SECONDS, Halts

SPIN_SECONDS = 0.08
SPIN = f"""
import os, time
os.sched_setaffinity(0, {{{{{{core}}}}}})
os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(95))
until = time.monotonic() + {SPIN_SECONDS}
while time.monotonic() < until:
    pass
"""
"""What ranks above the watch takes its core away, as a host does."""


@pytest_asyncio.fixture
async def halts() -> AsyncIterator[Halts]:
    """Watch the last core, if the system lets us go first there."""
    async with Halts([max(os.sched_getaffinity(0))]) as watching:
        if await watching.take() is None:
            pytest.skip("SCHED_FIFO is not allowed here")
        yield watching


async def test_a_core_that_is_taken_away_has_halted(halts: Halts) -> None:
    core = max(os.sched_getaffinity(0))
    await asyncio.to_thread(
        subprocess.run, [sys.executable, "-c", SPIN.format(core=core)], check=True
    )

    halt = await halts.take()

    assert halt is not None
    assert halt > SPIN_SECONDS - 2 * INTERVAL_SECONDS


async def test_an_ordinary_process_halts_nobody(halts: Halts) -> None:
    """The least of a few: the machine itself may stand still."""
    core = max(os.sched_getaffinity(0))
    ordinary = SPIN.replace("os.sched_setscheduler", "# ").format(core=core)
    seen = []
    for _ in range(5):
        await halts.take()
        await asyncio.to_thread(subprocess.run, [sys.executable, "-c", ordinary], check=True)
        seen.append(await halts.take() or 0.0)

    assert min(seen) < SPIN_SECONDS / 2


async def test_a_halt_is_told_once(halts: Halts) -> None:
    core = max(os.sched_getaffinity(0))
    await asyncio.to_thread(
        subprocess.run, [sys.executable, "-c", SPIN.format(core=core)], check=True
    )
    await halts.take()

    seen = [await halts.take() or 0.0 for _ in range(5)]

    assert min(seen) < SPIN_SECONDS / 2
