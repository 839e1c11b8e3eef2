"""Echoes of recorded speech over hybrids of several kinds, with and without a caller.

The speech is a person's (Asterisk's prompts), quantised by A-law on its way there and back.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.support.availability import have_or_skip
from tests.support.speech import english_prompts
from transports.audio.echo import EchoJudge
from transports.audio.g711 import Alaw
from transports.audio.level import level_dbfs

Samples = NDArray[np.float64]

TICK: Final = 160
WINDOW: Final = 256
LENGTH: Final = 20_000
ONSET: Final = 8000
STARTS: Final = 3
"""Windows in a row that start speech."""
SPEECH_DBFS: Final = -50.0


def hybrid(kind: str, random: np.random.Generator) -> Samples:
    """Return the impulse response of a line's far end: 12 ms."""
    n = np.arange(96.0)
    response: Samples = np.exp(-n / 12) * np.sin(0.9 * n + 0.4)
    if kind == "wire":
        response = np.where(n == 10, 1.0, 0.0)
    elif kind != "resonant":
        spread = {"short": 8, "usual": 16, "long": 28}[kind]
        response = random.normal(0, 1, 96) * np.exp(-n / spread)
    return response


KINDS: Final = ("wire", "resonant", "short", "usual", "long")


@cache
def prompts() -> list[Samples]:
    spoken = [prompt.pcm for prompt in have_or_skip(english_prompts)]
    return [np.frombuffer(pcm, "<i2").astype(float) for pcm in spoken]


def active_level(samples: Samples) -> float:
    """Return the RMS of the louder half."""
    power = np.convolve(samples**2, np.ones(TICK) / TICK, "same")
    return float(np.sqrt(np.mean(power[power > np.median(power)])))


def over_the_line(samples: Samples) -> bytes:
    coded = Alaw().encode(bytes(np.clip(samples, -32768, 32767).astype("<i2")))
    return Alaw().decode(coded)


@dataclass(frozen=True)
class Call:
    """One piece of a call: what we sent, what we heard, and where the caller spoke."""

    sent: bytes
    heard: bytes
    onset: int

    def judged(self, speech_dbfs: float = SPEECH_DBFS) -> Iterator[tuple[int, bool]]:
        """Return, for each window that is loud enough for speech, its end and the verdict."""
        judge, due = EchoJudge(), WINDOW
        for at in range(0, len(self.sent) - 2 * TICK, 2 * TICK):
            judge.sent(self.sent[at : at + 2 * TICK])
            judge.heard(self.heard[at : at + 2 * TICK])
            end = at // 2 + TICK
            if end >= due:
                due += WINDOW
                if level_dbfs(self.heard[2 * max(end - WINDOW, 0) : 2 * end]) > speech_dbfs:
                    yield end, judge.is_echo()


def call(
    seed: int,
    *,
    loss_db: float | None,
    kind: str = "usual",
    delay_ms: float = 60,
    caller_dbfs: float | None = None,
    noise_dbfs: float = -64,
    slip: int = 0,
) -> Call:
    """Return a call in which the assistant speaks, and from `ONSET` on the caller, too."""
    random = np.random.default_rng(seed)
    ours, theirs = random.permutation(len(prompts()))[:2]
    sent = over_the_line(np.tile(prompts()[ours], 3)[:LENGTH])
    line = random.normal(0, 32768 * 10 ** (noise_dbfs / 20), LENGTH)
    said = np.frombuffer(sent, "<i2").astype(float)
    if loss_db is not None:
        back = np.convolve(said, hybrid(kind, random))[:LENGTH]
        back *= active_level(said) / active_level(back) * 10 ** (-loss_db / 20)
        if slip:
            back = np.delete(back, np.arange(ONSET, LENGTH, slip))
            back = np.pad(back, (0, LENGTH - len(back)))
        late = round(8 * delay_ms)
        line[late:] += back[: LENGTH - late]
    onset = LENGTH
    if caller_dbfs is not None:
        voice = prompts()[theirs] / active_level(prompts()[theirs]) * 32768
        voice = (voice * 10 ** (caller_dbfs / 20))[: LENGTH - ONSET]
        line[ONSET : ONSET + len(voice)] += voice
        onset = ONSET + int(np.argmax(np.abs(voice) > 0.1 * np.abs(voice).max()))
    return Call(sent, over_the_line(line), onset)


def first_start(judged: list[tuple[int, bool]]) -> int | None:
    """Return where speech would start, if it did."""
    run = 0
    for end, is_echo in judged:
        run = 0 if is_echo else run + 1
        if run == STARTS:
            return end
    return None


@pytest.mark.parametrize("loss_db", [6, 10, 15, 20, 30])
@pytest.mark.parametrize("kind", KINDS)
def test_an_echo_interrupts_nobody(kind: str, loss_db: float) -> None:
    for seed, delay_ms in enumerate((5, 25, 60, 140, 300)):
        judged = list(call(seed, loss_db=loss_db, kind=kind, delay_ms=delay_ms).judged())

        assert first_start(judged[3:]) is None, (seed, delay_ms)
        assert sum(is_echo for _, is_echo in judged) >= 0.8 * len(judged) - 3


@pytest.mark.parametrize("loss_db", [6, 12, 18])
@pytest.mark.parametrize("kind", KINDS)
def test_an_echo_in_a_noisy_room_interrupts_nobody(kind: str, loss_db: float) -> None:
    for seed, delay_ms in enumerate((25, 60, 140, 300)):
        talk = call(seed, loss_db=loss_db, kind=kind, delay_ms=delay_ms, noise_dbfs=-50)

        assert first_start(list(talk.judged(speech_dbfs=-46))[3:]) is None, (seed, delay_ms)


@pytest.mark.parametrize("kind", KINDS)
def test_an_echo_whose_clock_runs_away_interrupts_nobody(kind: str) -> None:
    for seed in range(12):
        talk = call(seed, loss_db=8, kind=kind, delay_ms=140, slip=4000)

        assert first_start(list(talk.judged())[3:]) is None, seed


def test_an_echo_is_not_lost_where_its_pitch_points_elsewhere() -> None:
    missed = windows = 0
    for seed in range(20):
        judged = list(call(seed, loss_db=10, kind="resonant").judged())[3:]
        missed += sum(not is_echo for _, is_echo in judged)
        windows += len(judged)

    assert missed <= 0.005 * windows


@pytest.mark.parametrize("caller_dbfs", [-35, -25, -15])
def test_a_caller_on_a_line_without_echo_is_heard_at_once(caller_dbfs: float) -> None:
    for seed in range(8):
        talk = call(seed, loss_db=None, caller_dbfs=caller_dbfs)
        judged = [(end, is_echo) for end, is_echo in talk.judged() if end > talk.onset]

        started = first_start(judged)

        assert started is not None
        assert (started - talk.onset) / 8 <= 150, seed
        assert sum(is_echo for _, is_echo in judged) <= 0.02 * len(judged) + 1


@pytest.mark.parametrize(
    ("loss_db", "caller_dbfs", "within_ms"),
    [
        (30, -35, 160),
        (20, -35, 250),
        (20, -25, 160),
        (15, -25, 200),
        (10, -25, 300),
        (10, -15, 200),
        (6, -15, 200),
        (6, -25, 200),
        (6, -35, 550),
    ],
)
def test_a_caller_who_speaks_over_our_echo_is_heard(
    loss_db: float, caller_dbfs: float, within_ms: float
) -> None:
    for seed in range(8):
        kind, delay_ms = KINDS[seed % 5], (5, 60, 140, 300)[seed % 4]
        talk = call(seed, loss_db=loss_db, kind=kind, delay_ms=delay_ms, caller_dbfs=caller_dbfs)
        judged = [(end, is_echo) for end, is_echo in talk.judged() if end > talk.onset]

        started = first_start(judged)

        assert started is not None, seed
        assert (started - talk.onset) / 8 <= within_ms, seed


def test_silence_is_no_echo() -> None:
    judge = EchoJudge()
    assert not judge.is_echo()

    judge.sent(bytes(2 * TICK))
    judge.heard(bytes(2 * TICK))

    assert judge.explained().share == 0
