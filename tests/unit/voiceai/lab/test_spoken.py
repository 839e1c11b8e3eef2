"""What a caller says, as samples, as bytes, in a noisy room."""

import numpy as np
import pytest

from voiceai.lab.spoken import Say, Sound, say_of, to_pcm, to_samples, with_noise

TONE = (0.3 * np.sin(np.arange(1600) * 2 * np.pi * 440 / 8000)).astype(np.float32)


def test_a_turn_may_be_text_digits_or_audio() -> None:
    assert say_of("Hello") == Say("Hello")
    assert say_of("/digits 12#") == Say(digits="12#")
    assert say_of(b"\0\0").audio == b"\0\0"
    assert say_of(Say("Hello", interrupts_after=1.0)).interrupts_after == 1.0


def test_samples_are_the_same_whatever_they_are_written_in() -> None:
    pcm = to_pcm(TONE)

    assert to_pcm(np.frombuffer(pcm, "<i2")) == pcm
    assert to_pcm(pcm) == pcm
    assert to_samples(pcm) == pytest.approx(TONE, abs=1e-4)
    assert to_pcm(np.array([2.0, -2.0])) == np.array([32767, -32767], "<i2").tobytes()


def test_stereo_is_refused() -> None:
    with pytest.raises(ValueError, match=r"must be mono at 8000 Hz, not of shape \(2, 2\)"):
        to_pcm(np.zeros((2, 2)))


def test_noise_is_as_loud_as_asked_and_the_same_for_a_seed() -> None:
    silence = bytes(16_000)
    noise = to_samples(with_noise(silence, -30.0, 1))

    assert 20 * np.log10(np.sqrt(np.mean(noise**2))) == pytest.approx(-30, abs=0.3)
    assert with_noise(silence, -30.0, 1) == with_noise(silence, -30.0, 1)
    assert with_noise(silence, -65.0, 1) == silence


def test_the_voice_begins_and_ends_where_it_does_whatever_the_noise() -> None:
    pcm = bytes(3200) + to_pcm(TONE) + bytes(3200)
    sound = Sound.of(pcm, -20.0, 1)

    assert (sound.begins, sound.ends) == pytest.approx((0.2, 0.38))
    assert len(sound.pcm) == len(pcm)
