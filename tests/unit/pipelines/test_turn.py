"""Turn detection that judges ahead at a pause; the model's place is taken by a list of verdicts."""

import threading
from collections.abc import Iterator
from typing import Any, cast

import numpy as np
import onnxruntime as ort
import pytest
from numpy.typing import NDArray
from pipecat.audio.turn.base_turn_analyzer import EndOfTurnState
from pipecat.audio.turn.smart_turn._whisper_features import compute_whisper_log_mel_features

from pipelines.resources import Resources
from pipelines.turn import SmartTurn, features

FRAME = bytes(320)
FRAME_SAMPLES = 160


class Judge(SmartTurn):
    """Says what it was told to say, `+` for complete, and remembers how much it was given."""

    def __init__(self, resources: Resources, verdicts: str) -> None:
        super().__init__(cast("ort.InferenceSession", None), resources)
        self.set_sample_rate(8000)
        self.frames: list[int] = []
        self._verdicts = iter(verdicts)

    def _predict_endpoint(self, audio_array: NDArray[np.float32]) -> dict[str, Any]:
        self.frames.append(len(audio_array) // FRAME_SAMPLES)
        complete = next(self._verdicts) == "+"
        return {"prediction": int(complete), "probability": float(complete)}

    def hear(self, frames: int) -> None:
        for _ in range(frames):
            self.feed(FRAME, speaking=True)


@pytest.fixture
def resources() -> Iterator[Resources]:
    shared = Resources()
    yield shared
    shared.close()


async def test_a_turn_that_is_complete_at_the_pause_is_not_judged_again(
    resources: Resources,
) -> None:
    judge = Judge(resources, "+")
    judge.hear(30)
    await judge.caller_paused()
    judge.hear(6)

    state, metrics = await judge.analyze_end_of_turn()

    assert state is EndOfTurnState.COMPLETE
    assert metrics is not None
    assert judge.frames == [30]
    assert not judge.speech_triggered


@pytest.mark.parametrize("at_the_end", ["+", "-"])
async def test_one_that_is_not_complete_at_the_pause_is_judged_with_the_quiet_behind_it(
    resources: Resources, at_the_end: str
) -> None:
    judge = Judge(resources, "-" + at_the_end)
    judge.hear(30)
    await judge.caller_paused()
    judge.hear(6)

    state, _ = await judge.analyze_end_of_turn()

    assert (state is EndOfTurnState.COMPLETE) == (at_the_end == "+")
    assert judge.frames == [30, 36]


async def test_speech_after_a_pause_takes_its_verdict_back(resources: Resources) -> None:
    judge = Judge(resources, "+--")
    judge.hear(30)
    await judge.caller_paused()
    await resources.run("turn", judge.frames.copy)
    judge.hear(20)
    await judge.caller_paused()
    judge.hear(6)

    state, _ = await judge.analyze_end_of_turn()

    assert state is EndOfTurnState.INCOMPLETE
    assert judge.frames == [30, 50, 56]


async def test_a_busy_model_is_not_asked_ahead_and_no_old_verdict_counts(
    resources: Resources,
) -> None:
    judge = Judge(resources, "+-")
    judge.hear(30)
    await judge.caller_paused()
    await resources.run("turn", judge.frames.copy)
    free = threading.Event()
    others = resources.submit("turn", free.wait, 5)
    judge.hear(20)
    await judge.caller_paused()
    free.set()
    others.result()
    judge.hear(6)

    state, _ = await judge.analyze_end_of_turn()

    assert state is EndOfTurnState.INCOMPLETE
    assert judge.frames == [30, 56]


async def test_silence_is_not_judged(resources: Resources) -> None:
    judge = Judge(resources, "")
    judge.feed(FRAME, speaking=False)

    await judge.caller_paused()

    assert resources.is_idle("turn")


@pytest.mark.parametrize("seconds", [0.1, 2.0, 8.0, 11.0])
def test_features_are_those_of_pipecat(seconds: float) -> None:
    rate = 16_000
    n = np.arange(int(seconds * rate))
    noise = np.random.default_rng(5).normal(0, 0.02, n.size)
    speech = (np.sin(n / 20) * np.sin(n / 3000) + noise).astype(np.float32)
    last = speech[-8 * rate :]

    theirs = compute_whisper_log_mel_features(np.pad(last, (8 * rate - last.size, 0)))

    ours = features(speech, rate)
    assert ours.shape == (80, 800)
    assert ours.dtype == np.float32
    np.testing.assert_allclose(ours, theirs, atol=1e-4)


def test_the_telephone_is_resampled_for_the_model() -> None:
    tone = np.sin(2 * np.pi * 1000 / 8000 * np.arange(16_000)).astype(np.float32)

    loudest = features(tone, 8000)[:, 700].argmax()

    wide = np.sin(2 * np.pi * 1000 / 16_000 * np.arange(32_000)).astype(np.float32)
    assert loudest == features(wide, 16_000)[:, 700].argmax()
