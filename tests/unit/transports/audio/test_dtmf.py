"""Tones of keys: heard within the limits of ITU-T Q.24, and nothing else taken for one."""

import itertools

import numpy as np
import pytest
from numpy.typing import NDArray

from transports.audio.codec import Codec
from transports.audio.dtmf import DtmfDetector, HeardTone, dual_tone
from transports.audio.level import level_dbfs

KEYS = "123A456B789C*0#D"
ROWS = (697.0, 770.0, 852.0, 941.0)
COLUMNS = (1209.0, 1336.0, 1477.0, 1633.0)
FRAME = 160

Signal = NDArray[np.float64]


def tone(
    key: str,
    milliseconds: float,
    *,
    low_dbm0: float = -10.0,
    high_dbm0: float = -10.0,
    offsets: tuple[float, float] = (0.0, 0.0),
    phase: float = 0.0,
) -> Signal:
    """Return a key's two sines; a level of 0 dBm0 is 3.14 dB below a full-scale sine."""
    place = KEYS.index(key)
    time = np.arange(round(milliseconds * 8)) / 8000
    parts = (
        (ROWS[place // 4], low_dbm0, offsets[0]),
        (COLUMNS[place % 4], high_dbm0, offsets[1]),
    )
    sines: list[Signal] = [
        32768 * 10 ** ((level - 3.14) / 20) * np.sin(2 * np.pi * f * (1 + off) * time + phase)
        for f, level, off in parts
    ]
    return sines[0] + sines[1]


def silence(milliseconds: float) -> Signal:
    return np.zeros(round(milliseconds * 8))


def noisy(signal: Signal, rms: float, seed: int) -> Signal:
    return signal + np.random.default_rng(seed).normal(0, rms, len(signal))


def heard(*parts: Signal, codec: Codec | None = Codec.ALAW) -> list[HeardTone]:
    signal = np.concatenate([*parts, silence(100)])
    pcm = np.clip(np.rint(signal), -32768, 32767).astype("<i2").tobytes()
    if codec is not None:
        pcm = codec.decode(codec.encode(pcm))
    detector = DtmfDetector()
    found = []
    for start in range(0, len(pcm) // (2 * FRAME) * 2 * FRAME, 2 * FRAME):
        found += detector.hear(pcm[start : start + 2 * FRAME])
    assert detector.count == len(found)
    return found


def digits(*parts: Signal, codec: Codec | None = Codec.ALAW) -> str:
    return "".join(tone.digit for tone in heard(*parts, codec=codec))


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize(
    ("low_dbm0", "high_dbm0"),
    [(-30.0, -30.0), (-3.0, -3.0), (-30.0, -24.0), (-24.0, -30.0), (-3.0, -9.0), (-9.0, -3.0)],
)
def test_hears_every_key_at_every_level_twist_and_deviation(
    key: str, low_dbm0: float, high_dbm0: float
) -> None:
    rms = 32768 * 10 ** ((max(low_dbm0, high_dbm0) - 6.15 - 15) / 20)  # 15 dB below the louder
    cases = itertools.product((-0.015, 0.0, 0.015), (-0.015, 0.0, 0.015), (0.0, 1.0))
    for number, (low, high, phase) in enumerate(cases):
        signal = tone(
            key, 40, low_dbm0=low_dbm0, high_dbm0=high_dbm0, offsets=(low, high), phase=phase
        )
        parts = np.concatenate([silence(50 + 1.125 * number), signal, silence(60)])

        assert digits(noisy(parts, rms, number)) == key, (low, high, phase)


@pytest.mark.parametrize("start", range(0, 20, 3))
@pytest.mark.parametrize(("milliseconds", "expected"), [(23, ""), (28, ""), (40, "5"), (50, "5")])
def test_hears_from_40_ms_on_wherever_a_frame_begins(
    start: int, milliseconds: int, expected: str
) -> None:
    assert digits(silence(40 + start), tone("5", milliseconds)) == expected


@pytest.mark.parametrize("milliseconds", [40, 65, 100, 250, 1000, 8000])
def test_tells_how_long_a_key_was_pressed(milliseconds: int) -> None:
    (only,) = heard(silence(50), tone("9", milliseconds), silence(50))

    assert 0.995 * milliseconds - 12 <= only.duration_ms <= milliseconds + 1


@pytest.mark.parametrize(("pause", "expected"), [(5, "2"), (10, "2"), (36, "22"), (40, "22")])
@pytest.mark.parametrize("start", [0, 4, 9, 13])
def test_a_pause_makes_two_and_an_interruption_does_not(
    pause: int, expected: str, start: int
) -> None:
    assert digits(silence(50 + start), tone("2", 60), silence(pause), tone("2", 60)) == expected


def test_another_key_needs_no_pause() -> None:
    assert digits(silence(50), tone("1", 60), tone("6", 60), tone("D", 60)) == "16D"


@pytest.mark.parametrize("offset", [-0.035, 0.035])
@pytest.mark.parametrize("place", [0, 1])
@pytest.mark.parametrize("key", KEYS)
def test_a_frequency_beside_the_keys_is_none(key: str, place: int, offset: float) -> None:
    offsets = (offset, 0.0) if place == 0 else (0.0, offset)

    assert digits(silence(50), tone(key, 100, offsets=offsets)) == ""


@pytest.mark.parametrize("twist", [-10.0, 10.0])
def test_one_tone_much_louder_than_the_other_is_none(twist: float) -> None:
    assert digits(silence(50), tone("5", 100, high_dbm0=-10 + twist)) == ""


def test_a_tone_that_is_too_quiet_is_none() -> None:
    assert digits(silence(50), tone("5", 100, low_dbm0=-45, high_dbm0=-45)) == ""


@pytest.mark.parametrize(
    "frequencies", [(425.0,), (350.0, 440.0), (440.0, 480.0), (1100.0,), (941.0,)]
)
def test_tones_of_the_network_are_none(frequencies: tuple[float, ...]) -> None:
    time = np.arange(16000) / 8000
    signal = sum(6000 * np.sin(2 * np.pi * f * time) for f in frequencies)

    assert digits(np.asarray(signal)) == ""


@pytest.mark.parametrize("third", [1477.0, 2 * 770.0, 400.0])
def test_a_third_tone_makes_it_none(third: float) -> None:
    time = np.arange(800) / 8000
    disturbance = 6000 * np.sin(2 * np.pi * third * time)

    assert digits(silence(50), tone("5", 100) + disturbance) == ""


@pytest.mark.parametrize("rms", [30.0, 300.0, 3000.0, 10000.0])
def test_a_minute_of_noise_is_none(rms: float) -> None:
    assert digits(noisy(silence(60_000), rms, 7), codec=None) == ""


def test_a_voice_that_glides_through_the_keys_is_none() -> None:
    time = np.arange(80_000) / 8000
    pitch = 90 + 12 * time  # up to 210 Hz, harmonics through all tones
    turns = np.cumsum(pitch) / 8000
    signal = sum(4000 / n * np.sin(2 * np.pi * n * turns) for n in range(1, 18))

    assert digits(np.asarray(signal)) == ""


def test_a_lost_packet_within_a_tone_does_not_make_two() -> None:
    pcm = dual_tone("7", 5 * FRAME) + bytes(2 * FRAME * 5)
    detector = DtmfDetector()

    found = [
        tone
        for number in range(10)
        for tone in detector.hear(
            bytes(2 * FRAME) if number == 2 else pcm[number * 320 : (number + 1) * 320],
            is_lost=number == 2,
        )
    ]

    assert [tone.digit for tone in found] == ["7"]
    assert 88 <= found[0].duration_ms <= 101


@pytest.mark.parametrize("key", KEYS)
def test_what_is_made_is_heard(key: str) -> None:
    pcm = dual_tone(key, 5 * FRAME)

    (only,) = heard(silence(40), np.frombuffer(pcm, "<i2").astype(float))

    assert only.digit == key
    assert level_dbfs(pcm) == pytest.approx(-9 - 6.15 + 10 * np.log10(1 + 10**0.2), abs=0.3)


@pytest.mark.parametrize("key", ["", "E", "12", "a"])
def test_makes_no_tone_of_what_is_no_key(key: str) -> None:
    with pytest.raises(ValueError, match="is no key"):
        dual_tone(key, FRAME)
