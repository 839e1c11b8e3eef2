"""The way ``bare`` of ``bench jitter``: waits for a timer, sends a ready datagram for each stream.

Run by :class:`voiceai.bench.companion.Companion`, so that no other Python stands in its way, and
ranked as a media process is, which it tells once it sends.
"""

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Sequence
from typing import Final

from transports.rtp.events import FRAME_SAMPLES, FRAME_SECONDS
from transports.rtp.packet import HEADER_BYTES
from transports.scheduling import prefer_this_thread
from voiceai.bench.companion import read_message, tell

DATAGRAM: Final = bytes(HEADER_BYTES + FRAME_SAMPLES)
"""20 ms of G.711."""
SEND_BURST: Final = 3
"""Packets after a halt, as the media engine sends them."""


def send(senders: Sequence[socket.socket], port: int, has_ended: Callable[[], bool]) -> None:
    """Send from each socket every 20 ms, at absolute times, until the end; blocks.

    After a halt some packets leave at once, as of the media engine, and the others never do.
    """
    receiver = ("127.0.0.1", port)
    due = time.monotonic()
    while not has_ended():
        for sender in senders:
            sender.sendto(DATAGRAM, receiver)
        due += FRAME_SECONDS
        ahead = due - time.monotonic()
        if ahead > 0:
            time.sleep(ahead)
        else:
            due += max(int(-ahead / FRAME_SECONDS) - SEND_BURST, 0) * FRAME_SECONDS


def main() -> None:
    """Send as the parent's first message says, until it closes our standard input."""
    order = read_message()
    if order is None:
        return
    scheduling = prefer_this_thread()
    ended = threading.Event()
    with contextlib.ExitStack() as opened:
        senders = [
            opened.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
            for _ in range(order["count"])
        ]
        thread = threading.Thread(target=send, args=(senders, order["port"], ended.is_set))
        thread.start()
        try:
            tell("sending", scheduling=scheduling)
            read_message()
        finally:
            ended.set()
            thread.join()


if __name__ == "__main__":
    main()
