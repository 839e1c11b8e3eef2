"""Turn detection that judges ahead at a pause; the model's place is taken by a list of verdicts."""

import asyncio
import threading
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from pipecat.audio.turn.base_turn_analyzer import EndOfTurnState
from pipecat.audio.turn.smart_turn._whisper_features import compute_whisper_log_mel_features

from pipelines.resources import Resources
from pipelines.smart_turn import RecentAudio, SmartTurn, features

FRAME = bytes(320)
FRAME_SAMPLES = 160


class Judge:
    """A turn model that says what it was told to say, `+` for complete."""

    def __init__(self, verdicts: str) -> None:
        self.frames: list[int] = []
        self._verdicts = iter(verdicts)

    def probability(self, samples: NDArray[np.float32]) -> float:
        self.frames.append(len(samples) // FRAME_SAMPLES)
        return float(next(self._verdicts) == "+")


def hear(turn: SmartTurn, frames: int) -> None:
    for _ in range(frames):
        turn.feed(FRAME, speaking=True)


@pytest.fixture
def resources() -> Iterator[Resources]:
    shared = Resources()
    yield shared
    shared.close()


async def test_a_turn_that_is_complete_at_the_pause_is_not_judged_again(
    resources: Resources,
) -> None:
    judge = Judge("+")
    turn = SmartTurn(judge, resources)
    hear(turn, 30)
    turn.caller_paused()
    hear(turn, 6)

    state, metrics = await turn.analyze_end_of_turn()

    assert state is EndOfTurnState.COMPLETE
    assert metrics is not None
    assert judge.frames == [30]
    assert not turn.speech_triggered


@pytest.mark.parametrize("at_the_end", ["+", "-"])
async def test_one_that_is_not_complete_at_the_pause_is_judged_with_the_quiet_behind_it(
    resources: Resources, at_the_end: str
) -> None:
    judge = Judge("-" + at_the_end)
    turn = SmartTurn(judge, resources)
    hear(turn, 30)
    turn.caller_paused()
    hear(turn, 6)

    state, _ = await turn.analyze_end_of_turn()

    assert (state is EndOfTurnState.COMPLETE) == (at_the_end == "+")
    assert judge.frames == [30, 36]


async def test_speech_after_a_pause_takes_its_verdict_back(resources: Resources) -> None:
    judge = Judge("+--")
    turn = SmartTurn(judge, resources)
    hear(turn, 30)
    turn.caller_paused()
    await resources.run("turn", judge.frames.copy)
    hear(turn, 20)
    turn.caller_paused()
    hear(turn, 6)

    state, _ = await turn.analyze_end_of_turn()

    assert state is EndOfTurnState.INCOMPLETE
    assert judge.frames == [30, 50, 56]


async def test_a_busy_model_is_asked_ahead_and_judges_when_it_is_free(
    resources: Resources,
) -> None:
    judge = Judge("+")
    turn = SmartTurn(judge, resources)
    free = threading.Event()
    resources.submit("turn", free.wait, 5)
    hear(turn, 30)
    turn.caller_paused()
    hear(turn, 6)
    free.set()

    state, _ = await turn.analyze_end_of_turn()

    assert state is EndOfTurnState.COMPLETE
    assert judge.frames == [30]


@pytest.mark.parametrize("pauses", [1, 2])
async def test_what_waits_is_never_judged_when_speech_has_gone_on(
    resources: Resources, pauses: int
) -> None:
    judge = Judge("+")
    turn = SmartTurn(judge, resources)
    free = threading.Event()
    others = resources.submit("turn", free.wait, 5)
    for _ in range(pauses):
        hear(turn, 30)
        turn.caller_paused()
    hear(turn, 9)  # 180 ms
    free.set()
    others.result()

    await turn.analyze_end_of_turn()

    assert judge.frames == [30 * pauses + 9]


async def test_what_waits_is_judged_however_late_the_end_of_speech_is_told(
    resources: Resources,
) -> None:
    judge = Judge("+")
    turn = SmartTurn(judge, resources)
    free = threading.Event()
    resources.submit("turn", free.wait, 5)
    hear(turn, 30)
    turn.caller_paused()
    hear(turn, 6)
    for _ in range(20):
        turn.feed(FRAME, speaking=False)
    free.set()

    await turn.analyze_end_of_turn()

    assert judge.frames == [30]


async def test_a_verdict_that_was_given_counts_until_speech_pauses_again(
    resources: Resources,
) -> None:
    judge = Judge("+")
    turn = SmartTurn(judge, resources)
    hear(turn, 30)
    turn.caller_paused()
    await resources.run("turn", judge.frames.copy)
    hear(turn, 20)  # of quiet, where the end of speech takes longer

    state, _ = await turn.analyze_end_of_turn()

    assert state is EndOfTurnState.COMPLETE
    assert judge.frames == [30]


class PatientJudge(Judge):
    """One that waits to be let go on."""

    def __init__(self, verdicts: str) -> None:
        super().__init__(verdicts)
        self.asked = threading.Event()
        self.go_on = threading.Event()

    def probability(self, samples: NDArray[np.float32]) -> float:
        self.asked.set()
        self.go_on.wait(5)
        return super().probability(samples)


@pytest.mark.parametrize("speaks_on", [True, False])
async def test_what_is_said_while_a_turn_is_judged_belongs_to_the_next(
    resources: Resources, *, speaks_on: bool
) -> None:
    judge = PatientJudge("++")
    turn = SmartTurn(judge, resources)
    hear(turn, 30)
    judging = asyncio.create_task(turn.analyze_end_of_turn())
    await asyncio.to_thread(judge.asked.wait, 5)
    for frame in range(14):
        turn.feed(FRAME, speaking=speaks_on and frame >= 8)
    judge.go_on.set()
    await judging
    has_begun = turn.speech_triggered
    turn.clear()  # as Pipecat does when the turn has ended
    turn.update_vad_start_secs(0.1)
    hear(turn, 4)

    await turn.analyze_end_of_turn()

    assert has_begun == speaks_on
    assert judge.frames == [30, 14 + 4]


async def test_a_turn_that_ends_without_a_judgement_leaves_nothing_to_the_next(
    resources: Resources,
) -> None:
    judge = Judge("++")
    turn = SmartTurn(judge, resources)
    hear(turn, 30)
    await turn.analyze_end_of_turn()
    turn.update_vad_start_secs(0.1)
    hear(turn, 20)
    turn.clear()
    hear(turn, 4)

    await turn.analyze_end_of_turn()

    assert judge.frames == [30, 4]


async def test_silence_is_not_judged(resources: Resources) -> None:
    judge = Judge("")
    turn = SmartTurn(judge, resources)
    turn.feed(FRAME, speaking=False)

    turn.caller_paused()

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


@pytest.mark.parametrize(("seconds", "frames"), [(0.1, 40), (2.0, 230), (7.9, 800), (11.0, 800)])
def test_features_of_the_last_frames_are_the_last_of_the_features(
    seconds: float, frames: int
) -> None:
    speech = np.random.default_rng(6).normal(0.01, 0.1, int(8000 * seconds)).astype(np.float32)

    some = features(speech, 8000, frames)

    assert some.shape == (80, frames)
    np.testing.assert_allclose(some, features(speech, 8000)[:, -frames:], atol=1e-6)


def test_the_telephone_is_resampled_for_the_model() -> None:
    tone = np.sin(2 * np.pi * 1000 / 8000 * np.arange(16_000)).astype(np.float32)

    loudest = features(tone, 8000)[:, 700].argmax()

    wide = np.sin(2 * np.pi * 1000 / 16_000 * np.arange(32_000)).astype(np.float32)
    assert loudest == features(wide, 16_000)[:, 700].argmax()


@given(st.lists(st.integers(0, 400).map(lambda samples: 2 * samples), max_size=40), st.data())
def test_the_last_eight_seconds_are_there_however_they_came(
    sizes: list[int], data: st.DataObject
) -> None:
    recent, everything = RecentAudio(), bytearray()
    start = data.draw(st.integers(0, 64_000)) * 2
    for size in (start, *sizes, data.draw(st.sampled_from([0, 320, 128_000, 140_000]))):
        pcm = (np.arange(size // 2) + len(everything)).astype("<i2").tobytes()
        recent.put(pcm)
        everything += pcm

    position = data.draw(st.integers(0, len(everything) // 2)) * 2

    assert recent.position == len(everything)
    assert recent.since(position) == everything[max(position, len(everything) - 128_000) :]


async def test_what_was_before_speech_is_judged_with_it_but_not_the_turn_before(
    resources: Resources,
) -> None:
    judge = Judge("-++")
    turn = SmartTurn(judge, resources)
    turn.update_vad_start_secs(0.1)
    for _ in range(100):
        turn.feed(FRAME, speaking=False)
    hear(turn, 10)
    await turn.analyze_end_of_turn()
    await turn.analyze_end_of_turn()
    for _ in range(5):
        turn.feed(FRAME, speaking=False)
    hear(turn, 10)

    await turn.analyze_end_of_turn()

    assert judge.frames == [40, 40, 15]


async def test_a_long_turn_is_judged_by_its_last_eight_seconds(resources: Resources) -> None:
    judge = Judge("+")
    turn = SmartTurn(judge, resources)
    hear(turn, 1000)

    await turn.analyze_end_of_turn()

    assert judge.frames == [400]


async def test_silence_counts_from_the_last_speech(resources: Resources) -> None:
    turn = SmartTurn(Judge(""), resources)
    told: list[int] = []
    turn.on_silence = lambda: told.append(1)
    for _ in range(3):
        hear(turn, 5)
        for _ in range(49):
            turn.feed(FRAME, speaking=False)

    assert told == []
    turn.feed(FRAME, speaking=False)
    assert told == [1]
