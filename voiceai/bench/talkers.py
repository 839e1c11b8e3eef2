"""The callers of ``bench cpu``: many RTP streams of noise and speech, in their own process.

Run by :class:`voiceai.bench.companion.Companion`. What comes back is left in the sockets.
"""

import contextlib
import secrets
import socket
import threading
import time
from pathlib import Path
from typing import Any, Final

from transports.audio.codec import Codec
from transports.rtp.packet import RtpPacket
from voiceai.bench.companion import read_message, tell
from voiceai.bench.payloads import SLOT_SAMPLES, SLOT_SECONDS, payloads_of, quiet_room

NOISE_SLOTS: Final = 97


class Talker:
    """One caller: says a sentence every so often, and is in a quiet room in between."""

    def __init__(self, sentences: list[list[bytes]], noise: list[bytes], number: int) -> None:
        self._sentences = sentences
        self._noise = noise
        self._number = number
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self.target: tuple[str, int] | None = None
        self._ssrc = secrets.randbits(32)
        self._slot = 0

    def send(self, period: int, share: float) -> None:
        """Send the next packet.

        Args:
            period: Slots from one sentence to the next; 0 for none.
            share: Of a period by which this caller is ahead of the first, 0..1.
        """
        payload = self._noise[(self._slot * 7 + self._number) % NOISE_SLOTS]
        if period:
            turn, at = divmod(self._slot + round(share * period), period)
            sentence = self._sentences[(turn + self._number) % len(self._sentences)]
            payload = sentence[at] if at < len(sentence) else payload
        packet = RtpPacket(
            Codec.ALAW.payload_type,
            self._slot % (1 << 16),
            self._slot * SLOT_SAMPLES % (1 << 32),
            self._ssrc,
            payload,
            marker=self._slot == 0,
        )
        self._slot += 1
        if self.target is not None:
            with contextlib.suppress(OSError):
                self._socket.sendto(packet.serialize(), self.target)


class Crowd:
    """All callers, kept in time by a thread with absolute deadlines.

    Attributes:
        turn_seconds: From one sentence of a caller to the next; 0 lets them be silent.
    """

    def __init__(self, talkers: list[Talker]) -> None:
        self.turn_seconds = 0.0
        self._talkers = talkers
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def close(self) -> None:
        """Stop."""
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        deadline = time.monotonic()
        while not self._ended.is_set():
            period = round(self.turn_seconds / SLOT_SECONDS)
            for number, talker in enumerate(self._talkers):
                talker.send(period, number / len(self._talkers))
            deadline += SLOT_SECONDS
            time.sleep(max(deadline - time.monotonic(), 0))


def main() -> None:
    """Talk until the parent closes our standard input."""
    greeting: dict[str, Any] | None = read_message()
    if greeting is None:
        return
    sentences = [payloads_of(Path(file).read_bytes()) for file in greeting["speech"]]
    talkers = [
        Talker(sentences, quiet_room(NOISE_SLOTS), number) for number in range(greeting["calls"])
    ]
    tell("ports", ports=[talker.port for talker in talkers])
    with contextlib.closing(Crowd(talkers)) as crowd:
        while (message := read_message()) is not None:
            for talker, port in zip(talkers, message["ports"], strict=False):
                talker.target = ("127.0.0.1", port)
            crowd.turn_seconds = message["turn_seconds"]


if __name__ == "__main__":
    main()
