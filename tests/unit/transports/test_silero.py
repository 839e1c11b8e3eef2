"""Silero for many calls at once gives what it gives for one."""

import numpy as np
import pytest
from numpy.typing import NDArray

from transports.audio.endpointing import EndpointingParams
from transports.silero import CONTEXT, WINDOW, SileroModel, SileroScorer

CALLS = 40
"""More than the rows that a scorer begins with."""
WINDOWS = 100
PARAMS = EndpointingParams()


@pytest.fixture(scope="module")
def model() -> SileroModel:
    return SileroModel()


def babble(calls: int) -> NDArray[np.float32]:
    """Return noise that comes and goes, different for each call: shape (calls, windows, 256)."""
    generator = np.random.default_rng(4)
    gains = 10 ** generator.uniform(-4, -0.5, (calls, WINDOWS // 10, 1, 1))
    noise = generator.normal(0, 1, (calls, WINDOWS // 10, 10, WINDOW)) * gains
    return np.clip(noise, -1, 1).reshape(calls, WINDOWS, WINDOW).astype(np.float32)


def test_scores_of_a_batch_are_those_of_single_calls_to_the_bit(model: SileroModel) -> None:
    audio = babble(CALLS)
    together = SileroScorer(model)
    rows = [together.open(PARAMS) for _ in range(CALLS)]
    batched = [together.score(rows, [False] * CALLS, audio[:, n]) for n in range(WINDOWS)]

    for call in range(0, CALLS, 7):
        alone = SileroScorer(model)
        row = alone.open(PARAMS)
        single = [alone.score([row], [False], audio[call : call + 1, n]) for n in range(WINDOWS)]

        assert [scores[call] for scores in batched] == [score for (score,) in single]


def test_the_order_and_the_company_of_a_call_do_not_matter(model: SileroModel) -> None:
    audio = babble(CALLS)
    together, mixed = SileroScorer(model), SileroScorer(model)
    rows = [together.open(PARAMS) for _ in range(CALLS)]
    assert [mixed.open(PARAMS) for _ in rows] == rows
    generator = np.random.default_rng(2)
    scored: dict[str, dict[int, list[float]]] = {
        who: {row: [] for row in rows} for who in ("together", "mixed")
    }

    for n in range(20):
        whole = together.score(rows, [False] * CALLS, audio[:, n])
        for row, score in zip(rows, whole, strict=True):
            scored["together"][row].append(score)
        for calls in np.split(generator.permutation(CALLS), [3, 4, 30]):
            part = [rows[call] for call in calls]
            scores = mixed.score(part, [False] * len(part), audio[calls, n])
            for row, score in zip(part, scores, strict=True):
                scored["mixed"][row].append(score)

    assert scored["mixed"] == scored["together"]


class Counting:
    """A model whose score and state say how many windows it has seen since it was reset."""

    def __init__(self, score: float) -> None:
        self.inputs: list[NDArray[np.float32]] = []
        self._score = score

    def run(
        self, windows: NDArray[np.float32], state: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        assert windows.shape == (state.shape[1], CONTEXT + WINDOW)
        self.inputs.append(windows)
        self.seen = (state[0, :, 0] + 1).tolist()
        return np.full(len(windows), self._score, np.float32), state + 1


def seen(score: float, speaking: bool, windows: int) -> list[float]:
    model = Counting(score)
    scorer = SileroScorer(model)
    row = scorer.open(PARAMS)
    quiet = np.zeros((1, WINDOW), np.float32)
    counted = []
    for _ in range(windows):
        scorer.score([row], [speaking], quiet)
        counted += model.seen
    return counted


def test_the_state_is_forgotten_after_two_seconds_of_clear_non_speech() -> None:
    assert seen(0.05, speaking=False, windows=130) == [*range(1, 63), *range(1, 63), *range(1, 7)]


@pytest.mark.parametrize(("score", "speaking"), [(0.05, True), (0.15, False)])
def test_it_is_kept_in_speech_and_in_what_may_be_speech(score: float, speaking: bool) -> None:
    assert seen(score, speaking, windows=130) == list(range(1, 131))


def test_each_window_follows_the_end_of_the_one_before_in_noise_of_minus_50_dbfs() -> None:
    model = Counting(0.5)
    scorer = SileroScorer(model)
    row = scorer.open(PARAMS)
    for _ in range(200):
        scorer.score([row], [False], np.zeros((1, WINDOW), np.float32))

    heard = np.concatenate(model.inputs)

    assert (heard[1:, :CONTEXT] == heard[:-1, -CONTEXT:]).all()
    assert 20 * np.log10(heard[:, CONTEXT:].std()) == pytest.approx(-50, abs=0.3)


def test_a_row_that_is_used_again_remembers_nothing(model: SileroModel) -> None:
    audio = babble(1)
    scorer = SileroScorer(model)
    first = scorer.open(PARAMS)
    before = [scorer.score([first], [False], audio[:, n]) for n in range(10)]
    scorer.close(first)

    again = scorer.open(PARAMS)

    assert again == first
    assert [scorer.score([again], [False], audio[:, n]) for n in range(10)] == before
