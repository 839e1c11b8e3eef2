"""A playout buffer with its clock, and audio that says where in the stream it belongs."""

from transports.rtp.jitter import Audio, Piece, PlayoutBuffer, Put
from transports.rtp.spread import PlayoutRange

TICK = 0.02
DELAY = 0.04
FRAME = 160
NOTHING = [None] * FRAME


def pcm(position: int, samples: int = FRAME) -> bytes:
    """Return samples that say where in the stream they belong."""
    return b"".join((position + offset).to_bytes(2, "little") for offset in range(samples))


def positions(pieces: tuple[Piece, ...]) -> list[int | None]:
    """Return the place in the stream of each sample of a frame; ``None`` where there was none."""
    found: list[int | None] = []
    for piece in pieces:
        if isinstance(piece, Audio):
            found += [
                int.from_bytes(piece.pcm[at : at + 2], "little")
                for at in range(0, len(piece.pcm), 2)
            ]
        else:
            found += [None] * piece.samples
    return found


def fixed(delay: float) -> PlayoutRange:
    return PlayoutRange(delay, delay)


def play(buffer: PlayoutBuffer, now: float) -> tuple[Piece, ...]:
    buffer.tick(now)
    return buffer.get()


def frame(number: int) -> list[int]:
    return list(range(FRAME * number, FRAME * (number + 1)))


class Line:
    """A buffer with its clock: packets of 20 ms, one tick after another."""

    def __init__(self, *, delay: float = DELAY, capacity: int = 4000, first: int = 0) -> None:
        self.buffer = PlayoutBuffer(fixed(delay), capacity=capacity)
        self.first_timestamp = first
        self.now = 100.0

    def put(self, number: int, *, jump: int = 0, at: float | None = None) -> Put:
        """Deliver packet ``number``, its timestamp ``jump`` samples further than it should be."""
        timestamp = self.first_timestamp + FRAME * number + jump
        now = self.now if at is None else at
        return self.buffer.put(0x10000 + number, timestamp, pcm(FRAME * number), now)

    def tick(self) -> list[int | None]:
        played = positions(play(self.buffer, self.now))
        self.now += TICK
        return played

    def start(self, packets: int = 3) -> None:
        """Play packet 0, with ``packets - 1`` behind it."""
        for number in range(packets):
            self.put(number)
        self.now += DELAY
        assert self.tick() == frame(0)
