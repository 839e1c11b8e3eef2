"""What a run of the capacity bench is told as."""

from dataclasses import replace

from voiceai.bench.capacity_report import Found, System, Tried, capacity_report
from voiceai.bench.capacity_step import Step
from voiceai.bench.report import Machine, Report

MACHINE = Machine("A", 2, "Linux 6", "3.11.7", "normal", "abc1234", 0.5)
COST = {"parts": {"all": [4.0], "loop": [3.0]}, "lags": [1.0], "turns_per_minute": 6.0}


def tried(calls: int, *, missed: int = 0) -> Tried:
    step = Step(calls, (0.0, 1.0), (800.0,), missed, 12)
    return Tried(step, {**COST, "memory_mb": 1.0}, 0.25, 0.004, 0, 3.0)


def found(system: System, held: int, broke: int) -> Found:
    attempts = (tried(held), tried(broke, missed=2)) if held else (tried(broke, missed=2),)
    return Found(system, held, broke, attempts, "normal", 0)


def report(ours: int, stock: int) -> Report:
    systems = [found("ours", ours, ours + 10), found("stock", stock, stock + 2)]
    return capacity_report(MACHINE, {}, systems)


def test_the_figure_is_the_most_that_held_and_the_ratio_is_of_one_run() -> None:
    measures = {measure.name: measure for measure in report(90, 20).measures}

    assert measures["voiceai: most calls that hold on one core"].samples == (90,)
    assert measures["stock Pipecat: most calls that hold on one core"].samples == (20,)
    assert measures["voiceai / stock Pipecat"].samples == (4.5,)
    assert not report(90, 20).over_budget


def test_too_few_calls_and_too_small_a_ratio_are_missed_budgets() -> None:
    assert report(70, 20).over_budget == [
        "voiceai: most calls that hold on one core",
        "voiceai / stock Pipecat",
    ]


def test_costs_are_told_of_the_most_that_held() -> None:
    names = [measure.name for measure in report(90, 20).measures]

    assert "voiceai, 90 calls: cpu per call, all" in names
    assert "stock Pipecat, 20 calls: gap" in names


def test_what_broke_is_told_by_number() -> None:
    assert any("90 hold; 100 2 of 3 turns missed" in note for note in report(90, 20).notes)


def test_a_system_that_held_nothing_is_told_by_what_it_tried() -> None:
    made = report(0, 20)

    names = [measure.name for measure in made.measures]
    assert "voiceai / stock Pipecat" not in names
    assert "voiceai, 10 calls: gap" in names


def test_every_chart_has_both_systems_at_each_number() -> None:
    for chart in report(90, 20).charts:
        assert [[x for x, _ in line.points] for line in chart.series] == [[90, 100], [20, 22]]


def test_tries_that_a_halt_of_the_machine_broke_are_told() -> None:
    attempts = (tried(80), tried(90, missed=2))
    told = capacity_report(MACHINE, {}, [Found("ours", 80, 90, attempts, "normal", 4)])

    assert any("4 tries did not count" in note for note in told.notes)
    measures = {measure.name: measure for measure in told.measures}
    assert measures["voiceai, 80 calls: longest halt of the machine"].samples == (3.0,)


def test_a_halt_that_cannot_be_told_is_not_told_as_none() -> None:
    unknown = replace(tried(80), halt_ms=None)
    told = capacity_report(MACHINE, {}, [Found("ours", 80, None, (unknown,), "normal", 0)])

    assert not any("longest halt" in measure.name for measure in told.measures)
