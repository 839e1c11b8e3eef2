"""ITU-T G.722 by its library: the same bits on every machine and with every release.

The test sequences of the ITU may not be passed on; the library's authors say that it passes them.
These digests are those of its release 1.2.8, with which Asterisk 22 talked.
"""

import hashlib
import itertools
from array import array
from collections.abc import Iterator

from G722 import G722

from transports.audio.codec import Codec


def noise(seed: int) -> Iterator[int]:
    """Return bytes by a linear congruential generator, on every machine the same."""
    state = seed
    while True:
        state = (1_103_515_245 * state + 12_345) % 2**31
        yield state >> 16 & 0xFF


def samples(count: int) -> "array[int]":
    """Return noise between -12288 and 12192: loud, and nowhere clipped."""
    return array("h", (96 * (value - 128) for value in itertools.islice(noise(722), count)))


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]


def test_wideband_encodes_to_the_known_bits() -> None:
    assert digest(G722(16_000, 64_000).encode(samples(32_000))) == "30cf88227be9fe33"


def test_any_bits_decode_to_the_known_wideband() -> None:
    code = bytes(itertools.islice(noise(64), 16_000))

    assert (
        digest(G722(16_000, 64_000, use_numpy=False).decode(code).tobytes()) == "6fc123f671696352"
    )


def test_our_rates_give_the_known_bits_too() -> None:
    encoded = Codec.G722.encode(samples(16_000).tobytes())

    assert digest(encoded) == "789dd90c1d4f7818"
    assert digest(Codec.G722.decode(encoded)) == "1ba248ba81fe360a"
