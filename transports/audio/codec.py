"""The codecs of a call: what each is on the wire, and how one stream of it is coded.

Inside, all audio is 16-bit little-endian mono at 8 kHz. Payload types are those of RFC 3551
section 6, and 118, as which Asterisk sends its ``slin16``.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final, Protocol

from transports.audio.g711 import Alaw, Ulaw
from transports.audio.g722 import G722Decoder, G722Encoder
from transports.audio.l16 import L16, WidebandL16

__all__ = [
    "CODEC_OF_PAYLOAD_TYPE",
    "LAWS",
    "LAW_OF_PAYLOAD_TYPE",
    "Codec",
    "Decoder",
    "Encoder",
]

FIRST_DYNAMIC_PAYLOAD_TYPE = 96


class Encoder(Protocol):
    """Codes one stream, piece by piece."""

    def encode(self, pcm: bytes) -> bytes:
        """Code the next 16-bit samples of 8 kHz.

        Raises:
            ValueError: ``pcm`` has an odd number of bytes.
        """


class Decoder(Protocol):
    """Decodes one stream, packet by packet."""

    def decode(self, payload: bytes) -> bytes:
        """Return the next 16-bit samples of 8 kHz; ``payload`` is whole samples."""


class Codec(Enum):
    """What a stream is coded with; its value is Asterisk's name of the format."""

    ALAW = "alaw"
    ULAW = "ulaw"
    G722 = "g722"
    SLIN = "slin"
    SLIN16 = "slin16"

    __hash__ = object.__hash__  # an enumeration's own is written in Python, and packets ask for it

    @property
    def payload_type(self) -> int:
        """The RTP payload type, as we send it."""
        return _WIRE[self].payload_types[0]

    @property
    def is_static(self) -> bool:
        """Whether the payload type needs no agreement; Asterisk drops the others silently."""
        return self.payload_type < FIRST_DYNAMIC_PAYLOAD_TYPE

    @property
    def has_state(self) -> bool:
        """Whether what a packet decodes to depends on the packets before it."""
        return _WIRE[self].has_state

    @property
    def clock_rate(self) -> int:
        """What RTP timestamps count, per second (8000 for G.722 too, by RFC 3551)."""
        return _WIRE[self].clock_rate

    @property
    def sample_bytes(self) -> int:
        """On the wire, per sample of 8 kHz."""
        return _WIRE[self].sample_bytes

    def samples(self, payload_bytes: int) -> int | None:
        """Return how many samples of 8 kHz so many bytes hold; None if not whole ones."""
        samples, rest = divmod(payload_bytes, self.sample_bytes)
        return None if rest else samples

    def encoder(self) -> Encoder:
        """Return a coder for a new stream."""
        match self:
            case Codec.ALAW:
                return Alaw()
            case Codec.ULAW:
                return Ulaw()
            case Codec.G722:
                return G722Encoder()
            case Codec.SLIN:
                return L16()
            case Codec.SLIN16:
                return WidebandL16()

    def decoder(self) -> Decoder:
        """Return a decoder for a new stream."""
        match self:
            case Codec.ALAW:
                return Alaw()
            case Codec.ULAW:
                return Ulaw()
            case Codec.G722:
                return G722Decoder()
            case Codec.SLIN:
                return L16()
            case Codec.SLIN16:
                return WidebandL16()

    def encode(self, pcm: bytes) -> bytes:
        """Code a whole stream at once.

        Raises:
            ValueError: ``pcm`` has an odd number of bytes.
        """
        return self.encoder().encode(pcm)

    def decode(self, payload: bytes) -> bytes:
        """Decode a whole stream at once."""
        return self.decoder().decode(payload)


@dataclass(frozen=True, slots=True)
class _Wire:
    """How a codec appears in packets.

    Attributes:
        payload_types: That it is recognised by; the first is sent.
        sample_bytes: Per sample of 8 kHz.
        clock_rate: Of its timestamps.
        has_state: Whether packets depend on those before them.
    """

    payload_types: tuple[int, ...]
    sample_bytes: int
    clock_rate: int = 8000
    has_state: bool = False


_WIRE: Final[Mapping[Codec, _Wire]] = {
    Codec.ALAW: _Wire((8,), 1),
    Codec.ULAW: _Wire((0,), 1),
    Codec.G722: _Wire((9,), 1, has_state=True),
    Codec.SLIN: _Wire((10, 11), 2),  # both mean 44.1 kHz in RFC 3551, and 8 kHz to Asterisk
    Codec.SLIN16: _Wire((118,), 4, 16_000, has_state=True),
}

CODEC_OF_PAYLOAD_TYPE: Final[Mapping[int, Codec]] = {
    payload_type: codec for codec, wire in _WIRE.items() for payload_type in wire.payload_types
}

LAWS: Final = (Codec.ALAW, Codec.ULAW)
"""Those of G.711, without state."""

LAW_OF_PAYLOAD_TYPE: Final[Mapping[int, Codec]] = {law.payload_type: law for law in LAWS}
