"""Whisper base, multilingual, by CTranslate2 on this machine.

Whisper hears 30 s whatever it is given, and so faster-whisper pads every segment to that:
0.8 s for two words. CTranslate2 takes shorter features: with 15 s the words are as good at a
quarter of the time; below 10 s the model makes things up. What comes out of the short
window is checked, and the whole window is used when it looks made up.
"""

import importlib
import importlib.util
import zlib
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from pipelines.errors import ServiceUnavailable
from pipelines.findings import Finding
from pipelines.models import WHISPER_BASE_PART_1, WHISPER_BASE_PART_2, join_parts
from pipelines.resources import Resources
from pipelines.services.entry import Request, ServiceEntry
from pipelines.services.recognition import MODEL_RATE, LocalRecognition
from pipelines.spec import PipelineSpec, Spec

MODEL_SHA256 = "d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9"
WINDOW_SECONDS = 15
MARGIN_SECONDS = 2
FRAMES_PER_SECOND = 100
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
            library = importlib.import_module("faster_whisper")
            tokenizer = importlib.import_module("faster_whisper.tokenizer")
        except ImportError as error:
            raise ServiceUnavailable(_missing_library()) from error
        self._model: Any = library.WhisperModel(
            str(folder),
            device="cpu",
            compute_type="int8",
            cpu_threads=1,
            num_workers=1,
            local_files_only=True,
        )
        self._tokenizer: Any = tokenizer.Tokenizer
        self._tokenizers: dict[str, Any] = {}

    def recognise(self, samples: NDArray[np.float32], language: str, *, short: bool) -> str:
        """Return the text of mono samples at 16 kHz.

        Args:
            samples: Of -1..1, at most 28 seconds for the short window.
            language: Code such as ``de``.
            short: Whether to try the short window first.
        """
        if short:
            text = self._short(samples, language)
            if text is not None:
                return text
        segments, _ = self._model.transcribe(
            samples,
            language=language,
            beam_size=1,
            temperature=0.0,
            condition_on_previous_text=False,
            without_timestamps=True,
            max_new_tokens=MAX_TOKENS * 2,
        )
        text = " ".join(segment.text.strip() for segment in segments)
        return "" if looks_made_up(text, len(samples) / MODEL_RATE) else text

    def _short(self, samples: NDArray[np.float32], language: str) -> str | None:
        """Return the text by the short window; None if it looks made up."""
        duration = len(samples) / MODEL_RATE
        window = int(max(WINDOW_SECONDS, duration + MARGIN_SECONDS) * MODEL_RATE)
        padded = np.pad(samples, (0, max(0, window - len(samples))))
        features = self._model.feature_extractor(padded, padding=0)
        frames = min(features.shape[-1] // 2 * 2, MAX_FRAMES)
        encoded = self._model.encode(np.ascontiguousarray(features[:, :frames]))
        tokenizer = self._tokenizer_for(language)
        prompt = [*tokenizer.sot_sequence, tokenizer.no_timestamps]
        result = self._model.model.generate(
            encoded,
            [prompt],
            beam_size=1,
            max_length=2 * MAX_TOKENS,
            suppress_blank=True,
            return_scores=True,
            return_no_speech_prob=True,
        )[0]
        if result.no_speech_prob > NO_SPEECH and result.scores[0] < LOW_SCORE:
            return ""
        text: str = tokenizer.decode(result.sequences_ids[0]).strip()
        full = len(result.sequences_ids[0]) >= MAX_TOKENS
        return None if full or looks_made_up(text, duration) else text

    def _tokenizer_for(self, language: str) -> Any:
        if language not in self._tokenizers:
            self._tokenizers[language] = self._tokenizer(
                self._model.hf_tokenizer, multilingual=True, task="transcribe", language=language
            )
        return self._tokenizers[language]


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
    for name in ("config.json", "tokenizer.json", "vocabulary.txt"):
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
    fix = "install it: pip install faster-whisper==1.2.1"
    return Finding("faster-whisper is not installed", fix=fix)


def _check(_resources: Resources, _params: WhisperParams, _spec: PipelineSpec) -> Finding | None:
    if importlib.util.find_spec("faster_whisper") is None:
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
