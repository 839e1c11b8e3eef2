"""Fake voices: as long as their text, at the rate that is asked for."""

import subprocess

import numpy as np
import pytest

from voiceai.fakes.voices import espeak, murmur, say

LOUD_RMS = 500


def rms(pcm: bytes) -> float:
    samples = np.frombuffer(pcm, "<i2").astype(float)
    return float(np.sqrt(np.mean(samples**2)))


@pytest.mark.parametrize("rate", [8000, 24_000])
def test_a_murmur_is_loud_and_lasts_0_3_s_for_each_word(rate: int) -> None:
    pcm = murmur("three more words", "", rate)

    assert len(pcm) == 2 * round(0.9 * rate)
    assert rms(pcm) > LOUD_RMS


def test_silence_lasts_as_long_and_no_text_has_no_sound() -> None:
    assert say(murmur, "two words", "", 8000, silent=True) == bytes(2 * 4800)
    assert say(murmur, "  ", "", 8000, silent=False) == b""


@pytest.mark.parametrize(
    ("voice", "language"),
    [
        ("de-DE-KatjaNeural", "de"),
        ("en_paul_neutral", "en"),
        ("Microsoft Server Speech Text to Speech Voice (fr-FR, DeniseNeural)", "fr"),
        ("c69964a6-ab8b-4f8a-9465-ec0925096ec8", "en"),
        ("", "en"),
    ],
)
def test_espeak_speaks_the_language_of_the_voice(
    voice: str, language: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[list[str]] = []

    def run(command: list[str], **_: object) -> subprocess.CompletedProcess[bytes]:
        asked.append(command)
        return subprocess.CompletedProcess(command, 0, stdout=bytes(44) + bytes(2 * 22_050))

    monkeypatch.setattr("shutil.which", str)
    monkeypatch.setattr("subprocess.run", run)

    pcm = espeak("Hi", voice, 8000)

    assert asked[0][asked[0].index("-v") + 1] == language
    assert len(pcm) == 2 * 8000


def test_espeak_that_is_not_installed_says_how_to_install_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("shutil.which", lambda _: None)

    with pytest.raises(FileNotFoundError, match="apt-get install espeak-ng"):
        espeak("Hi", "", 8000)
