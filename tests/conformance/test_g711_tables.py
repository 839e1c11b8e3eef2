"""G.711 against ITU-T G.711 (11/88) tables 1a to 2b."""

import itertools

import pytest

from transports.audio.codec import LAWS, Codec

EITHER_LAW = pytest.mark.parametrize("codec", LAWS)

ALL_SAMPLES = range(-32768, 32768)
ALL_PCM = b"".join(sample.to_bytes(2, "little", signed=True) for sample in ALL_SAMPLES)


def decision_values(codec: Codec) -> list[int]:
    """Return x1..x128 and the virtual x129 of the table, on its own scale."""
    if codec is Codec.ALAW:  # table 1a: 13 segments, the first is twice as long
        steps = [2] * 32 + [step for step in (4, 8, 16, 32, 64, 128) for _ in range(16)]
    else:  # table 2a: the first interval is half as wide
        steps = [1] + [2] * 15 + [step for step in (4, 8, 16, 32, 64, 128, 256) for _ in range(16)]
    return list(itertools.accumulate(steps, initial=0))


def scale(codec: Codec) -> int:
    """Return what one unit of the table is in 16-bit samples."""
    return 8 if codec is Codec.ALAW else 4


def interval_of(codec: Codec, code: int) -> tuple[int, int]:
    """Return the sign and the number of the interval that a character signal stands for."""
    if codec is Codec.ALAW:
        return (1 if code & 0x80 else -1), (code ^ 0x55) & 0x7F
    return (1 if code & 0x80 else -1), ~code & 0x7F


def samples(pcm: bytes) -> list[int]:
    return [int.from_bytes(pcm[at : at + 2], "little", signed=True) for at in range(0, len(pcm), 2)]


def test_the_tables_end_at_their_virtual_decision_values() -> None:
    assert decision_values(Codec.ALAW)[-1] == 4096
    assert decision_values(Codec.ULAW)[-1] == 8159
    assert len(decision_values(Codec.ALAW)) == len(decision_values(Codec.ULAW)) == 129


@EITHER_LAW
def test_decodes_each_code_to_the_middle_of_its_interval(codec: Codec) -> None:
    bounds = decision_values(codec)

    for code, decoded in enumerate(samples(codec.decode(bytes(range(256))))):
        sign, interval = interval_of(codec, code)
        middle = (bounds[interval] + bounds[interval + 1]) * scale(codec) // 2
        if codec is Codec.ULAW and interval == 0:
            middle = 0
        assert decoded == sign * middle


@EITHER_LAW
def test_encodes_each_sample_into_the_interval_that_holds_it(codec: Codec) -> None:
    bounds = decision_values(codec)
    unit = scale(codec)
    # mu-law is defined on 14 bits: a negative sample is first rounded away from 0
    slack = unit - 1 if codec is Codec.ULAW else 0

    for sample, code in zip(ALL_SAMPLES, codec.encode(ALL_PCM), strict=True):
        sign, interval = interval_of(codec, code)
        assert sign == (1 if sample >= 0 else -1)
        low = bounds[interval] * unit - (slack if sample < 0 else 0)
        high = bounds[interval + 1] * unit
        assert low <= abs(sample) <= high or (interval == 127 and abs(sample) > high)


@EITHER_LAW
def test_every_code_survives_decoding_and_encoding(codec: Codec) -> None:
    codes = bytes(range(256))

    again = codec.encode(codec.decode(codes))

    if codec is Codec.ULAW:  # both zeros of mu-law are one sample
        codes = codes.replace(b"\x7f", b"\xff")
    assert again == codes
