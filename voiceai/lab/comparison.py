"""The same callers talk to several pipelines: what came of it, as a table and a picture."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from statistics import median

from voiceai.bench import svg
from voiceai.lab.outcome import Outcome
from voiceai.lab.picture import Picture
from voiceai.lab.prices import NO_PRICES, Prices
from voiceai.lab.usage import Usage

__all__ = ["Comparison"]

WIDTH, NAMES, SCORES, ROW, TOP = 720.0, 190.0, 70.0, 40.0, 66.0
LETTER = 6.6
TITLE = "What each caller expected, and what of it holds"
CELL = ' style="text-align:left; vertical-align:top"'


@dataclass(frozen=True, slots=True)
class Comparison:
    """What came of it.

    Attributes:
        outcomes: Of every caller with every pipeline.
        prices: Of what was used.
    """

    outcomes: tuple[Outcome, ...]
    prices: Prices = NO_PRICES

    @property
    def pipelines(self) -> list[str]:
        """In the order in which they were given."""
        return list(dict.fromkeys(outcome.pipeline for outcome in self.outcomes))

    @property
    def callers(self) -> list[str]:
        """In the order in which they were given."""
        return list(dict.fromkeys(outcome.caller for outcome in self.outcomes))

    def of(self, pipeline: str) -> list[Outcome]:
        """Return the outcomes of one pipeline."""
        return [outcome for outcome in self.outcomes if outcome.pipeline == pipeline]

    def between(self, pipeline: str, caller: str) -> Outcome:
        """Return what came of one caller with one pipeline.

        Raises:
            StopIteration: There is none of that name.
        """
        return next(each for each in self.of(pipeline) if each.caller == caller)

    def score(self, pipeline: str) -> float | None:
        """Return the share of all that was expected that holds; None if nothing was."""
        checks = [check.holds for outcome in self.of(pipeline) for check in outcome.checks]
        return sum(checks) / len(checks) if checks else None

    def usage(self, pipeline: str) -> Usage:
        """Return what its conversations used."""
        told = (each.transcript for each in self.of(pipeline))
        return sum((each.usage for each in told if each), Usage())

    def cost(self, pipeline: str) -> float | None:
        """Return what that costs, in the currency of the prices; None without a price."""
        return self.prices.cost(self.usage(pipeline))

    def latency_ms(self, pipeline: str) -> float | None:
        """Return the median wait for an answer, in milliseconds; of text, so without any voice."""
        told = (each.transcript for each in self.of(pipeline))
        waits = [wait for each in told if each for wait in each.latencies_ms]
        return median(waits) if waits else None

    def failed(self) -> list[tuple[str, str, str]]:
        """Return pipeline, caller and name of all that was expected and does not hold."""
        return [
            (outcome.pipeline, outcome.caller, check.name)
            for outcome in self.outcomes
            for check in outcome.checks
            if not check.holds
        ]

    def not_run(self) -> dict[str, str]:
        """Return the callers who could not call, and why."""
        return {each.caller: each.not_run for each in self.outcomes if each.not_run}

    def __str__(self) -> str:
        """Return a line for each pipeline, and one for all that does not hold or was not run."""
        lines = [
            f"{name}: {_percent(self.score(name))}, {', '.join(self._spent(name))}"
            for name in self.pipelines
        ]
        lines += [f"  {name}, {caller}: not {check}" for name, caller, check in self.failed()]
        lines += [f"  {caller}: not run, {reason}" for caller, reason in self.not_run().items()]
        return "\n".join(lines)

    def plot(self) -> Picture:
        """Return who got what: a row for each caller, a column for each pipeline."""
        column = (WIDTH - NAMES) / max(1, len(self.pipelines))
        parts = [
            svg.text(
                12,
                24,
                "What each caller expected of each pipeline, and what of it holds",
                size=14,
                bold=True,
            )
        ]
        for number, name in enumerate(self.pipelines):
            x = NAMES + number * column
            heading = f"{_short(name, column - SCORES)}: {_percent(self.score(name))}"
            parts.append(svg.text(x, TOP - 12, heading, bold=True))
            for row, caller in enumerate(self.callers):
                outcome = self.between(name, caller)
                parts += _bar(outcome, x, TOP + row * ROW, column - SCORES)
        for row, caller in enumerate(self.callers):
            words = _short(caller, NAMES - 24)
            parts.append(svg.text(NAMES - 14, TOP + row * ROW + 18, words, anchor="end"))
        return Picture(svg.document(WIDTH, TOP + len(self.callers) * ROW + 6, parts))

    def _repr_html_(self) -> str:
        head = "".join(f"<th{CELL}>{escape(name)}</th>" for name in self.pipelines)
        rows = [f"<tr><th></th>{head}</tr>"]
        for caller in self.callers:
            cells = _cells([self.between(name, caller) for name in self.pipelines])
            rows.append(f"<tr><th{CELL}>{escape(caller)}</th>{cells}</tr>")
        totals = "".join(
            f"<td{CELL}><b>{_percent(self.score(name))}</b><br>"
            f"{'<br>'.join(map(escape, self._spent(name)))}</td>"
            for name in self.pipelines
        )
        rows.append(f"<tr><th{CELL}>all</th>{totals}</tr>")
        source = f"<p>Prices: {escape(self.prices.source)}</p>" if self.prices.source else ""
        return f"<table>{''.join(rows)}</table>{source}"

    def _spent(self, pipeline: str) -> list[str]:
        usage, latency = self.usage(pipeline), self.latency_ms(pipeline)
        parts = [] if latency is None else [f"answers after {latency:.0f} ms (median)"]
        parts.append(str(usage))
        cost = self.prices.describe(usage)
        return [*parts, f"cost {cost}" if cost else "no prices given"]


def _percent(score: float | None) -> str:
    return "not run" if score is None else f"{100 * score:.0f} %"


def _short(text: str, pixels: float) -> str:
    room = max(1, int(pixels / LETTER))
    return text if len(text) <= room else f"{text[: room - 1]}…"


def _bar(outcome: Outcome, x: float, y: float, width: float) -> Sequence[str]:
    """Return a field for each expectation: filled where it holds, crossed out where not."""
    if outcome.not_run or not outcome.checks:
        return [
            svg.text(
                x, y + 18, "not run" if outcome.not_run else "nothing expected", color="#6b737c"
            )
        ]
    parts, field = [], min(90.0, (width - 4) / len(outcome.checks))
    for number, check in enumerate(outcome.checks):
        left, right = x + number * field, x + (number + 1) * field - 3
        color = svg.PALETTE[0] if check.holds else "#f3d6d0"
        parts.append(svg.rectangle(left, y, right - left, 26, color=color))
        mark, ink = ("✓", "#ffffff") if check.holds else ("✗", "#8f1d14")
        middle = (left + right) / 2
        parts.append(svg.text(middle, y + 18, mark, color=ink, anchor="middle", bold=True))
    return parts


def _cells(outcomes: Sequence[Outcome]) -> str:
    """Return a row; one cell says why a caller could call nobody."""
    first, *others = outcomes
    if first.not_run and all(each.not_run == first.not_run for each in others):
        reason = f"<i>not run: {escape(first.not_run)}</i>"
        return f'<td colspan="{len(outcomes)}"{CELL}>{reason}</td>'
    return "".join(map(_cell, outcomes))


def _cell(outcome: Outcome) -> str:
    if outcome.not_run:
        return f"<td{CELL}><i>not run: {escape(outcome.not_run)}</i></td>"
    marks = "<br>".join(
        f"{'✓' if check.holds else '✗'} {escape(check.name)}"
        + (f"<br><small>{escape(check.reason)}</small>" if check.reason and not check.holds else "")
        for check in outcome.checks
    )
    return f"<td{CELL}>{marks}</td>"
