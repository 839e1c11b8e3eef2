"""The callers of ``bench barge-in``: they let the assistant speak, then speak over it.

Run by :class:`voiceai.bench.companion.Companion`. Each keeps a 20 ms clock of its own, at a phase
of its own, and writes down what it hears from when it begins to speak.
"""

import heapq
import random
import secrets
import select
import socket
import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from transports.audio.g711 import Alaw
from transports.rtp.packet import RtpPacket
from voiceai.bench.companion import read_message, tell
from voiceai.bench.payloads import SLOT_SAMPLES, SLOT_SECONDS, payloads_of, quiet_room

ALAW: Final = Alaw()
PCMA: Final = 8
NOISE_SLOTS: Final = 50
SPEECH_DBFS: Final = -45.0
"""Packets above are speech, as for the bench telephone."""
SOFTEST_DB: Final = 15.0
"""Below a sentence's own level: its first packet above that is its onset."""
DUCKED_DB: Final = 9.0
"""A packet so much below the assistant's level is lowered."""
SETTLED_SAMPLES: Final = 40
"""Behind the ramp at the beginning of a packet."""
LISTENED_PACKETS: Final = (40, 100)
"""The assistant speaks for 0.8 to 2 s before it is interrupted."""
WATCHED_SECONDS: Final = 1.0
SILENT_PACKETS: Final = 5
"""Without speech: the assistant is silent, and has not paused."""
LEVELS_DBFS: Final = (-30.0, -20.0, -12.0)
"""Of speech: a low voice, the usual one, a loud one."""


@dataclass(frozen=True, slots=True)
class Reaction:
    """What an interruption did, in monotonic seconds; None where it did nothing.

    Attributes:
        call: Number of the caller.
        onset: The caller's first packet of speech was sent.
        ducked: The first lowered packet came.
        silent: The last packet with the assistant's speech came.
        level: Of the caller's sentence, dBFS.
    """

    call: int
    onset: float
    ducked: float | None
    silent: float | None
    level: float


class Packet(NamedTuple):
    """What came of the assistant.

    Attributes:
        at: When, monotonic seconds.
        head: Level of its first 5 ms, in which every change of level happens; dBFS.
        body: Level of the rest.
    """

    at: float
    head: float
    body: float


def reaction_of(
    call: int, onset: float, level: float, usual: float, heard: Sequence[Packet]
) -> Reaction | None:
    """Find an interruption's effect in what was heard from its beginning; None if all was silent.

    Args:
        call: Number of the caller.
        onset: When speech began.
        level: Of it, dBFS.
        usual: Level of the assistant before, dBFS.
        heard: The packets, the whole watch long.
    """
    after = [packet for packet in heard if packet.at >= onset]
    ducked = next((packet.at for packet in after if packet.body < usual - DUCKED_DB), None)
    spoken = [
        place for place, packet in enumerate(after) if max(packet.head, packet.body) > SPEECH_DBFS
    ]
    if not spoken:
        return None
    following = [*spoken[1:], len(after)]
    silent = next(
        (
            after[place].at
            for place, next_place in zip(spoken, following, strict=True)
            if next_place - place > SILENT_PACKETS
        ),
        None,
    )
    return Reaction(call, onset, ducked, silent, level)


class Interrupter:
    """One caller.

    Args:
        number: Among all callers.
        sentences: What may be said, samples of -1..1 at full scale.
        noise: Payloads of a quiet room.
        choice: Its own.
    """

    def __init__(
        self,
        number: int,
        sentences: Sequence[NDArray[np.float32]],
        noise: Sequence[bytes],
        choice: random.Random,
    ) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.settimeout(0)
        self.port: int = self.socket.getsockname()[1]
        self.target: tuple[str, int] | None = None
        self._number = number
        self._sentences = sentences
        self._noise = noise
        self._choice = choice
        self._ssrc = secrets.randbits(32)
        self._slot = 0
        self._saying: deque[bytes] = deque()
        self._level = self._softest = 0.0
        self._onset: float | None = None
        self._spoken: deque[float] = deque(maxlen=LISTENED_PACKETS[0])
        self._patience = choice.randint(*LISTENED_PACKETS)
        self._usual = 0.0
        self._heard: list[Packet] = []
        self._watch_until = 0.0

    def send(self, now: float) -> Reaction | None:
        """Send the next packet; return what the last interruption did, once it is known."""
        if self.target is None:
            return None
        if self._patience <= 0 and not self._saying and not self._watch_until:
            self._begin()
        payload = self._saying.popleft() if self._saying else self._noise[self._slot % 50]
        packet = RtpPacket(
            PCMA,
            self._slot % (1 << 16),
            self._slot * SLOT_SAMPLES % (1 << 32),
            self._ssrc,
            payload,
            marker=self._slot == 0,
        )
        self._slot += 1
        self.socket.sendto(packet.serialize(), self.target)
        if self._watch_until and self._onset is None and _level(payload) > self._softest:
            self._onset = now
            self._watch_until = now + WATCHED_SECONDS
        if not self._watch_until or now < self._watch_until:
            return None
        return self._end()

    def receive(self, now: float) -> None:
        """Take what has come."""
        while True:
            try:
                data = self.socket.recv(2048)
            except BlockingIOError:
                return
            payload = RtpPacket.parse(data).payload
            level = _level(payload[SETTLED_SAMPLES:])
            if self._watch_until:
                self._heard.append(Packet(now, _level(payload[:SETTLED_SAMPLES]), level))
            elif level > SPEECH_DBFS and not self._saying:
                self._spoken.append(level)
                self._patience -= 1

    def _begin(self) -> None:
        sentence = self._choice.choice(self._sentences)
        self._level = self._choice.choice(LEVELS_DBFS)
        self._softest = max(self._level - SOFTEST_DB, SPEECH_DBFS)
        samples = sentence * 10 ** (self._level / 20)
        late = np.zeros(self._choice.randrange(SLOT_SAMPLES), np.float32)
        pcm = np.clip(np.concatenate((late, samples)) * 32767, -32768, 32767)
        self._saying.extend(payloads_of(pcm.astype("<i2").tobytes()))
        self._usual = float(np.median(list(self._spoken)))
        self._watch_until = float("inf")

    def _end(self) -> Reaction | None:
        onset, self._onset, self._watch_until = self._onset, None, 0.0
        heard, self._heard = self._heard, []
        self._spoken.clear()
        self._patience = self._choice.randint(*LISTENED_PACKETS)
        if onset is None:
            return None
        return reaction_of(self._number, onset, self._level, self._usual, heard)


class Crowd:
    """All callers, on one thread; each has its own phase of the 20 ms."""

    def __init__(self, callers: Sequence[Interrupter], choice: random.Random) -> None:
        self.reactions: list[Reaction] = []
        self._callers = callers
        self._ended = threading.Event()
        now = time.monotonic()
        self._due = [
            (now + choice.uniform(0, SLOT_SECONDS), place) for place in range(len(callers))
        ]
        heapq.heapify(self._due)
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def close(self) -> None:
        """Stop."""
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        poll = select.epoll()
        by_file = {caller.socket.fileno(): caller for caller in self._callers}
        for file in by_file:
            poll.register(file, select.EPOLLIN)
        while not self._ended.is_set():
            deadline = self._due[0][0]
            for file, _ in poll.poll(max(deadline - time.monotonic(), 0)):
                by_file[file].receive(time.monotonic())
            while (now := time.monotonic()) >= self._due[0][0]:
                deadline, place = self._due[0]
                heapq.heapreplace(self._due, (deadline + SLOT_SECONDS, place))
                reaction = self._callers[place].send(now)
                if reaction is not None:
                    self.reactions.append(reaction)


def _level(payload: bytes) -> float:
    samples = np.frombuffer(ALAW.decode(payload), "<i2").astype(np.float32) / 32768
    return 10 * float(np.log10(np.dot(samples, samples) / max(len(samples), 1) + 1e-10))


def _sentence(file: Path) -> NDArray[np.float32]:
    """Read 16-bit samples; bring the louder half of them to 0 dBFS, and begin with speech."""
    samples = np.frombuffer(file.read_bytes(), "<i2").astype(np.float32) / 32768
    power = np.convolve(samples**2, np.ones(SLOT_SAMPLES) / SLOT_SAMPLES, "same")
    level = float(np.sqrt(np.mean(power[power > np.median(power)])))
    first = int(np.argmax(np.abs(samples) > 0.02 * level))
    return (samples[first:] / level).astype(np.float32)


def main() -> None:
    """Interrupt until the parent closes our standard input."""
    greeting: dict[str, Any] | None = read_message()
    if greeting is None:
        return
    sentences = [_sentence(Path(file)) for file in greeting["speech"]]
    noise = quiet_room(NOISE_SLOTS)
    choice = random.Random(greeting["seed"])  # noqa: S311 - a load, no secret
    callers = [
        Interrupter(number, sentences, noise, random.Random(choice.random()))  # noqa: S311
        for number in range(greeting["calls"])
    ]
    tell("ports", ports=[caller.port for caller in callers])
    crowd = Crowd(callers, choice)
    try:
        while (message := read_message()) is not None:
            for caller, port in zip(callers, message["ports"], strict=False):
                caller.target = ("127.0.0.1", port)
            reactions, crowd.reactions = crowd.reactions, []
            tell("reactions", reactions=[asdict(reaction) for reaction in reactions])
    finally:
        crowd.close()


if __name__ == "__main__":
    main()
