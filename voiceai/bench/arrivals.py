"""The receiver of ``bench jitter``: notes when the kernel got each packet, in its own process.

Run by :class:`voiceai.bench.companion.Companion`. It tells its port, and when asked the arrivals
since the last time: by sender, in the kernel's nanoseconds (SO_TIMESTAMPNS).
"""

import contextlib
import socket
import struct
import threading
import time
from collections import defaultdict
from typing import Final

from voiceai.bench.companion import read_message, tell

SO_TIMESTAMPNS: Final = 35
"""From <asm-generic/socket.h>; Python does not name it."""
TIMESPEC: Final = struct.Struct("@ll")
RECEIVE_BUFFER: Final = 4 << 20
DATAGRAM_BYTES: Final = 2048
WAKE_SECONDS: Final = 0.2


class Receiver:
    """Reads one socket in a thread.

    Attributes:
        port: Of the socket.
        by_kernel: Whether the times are the kernel's; else they are taken after the read.
    """

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
        self._socket.bind(("127.0.0.1", 0))
        self._socket.settimeout(WAKE_SECONDS)
        try:
            self._socket.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
            self.by_kernel = True
        except OSError:
            self.by_kernel = False
        self.port: int = self._socket.getsockname()[1]
        self._arrivals: defaultdict[int, list[int]] = defaultdict(list)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def take(self) -> dict[int, list[int]]:
        """Return nanoseconds of arrival by the sender's port, and begin anew."""
        taken, self._arrivals = self._arrivals, defaultdict(list)
        return dict(taken)

    def close(self) -> None:
        """Stop reading."""
        self._ended.set()
        self._thread.join()
        self._socket.close()

    def _run(self) -> None:
        space = socket.CMSG_SPACE(TIMESPEC.size)
        while not self._ended.is_set():
            try:
                _, ancillary, _, source = self._socket.recvmsg(DATAGRAM_BYTES, space)
            except TimeoutError:
                continue
            at = time.time_ns()
            for level, kind, data in ancillary:
                if level == socket.SOL_SOCKET and kind == SO_TIMESTAMPNS:
                    seconds, nanoseconds = TIMESPEC.unpack(data)
                    at = seconds * 1_000_000_000 + nanoseconds
            self._arrivals[source[1]].append(at)


def main() -> None:
    """Receive until the parent closes our standard input; each message asks for the arrivals."""
    if read_message() is None:
        return
    with contextlib.closing(Receiver()) as receiver:
        tell("listening", port=receiver.port, by_kernel=receiver.by_kernel)
        while read_message() is not None:
            tell("arrivals", by_sender=receiver.take())


if __name__ == "__main__":
    main()
