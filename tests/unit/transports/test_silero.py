"""Silero for many calls at once gives what it gives for one."""

import numpy as np
import pytest
from numpy.typing import NDArray

from transports.audio.endpointing import EndpointingParams
from transports.silence_gate import KEPT_WINDOWS, REST_AFTER
from transports.silero import CONTEXT, WINDOW, SileroModel, SileroScorer

CALLS = 40
"""More than the rows that a scorer begins with."""
WINDOWS = 100
PARAMS = EndpointingParams()
LOUD = (0.0,) * CALLS
"""Levels of windows, in dBFS, none of which is left out."""


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
    batched = [together.score(rows, [False] * CALLS, audio[:, n], LOUD) for n in range(WINDOWS)]

    for call in range(0, CALLS, 7):
        alone = SileroScorer(model)
        row = alone.open(PARAMS)
        single = [
            alone.score([row], [False], audio[call : call + 1, n], LOUD[:1]) for n in range(WINDOWS)
        ]

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
        whole = together.score(rows, [False] * CALLS, audio[:, n], LOUD)
        for row, score in zip(rows, whole, strict=True):
            scored["together"][row].append(score)
        for calls in np.split(generator.permutation(CALLS), [3, 4, 30]):
            part = [rows[call] for call in calls]
            scores = mixed.score(part, [False] * len(part), audio[calls, n], LOUD[: len(part)])
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
        steps, rest = divmod(len(windows), state.shape[1])
        assert (rest, windows.shape[1]) == (0, CONTEXT + WINDOW)
        self.inputs.append(windows)
        self.seen = (state[0, :, 0] + steps).tolist()
        return np.full(len(windows), self._score, np.float32), state + steps


def seen(score: float, speaking: bool, windows: int) -> list[float]:
    model = Counting(score)
    scorer = SileroScorer(model)
    row = scorer.open(PARAMS)
    quiet = np.zeros((1, WINDOW), np.float32)
    counted = []
    for _ in range(windows):
        scorer.score([row], [speaking], quiet, LOUD[:1])
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
        scorer.score([row], [False], np.zeros((1, WINDOW), np.float32), LOUD[:1])

    heard = np.concatenate(model.inputs)

    assert (heard[1:, :CONTEXT] == heard[:-1, -CONTEXT:]).all()
    assert 20 * np.log10(heard[:, CONTEXT:].std()) == pytest.approx(-50, abs=0.3)


def test_a_row_that_is_used_again_remembers_nothing(model: SileroModel) -> None:
    audio = babble(1)
    scorer = SileroScorer(model)
    first = scorer.open(PARAMS)
    before = [scorer.score([first], [False], audio[:, n], LOUD[:1]) for n in range(10)]
    scorer.close(first)

    again = scorer.open(PARAMS)

    assert again == first
    after = [scorer.score([again], [False], audio[:, n], LOUD[:1]) for n in range(10)]
    assert after == before


def scores(
    scorer: SileroScorer, audio: NDArray[np.float32], levels: list[float], *, speaking: bool = False
) -> list[float]:
    row = scorer.open(PARAMS)
    windows = zip(audio, levels, strict=True)
    return [
        scorer.score([row], [speaking], each[np.newaxis], [level])[0] for each, level in windows
    ]


def test_a_line_on_which_no_speech_begins_is_not_scored() -> None:
    model = Counting(0.3)
    silence = np.zeros((100, WINDOW), np.float32)

    scored = scores(SileroScorer(model), silence, [-51.0] * 100)

    assert len(model.inputs) == REST_AFTER
    assert scored == pytest.approx([0.3] * REST_AFTER + [0.0] * (100 - REST_AFTER))


@pytest.mark.parametrize(("level", "speaking"), [(-49.0, False), (-51.0, True)])
def test_one_is_on_which_speech_may_begin_or_end(level: float, speaking: bool) -> None:
    model = Counting(0.3)
    silence = np.zeros((100, WINDOW), np.float32)

    scores(SileroScorer(model), silence, [level] * 100, speaking=speaking)

    assert len(model.inputs) == 100


@pytest.mark.parametrize(
    "before", [20, 45], ids=["with no reset in it", "with a reset in the middle of it"]
)
def test_after_a_short_rest_it_is_as_if_there_had_been_none(
    model: SileroModel, before: int
) -> None:
    audio = babble(1)[0]
    pause = REST_AFTER + KEPT_WINDOWS
    levels = [-20.0] * before + [-60.0] * pause + [-20.0] * (WINDOWS - before - pause)

    rested = scores(SileroScorer(model), audio, levels)
    never = scores(SileroScorer(model), audio, [-20.0] * WINDOWS)

    assert rested[before + pause :] == never[before + pause :]
    assert set(rested[before + REST_AFTER : before + pause]) == {0.0}


def test_what_was_left_out_is_caught_up_with_in_one_run() -> None:
    counting = Counting(0.3)
    audio = babble(1)[0]

    scores(SileroScorer(counting), audio[:40], [-60.0] * 39 + [-20.0])

    assert [len(windows) for windows in counting.inputs] == [1] * REST_AFTER + [KEPT_WINDOWS, 1]


class Doubtful(Counting):
    """As if each ``period``-th window since a reset were perhaps speech, and no other."""

    def __init__(self, period: int) -> None:
        super().__init__(0.05)
        self._period = period

    def run(
        self, windows: NDArray[np.float32], state: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        scored, after = super().run(windows, state)
        numbers = np.arange(len(windows)) + state[0, 0, 0]
        return np.where(numbers % self._period, scored, np.float32(0.5)), after


@pytest.mark.parametrize(("period", "reset_at"), [(4, 0), (6, 66), (99, 62)])
@pytest.mark.parametrize("before", [38, 40, 41, 42, 50])
def test_the_state_is_forgotten_in_a_rest_when_it_would_have_been(
    before: int, period: int, reset_at: int
) -> None:
    silence = np.zeros((80, WINDOW), np.float32)
    pause = REST_AFTER + KEPT_WINDOWS
    levels = [-20.0] * before + [-60.0] * pause + [-20.0] * (80 - before - pause)
    resting, never = Doubtful(period), Doubtful(period)

    scores(SileroScorer(resting), silence, levels)
    scores(SileroScorer(never), silence, [-20.0] * 80)

    assert resting.seen == never.seen == [80 - reset_at]


def test_after_a_long_rest_the_model_begins_anew_with_the_last_windows(model: SileroModel) -> None:
    audio = babble(1)[0]
    quiet = REST_AFTER + 2 * KEPT_WINDOWS + 3

    rested = scores(SileroScorer(model), audio, [-60.0] * quiet + [-20.0] * (WINDOWS - quiet))
    begun = quiet - KEPT_WINDOWS
    counting = Counting(0.3)
    scores(SileroScorer(counting), audio, [-60.0] * quiet + [-20.0] * (WINDOWS - quiet))

    assert any(score > 0 for score in rested[quiet:])
    replayed = np.concatenate(counting.inputs)[REST_AFTER:][:KEPT_WINDOWS, CONTEXT:]
    assert np.abs(replayed - audio[begun:quiet]).max() < 0.02  # but for the noise of -50 dBFS
    assert counting.seen == [WINDOWS - begun]


def test_calls_rest_and_wake_by_themselves(model: SileroModel) -> None:
    audio = babble(3)
    levels = np.full((3, WINDOWS), -20.0)
    levels[1, 10:60] = -60.0
    levels[2, 30:90] = -60.0
    together = SileroScorer(model)
    rows = [together.open(PARAMS) for _ in audio]

    batched = [
        together.score(rows, [False] * 3, audio[:, n], levels[:, n].tolist())
        for n in range(WINDOWS)
    ]

    for call in range(3):
        alone = scores(SileroScorer(model), audio[call], levels[call].tolist())
        assert [each[call] for each in batched] == alone
