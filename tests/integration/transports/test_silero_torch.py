"""Silero on PyTorch beside Silero on ONNX, on recorded people: `make test-silero`."""

import importlib.util
import sys
from collections.abc import Iterator, Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.support.speech import english_prompts, german_prompts
from transports.audio.endpointing import EndpointingParams, Hearing, Verdict
from transports.rtp.events import ArrivedAudio
from transports.silero import WINDOW, SileroModel, SileroScorer, SpeechModel
from transports.silero_torch import TorchSileroModel
from transports.vad import VoiceActivity

MISSING = [name for name in ("silero_vad", "torch") if importlib.util.find_spec(name) is None]
pytestmark = [
    pytest.mark.skipif(
        bool(MISSING), reason=f"{' and '.join(MISSING)} not installed: make test-silero"
    ),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
]

LEVELS = (-35.0, -28.0, -20.0, -12.0, -3.0)
PROMPT_DBFS = -20.0
FRAME_BYTES = 320


def callers() -> Iterator[bytes]:
    """Yield calls of the same length: sentences at a level, with pauses and line noise between."""
    generator = np.random.default_rng(5)
    prompts = [*english_prompts(), *german_prompts()]
    for level in LEVELS:
        for group in range(4):
            parts: list[NDArray[np.float64]] = []
            for prompt in prompts[group::4]:
                parts.append(np.zeros(int(generator.uniform(0.3, 2.5) * 8000)))
                speech = np.frombuffer(prompt.pcm, "<i2").astype(np.float64)
                parts.append(speech * 10 ** ((level - PROMPT_DBFS) / 20))
            call = np.concatenate(parts)[: 40 * 8000]
            call += generator.normal(0, 10 * 2**group / 8, len(call))  # -88 to -70 dBFS
            yield np.clip(call, -32768, 32767).astype("<i2").tobytes()


def hear(model: SpeechModel, calls: Sequence[bytes]) -> list[list[Hearing]]:
    """Let all calls be heard at once."""
    activity = VoiceActivity({"silero": lambda: SileroScorer(model)})
    heard: list[list[Hearing]] = [[] for _ in calls]
    ears = [activity.open(EndpointingParams()) for _ in calls]
    for ear, into in zip(ears, heard, strict=True):
        ear.on_hearing = into.append
    for at in range(0, max(map(len, calls)), FRAME_BYTES):
        for ear, call in zip(ears, calls, strict=True):
            if at < len(call):
                ear.put(ArrivedAudio(call[at : at + FRAME_BYTES], at / 16_000))
        activity.run()
    return heard


def verdicts(heard: Sequence[Hearing]) -> list[tuple[Verdict, float]]:
    told = (Verdict.STARTED, Verdict.STOPPED)
    return [(each.verdict, each.arrived_at or 0.0) for each in heard if each.verdict in told]


def voiced(heard: Sequence[Hearing]) -> set[float | None]:
    """Return when the windows of speech had come."""
    return {each.arrived_at for each in heard if each.voiced}


def test_both_hear_the_same_at_the_same_time() -> None:
    calls = list(callers())

    onnx, torch = hear(SileroModel(), calls), hear(TorchSileroModel(), calls)

    windows = sum(len(call) // (2 * WINDOW) for call in calls)
    unlike = sum(len(voiced(x) ^ voiced(y)) for x, y in zip(onnx, torch, strict=True))
    equal = 1 - unlike / windows
    ours = [verdicts(call) for call in onnx]
    theirs = [verdicts(call) for call in torch]
    late = [
        abs(a[1] - b[1])
        for x, y in zip(ours, theirs, strict=True)
        for a, b in zip(x, y, strict=False)
    ]
    sys.stdout.write(
        f"\n{windows} windows, {equal:.3%} judged alike; {sum(map(len, ours))} and "
        f"{sum(map(len, theirs))} verdicts, apart by at most {max(late):.2f} s, "
        f"{sum(gap == 0 for gap in late) / len(late):.2%} in the same one\n"
    )
    assert equal >= 0.999
    assert [[what for what, _ in call] for call in ours] == [
        [what for what, _ in call] for call in theirs
    ]
    assert max(late) <= 0.05  # of neighbouring windows, 20 or 40 ms


def test_a_batch_is_scored_as_its_rows_are() -> None:
    model = TorchSileroModel()
    generator = np.random.default_rng(6)
    audio = generator.normal(0, 0.1, (30, 12, WINDOW)).astype(np.float32)
    together = SileroScorer(model)
    rows = [together.open(EndpointingParams()) for _ in range(12)]
    alone = [SileroScorer(model) for _ in rows]
    places = [scorer.open(EndpointingParams()) for scorer in alone]

    for windows in audio:
        batch = together.score(rows, [False] * 12, windows, [0.0] * 12)
        single = [
            score
            for scorer, place, window in zip(alone, places, windows, strict=True)
            for score in scorer.score([place], [False], window[np.newaxis], [0.0])
        ]

        assert batch == pytest.approx(single, abs=1e-5)
