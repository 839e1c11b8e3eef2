"""The media process as its parent sees it: started, and reaped when it has ended."""

import asyncio
import socket
import subprocess
import sys
from pathlib import Path

from transports.params import RtpParams
from transports.process.channel import socket_pair

__all__ = ["MediaProcess"]

PACKAGES = Path(__file__).parents[2]
"""Where the child finds the same packages that the parent has."""

END_SECONDS = 2.0
"""How long it may take to end once it was told."""


class MediaProcess:
    """Starts the media process, again if it has ended.

    Args:
        params: Of its engine.
    """

    def __init__(self, params: RtpParams) -> None:
        self._params = params
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """Of the process that was started last."""
        return None if self._child is None else self._child.pid

    async def start(self) -> socket.socket:
        """Start it, and return the supervisor's end of its socket."""
        ours, theirs = socket_pair()
        command = [
            sys.executable,
            "-m",
            "transports.process",
            str(theirs.fileno()),
            self._params.model_dump_json(),
        ]
        try:
            self._child = await asyncio.to_thread(
                subprocess.Popen,
                command,
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                cwd=PACKAGES,
                start_new_session=True,
            )
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
        return ours

    async def end(self) -> None:
        """Wait until it has ended; our end of its socket is closed. Idempotent."""
        child, self._child = self._child, None
        if child is not None:
            await asyncio.to_thread(_reap, child)


def _reap(child: "subprocess.Popen[bytes]") -> None:
    try:
        child.wait(END_SECONDS)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
