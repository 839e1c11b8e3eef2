"""What is inside packets: told by their payload types, decoded by one decoder per stream."""

from collections.abc import Callable, Iterable
from typing import NamedTuple

from transports.audio.codec import CODEC_OF_PAYLOAD_TYPE, LAWS, Codec
from transports.rtp.events import SAMPLE_RATE
from transports.rtp.packet import HEADER_BYTES, VERSION_2
from transports.rtp.sequence import timestamp_difference

__all__ = ["LONGEST_PACKET", "SHORTEST_PACKET", "UNLIKE_ANY", "PayloadDecoder", "Usual"]

SHORTEST_PACKET = 40
LONGEST_PACKET = 1600
"""Samples of 8 kHz, 5 ms and 200 ms: what no peer goes beyond."""

REMEMBERED_SAMPLES = 1280
"""What a decoder is told again: 160 ms, five times what G.722 takes to forget. Whole packets are,
so more of them cost a far side that never keeps the order a good deal of everybody's time."""


class Usual(NamedTuple):
    """What most datagrams of a stream have in common.

    Attributes:
        length: In bytes.
        start: The first two bytes: none of the optional parts, no marker, and the payload type.
        decode: What makes samples, with timestamps of 8 kHz, of what follows the header.
    """

    length: int
    start: int
    decode: Callable[[bytes], bytes]


UNLIKE_ANY = Usual(-1, 0, bytes)


class PayloadDecoder:
    """Decodes what one source sends to 16-bit little-endian mono at 8 kHz.

    Attributes:
        spoken: What the audio was coded with last, or will be: telephone events go by its clock.

    Args:
        codecs: What is accepted besides both laws of G.711.
    """

    __slots__ = (
        "_agreed",
        "_clocks",
        "_codecs",
        "_decoders",
        "_divisors",
        "_sizes",
        "_stateless",
        "spoken",
    )

    def __init__(self, codecs: Iterable[Codec] = ()) -> None:
        agreed = tuple(codecs)
        self._codecs = {
            payload_type: codec
            for payload_type, codec in CODEC_OF_PAYLOAD_TYPE.items()
            if codec in (*LAWS, *agreed)
        }
        self._sizes = {codec: _sizes(codec) for codec in self._codecs.values()}
        self._divisors = {
            codec: codec.clock_rate // SAMPLE_RATE
            for codec in self._sizes
            if codec.clock_rate != SAMPLE_RATE
        }
        self.spoken = self._agreed = agreed[0] if agreed else LAWS[0]
        self._stateless = {
            codec: codec.decoder().decode
            for codec in self._sizes
            if not codec.has_state and codec not in self._divisors
        }
        self._decoders: dict[Codec, _OrderedDecoder] = {}
        self._clocks: dict[Codec, _SlowedClock] = {}

    def restart(self) -> None:
        """Begin a new source: what the last one said has no part in it."""
        self._decoders.clear()
        self._clocks.clear()
        self.spoken = self._agreed

    def codec(self, payload_type: int) -> Codec | None:
        """Return what a packet is coded with; None if that is not accepted."""
        return self._codecs.get(payload_type)

    def has_fitting_size(self, codec: Codec, payload: bytes) -> bool:
        """Say whether ``payload`` is whole samples, of 5 to 200 ms."""
        return len(payload) in self._sizes[codec]

    def usual(self, codec: Codec, payload_type: int, payload_bytes: int) -> Usual:
        """Return how to know packets like this one, if each of them can be decoded by itself."""
        decode = self._stateless.get(codec)
        if decode is None:
            return UNLIKE_ANY
        return Usual(HEADER_BYTES + payload_bytes, VERSION_2 << 8 | payload_type, decode)

    def decode(self, codec: Codec, number: int, payload: bytes) -> bytes:
        """Decode a packet.

        Args:
            codec: Of the packet.
            number: Its unwrapped sequence number.
            payload: Of a fitting size.
        """
        self.spoken = codec
        if codec in self._stateless:
            return self._stateless[codec](payload)
        decoder = self._decoders.get(codec)
        if decoder is None:
            decoder = self._decoders[codec] = _OrderedDecoder(codec)
        return decoder.decode(number, payload)

    def timestamp(self, codec: Codec, timestamp: int) -> int:
        """Return the packet's timestamp as a clock of 8 kHz would have made it, 32 bits."""
        if codec not in self._divisors:
            return timestamp
        clock = self._clocks.get(codec)
        if clock is None:
            clock = self._clocks[codec] = _SlowedClock(self._divisors[codec])
        return clock.slowed(timestamp)


def _sizes(codec: Codec) -> range:
    """Return which lengths of a payload, in bytes, are whole samples, of 5 to 200 ms."""
    size = codec.sample_bytes
    return range(SHORTEST_PACKET * size, LONGEST_PACKET * size + 1, size)


class _OrderedDecoder:
    """A decoder with state whose packets may come out of order.

    What they follow is told it once more.
    """

    __slots__ = ("_codec", "_decoder", "_recent")

    def __init__(self, codec: Codec) -> None:
        self._codec = codec
        self._decoder = codec.decoder()
        self._recent: list[tuple[int, bytes]] = []  # in order

    def decode(self, number: int, payload: bytes) -> bytes:
        """Decode a packet as if it had come in its turn; those after it are out already."""
        is_behind = bool(self._recent) and number < self._recent[-1][0]
        self._recent.append((number, payload))
        if is_behind:
            return self._decode_again(number)
        self._forget()
        return self._decoder.decode(payload)

    def _decode_again(self, number: int) -> bytes:
        self._recent.sort()
        self._decoder = self._codec.decoder()
        heard = [self._decoder.decode(payload) for _, payload in self._recent]
        place = [other for other, _ in self._recent].index(number)
        self._forget()
        return heard[place]

    def _forget(self) -> None:
        """Keep as many of the latest packets as it takes to remember enough."""
        kept = 0
        for place in reversed(range(len(self._recent))):
            kept += self._codec.samples(len(self._recent[place][1])) or 0
            if kept >= REMEMBERED_SAMPLES:
                del self._recent[:place]
                return


class _SlowedClock:
    """A timestamp divided, across the wrap of what is divided."""

    __slots__ = ("_divisor", "_latest", "_unwrapped")

    def __init__(self, divisor: int) -> None:
        self._divisor = divisor
        self._latest: int | None = None
        self._unwrapped = 0

    def slowed(self, timestamp: int) -> int:
        """Divide a timestamp of 32 bits; the result has 32 as well."""
        if self._latest is None:
            self._unwrapped = timestamp
        else:
            self._unwrapped += timestamp_difference(timestamp, self._latest)
        self._latest = timestamp
        return self._unwrapped // self._divisor & 0xFFFFFFFF
