"""Other people's SIP against ours: SIPp as caller and callee, pjsua as a telephone."""

import asyncio
import shutil
import socket
import sys
import wave
from pathlib import Path

import numpy as np
import pytest

from tests.support.ports import free_port
from tests.support.provider import ECHO, Provider
from transports.audio.codec import Codec
from voiceai.bench.sip_caller import SipCaller
from voiceai.bench.sipp import caller_scenario, reinviting_scenario, run_sipp

SIPP_HOST = "127.0.0.5"

PJSUA_CALLER = Path(__file__).parents[1] / "support" / "pjsua_caller.py"

TONE = (8000 * np.sin(2 * np.pi * 440 * np.arange(8000) / 8000)).astype("<i2").tobytes()
"""One second at 440 Hz, 16-bit at 8 kHz."""

pytestmark = pytest.mark.usefixtures("beside_whole_runs")

needs_sipp = pytest.mark.skipif(
    shutil.which("sipp") is None, reason="sipp is not on PATH: apt-get install sip-tester"
)


@needs_sipp
async def test_a_callee_who_holds_and_resumes_is_answered_and_obeyed(
    caller: SipCaller, tmp_path: Path
) -> None:
    callee = (SIPP_HOST, free_port(SIPP_HOST, socket.SOCK_DGRAM))
    async with asyncio.TaskGroup() as group:
        sipp = group.create_task(run_sipp(reinviting_scenario(), tmp_path, local=callee))
        call = await caller.dial("600", via=callee)
        end = await asyncio.wait_for(call.ended, 10)

    result = sipp.result()
    assert (result.successful, result.failed) == (1, 0), result.errors
    assert (end.by, end.reason) == ("callee", "Q.850;cause=16")
    methods = [request.method for _, request in call.requests]
    assert methods == ["INVITE", "ACK", "INVITE", "ACK", "BYE"]
    held_at, resumed_at = (time for time, request in call.requests if request.method == "INVITE")
    while_held = [p for p in call.spoken.packets if held_at + 0.02 < p.at < resumed_at]
    assert while_held == []
    assert call.spoken.packets[-1].at > resumed_at


@needs_sipp
async def test_twenty_callers_at_a_time_are_answered(provider: Provider, tmp_path: Path) -> None:
    (tmp_path / "noise.alaw").write_bytes(Codec.ALAW.encode(bytes(16_000)))
    scenario = caller_scenario(milliseconds=1000, audio=tmp_path / "noise.alaw")

    result = await run_sipp(
        scenario,
        tmp_path,
        local=(SIPP_HOST, free_port(SIPP_HOST, socket.SOCK_DGRAM)),
        target=provider.address,
        number=ECHO,
        calls=20,
        per_second=20,
    )

    assert (result.successful, result.failed) == (20, 0), result.errors


async def test_pjsua_hears_its_own_words_from_the_echo(provider: Provider, tmp_path: Path) -> None:
    pytest.importorskip("pjsua2", reason="no wheel of pjsua2-python for this Python and machine")
    spoken, heard = tmp_path / "spoken.wav", tmp_path / "heard.wav"
    with wave.open(str(spoken), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(TONE)
    host, port = provider.address

    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(PJSUA_CALLER),
        f"sip:{ECHO}@{host}:{port}",
        "127.0.0.6",
        str(spoken),
        str(heard),
        "2.5",
        stdout=asyncio.subprocess.PIPE,
    )
    output, _ = await asyncio.wait_for(process.communicate(), 20)

    assert (process.returncode, output.split()[-1]) == (0, b"200")
    with wave.open(str(heard)) as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(np.float64)
        rate = file.getframerate()
    loud = samples[np.abs(samples) > 2000]
    assert len(loud) / rate > 0.5
    spectrum = np.abs(np.fft.rfft(samples))
    assert spectrum.argmax() * rate / len(samples) == pytest.approx(440, abs=2)
