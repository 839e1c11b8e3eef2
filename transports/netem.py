"""A bad network for tests, benches and the demo. No socket, no clock: seeded, so it repeats."""

import heapq
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random

__all__ = ["GilbertElliott", "Impairments", "Network"]


@dataclass(frozen=True, slots=True)
class GilbertElliott:
    """Loss in bursts: two states, each with a loss rate of its own.

    Attributes:
        enter: Probability, per packet, to go from the good state to the bad one.
        leave: Probability, per packet, to go back; 1 / ``leave`` packets is a mean burst.
        loss: Probability that a packet in the bad state is lost.
    """

    enter: float
    leave: float
    loss: float = 1.0


@dataclass(frozen=True, slots=True)
class Impairments:
    """What happens to packets; nothing, by default. Times in seconds, the rest probabilities.

    Attributes:
        loss: Of any packet, independently.
        bursts: Loss on top of that, in bursts.
        delay: Of every packet.
        jitter: Uniformly more or less than ``delay``, up to this.
        keeps_order: Jitter never lets a packet overtake another, as in most real queues.
        reorder: That a packet is held back by ``reorder_delay`` more, and so overtaken.
        reorder_delay: How long.
        duplicate: That a packet arrives twice.
    """

    loss: float = 0.0
    bursts: GilbertElliott | None = None
    delay: float = 0.0
    jitter: float = 0.0
    keeps_order: bool = False
    reorder: float = 0.0
    reorder_delay: float = 0.03
    duplicate: float = 0.0


class Network:
    """One direction of a path.

    Attributes:
        sent: Datagrams put in.
        dropped: Datagrams that will never come out.
    """

    def __init__(self, impairments: Impairments, random: "random.Random") -> None:
        self.sent = 0
        self.dropped = 0
        self._impairments = impairments
        self._random = random
        self._bad = False
        self._latest = float("-inf")
        self._in_flight: list[tuple[float, int, bytes]] = []
        self._serial = 0

    def send(self, data: bytes, now: float) -> None:
        """Put a datagram in at ``now`` (seconds)."""
        self.sent += 1
        if self._loses():
            self.dropped += 1
            return
        self._launch(data, now)
        if self._random.random() < self._impairments.duplicate:
            self._launch(data, now)

    def receive(self, now: float) -> list[tuple[float, bytes]]:
        """Return what has come out by ``now``: arrival time and datagram, in that order."""
        arrived = []
        while self._in_flight and self._in_flight[0][0] <= now:
            at, _, data = heapq.heappop(self._in_flight)
            arrived.append((at, data))
        return arrived

    def deadline(self) -> float | None:
        """Return when the next datagram comes out; ``None`` if none is under way."""
        return self._in_flight[0][0] if self._in_flight else None

    def _loses(self) -> bool:
        bursts = self._impairments.bursts
        if bursts is not None:
            change = bursts.leave if self._bad else bursts.enter
            if self._random.random() < change:
                self._bad = not self._bad
            if self._bad and self._random.random() < bursts.loss:
                return True
        return self._random.random() < self._impairments.loss

    def _launch(self, data: bytes, now: float) -> None:
        impairments = self._impairments
        at = now + impairments.delay
        at += self._random.uniform(-impairments.jitter, impairments.jitter)
        at = max(at, now)
        if impairments.keeps_order:
            at = max(at, self._latest)
        self._latest = max(at, self._latest)
        if self._random.random() < impairments.reorder:
            at += impairments.reorder_delay
        self._serial += 1
        heapq.heappush(self._in_flight, (at, self._serial, data))
