"""What a bad network does to what a bench telephone sends."""

import random
from collections.abc import Iterable
from typing import Final

from transports.netem import Impairments, Network

BAD: Final = Impairments(
    loss=0.03, delay=0.05, jitter=0.04, reorder=0.01, reorder_delay=0.03, duplicate=0.01
)
"""3 % are lost, 1 % overtaken, 1 % come twice, and all come up to 40 ms early or late."""

FURTHEST_SECONDS: Final = 10.0
"""No packet is under way for longer."""


class Path:
    """The way of a telephone's packets: `call.impairment = Path(BAD, seed=1)`.

    Attributes:
        network: What it is made of, which counts what it drops.
    """

    def __init__(self, impairments: Impairments, *, seed: int) -> None:
        self.network = Network(impairments, random.Random(seed))

    def __call__(self, datagram: bytes, now: float) -> Iterable[tuple[float, bytes]]:
        """Return after how many seconds, and how often, a datagram comes out."""
        self.network.send(datagram, now)
        arrived = self.network.receive(now + FURTHEST_SECONDS)
        return [(at - now, data) for at, data in arrived]
