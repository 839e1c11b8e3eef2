"""MP3 that arrives in pieces."""

import numpy as np
import pytest

from pipelines.decimator import CLOUD_RATE
from pipelines.mp3 import LONGEST_BYTES, Mp3Stream
from voiceai.fakes.mp3 import encode_mp3

SECONDS = 3.0


def speech_like() -> bytes:
    """A gliding tone that swells, with noise: frames of different need for bits."""
    at = np.arange(round(SECONDS * CLOUD_RATE)) / CLOUD_RATE
    noise = np.random.default_rng(1).standard_normal(len(at))
    wave = 0.3 * np.sin(2 * np.pi * (200 + 40 * np.sin(3 * at)) * at) + 0.02 * noise
    return (20_000 * wave * np.abs(np.sin(5 * at))).astype("<i2").tobytes()


def decoded(mp3: bytes, piece: int) -> tuple[np.ndarray, int]:
    """The samples, and how often it was worth decoding."""
    stream = Mp3Stream()
    pieces = (mp3[start : start + piece] for start in range(0, len(mp3), piece))
    samples = [stream.decode() for data in pieces if stream.feed(data)]
    times = len(samples)
    return np.concatenate([*samples, stream.decode()]), times


@pytest.mark.parametrize("piece", [100, 720, 1440, 5000])
def test_pieces_decode_to_the_same_as_the_whole(piece: int) -> None:
    mp3 = encode_mp3(speech_like(), CLOUD_RATE)
    whole, _ = decoded(mp3, len(mp3))
    found, times = decoded(mp3, piece)
    assert np.array_equal(found, whole)
    assert times < 20
    assert abs(len(found) / CLOUD_RATE - SECONDS) < 0.1


def test_the_first_sound_does_not_wait_for_the_last() -> None:
    mp3 = encode_mp3(speech_like(), CLOUD_RATE)
    stream = Mp3Stream()
    assert stream.feed(mp3[:720])
    assert len(stream.decode()) > 0.05 * CLOUD_RATE


def test_what_is_no_mp3_is_refused() -> None:
    stream = Mp3Stream()
    stream.feed(b"<html>too many requests</html>" * 20)
    with pytest.raises(ValueError, match="not MP3"):
        stream.decode()


def test_another_rate_is_refused() -> None:
    stream = Mp3Stream()
    stream.feed(encode_mp3(speech_like()[: 2 * 16_000], 16_000))
    with pytest.raises(ValueError, match="16000 Hz"):
        stream.decode()


def test_a_stream_without_end_is_refused() -> None:
    stream = Mp3Stream()
    stream.feed(bytes(LONGEST_BYTES // 2 + 1))
    with pytest.raises(ValueError, match="longer than 120 s"):
        stream.feed(bytes(LONGEST_BYTES // 2 + 1))
