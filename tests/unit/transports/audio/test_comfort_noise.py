"""Comfort noise: quiet, never digital silence, the same every time, cheap to take."""

import pytest

from transports.audio.codec import LAWS, Codec
from transports.audio.comfort_noise import NOISE_LEVEL_DBFS, TABLE_SAMPLES, ComfortNoise
from transports.audio.level import level_dbfs


def test_is_as_loud_as_it_says() -> None:
    assert level_dbfs(ComfortNoise().take(8000)) == pytest.approx(NOISE_LEVEL_DBFS, abs=0.5)


@pytest.mark.parametrize("law", LAWS)
def test_no_frame_is_digital_silence_after_encoding(law: Codec) -> None:
    noise = ComfortNoise()

    for _ in range(TABLE_SAMPLES // 160):
        assert len(set(law.encode(noise.take(160)))) > 2


def test_pieces_join_to_the_same_noise_across_the_end_of_the_table() -> None:
    whole = ComfortNoise(start=TABLE_SAMPLES - 100).take(320)

    reader = ComfortNoise(start=TABLE_SAMPLES - 100)
    pieces = [reader.take(samples) for samples in (60, 40, 1, 139, 80)]

    assert b"".join(pieces) == whole
    assert len(whole) == 640
    assert whole[200:] == ComfortNoise().take(220)


def test_starts_where_it_is_told() -> None:
    assert ComfortNoise(start=160).take(160) == ComfortNoise().take(320)[320:]
    assert ComfortNoise(start=TABLE_SAMPLES).take(160) == ComfortNoise().take(160)
