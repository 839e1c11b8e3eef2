"""Commands that bring Asterisk, callers and all: `make demo`, twice, and a short soak.

They mostly wait, so they run at the same time.
"""

import asyncio
import json
import os
import shutil
import sys
import wave
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.support.cache import cache_folder
from voiceai.bench.report import Report
from voiceai.bench.soak_real import run_real_soak
from voiceai.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
pytestmark = [pytest.mark.timeout(150), pytest.mark.asyncio(loop_scope="module")]

needs_sipp = pytest.mark.skipif(
    shutil.which("sipp") is None, reason="sipp: apt-get install sip-tester"
)


async def run_demo(folder: Path, **environment: str) -> dict[str, Any]:
    """Run the command as a newcomer does and return its figures."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "voiceai", "demo", "--json"),
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "PYTHONPATH": str(ROOT),
            "VOICEAI_DATA_DIR": str(folder / "data"),
            **environment,
        },
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        output, shown = await process.communicate()
    finally:
        if process.returncode is None:
            process.terminate()
            await process.wait()
    assert process.returncode == 0, shown.decode()[-3000:]
    figures: dict[str, Any] = json.loads(output)
    assert "I would like to make an appointment" in shown.decode()
    return figures


def seconds_of(recording: str) -> float:
    with wave.open(recording) as file:
        seconds: float = file.getnframes() / file.getframerate()
    return seconds


@dataclass(frozen=True)
class Runs:
    """What runs at the same time.

    Attributes:
        demo: As it comes.
        poor_demo: Where no program can be found.
        soak: A short one; it cannot do without SIPp.
        told: What the soak has said of its samples.
    """

    demo: asyncio.Task[dict[str, Any]]
    poor_demo: asyncio.Task[dict[str, Any]]
    soak: asyncio.Task[Report]
    told: list[str] = field(default_factory=list)


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def runs(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Runs]:
    """All of them, begun; those that need an Asterisk find it where the tests keep theirs."""
    folder = tmp_path_factory.mktemp("runs")
    (folder / "programs").mkdir()
    for name in ("whole/data", "soak"):
        (folder / name).mkdir(parents=True)
        (folder / name / "cache").symlink_to(cache_folder())
    settings = Settings(_env_file=None, voiceai_data_dir=folder / "soak")
    told: list[str] = []
    runs = Runs(
        asyncio.create_task(run_demo(folder / "whole")),
        asyncio.create_task(run_demo(folder / "without", PATH=str(folder / "programs"))),
        asyncio.create_task(run_real_soak(settings, minutes=0.15, calls=2, progress=told.append)),
        told,
    )
    yield runs
    tasks = (runs.demo, runs.poor_demo, runs.soak)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@needs_sipp
@pytest.mark.usefixtures("installation")
async def test_a_few_calls_leave_nothing_behind(runs: Runs) -> None:
    report = await runs.soak

    found = {measure.name: measure for measure in report.measures}
    assert found["calls that failed"].samples == (0,)
    assert max(found["channels"].samples) == 4
    assert len(runs.told) == len(found["channels"].samples) >= 3
    left = [name for name in report.over_budget if name.endswith("left behind")]
    assert left == []


@pytest.mark.usefixtures("installation")
async def test_a_whole_conversation_through_a_private_asterisk(runs: Runs) -> None:
    figures = await runs.demo

    assert figures["asterisk"].startswith("Asterisk 22")
    assert figures["turns"] == 11
    assert len(figures["latencies"]) == 5
    assert seconds_of(figures["recording"]) > 15


async def test_the_simulator_takes_its_place_where_no_asterisk_can_be_had(runs: Runs) -> None:
    figures = await runs.poor_demo

    assert figures["asterisk"].startswith("the simulator")
    assert figures["turns"] == 11
    assert seconds_of(figures["recording"]) > 15
