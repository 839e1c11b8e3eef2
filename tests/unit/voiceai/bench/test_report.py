"""A report: percentiles that were measured, budgets, and what is printed."""

import json

import pytest

from voiceai.bench.report import Budget, Distribution, Machine, Measure, Report, percentile

MACHINE = Machine("a processor", 2, "Linux 6", "3.11.7", "SCHED_FIFO 20", "abc1234", 0.3)


def report(*measures: Measure) -> Report:
    return Report("jitter", MACHINE, {"streams": 10, "seconds": 5}, measures, ("a note",))


@pytest.mark.parametrize(
    ("percent", "value"),
    [(1, 1.0), (50, 50.0), (95, 95.0), (99, 99.0), (99.5, 100.0), (100, 100.0)],
)
def test_a_percentile_is_the_nearest_rank(percent: float, value: float) -> None:
    assert percentile([float(n) for n in range(1, 101)], percent) == value


def test_a_percentile_of_few_samples_is_one_of_them() -> None:
    found = Distribution.of([4.0, 1.0, 3.0, 2.0])

    assert found == Distribution(n=4, p50=2.0, p95=4.0, p99=4.0, max=4.0)


def test_there_is_no_distribution_of_nothing() -> None:
    assert Distribution.of([]) is None
    assert Measure("gap", "ms", ()).as_dict() == {"name": "gap", "unit": "ms", "n": 0}


def test_a_budget_is_held_against_its_own_statistic() -> None:
    samples = tuple(float(n) for n in range(1, 101))

    assert not Measure("gap", "ms", samples, Budget("p50", 50)).is_over_budget
    assert Measure("gap", "ms", samples, Budget("p50", 49.9)).is_over_budget
    assert Measure("gap", "ms", samples, Budget("max", 99)).is_over_budget


def test_what_was_not_measured_neither_keeps_nor_breaks_a_budget() -> None:
    measure = Measure("gap", "ms", (), Budget("p50", 50))

    assert not measure.is_over_budget
    assert measure.as_dict()["budget"] == {"p50": 50, "met": None}


def test_a_report_names_what_missed_its_budget() -> None:
    missed = Measure("set-up", "ms", (70.0, 80.0), Budget("p95", 60))
    kept = Measure("drift", "ms", (0.01,), Budget("max", 0.1))

    assert report(missed, kept).over_budget == ["set-up"]


def test_a_report_is_plain_json_with_machine_and_options() -> None:
    document = json.loads(json.dumps(report(Measure("gap", "ms", (1.23456, 20.5))).as_dict()))

    assert document["machine"]["scheduling"] == "SCHED_FIFO 20"
    assert document["parameters"] == {"streams": 10, "seconds": 5}
    assert document["measures"] == [
        {"name": "gap", "unit": "ms", "n": 2, "p50": 1.235, "p95": 20.5, "p99": 20.5, "max": 20.5}
    ]
    assert document["notes"] == ["a note"]


def test_a_row_shows_the_distribution_and_a_verdict() -> None:
    samples = (0.0123, 1.234, 12.34, 123.4)

    rows = report(Measure("gap", "ms", samples, Budget("p99", 100))).rows()

    assert rows == [
        ("gap", "ms", "4", "1.23", "123", "123", "123", "p99 <= 100 MISSED"),
    ]


def test_a_single_figure_has_no_percentiles() -> None:
    (row,) = report(Measure("memory", "MB", (0.7,))).rows()

    assert row == ("memory", "MB", "1", "0.700", "", "", "", "")


def test_the_header_tells_machine_class_commit_and_load() -> None:
    header = "\n".join(report().header())

    for told in ("a processor", "2 cores", "Python 3.11.7", "SCHED_FIFO 20", "abc1234", "load 0.3"):
        assert told in header
