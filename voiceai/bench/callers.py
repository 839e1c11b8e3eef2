"""The load of ``bench capacity``: people who speak and listen over RTP, in their own process.

Run by :class:`voiceai.bench.companion.Companion`, pinned to a core of its own. It notes by the
kernel's clock what each caller gets, and tells when asked. Messages::

    {"calls": n}                 -> "ports", one per caller
    {"targets": [port, ...]}     so many callers begin to talk, in turn
    {"measure": seconds}         -> "heard", after so long
"""

import contextlib
import os
import secrets
import socket
import struct
import threading
import time
from pathlib import Path
from typing import Any, Final

from transports.rtp.packet import RtpPacket
from voiceai.bench.companion import read_message, tell
from voiceai.bench.listener import Listener
from voiceai.bench.payloads import SLOT_SAMPLES, SLOT_SECONDS, payloads_of, quiet_room
from voiceai.priority import prefer_this_thread

PCMA: Final = 8
NOISE_SLOTS: Final = 97
SO_TIMESTAMPNS: Final = 35
TIMESPEC: Final = struct.Struct("@ll")
DATAGRAM_BYTES: Final = 2048

Sentence = tuple[list[bytes], int]
"""Payloads of 20 ms, and the number of the last one with voice."""


class Caller:
    """One caller.

    Args:
        number: Among all callers.
        sentences: What is said: payloads, and the last one with voice.
        noise: Payloads of a quiet room.
        pauses: Whether the far side sends nothing when it is silent.
    """

    def __init__(
        self, number: int, sentences: list[Sentence], noise: list[bytes], *, pauses: bool
    ) -> None:
        self._number = number
        self._sentences = sentences
        self._noise = noise
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        self._socket.bind(("127.0.0.1", 0))
        self._socket.settimeout(0)
        self.port: int = self._socket.getsockname()[1]
        self.listener = Listener(pauses=pauses)
        self._target: tuple[str, int] | None = None
        self._ssrc = secrets.randbits(32)
        self._sequence = 0
        self._slot = 0

    def begin(self, target: int | None, wait_slots: int) -> None:
        """Talk to a port, the first sentence after so many slots; None is silent."""
        self._target = ("127.0.0.1", target) if target else None
        self._slot = -wait_slots

    def send(self, period: int) -> None:
        """Send the next packet; every ``period`` slots a sentence begins."""
        if self._target is None:
            return
        payload, at, last = self._noise[(self._sequence * 7) % NOISE_SLOTS], 0, -1
        if self._slot >= 0:
            turn, at = divmod(self._slot, period)
            said, last = self._sentences[(turn + self._number) % len(self._sentences)]
            payload = said[at] if at < len(said) else payload
            if at == 0:
                self.listener.begins()
        packet = RtpPacket(
            PCMA,
            self._sequence % (1 << 16),
            self._sequence * SLOT_SAMPLES % (1 << 32),
            self._ssrc,
            payload,
            marker=self._sequence == 0,
        )
        self._sequence += 1
        self._slot += 1
        with contextlib.suppress(OSError):
            self._socket.sendto(packet.serialize(), self._target)
        if at == last:
            self.listener.ended(time.time_ns())

    def hear(self) -> None:
        """Take what came."""
        while True:
            try:
                data, ancillary, _, _ = self._socket.recvmsg(DATAGRAM_BYTES, 64)
            except OSError:
                return
            for level, kind, stamp in ancillary:
                if level == socket.SOL_SOCKET and kind == SO_TIMESTAMPNS:
                    seconds, nanoseconds = TIMESPEC.unpack(stamp)
                    self.listener.heard(data, seconds * 1_000_000_000 + nanoseconds)


class Crowd:
    """All callers, kept in time by a thread with absolute deadlines.

    Args:
        sentences: As a caller has them.
        period: Slots from one sentence of a caller to the next.
        pauses: Whether the far side sends nothing when it is silent.

    Attributes:
        callers: All of them, talking or not.
        worst_lateness: Of a round of packets since the last measurement began, seconds.
    """

    def __init__(self, sentences: list[Sentence], period: int, *, pauses: bool) -> None:
        self.callers: list[Caller] = []
        self.worst_lateness = 0.0
        self._sentences = sentences
        self._noise = quiet_room(NOISE_SLOTS)
        self._period = period
        self._pauses = pauses
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def grow(self, count: int) -> list[int]:
        """Have so many callers at least; return the ports of so many."""
        with self._lock:
            while len(self.callers) < count:
                number = len(self.callers)
                self.callers.append(
                    Caller(number, self._sentences, self._noise, pauses=self._pauses)
                )
        return [caller.port for caller in self.callers[:count]]

    def begin(self, targets: list[int]) -> None:
        """Let callers talk to these ports, evenly spread over a period; the others are silent."""
        with self._lock:
            for number, caller in enumerate(self.callers):
                target = targets[number] if number < len(targets) else None
                caller.begin(target, 1 + self._period * number // max(len(targets), 1))

    def measure(self, seconds: float) -> dict[str, Any]:
        """Return what is heard from now on, for so long."""
        with self._lock:
            self.worst_lateness = 0.0
            for caller in self.callers:
                caller.listener.forget()
        used = time.process_time()
        time.sleep(seconds)
        used = time.process_time() - used
        with self._lock:
            now = time.time_ns()
            listeners = [caller.listener for caller in self.callers]
            return {
                "gaps": [round(gap, 3) for each in listeners for gap in each.gaps],
                "waits": [round(wait, 1) for each in listeners for wait in each.waits],
                "missed": sum(each.missed + each.is_overdue(now) for each in listeners),
                "early": sum(each.early for each in listeners),
                "worst_lateness": self.worst_lateness,
                "cpu_share": used / seconds,
            }

    def close(self) -> None:
        """Stop."""
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        deadline = time.monotonic()
        while not self._ended.is_set():
            with self._lock:
                self.worst_lateness = max(self.worst_lateness, time.monotonic() - deadline)
                for caller in self.callers:
                    caller.send(self._period)
                    caller.hear()
            deadline += SLOT_SECONDS
            time.sleep(max(deadline - time.monotonic(), 0))


def main() -> None:
    """Talk until the parent closes our standard input."""
    greeting = read_message()
    if greeting is None:
        return
    os.sched_setaffinity(0, {greeting["core"]})
    prefer_this_thread()
    sentences = [(payloads_of(Path(file).read_bytes()), ends) for file, ends in greeting["speech"]]
    period = round(greeting["turn_seconds"] / SLOT_SECONDS)
    with contextlib.closing(Crowd(sentences, period, pauses=greeting["pauses"])) as crowd:
        while (message := read_message()) is not None:
            if "calls" in message:
                tell("ports", ports=crowd.grow(message["calls"]))
            if "targets" in message:
                crowd.begin(message["targets"])
            if "measure" in message:
                tell("heard", **crowd.measure(message["measure"]))


if __name__ == "__main__":
    main()
