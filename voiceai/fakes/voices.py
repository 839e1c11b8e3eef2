"""What a fake synthesis says: real words of espeak-ng, or a murmur that costs nothing."""

import re
import shutil
import subprocess
from collections.abc import Callable
from typing import Final

import numpy as np
import soxr

__all__ = ["Speak", "espeak", "murmur", "say", "silence_like"]

Speak = Callable[[str, str, int], bytes]
"""From a text, the name of a voice and a rate in Hz to 16-bit little-endian mono audio."""

PROGRAM: Final = "espeak-ng"
PROGRAM_RATE_HZ: Final = 22_050
TIMEOUT_SECONDS: Final = 10.0
WAVE_HEADER_BYTES: Final = 44

LANGUAGE: Final = re.compile(r"\b([a-z]{2})[-_]")
"""As the names of voices have it, which may begin with something else."""

WORD_SECONDS: Final = 0.3
MURMUR_HZ: Final = 220.0
MURMUR_LEVEL: Final = 6000.0


def murmur(text: str, voice: str, sample_rate_hz: int) -> bytes:
    """Return 0.3 s of a swelling tone for each word: loud, cheap and the same every time."""
    del voice
    seconds = max(1, len(text.split())) * WORD_SECONDS
    at = np.arange(round(seconds * sample_rate_hz)) / sample_rate_hz
    swell = np.abs(np.sin(np.pi * at / WORD_SECONDS))
    tone = MURMUR_LEVEL * swell * np.sin(2 * np.pi * MURMUR_HZ * at)
    return bytes(tone.astype("<i2").tobytes())


def espeak(text: str, voice: str, sample_rate_hz: int) -> bytes:
    """Return the text, spoken in the language that the name of the voice begins with.

    Raises:
        OSError: The program is not there.
        subprocess.SubprocessError: It fails or hangs.
    """
    program = shutil.which(PROGRAM)
    if program is None:
        raise FileNotFoundError(f"{PROGRAM} is not installed: apt-get install {PROGRAM}")
    done = subprocess.run(  # noqa: S603 - a fixed command; the text goes to its input
        [program, "--stdout", "-v", _language(voice), "--stdin"],
        input=text.encode(),
        capture_output=True,
        timeout=TIMEOUT_SECONDS,
        check=True,
    )
    body = done.stdout[WAVE_HEADER_BYTES:]
    samples = np.frombuffer(body[: len(body) // 2 * 2], "<i2")
    resampled = soxr.resample(samples, PROGRAM_RATE_HZ, sample_rate_hz)
    return bytes(resampled.astype("<i2").tobytes())


def say(speak: Speak, text: str, voice: str, sample_rate_hz: int, *, silent: bool) -> bytes:
    """Return the text as audio, or just as much silence."""
    spoken = speak(text, voice, sample_rate_hz) if text.strip() else b""
    return silence_like(spoken) if silent else spoken


def silence_like(pcm: bytes) -> bytes:
    """Return as much silence."""
    return bytes(len(pcm))


def _language(voice: str) -> str:
    """Take ``de`` of ``de-DE-KatjaNeural``, and ``en`` of a name that tells no language."""
    found = LANGUAGE.search(voice)
    return found[1] if found else "en"
