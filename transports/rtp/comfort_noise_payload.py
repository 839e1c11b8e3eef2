"""Comfort noise on the wire: RFC 3389. Pure: bytes in, values out.

::

     0                   1                   2
     0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 ...
    |0|   level     |      N1       |      N2       |  as many as the sender models
"""

from dataclasses import dataclass
from typing import Self

from transports.errors import PacketError

__all__ = ["COMFORT_NOISE_PAYLOAD_TYPE", "ComfortNoisePayload"]

COMFORT_NOISE_PAYLOAD_TYPE = 13
"""Static, for a clock of 8000 Hz (RFC 3389 section 5)."""

QUIETEST = 127
"""The level is the power below overload in dB: 0 is the loudest."""

LARGEST_CODE = 254
"""255 is reserved."""

CODE_OF_ZERO = 127
STEP = 258 / 32768
"""Of a reflection coefficient (section 3.2)."""


@dataclass(frozen=True, slots=True)
class ComfortNoisePayload:
    """What a pause of the sender sounds like.

    Attributes:
        level: Power in -dBov, 0..127.
        codes: The quantised reflection coefficients, 0..254 each; none says white noise.
    """

    level: int
    codes: tuple[int, ...] = ()

    @classmethod
    def parse(cls, payload: bytes) -> Self:
        """Decode a payload; the reserved bit of the level is ignored.

        Raises:
            PacketError: It is empty, or a coefficient has the reserved code. No other exception
                escapes, whatever the bytes.
        """
        if not payload:
            raise PacketError("comfort noise without a level")
        codes = tuple(payload[1:])
        if any(code > LARGEST_CODE for code in codes):
            raise PacketError("a reflection coefficient of the reserved code 255")
        return cls(payload[0] & QUIETEST, codes)

    @classmethod
    def of_level(cls, dbfs: float) -> Self:
        """Return white noise of the nearest level, in dB of full scale."""
        return cls(min(max(round(-dbfs), 0), QUIETEST))

    @property
    def dbfs(self) -> float:
        """The level in dB relative to a full-scale square wave, which is 0 dBov."""
        return -float(self.level)

    @property
    def reflection(self) -> tuple[float, ...]:
        """The reflection coefficients, each between -1 and 1."""
        return tuple((code - CODE_OF_ZERO) * STEP for code in self.codes)

    def serialize(self) -> bytes:
        """Encode for sending.

        Raises:
            ValueError: A field is out of the range that its attribute documents.
        """
        if not 0 <= self.level <= QUIETEST or any(not 0 <= c <= LARGEST_CODE for c in self.codes):
            raise ValueError(f"not encodable: {self}")
        return bytes((self.level, *self.codes))
