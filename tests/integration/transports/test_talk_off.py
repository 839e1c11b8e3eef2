"""Nobody presses a key by talking: all that two people recorded for Asterisk, at three levels.

Source: the Debian packages `asterisk-core-sounds-en-wav` and `asterisk-prompt-de`, as in
``tests/support/speech.py``; a beep and silence are left out.
"""

from pathlib import Path

import numpy as np
import pytest
import soundfile  # type: ignore[import-untyped]

from asterisk.unpack import ensure_packages
from tests.support.availability import have_or_skip
from tests.support.cache import cache_folder
from transports.audio.dtmf import DtmfDetector, HeardTone

SAMPLE_RATE = 8000
FRAME_BYTES = 320
MINUTES = 14


@pytest.mark.parametrize(
    ("suite", "package", "folder", "ending"),
    [
        ("bookworm", "asterisk-core-sounds-en-wav", "en_US_f_Allison", "wav"),
        ("sid", "asterisk-prompt-de", "de", "gsm"),
    ],
)
@pytest.mark.parametrize("gain", [0.25, 1.0, 3.0])
def test_no_recorded_speech_is_taken_for_a_key(
    suite: str, package: str, folder: str, ending: str, gain: float
) -> None:
    root = have_or_skip(lambda: ensure_packages(cache_folder(), suite, "main", [package]))
    found: list[tuple[str, HeardTone]] = []
    seconds = 0.0
    for path in sorted((root / "usr/share/asterisk/sounds" / folder).rglob(f"*.{ending}")):
        if is_speech(path):
            samples, rate = soundfile.read(path)
            assert rate == SAMPLE_RATE
            seconds += len(samples) / rate
            pcm = np.clip(samples * 32767 * gain, -32768, 32767).astype("<i2").tobytes()
            found += [(path.name, tone) for tone in tones_in(pcm)]

    assert seconds / 60 > MINUTES
    assert found == []


def is_speech(path: Path) -> bool:
    return "silence" not in path.parts and "beep" not in path.name


def tones_in(pcm: bytes) -> list[HeardTone]:
    detector = DtmfDetector()
    starts = range(0, len(pcm) - FRAME_BYTES + 1, FRAME_BYTES)
    return [tone for start in starts for tone in detector.hear(pcm[start : start + FRAME_BYTES])]
