"""A stream's recording on disk: with secrets in it, and when the process is killed."""

import asyncio
import signal
import socket
import sys
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from pipelines.spec import RecordingSpec
from tests.support.recordings import read_recording
from transports import RtpParams, make_engine
from transports.audio.codec import Codec
from transports.audio.level import level_dbfs
from transports.engine import MediaEngine
from transports.rtp.packet import RtpPacket
from voiceai.recording.folder import RecordingFolder
from voiceai.recording.recorder import CallRecording
from voiceai.recording.writer import RecordingWriter

PARAMS = RtpParams(port_min=19720, port_max=19739)
PLACEMENTS = ("inline", "process") if sys.platform == "linux" else ("inline",)
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
FRAME = 160
TONE = (8000).to_bytes(2, "little") * FRAME
TEST_SECONDS = 5.0


@pytest.fixture(params=PLACEMENTS)
async def engine(request: pytest.FixtureRequest) -> AsyncIterator[MediaEngine]:
    engine = make_engine(PARAMS.model_copy(update={"placement": request.param}))
    await engine.start()
    yield engine
    await engine.close()


def loud_ticks(pcm: bytes) -> list[int]:
    """Which 20 ms are louder than noise."""
    ticks = range(len(pcm) // (2 * FRAME))
    return [
        tick for tick in ticks if level_dbfs(pcm[2 * FRAME * tick : 2 * FRAME * (tick + 1)]) > -40
    ]


async def test_what_is_typed_in_secret_is_silent_and_the_rest_is_not(
    engine: MediaEngine, tmp_path: Path
) -> None:
    """The caller sends a tone all the time, and the assistant speaks all the time."""
    stream = await engine.open_stream()
    loop = asyncio.get_running_loop()
    notes: list[Mapping[str, Any]] = []
    done = asyncio.Event()

    def note(recording: Mapping[str, Any]) -> None:
        notes.append(recording)
        if "seconds" in recording:
            done.set()

    writer = RecordingWriter(RecordingFolder(tmp_path))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as phone:
        phone.bind(("127.0.0.1", 0))
        stream.connect(phone.getsockname())
        began = loop.time()
        recording = CallRecording(
            "4f0c", stream, RecordingSpec(enabled=True), writer, note, wall_clock=NOW
        )
        masked_at = unmasked_at = 0.0
        for number in range(120):
            coded = Codec.ALAW.encode(TONE)
            packet = RtpPacket(8, number, number * FRAME, 5, coded).serialize()
            phone.sendto(packet, (stream.host, stream.port))
            if number == 65:
                recording.mask(masked=True)
                masked_at = loop.time() - began
            if number == 75:
                recording.mask(masked=False)
                unmasked_at = loop.time() - began
            await stream.write(TONE)
            await asyncio.sleep(0.005 if stream.queued_samples < 2 * FRAME else 0.02)
        recording.close()
    async with asyncio.timeout(TEST_SECONDS):
        await done.wait()
    await writer.close()

    beginning, end = notes
    path = tmp_path / beginning["path"]
    heard = read_recording(path)
    caller, assistant = map(loud_ticks, heard.channels)
    silent_from, silent_until = (masked_at - 1.0) / 0.02, (unmasked_at + 0.5) / 0.02
    assert not [tick for tick in caller if silent_from + 1 <= tick <= silent_until - 1]
    assert [tick for tick in caller if tick < silent_from - 1], "heard before"
    assert [tick for tick in caller if tick > silent_until + 1], "heard behind"
    assert len([tick for tick in assistant if silent_from <= tick <= silent_until]) > 40
    assert beginning == {
        "path": "recordings/2026-11-23/4f0c_30d.wav",
        "format": "wav",
        "codec": "alaw",
        "channels": "both",
        "keep_until": "2026-12-23",
        "complete": False,
    }
    assert (end["complete"], end["problem"], end["bytes"]) == (True, None, path.stat().st_size)
    assert end["seconds"] == pytest.approx(heard.seconds)


KILLED = """
import os, signal, sys
from datetime import date
from pathlib import Path
from transports.audio.codec import Codec
from voiceai.recording.folder import Recorded, RecordingFolder
from voiceai.recording.track import Block
from voiceai.recording.writer import RecordingFile, RecordingWriter

writer = RecordingWriter(RecordingFolder(Path(sys.argv[1])))
file = RecordingFile(Recorded("4f0c", date(2026, 11, 23), 30), Codec.ALAW, 2)
writer.begin(file)
for second in range(10_000):
    writer.put(file, Block(50 * second, 50, bytes([second % 256]) * 16_000))
    while file.ticks < 50 * (second - 2):
        pass
    if second == 20:
        os.kill(os.getpid(), signal.SIGKILL)
"""


async def test_a_process_that_is_killed_leaves_a_recording_that_plays(tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", KILLED, str(tmp_path))
    async with asyncio.timeout(30):
        assert await process.wait() == -signal.SIGKILL

    heard = read_recording(tmp_path / "recordings" / "2026-11-23" / "4f0c_30d.wav")
    assert 18 <= heard.seconds <= 21
    assert heard.channels[0][: 2 * 8000] == Codec.ALAW.decode(bytes(8000))
