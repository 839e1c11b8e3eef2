"""`make demo`: one call on the embedded default, with and without an Asterisk."""

import asyncio
import json
import os
import sys
import wave
from pathlib import Path
from typing import Any

import pytest

from asterisk.runtime import Installation

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.timeout(150)


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
    output, shown = await process.communicate()
    assert process.returncode == 0, shown.decode()[-3000:]
    figures: dict[str, Any] = json.loads(output)
    assert "I would like to make an appointment" in shown.decode()
    return figures


def seconds_of(recording: str) -> float:
    with wave.open(recording) as file:
        seconds: float = file.getnframes() / file.getframerate()
    return seconds


async def test_a_whole_conversation_through_a_private_asterisk(
    installation: Installation, tmp_path: Path
) -> None:
    figures = await run_demo(tmp_path)

    assert figures["asterisk"].startswith("Asterisk 22")
    assert figures["turns"] == 11
    assert len(figures["latencies"]) == 5
    assert seconds_of(figures["recording"]) > 15


async def test_the_simulator_takes_its_place_where_no_asterisk_can_be_had(tmp_path: Path) -> None:
    programs = tmp_path / "programs"
    programs.mkdir()

    figures = await run_demo(tmp_path, PATH=str(programs))

    assert figures["asterisk"].startswith("the simulator")
    assert figures["turns"] == 11
    assert seconds_of(figures["recording"]) > 15
