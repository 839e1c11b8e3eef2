"""What a bench found: distributions, never a mean, with the machine they were taken on. Pure."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

__all__ = [
    "Budget",
    "Chart",
    "Distribution",
    "Machine",
    "Measure",
    "Report",
    "Series",
    "percentile",
]

Statistic = Literal["p50", "p95", "p99", "max"]


@dataclass(frozen=True, slots=True)
class Machine:
    """Where and with what was measured.

    Attributes:
        cpu: Model of the processor.
        cores: Logical cores that the process may use.
        system: Kernel and its release.
        python: Version of the interpreter.
        scheduling: Class of the measured process, such as ``SCHED_OTHER`` or ``SCHED_FIFO 20``.
        commit: Of the code, with ``+`` when files were changed; else the version.
        load: Runnable processes, average of the minute before the bench.
    """

    cpu: str
    cores: int
    system: str
    python: str
    scheduling: str
    commit: str
    load: float


def percentile(ordered: Sequence[float], percent: float) -> float:
    """Return the nearest-rank percentile: a value that was measured, not one between two.

    Args:
        ordered: Ascending, not empty.
        percent: Above 0, at most 100.
    """
    return ordered[max(math.ceil(len(ordered) * percent / 100), 1) - 1]


@dataclass(frozen=True, slots=True)
class Distribution:
    """How samples lie; of one sample all four are that sample."""

    n: int
    p50: float
    p95: float
    p99: float
    max: float

    @classmethod
    def of(cls, samples: Iterable[float]) -> "Distribution | None":
        """Return the distribution of samples; None without any."""
        ordered = sorted(samples)
        if not ordered:
            return None
        p50, p95, p99 = (percentile(ordered, percent) for percent in (50, 95, 99))
        return cls(len(ordered), p50, p95, p99, ordered[-1])

    def as_dict(self) -> dict[str, float]:
        """Return the figures by name, rounded to four significant digits below 1000."""
        return {name: _rounded(value) for name, value in asdict(self).items()}


@dataclass(frozen=True, slots=True)
class Budget:
    """What a figure shall not exceed; or shall reach, where more is better."""

    statistic: Statistic
    limit: float
    more_is_better: bool = False

    def is_met_by(self, distribution: Distribution) -> bool:
        """Whether a distribution keeps within it."""
        found = float(getattr(distribution, self.statistic))
        return found >= self.limit if self.more_is_better else found <= self.limit

    def __str__(self) -> str:
        return f"{self.statistic} {'>=' if self.more_is_better else '<='} {self.limit:g}"


@dataclass(frozen=True, slots=True)
class Measure:
    """One line of a report.

    Attributes:
        name: What was measured.
        unit: Of the samples.
        samples: Every one.
        budget: What it shall not exceed, if that was laid down.
    """

    name: str
    unit: str
    samples: tuple[float, ...]
    budget: Budget | None = None

    @property
    def distribution(self) -> Distribution | None:
        """How the samples lie; None without any."""
        return Distribution.of(self.samples)

    @property
    def is_over_budget(self) -> bool:
        """Whether it has a budget and was measured above it."""
        found = self.distribution
        return bool(self.budget and found and not self.budget.is_met_by(found))

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain JSON."""
        found = self.distribution
        figures: dict[str, Any] = found.as_dict() if found else {"n": 0}
        if self.budget:
            met = None if found is None else not self.is_over_budget
            figures["budget"] = {self.budget.statistic: self.budget.limit, "met": met}
        return {"name": self.name, "unit": self.unit, **figures}


@dataclass(frozen=True, slots=True)
class Series:
    """One line of a chart.

    Attributes:
        name: Of what it shows.
        points: Abscissa and ordinate, ascending by abscissa.
    """

    name: str
    points: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class Chart:
    """How figures depend on something that a bench varied, or on time.

    Attributes:
        title: What is shown.
        x: What was varied, with its unit.
        y: What was found, with its unit.
        series: The lines.
        limit: The ordinate of the budget, if there is one.
        log_x: Whether the abscissas are spaced by their ratio.
        log_y: Whether the ordinates are.
    """

    title: str
    x: str
    y: str
    series: tuple[Series, ...]
    limit: float | None = None
    log_x: bool = False
    log_y: bool = False


@dataclass(frozen=True, slots=True)
class Report:
    """A bench's result.

    Attributes:
        bench: Its name.
        machine: Where.
        parameters: With which options.
        measures: What was found.
        notes: What a reader must know to judge it.
        charts: What its plot shows above the measures.
    """

    bench: str
    machine: Machine
    parameters: Mapping[str, Any]
    measures: tuple[Measure, ...]
    notes: tuple[str, ...] = ()
    charts: tuple[Chart, ...] = ()

    @property
    def over_budget(self) -> list[str]:
        """Names of the measures above their budget."""
        return [measure.name for measure in self.measures if measure.is_over_budget]

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain JSON."""
        return {
            "bench": self.bench,
            "machine": asdict(self.machine),
            "parameters": dict(self.parameters),
            "measures": [measure.as_dict() for measure in self.measures],
            "notes": list(self.notes),
            **({"charts": [asdict(chart) for chart in self.charts]} if self.charts else {}),
        }

    def header(self) -> list[str]:
        """Return the lines above the table."""
        machine = self.machine
        options = ", ".join(f"{name} {value}" for name, value in self.parameters.items())
        system = f"{machine.cpu}, {machine.cores} cores, {machine.system}, Python {machine.python}"
        return [
            f"bench {self.bench}, voiceai {machine.commit}: {options}",
            f"{system}, {machine.scheduling}, load {machine.load:.1f} before",
        ]

    def rows(self) -> list[tuple[str, ...]]:
        """Return the table's lines: measure, unit, n, p50, p95, p99, max, budget."""
        rows = []
        for measure in self.measures:
            found = measure.distribution
            if found is None:
                figures = ["0", "-", "-", "-", "-"]
            else:
                values = [_shown(v) for v in (found.p50, found.p95, found.p99, found.max)]
                figures = [str(found.n), *(values if found.n > 1 else [values[0], "", "", ""])]
            budget = "" if measure.budget is None else str(measure.budget)
            verdict = " MISSED" if measure.is_over_budget else ""
            rows.append((measure.name, measure.unit, *figures, budget + verdict))
        return rows


def _rounded(value: float) -> float:
    if value == 0 or isinstance(value, int):
        return value
    digits = max(0, 3 - math.floor(math.log10(abs(value))))
    return round(value, digits)


def _shown(value: float) -> str:
    """Write a figure with as many digits as mean something: 0.012, 1.23, 12.3, 123."""
    size = abs(value)
    digits = 0 if size >= 100 else 1 if size >= 10 else 2 if size >= 1 else 3
    return f"{value:.{digits}f}"
