"""The codecs: what each is on the wire, how much it spoils, and that packets join."""

import numpy as np
import pytest
from G722 import G722
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from transports.audio.codec import CODEC_OF_PAYLOAD_TYPE, Codec

EVERY_CODEC = pytest.mark.parametrize("codec", list(Codec))
RATE = 8000

DELAYS = {Codec.G722: 35, Codec.SLIN16: 24}
"""Samples there and back: 12 for each change of rate, and 11 in the filter bank of G.722."""

CLEANNESS = {Codec.ALAW: 36, Codec.ULAW: 35, Codec.G722: 30, Codec.SLIN: 120, Codec.SLIN16: 58}
"""Signal to noise there and back, in dB at least, of speech-like noise at -15 to -35 dBFS."""


def speech_like(dbfs: float, seconds: float = 4.0) -> NDArray[np.int16]:
    """Return noise of 300 to 3400 Hz."""
    count = round(seconds * RATE)
    spectrum = np.fft.rfft(np.random.default_rng(722).normal(size=count))
    hertz = np.fft.rfftfreq(count, 1 / RATE)
    spectrum[(hertz < 300) | (hertz > 3400)] = 0
    noise = np.fft.irfft(spectrum, count)
    scaled = noise / np.sqrt(np.mean(noise**2)) * 32768 * 10 ** (dbfs / 20)
    samples: NDArray[np.int16] = np.rint(scaled).clip(-32768, 32767).astype("<i2")
    return samples


def test_payload_types_are_static_but_for_what_only_asterisk_sends() -> None:
    assert {codec.value: codec.payload_type for codec in Codec} == {
        "alaw": 8,
        "ulaw": 0,
        "g722": 9,
        "slin": 10,
        "slin16": 118,
    }
    assert [codec for codec in Codec if not codec.is_static] == [Codec.SLIN16]


def test_each_payload_type_is_of_one_codec_and_linear_audio_has_two() -> None:
    assert CODEC_OF_PAYLOAD_TYPE == {
        8: Codec.ALAW,
        0: Codec.ULAW,
        9: Codec.G722,
        10: Codec.SLIN,
        11: Codec.SLIN,
        118: Codec.SLIN16,
    }


def test_only_sixteen_kilohertz_has_a_clock_of_sixteen() -> None:
    assert [codec.clock_rate for codec in Codec] == [8000, 8000, 8000, 8000, 16000]


@EVERY_CODEC
@pytest.mark.parametrize("milliseconds", [10, 20, 30, 40, 60])
def test_packets_of_any_usual_length_are_as_long_as_they_sound(
    codec: Codec, milliseconds: int
) -> None:
    samples = 8 * milliseconds
    sizes = {Codec.SLIN: 2 * samples, Codec.SLIN16: 4 * samples}
    encoder, decoder = codec.encoder(), codec.decoder()

    for _ in range(3):
        payload = encoder.encode(bytes(2 * samples))

        assert len(payload) == sizes.get(codec, samples)
        assert codec.samples(len(payload)) == samples
        assert len(decoder.decode(payload)) == 2 * samples


@EVERY_CODEC
@pytest.mark.parametrize("dbfs", [-15, -25, -35])
def test_what_comes_back_is_what_was_said(codec: Codec, dbfs: float) -> None:
    said = speech_like(dbfs)
    delay = DELAYS.get(codec, 0)

    heard = np.frombuffer(codec.decode(codec.encode(said.tobytes())), "<i2")

    kept = said[1000:-1000].astype(float)
    error = heard[1000 + delay : len(heard) - 1000 + delay] - kept
    assert 10 * np.log10(np.mean(kept**2) / max(np.mean(error**2), 1e-9)) > CLEANNESS[codec]


@EVERY_CODEC
@given(lengths=st.lists(st.integers(1, 500), min_size=1, max_size=6))
def test_pieces_join_to_what_the_whole_is(codec: Codec, lengths: list[int]) -> None:
    ends = np.cumsum(lengths)
    said = speech_like(-20)[: ends[-1]]
    encoder, decoder = codec.encoder(), codec.decoder()

    payloads = [encoder.encode(part.tobytes()) for part in np.split(said, ends)]
    heard = b"".join(decoder.decode(payload) for payload in payloads)

    assert b"".join(payloads) == codec.encode(said.tobytes())
    assert heard == codec.decode(b"".join(payloads))


@EVERY_CODEC
@given(data=st.binary(max_size=640))
def test_any_bytes_are_some_sound(codec: Codec, data: bytes) -> None:
    whole = data[: len(data) // 4 * 4]

    assert len(codec.decode(whole)) == 2 * (codec.samples(len(whole)) or 0)


@EVERY_CODEC
def test_refuses_half_a_sample(codec: Codec) -> None:
    with pytest.raises(ValueError, match=r"whole 16-bit samples|multiple of element size"):
        codec.encode(bytes(321))


def test_half_samples_have_no_length() -> None:
    assert [codec.samples(321) for codec in Codec] == [321, 321, 321, None, None]
    assert Codec.SLIN16.samples(322) is None


def test_linear_audio_is_big_endian_on_the_wire() -> None:
    assert Codec.SLIN.encode(b"\x34\x12\xff\x7f") == b"\x12\x34\x7f\xff"
    assert Codec.SLIN.decode(b"\x12\x34") == b"\x34\x12"


def test_wideband_audio_is_big_endian_too() -> None:
    constant = np.full(320, 0x1234, ">i2").tobytes()

    assert Codec.SLIN16.decode(constant)[-2:] == b"\x34\x12"


def test_what_telephones_do_not_carry_does_not_come_through_as_something_else() -> None:
    angles = 2 * np.pi * 5500 * np.arange(16_000) / 16_000
    wide = np.rint(10_000 * np.sin(angles)).astype("<i2")

    for codec, payload, expected in (
        (Codec.SLIN16, wide.astype(">i2").tobytes(), -58),
        (Codec.G722, G722(16_000, 64_000).encode(wide), -40),  # its own noise
    ):
        heard = np.frombuffer(codec.decode(payload), "<i2")[400:].astype(float)

        assert 20 * np.log10(np.sqrt(np.mean(heard**2)) / 7071) < expected
