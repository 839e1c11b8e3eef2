"""Azure's formats by their names and headers."""

import pytest

from voiceai.fakes.azure_formats import input_format, output_format
from voiceai.fakes.voices import murmur

PCM = murmur("one", "", 8000)


def header(coding: int, rate: int) -> bytes:
    """As the SDK sends it, with lengths of 0."""
    return (
        b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0"
        + coding.to_bytes(2, "little")
        + b"\x01\0"
        + rate.to_bytes(4, "little")
        + b"\x40\x1f\0\0\x01\0\x08\0data\0\0\0\0"
    )


@pytest.mark.parametrize(
    ("name", "rate", "coding", "tenth_of_a_second"),
    [
        ("raw-8khz-16bit-mono-pcm", 8000, "pcm", 1600),
        ("raw-22050hz-16bit-mono-pcm", 22_050, "pcm", 4410),
        ("raw-8khz-8bit-mono-mulaw", 8000, "mulaw", 800),
        ("raw-8khz-8bit-mono-alaw", 8000, "alaw", 800),
        ("riff-24khz-16bit-mono-pcm", 24_000, "pcm", 4800),
        ("audio-24khz-48kbitrate-mono-mp3", 24_000, "mp3", 600),
    ],
)
def test_a_name_tells_rate_and_coding(
    name: str, rate: int, coding: str, tenth_of_a_second: int
) -> None:
    found = output_format(name)

    assert found is not None
    assert (found.sample_rate_hz, found.coding) == (rate, coding)
    assert found.piece_bytes(0.1) == tenth_of_a_second
    assert found.with_header == name.startswith("riff")


@pytest.mark.parametrize("name", ["", "ogg-16khz-16bit-mono-opus", "raw-8khz-16bit-stereo-pcm"])
def test_a_name_that_is_not_served_is_none(name: str) -> None:
    assert output_format(name) is None


@pytest.mark.parametrize("name", ["raw-8khz-8bit-mono-mulaw", "raw-8khz-8bit-mono-alaw"])
def test_what_is_compressed_is_expanded_by_the_header_of_its_law(name: str) -> None:
    made = output_format(name)
    law = input_format(header(7 if "mulaw" in name else 6, 8000))

    assert made is not None
    assert law is not None
    compressed = made.encode(PCM)
    assert len(compressed) == len(PCM) // 2
    assert made.encode(law.decode(compressed)) == compressed


def test_a_header_tells_the_rate_and_plain_samples_stay_as_they_are() -> None:
    found = input_format(header(1, 16_000))

    assert found is not None
    assert (found.sample_rate_hz, found.decode(PCM)) == (16_000, PCM)


def test_audio_without_a_header_has_no_format() -> None:
    assert input_format(PCM) is None
    assert input_format(b"RIFF") is None
