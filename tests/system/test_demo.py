"""`make demo`: one call on the embedded default, with and without an Asterisk."""

import asyncio
import json
import os
import sys
import wave
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from asterisk.runtime import Installation

ROOT = Path(__file__).resolve().parents[2]
pytestmark = [pytest.mark.timeout(150), pytest.mark.asyncio(loop_scope="module")]

Demo = asyncio.Task[dict[str, Any]]


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


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def demos(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[Demo, Demo]]:
    """Two at the same time: as it comes, and where no program can be found."""
    folder = tmp_path_factory.mktemp("demo")
    programs = folder / "programs"
    programs.mkdir()
    both = (
        asyncio.create_task(run_demo(folder / "whole")),
        asyncio.create_task(run_demo(folder / "without", PATH=str(programs))),
    )
    yield both
    for demo in both:
        demo.cancel()
    await asyncio.wait(both)


async def test_a_whole_conversation_through_a_private_asterisk(
    installation: Installation, demos: tuple[Demo, Demo]
) -> None:
    figures = await demos[0]

    assert figures["asterisk"].startswith("Asterisk 22")
    assert figures["turns"] == 11
    assert len(figures["latencies"]) == 5
    assert seconds_of(figures["recording"]) > 15


async def test_the_simulator_takes_its_place_where_no_asterisk_can_be_had(
    demos: tuple[Demo, Demo],
) -> None:
    figures = await demos[1]

    assert figures["asterisk"].startswith("the simulator")
    assert figures["turns"] == 11
    assert seconds_of(figures["recording"]) > 15
