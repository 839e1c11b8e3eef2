"""Who judges what in the turn-model bench, and what a run is told as."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from voiceai.bench.report import Machine, Report
from voiceai.bench.turn_model import Judged, judge_turns, turn_model_report
from voiceai.bench.turn_recordings import turn_recording

MACHINE = Machine("A", 2, "Linux 6", "3.11.7", "normal", "abc1234", 0.5)

APART = (0.9, 0.2)
SWAPPED = (0.45, 0.6)


@dataclass
class ByLength:
    """The longer, the more probable."""

    name: str
    log: list[str] = field(default_factory=list)

    def probability(self, samples: NDArray[np.float32]) -> float:
        self.log.append(self.name)
        return len(samples) / 80_000


def judged(*scores: tuple[float, float], milliseconds: float = 40.0) -> list[Judged]:
    speakers = ("en", "de")
    return [
        Judged(speakers[place % 2], whole, cut, (milliseconds, milliseconds))
        for place, (whole, cut) in enumerate(scores)
    ]


def report(shipped: list[Judged], ours: list[Judged]) -> Report:
    return turn_model_report(MACHINE, {"shipped": shipped, "ours": ours})


def test_each_judges_whole_and_cut_and_they_take_turns_to_be_first() -> None:
    recordings = [
        turn_recording("en", str(seconds), np.full(8000 * seconds, 0.1, np.float32))
        for seconds in (2, 3)
    ]
    log: list[str] = []

    found = judge_turns(recordings, {name: ByLength(name, log) for name in ("a", "b")})

    assert "".join(log[2:]) == "aabb" + "bbaa"
    for name in ("a", "b"):
        assert [one.whole for one in found[name]] == [len(r.whole) / 80_000 for r in recordings]
        assert [one.cut for one in found[name]] == [len(r.cut) / 80_000 for r in recordings]


def test_a_judge_as_good_as_the_shipped_one_is_within_the_budget() -> None:
    same = judged(*[APART] * 10)

    assert not report(same, same).over_budget


def test_a_judge_that_tells_less_well_is_over_the_budget() -> None:
    good, worse = judged(*[APART] * 10), judged(*[APART] * 9, SWAPPED)

    assert report(good, worse).over_budget == ["AUC, shipped - ours"]
    assert not report(worse, good).over_budget


def test_speakers_shares_and_times_are_told_of_each_system() -> None:
    shipped = judged(APART, SWAPPED, APART, SWAPPED)
    ours = judged(APART, APART, APART, (0.9, 0.7), milliseconds=10.0)

    found = {measure.name: measure.samples for measure in report(shipped, ours).measures}

    assert found["AUC, en, shipped"] == found["AUC, de, ours"] == (1.0,)
    assert found["AUC, de, shipped"] == (0.0,)
    assert found["cut judged complete, shipped"] == (50.0,)
    assert found["whole judged complete, ours"] == (100.0,)
    assert found["cut judged complete, ours"] == (25.0,)
    assert found["a judgement, shipped"] == (40.0,) * 8
    assert found["a judgement, ours of shipped"] == (25.0,) * 8


def test_the_plot_shows_both_from_no_turn_complete_to_all() -> None:
    (chart,) = report(judged(APART, SWAPPED), judged(APART, APART)).charts

    assert [series.name for series in chart.series] == ["shipped", "ours"]
    assert all(
        (series.points[0], series.points[-1]) == ((0, 0), (100, 100)) for series in chart.series
    )
