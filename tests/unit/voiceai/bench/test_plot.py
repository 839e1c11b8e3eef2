"""The picture of a report: everything is in it, at its place, and it is well-formed."""

from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from voiceai.bench.plot import draw, save
from voiceai.bench.report import Budget, Chart, Machine, Measure, Report, Series
from voiceai.bench.svg import Axis, shown

MACHINE = Machine("A & B", 2, "Linux 6", "3.11.7", "SCHED_FIFO 20", "abc1234", 0.5)


def report(*measures: Measure, charts: tuple[Chart, ...] = ()) -> Report:
    return Report("made-up", MACHINE, {"calls": 3}, measures, ("mind <this>",), charts)


def words(picture: str) -> list[str]:
    return [element.text or "" for element in ET.fromstring(picture).iter()]  # noqa: S314 - ours


def test_a_picture_names_bench_machine_class_commit_measures_and_notes() -> None:
    found = words(draw(report(Measure("|drift|", "ms", (1.0, 2.0)))))

    assert "voiceai bench made-up" in found
    assert "commit abc1234" in found
    assert any("A & B" in line and "SCHED_FIFO 20" in line for line in found)
    assert "|drift|" in found
    assert any("mind <this>" in line for line in found)


def test_a_missed_budget_is_told() -> None:
    missed = Measure("late", "ms", (3.0,), Budget("p99", 2))
    kept = Measure("early", "ms", (1.0,), Budget("p99", 2))
    few = Measure("calls", "calls", (3.0,), Budget("p50", 80, more_is_better=True))

    found = words(draw(report(missed, kept, few)))

    assert found.count("missed: p99 <= 2") == 1
    assert found.count("p99 <= 2") == 1
    assert found.count("missed: p50 >= 80") == 1


def test_a_chart_shows_its_lines_its_limit_and_the_values_that_were_tried() -> None:
    lines = (Series("ours", ((1, 0.1), (100, 2.0))), Series("theirs", ((1, 5.0), (100, 40.0))))
    chart = Chart("pace", "streams", "ms", lines, limit=2, log_x=True, log_y=True)

    found = words(draw(report(charts=(chart,))))

    assert {"pace", "streams", "ms", "ours", "theirs", "budget 2", "1", "100"} <= set(found)


def test_nothing_measured_is_drawn_all_the_same() -> None:
    chart = Chart("empty", "x", "y", (Series("none", ()),))

    assert "empty" in words(draw(report(Measure("nothing", "ms", ()), charts=(chart,))))


def test_an_axis_has_room_for_all_values_on_round_ends() -> None:
    axis = Axis.around([3.0, 38.0], 0, 400)

    assert axis.ticks() == pytest.approx([0, 10, 20, 30, 40])
    assert axis.at(38.0) == pytest.approx(380)


def test_a_logarithmic_axis_gives_equal_ratios_equal_room() -> None:
    axis = Axis.around([0.5, 0.0, 300.0], 100, 0, log=True)

    assert axis.at(5) - axis.at(50) == pytest.approx(axis.at(0.5) - axis.at(5))
    assert axis.at(0) == 100
    assert axis.ticks() == pytest.approx([1, 10, 100])


@pytest.mark.parametrize(
    ("value", "words"), [(0, "0"), (0.01234, "0.012"), (1.234, "1.23"), (-12.34, "-12.3")]
)
def test_figures_have_three_digits_at_most(value: float, words: str) -> None:
    assert shown(value) == words


def test_numbers_and_picture_are_written_side_by_side(tmp_path: Path) -> None:
    numbers, picture = save(report(Measure("n", "ms", (1.0,))), tmp_path / "made" / "n.svg")

    assert numbers == tmp_path / "made" / "n.json"
    assert "<svg" in picture.read_text()
