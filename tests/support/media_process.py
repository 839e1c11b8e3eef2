"""Programs that use a media process, and what they say."""

import asyncio
import contextlib
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.support.streams import FRAME, Phone
from transports.params import RtpParams
from transports.process.engine import ProcessEngine

ROOT = Path(__file__).parents[2]
PARAMS = RtpParams(port_min=19900, port_max=19941, placement="process")
LOUD = b"\x00\x20\x00\xe0" * (FRAME // 2)

WORKER = """
import asyncio, socket, sys
from transports.process.engine import ProcessEngine

class Inherited:
    async def start(self):
        return socket.socket(fileno=int(sys.argv[1]))
    async def end(self):
        pass

async def main():
    engine = ProcessEngine(Inherited(), slots=4)
    await engine.start()
    stream = await engine.open_stream()
    stream.connect(("127.0.0.1", int(sys.argv[2])))
    print(stream.port, flush=True)
    while True:
        await stream.write(b"\\x00\\x20\\x00\\xe0" * 8000)

asyncio.run(main())
"""

SUPERVISOR = """
import asyncio, sys
from transports.params import RtpParams
from transports.process.child import MediaProcess
from transports.process.engine import ProcessEngine

async def main():
    way_in = MediaProcess(RtpParams(port_min=19950, port_max=19961))
    engine = ProcessEngine(way_in, slots=4)
    await engine.start()
    stream = await engine.open_stream()
    stream.connect(("127.0.0.1", int(sys.argv[1])))
    print(way_in.pid, flush=True)
    await asyncio.sleep(60)

asyncio.run(main())
"""


def started(code: str, *arguments: str, inherits: Sequence[int] = ()) -> "subprocess.Popen[bytes]":
    """Start a Python program."""
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT, pass_fds=inherits)


@contextlib.contextmanager
def working(engine: ProcessEngine, phone: Phone) -> Iterator["subprocess.Popen[bytes]"]:
    """Another process that talks to the phone through our media process."""
    with (
        engine.admit() as way_in,
        started(
            WORKER, str(way_in.fileno()), str(phone.port), inherits=[way_in.fileno()]
        ) as worker,
    ):
        way_in.close()
        try:
            yield worker
        finally:
            worker.kill()


async def first_number(process: "subprocess.Popen[bytes]") -> int:
    """Return what it prints when it is set up."""
    assert process.stdout is not None
    return int(await asyncio.to_thread(process.stdout.readline))
