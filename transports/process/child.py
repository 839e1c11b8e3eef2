"""The media process as its parent sees it: started, and reaped when it has ended."""

import asyncio
import socket
import subprocess
import sys
import threading
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
        self._ownership = threading.Lock()  # of a child that is being started

    @property
    def pid(self) -> int | None:
        """Of the process that was started last."""
        return None if self._child is None else self._child.pid

    async def start(self) -> socket.socket:
        """Start it, and return the supervisor's end of its socket.

        A thread does it, which nothing stops: if nobody waits for it any more, the child ends.
        """
        ours, theirs = socket_pair()
        abandoned = threading.Event()
        loop = asyncio.get_running_loop()
        starting = loop.run_in_executor(None, self._spawn, theirs, abandoned)
        try:
            await asyncio.shield(starting)
        except BaseException:
            ours.close()
            with self._ownership:
                abandoned.set()
                child, self._child = self._child, None
            _kill(child)
            raise
        return ours

    async def end(self) -> None:
        """Wait until it has ended; our end of its socket is closed. Idempotent."""
        child, self._child = self._child, None
        if child is not None:
            await asyncio.to_thread(_reap, child)

    def _spawn(self, theirs: socket.socket, abandoned: threading.Event) -> None:
        command = [
            sys.executable,
            "-m",
            "transports.process",
            str(theirs.fileno()),
            self._params.model_dump_json(),
        ]
        with theirs:
            child = subprocess.Popen(  # noqa: S603  ourselves
                command,
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                cwd=PACKAGES,
                start_new_session=True,
            )
        with self._ownership:
            if not abandoned.is_set():
                self._child = child
                return
        _kill(child)


def _kill(child: "subprocess.Popen[bytes] | None") -> None:
    """End a child that does nothing yet, at once."""
    if child is not None:
        child.kill()
        child.wait()


def _reap(child: "subprocess.Popen[bytes]") -> None:
    try:
        child.wait(END_SECONDS)
    except subprocess.TimeoutExpired:
        _kill(child)
