"""How a fake service treats one request: at once, late, wrongly, by halves or never. Pure."""

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = [
    "DROP",
    "GOOD",
    "IGNORE",
    "SILENT",
    "STALL",
    "Behaviour",
    "Script",
    "Trouble",
    "close_after",
    "drop_after",
    "stall_after",
]


class Trouble(enum.Enum):
    """What happens to an answer that does not come to its end."""

    STALL = "stall"
    """Nothing more is sent until the script changes, and the connection stays open."""
    IGNORE = "ignore"
    """The same, and websockets are not even opened."""
    DROP = "drop"
    """The connection is reset."""
    CLOSE = "close"
    """The answer ends as if it were whole, and a websocket with code 1011."""


@dataclass(frozen=True, slots=True)
class Behaviour:
    """How one request is treated.

    Attributes:
        first_delay_seconds: Before the first byte of the answer, its headers included; of a
            streaming recognition: before each final text.
        piece_delay_seconds: Before each further piece: a delta, a message, 0.1 s of audio.
        status: Anything but 200 is answered in place of all else; of a websocket, to its upgrade.
        retry_after_seconds: With such a status: the header ``Retry-After``.
        message: With such a status: the words of the error; the service's own unless given.
        trouble: What becomes of the answer after `pieces_before_trouble` pieces.
        pieces_before_trouble: 0 is before anything was sent.
        silent: Audio is zeros, and whoever listens understands nothing.
    """

    first_delay_seconds: float = 0.0
    piece_delay_seconds: float = 0.0
    status: int = 200
    retry_after_seconds: float | None = None
    message: str = ""
    trouble: Trouble | None = None
    pieces_before_trouble: int = 0
    silent: bool = False

    def trouble_at(self, piece: int) -> Trouble | None:
        """Return what becomes of piece number `piece`, from 0."""
        return self.trouble if piece >= self.pieces_before_trouble else None


def stall_after(pieces: int) -> Behaviour:
    """Return the behaviour that sends so many pieces and then nothing."""
    return Behaviour(trouble=Trouble.STALL, pieces_before_trouble=pieces)


def drop_after(pieces: int) -> Behaviour:
    """Return the behaviour that sends so many pieces and resets the connection."""
    return Behaviour(trouble=Trouble.DROP, pieces_before_trouble=pieces)


def close_after(pieces: int) -> Behaviour:
    """Return the behaviour that sends so many pieces and ends the answer as if it were whole."""
    return Behaviour(trouble=Trouble.CLOSE, pieces_before_trouble=pieces)


GOOD = Behaviour()
SILENT = Behaviour(silent=True)
STALL = stall_after(0)
IGNORE = Behaviour(trouble=Trouble.IGNORE)
DROP = drop_after(0)


@dataclass(frozen=True, slots=True)
class Script:
    """How each request is treated.

    Attributes:
        always: Any request that is not named.
        numbered: By the request's number, from 1.
    """

    always: Behaviour = GOOD
    numbered: Mapping[int, Behaviour] = field(default_factory=dict[int, Behaviour])

    def behaviour(self, number: int) -> Behaviour:
        """Return how request number `number`, from 1, is treated."""
        return self.numbered.get(number, self.always)
