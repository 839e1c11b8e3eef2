"""A person who speaks, recorded: prompts of Asterisk, from a Debian package.

Allison Smith, `asterisk-core-sounds-en-wav` (CC-BY-SA-3.0); fetched when a bench runs, and kept
in the cache. Nothing of them lies here.
"""

import asyncio
import wave
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from asterisk.unpack import PackagesUnavailable, ensure_packages
from voiceai.bench.errors import BenchUnavailable
from voiceai.bench.track import level_dbfs

__all__ = ["NAMES", "Recording", "last_voice", "prepared", "recorded_prompts"]

SAMPLE_RATE_HZ: Final = 8000
SLOT_BYTES: Final = 320
LEVEL_DBFS: Final = -20.0
"""Every recording is brought to this level, usual on telephone lines."""
VOICE_DBFS: Final = -45.0
"""20 ms at this level or above are taken for voice."""
NAMES: Final = (
    "cannot-complete-as-dialed",
    "check-number-dial-again",
    "conf-kicked",
    "conf-leaderhasleft",
    "conf-locked",
    "conf-onlyperson",
    "confbridge-invalid",
    "dir-welcome",
    "followme/pls-hold-while-try",
    "number-not-answering",
    "one-moment-please",
    "please-try-call-later",
    "pls-hold-while-try",
    "queue-thankyou",
    "transfer",
    "vm-msgforwarded",
    "vm-nobodyavail",
    "vm-sorry",
)
"""Sentences of 1.6 to 3.3 s without a pause of 100 ms, whose end smart-turn is sure of (0.86)."""


@dataclass(frozen=True, slots=True)
class Recording:
    """Something said by a person.

    Attributes:
        name: Of the file, without its ending.
        pcm: 16-bit little-endian mono at 8 kHz, -20 dBFS.
    """

    name: str
    pcm: bytes


async def recorded_prompts(cache: Path) -> list[Recording]:
    """Return what `NAMES` says.

    Args:
        cache: Folder for unpacked packages.

    Raises:
        BenchUnavailable: The package cannot be had.
    """
    try:
        root = await asyncio.to_thread(
            ensure_packages, cache, "bookworm", "main", ["asterisk-core-sounds-en-wav"]
        )
    except PackagesUnavailable as error:
        raise BenchUnavailable(f"no recordings of speech: {error}") from error
    folder = root / "usr/share/asterisk/sounds/en_US_f_Allison"
    found = []
    for name in NAMES:
        with wave.open(str(folder / f"{name}.wav")) as recording:
            pcm = recording.readframes(recording.getnframes())
        found.append(prepared(name, pcm))
    return found


def prepared(name: str, pcm: bytes) -> Recording:
    """Return a recording (16-bit mono at 8 kHz) at the usual level."""
    gain = 10 ** ((LEVEL_DBFS - level_dbfs(pcm)) / 20)
    scaled = np.clip(np.frombuffer(pcm, "<i2") * gain, -32768, 32767).astype("<i2")
    return Recording(name, scaled.tobytes())


def last_voice(pcm: bytes) -> int:
    """Return the number of the last 20 ms with voice; 0 without any."""
    slots = [pcm[at : at + SLOT_BYTES] for at in range(0, len(pcm), SLOT_BYTES)]
    voiced = [number for number, slot in enumerate(slots) if level_dbfs(slot) >= VOICE_DBFS]
    return voiced[-1] if voiced else 0
