"""Recordings of people whose words are known: prompts of Asterisk, from Debian packages.

English: Allison Smith, `asterisk-core-sounds-en-wav` (CC-BY-SA-3.0). German: `asterisk-prompt-de`
(GPL-2), which is why both are fetched when they are needed and nothing of them lies here. The
German package has no transcripts: the words are what one hears, and speech recognition agrees.
The files, their words and their licences are those listed here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

import numpy as np
import soundfile  # type: ignore[import-untyped]
from numpy.typing import NDArray

from asterisk.unpack import ensure_packages
from voiceai.bench.english_prompts import ENGLISH, MORE_ENGLISH
from voiceai.bench.track import level_dbfs

__all__ = [
    "LEVEL_DBFS",
    "SAMPLE_RATE_HZ",
    "Recording",
    "english_recordings",
    "german_recordings",
    "levelled",
]

SAMPLE_RATE_HZ: Final = 8000

LEVEL_DBFS: Final = -20.0
"""Every recording is brought to this level, usual on telephone lines (German: -12)."""

GERMAN: Final[Mapping[str, str]] = {
    "conf-getpin": "Bitte geben Sie die PIN ein, um an der Konferenz teilzunehmen.",
    "conf-leaderhasleft": "Der Moderator hat die Konferenz verlassen.",
    "conf-locked": "Diese Konferenz ist gesperrt.",
    "conf-lockednow": "Die Konferenz ist jetzt gesperrt.",
    "conf-onlyone": "Im Moment ist nur ein weiterer Teilnehmer in dieser Konferenz.",
    "conf-onlyperson": "Sie sind momentan der einzige Teilnehmer in dieser Konferenz.",
    "conf-unlockednow": "Die Konferenz ist nun nicht mehr gesperrt.",
    "conf-waitforleader": "Die Konferenz wird mit dem Eintreffen des Moderators beginnen.",
    "demo-nomatch": "Es tut mir leid, aber es gibt keine Treffer für diese Stichworte.",
    "invalid": (
        "Leider haben Sie keine gültige Nummer gewählt. Bitte versuchen Sie es noch einmal."
    ),
    "privacy-incorrect": "Entschuldigung, diese Nummer ist ungültig.",
    "privacy-prompt": "Bitte geben Sie Ihre Telefonnummer beginnend mit der Vorwahl ein.",
    "queue-callwaiting": "Bitte warten Sie, bis jemand Ihren Anruf entgegennehmen kann.",
    "queue-thankyou": "Danke für Ihre Geduld.",
    "vm-calldiffnum": "Drücken Sie zwei für eine andere Nummer.",
    "vm-changeto": "Zu welchem Ordner wollen Sie wechseln?",
    "vm-dialout": "Bitte haben Sie ein wenig Geduld, Sie werden verbunden.",
    "vm-enter-num-to-call": "Bitte geben Sie die gewünschte Rufnummer ein.",
    "vm-mailboxfull": (
        "Leider ist die Mailbox voll. Es können keine weiteren Nachrichten angenommen werden."
    ),
    "vm-mismatch": "Das eingegebene Passwort war falsch. Bitte versuchen Sie es noch einmal.",
    "vm-msgsaved": "Ihre Nachricht wurde gespeichert.",
    "vm-nonumber": "Ich fürchte, ich weiß nicht, wer die Nachricht hinterlassen hat.",
    "vm-passchanged": "Ihr Passwort wurde geändert.",
}


@dataclass(frozen=True, slots=True)
class Recording:
    """Something said by a person.

    Attributes:
        name: The file's, without its ending.
        text: The words.
        language: `en` or `de`.
        pcm: 16-bit little-endian mono at 8 kHz, -20 dBFS.
    """

    name: str
    text: str
    language: str
    pcm: bytes

    @property
    def seconds(self) -> float:
        """How long it is."""
        return len(self.pcm) / 2 / SAMPLE_RATE_HZ


def english_recordings(cache: Path, *, more: bool = False) -> list[Recording]:
    """Return sentences of one speaker, 1.5 to 6 s each.

    Args:
        cache: Folder that the packages are unpacked below, the first time.
        more: Whether a hundred more follow, some of which are short or no whole sentences.

    Raises:
        PackagesUnavailable: They cannot be fetched.
    """
    root = ensure_packages(cache, "bookworm", "main", ["asterisk-core-sounds-en-wav"])
    folder = root / "usr/share/asterisk/sounds/en_US_f_Allison"
    words = {**ENGLISH, **MORE_ENGLISH} if more else ENGLISH
    return [_read(folder / f"{name}.wav", name, words[name], "en") for name in words]


def german_recordings(cache: Path) -> list[Recording]:
    """Return some sentences of one speaker, 1 to 6 s each.

    Args:
        cache: Folder that the packages are unpacked below, the first time.

    Raises:
        PackagesUnavailable: They cannot be fetched.
    """
    root = ensure_packages(cache, "sid", "main", ["asterisk-prompt-de"])
    folder = root / "usr/share/asterisk/sounds/de"
    return [_read(folder / f"{name}.gsm", name, GERMAN[name], "de") for name in GERMAN]


def levelled(path: Path) -> bytes:
    """Read an audio file and bring it to :data:`LEVEL_DBFS`.

    Returns:
        16-bit little-endian mono at 8 kHz.

    Raises:
        ValueError: It is not mono at 8 kHz.
    """
    samples: NDArray[np.float64]
    samples, rate = soundfile.read(path)
    if rate != SAMPLE_RATE_HZ or samples.ndim != 1:
        raise ValueError(f"{path} is not mono at 8 kHz")
    pcm = (samples * 32767).astype("<i2")
    gain = 10 ** ((LEVEL_DBFS - level_dbfs(pcm.tobytes())) / 20)
    return np.clip(pcm * gain, -32768, 32767).astype("<i2").tobytes()


@cache
def _read(path: Path, name: str, text: str, language: str) -> Recording:
    return Recording(name, text, language, levelled(path))
