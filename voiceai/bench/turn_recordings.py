"""What the turn model is judged by: sentences of nine sets of prompts, whole and cut off.

Prompts of Asterisk, from Debian packages that are fetched when they are needed; eight people, for
Allison Smith speaks two languages. Licences: `asterisk-core-sounds-*` CC-BY-SA-3.0 (Italian and
Russian CC-BY-3.0), `asterisk-prompt-de` and `-es-co` GPL-2, `-fr-armelle` BSD, `-it-menardi`
CC-BY-SA-3.0 (Marco Menardi and Paola Dal Zot, http://www.voip.ammdomus.it).
"""

import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from asterisk.unpack import ensure_packages
from voiceai.bench.recordings import SAMPLE_RATE_HZ, levelled

__all__ = [
    "SPEAKERS",
    "Speaker",
    "TurnRecording",
    "cut_off",
    "in_quiet",
    "speakers_named",
    "speech_within",
    "turn_recording",
    "turn_recordings",
]

SENTENCE_SECONDS: Final = (1.5, 6.0)
CUT_SHARE: Final = (0.35, 0.75)
"""Of a sentence, at random: what a cut one keeps."""

SPEECH_DBFS: Final = -40.0
"""Where a sentence begins and ends, over 20 ms: 20 dB below its level."""
WINDOW_SAMPLES: Final = SAMPLE_RATE_HZ // 50
LEAD_SAMPLES: Final = SAMPLE_RATE_HZ // 2
TAIL_SAMPLES: Final = SAMPLE_RATE_HZ // 5
"""What a call has before a turn, and the quiet after which it is judged."""
NOISE_DBFS: Final = -60.0
FULL_SCALE: Final = 32768.0

Samples = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Speaker:
    """A set of prompts.

    Attributes:
        who: Language and, where it is told, name.
        package: Of Debian.
        folder: Below `usr/share/asterisk/sounds`; the prompts lie in it, digits in folders below.
        suite: Of Debian.
    """

    who: str
    package: str
    folder: str
    suite: str = "bookworm"


SPEAKERS: Final[Mapping[str, Speaker]] = {
    "en": Speaker("English, Allison Smith", "asterisk-core-sounds-en-wav", "en_US_f_Allison"),
    "de": Speaker("German", "asterisk-prompt-de", "de", "sid"),
    "es": Speaker("Spanish, Allison Smith", "asterisk-core-sounds-es-wav", "es_MX_f_Allison"),
    "fr": Speaker("French, June Wallack", "asterisk-core-sounds-fr-wav", "fr_CA_f_June"),
    "it": Speaker("Italian, Carlo Flora", "asterisk-core-sounds-it-wav", "it_IT_m_Carlo"),
    "ru": Speaker("Russian", "asterisk-core-sounds-ru-wav", "ru_RU_f_IvrvoiceRU"),
    "es-co": Speaker("Spanish, July Jiménez", "asterisk-prompt-es-co", "es"),
    "fr-armelle": Speaker("French, Armelle Desjardins", "asterisk-prompt-fr-armelle", "fr"),
    "it-menardi": Speaker(
        "Italian, Paola Dal Zot", "asterisk-prompt-it-menardi-wav", "it_IT_f_Menardi"
    ),
}


@dataclass(frozen=True, slots=True)
class TurnRecording:
    """A sentence as the turn model hears it, mono of -1..1 at 8 kHz.

    Attributes:
        speaker: A key of :data:`SPEAKERS`.
        name: The file's.
        whole: All of it, in quiet.
        cut: Its beginning, in the same quiet.
    """

    speaker: str
    name: str
    whole: Samples
    cut: Samples


def speakers_named(names: Sequence[str]) -> tuple[str, ...]:
    """Return the keys of :data:`SPEAKERS` that are asked for, once each; `all` are all.

    Raises:
        ValueError: There is no such speaker.
    """
    if unknown := [name for name in names if name not in {*SPEAKERS, "all"}]:
        raise ValueError(f"no speaker {unknown[0]}; there are {', '.join(SPEAKERS)} and all")
    return tuple(name for name in SPEAKERS if name in names or "all" in names)


def turn_recordings(cache: Path, speaker: str, count: int) -> list[TurnRecording]:
    """Return sentences of a speaker of 1.5 to 6 s, the same each time.

    Args:
        cache: Folder that the package is unpacked below, the first time.
        speaker: A key of :data:`SPEAKERS`.
        count: At most so many; a smaller number takes some of those of a larger one.

    Raises:
        PackagesUnavailable: The package cannot be fetched.
    """
    source = SPEAKERS[speaker]
    root = ensure_packages(cache, source.suite, "main", [source.package])
    files = sorted((root / "usr/share/asterisk/sounds" / source.folder).glob("*.*"))
    shortest, longest = (round(SAMPLE_RATE_HZ * seconds) for seconds in SENTENCE_SECONDS)
    found: list[TurnRecording] = []
    for place in _chance(speaker).permutation(len(files)):
        if len(found) == count:
            break
        path = files[place]
        samples = np.frombuffer(levelled(path), "<i2").astype(np.float32) / FULL_SCALE
        speech = speech_within(samples)
        if shortest <= len(speech) <= longest:
            found.append(turn_recording(speaker, path.name, speech))
    return found


def turn_recording(speaker: str, name: str, speech: Samples) -> TurnRecording:
    """Return a sentence whole and cut off: the same each time for a speaker and a name."""
    chance = _chance(f"{speaker}/{name}")
    whole, cut = in_quiet([speech, cut_off(speech, chance)], chance)
    return TurnRecording(speaker, name, whole, cut)


def speech_within(samples: Samples) -> Samples:
    """Return what lies between the first and the last sound above -40 dBFS; nothing of silence."""
    window = np.full(WINDOW_SAMPLES, 1 / WINDOW_SAMPLES)
    power = np.convolve(samples.astype(np.float64) ** 2, window, "same")
    loud = np.flatnonzero(power > 10 ** (SPEECH_DBFS / 10))
    return samples[loud[0] : loud[-1] + 1] if len(loud) else samples[:0]


def cut_off(speech: Samples, chance: Generator) -> Samples:
    """Return the beginning of a sentence, 35 to 75 % of it."""
    return speech[: int(len(speech) * chance.uniform(*CUT_SHARE))]


def in_quiet(pieces: Iterable[Samples], chance: Generator) -> list[Samples]:
    """Return pieces of speech, each within half a second and 0.2 s of the same noise, -60 dBFS."""
    noise = chance.normal(0, 10 ** (NOISE_DBFS / 20), LEAD_SAMPLES + TAIL_SAMPLES)
    lead, tail = np.split(noise.astype(np.float32), [LEAD_SAMPLES])
    return [np.concatenate([lead, speech, tail]) for speech in pieces]


def _chance(text: str) -> Generator:
    return np.random.default_rng(zlib.crc32(text.encode()))
