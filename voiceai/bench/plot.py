"""The picture of a report, as SVG: its charts, and where the samples of each measure lie. Pure.

Only :func:`save` writes: the numbers as JSON, and the picture beside them.
"""

import json
import textwrap
from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Final

from voiceai.bench import svg
from voiceai.bench.report import Chart, Distribution, Measure, Report
from voiceai.bench.svg import Axis

__all__ = ["draw", "save"]

WIDTH: Final = 1080.0
MARGIN: Final = 28.0
CHART_HEIGHT: Final = 330.0
CHART_GAP: Final = 36.0
ROW: Final = 22.0
NAMES: Final = 400.0
"""Where the bars begin, right of the measures' names."""
FIGURES: Final = 300.0
"""Room right of the bars."""
NAME_LETTERS: Final = 56
MANY_POINTS: Final = 40
"""A line of more points has no dots."""
NOTE_LETTERS: Final = 160


def draw(report: Report) -> str:
    """Return the picture of a report: an SVG document."""
    parts, y = _head(report)
    for row in _pairs(report.charts):
        width = (WIDTH - 2 * MARGIN - CHART_GAP * (len(row) - 1)) / len(row)
        for place, chart in enumerate(row):
            parts += _chart(chart, MARGIN + place * (width + CHART_GAP), y, width)
        y += CHART_HEIGHT + 24
    for unit in dict.fromkeys(measure.unit for measure in report.measures):
        found, y = _strips([m for m in report.measures if m.unit == unit], unit, y)
        parts += found
    for note in report.notes:
        for words in textwrap.wrap(f"\N{BULLET} {note}", NOTE_LETTERS):
            parts.append(svg.text(MARGIN, y, words, size=10.5, color="#5b6570"))
            y += 15
    return svg.document(WIDTH, y + MARGIN / 2, parts)


def save(report: Report, picture: Path) -> tuple[Path, Path]:
    """Write a report's picture, and its numbers beside it.

    Args:
        report: What was found.
        picture: File to write, usually ``*.svg``; its folder is made.

    Returns:
        The files: numbers, picture.
    """
    numbers = picture.with_suffix(".json")
    picture.parent.mkdir(parents=True, exist_ok=True)
    numbers.write_text(json.dumps(report.as_dict(), indent=1, ensure_ascii=False) + "\n")
    picture.write_text(draw(report))
    return numbers, picture


def _head(report: Report) -> tuple[list[str], float]:
    machine = report.machine
    options = ", ".join(f"{name} {value}" for name, value in report.parameters.items())
    place = f"{machine.cpu}, {machine.cores} cores, {machine.system}, Python {machine.python}"
    parts = [svg.text(MARGIN, 40, f"voiceai bench {report.bench}", size=20, bold=True)]
    y = 62.0
    lines = [options, f"{place}, {machine.scheduling}, load {machine.load:.1f} before"]
    lines.append(f"commit {machine.commit}")
    for words in lines:
        for part in textwrap.wrap(words, 150):
            parts.append(svg.text(MARGIN, y, part, size=11.5, color="#5b6570"))
            y += 16
    return parts, y + 18


def _pairs(charts: tuple[Chart, ...]) -> Iterator[tuple[Chart, ...]]:
    """Yield the charts two by two; one alone takes the whole width."""
    for start in range(0, len(charts), 2):
        yield charts[start : start + 2]


def _chart(chart: Chart, left: float, top: float, width: float) -> list[str]:
    points = [point for series in chart.series for point in series.points]
    limits = [] if chart.limit is None else [chart.limit]
    names = 18.0 * ((len(chart.series) + 1) // 2)
    bottom, plot_left, right = top + CHART_HEIGHT - 42, left + 62, left + width - 8
    across = _across([x for x, _ in points], plot_left, right, log=chart.log_x)
    upward = Axis.around([y for _, y in points] + limits, bottom, top + 34 + names, log=chart.log_y)
    parts = [svg.text(left, top + 6, chart.title, size=14, bold=True)]
    parts += _legend(chart, left, top + 26, width)
    for tick in upward.ticks():
        y = upward.at(tick)
        parts.append(svg.line((plot_left, y), (right, y), color=svg.FAINT))
        parts.append(svg.text(plot_left - 8, y + 4, f"{tick:.4g}", size=11, anchor="end"))
    for tick in _named_x(chart, across):
        x = across.at(tick)
        parts.append(svg.line((x, bottom), (x, bottom + 4)))
        parts.append(svg.text(x, bottom + 18, f"{tick:.4g}", size=11, anchor="middle"))
    parts.append(svg.line((plot_left, bottom), (right, bottom)))
    middle = (plot_left + right) / 2
    parts.append(svg.text(middle, bottom + 36, chart.x, size=11.5, anchor="middle"))
    height = (top + 34 + names + bottom) / 2
    parts.append(svg.text(left + 12, height, chart.y, size=11.5, anchor="middle", turned=True))
    if chart.limit is not None:
        y = upward.at(chart.limit)
        parts.append(svg.line((plot_left, y), (right, y), color=svg.RED, width=1.5, dashes="6 4"))
        label = f"budget {chart.limit:g}"
        parts.append(svg.text(right, y - 5, label, size=10.5, color=svg.RED, anchor="end"))
    for series, color in zip(chart.series, _colors(), strict=False):
        places = [(across.at(x), upward.at(y)) for x, y in series.points]
        parts.append(svg.path(places, color=color))
        if len(places) <= MANY_POINTS:
            parts += [svg.circle(place, 3, color=color) for place in places]
    return parts


def _across(values: list[float], start: float, end: float, *, log: bool) -> Axis:
    """Return the horizontal axis: from the least to the greatest value."""
    positive = [value for value in values if value > 0] or [1.0]
    low, high = (min(positive), max(positive)) if log else (min([0.0, *values]), max(values or [1]))
    if high <= low:
        low, high = (low / 2, low * 2) if log else (low, low + 1)
    return Axis(low, high, start + 10, end - 10, log=log)


def _named_x(chart: Chart, across: Axis) -> list[float]:
    """Return what the horizontal axis names: the values that were tried, if they have room."""
    tried = sorted({x for series in chart.series for x, _ in series.points})
    places = [across.at(x) for x in tried]
    has_room = all(after - before >= 30 for before, after in pairwise(places))
    if len(tried) <= 12 and has_room and all(x == round(x) for x in tried):
        return tried
    if across.log:
        return across.ticks()
    return [
        tick for tick in Axis.around([across.low, across.high], 0, 1).ticks() if tick <= across.high
    ]


def _legend(chart: Chart, left: float, top: float, width: float) -> list[str]:
    """Return the names of a chart's lines, two in a row."""
    parts = []
    for number, (series, color) in enumerate(zip(chart.series, _colors(), strict=False)):
        x, y = left + (number % 2) * width / 2, top + 18 * (number // 2)
        parts.append(svg.line((x, y - 4), (x + 18, y - 4), color=color, width=3))
        parts.append(svg.text(x + 24, y, series.name, size=11.5))
    return parts


def _colors() -> Iterator[str]:
    while True:
        yield from svg.PALETTE


def _strips(measures: list[Measure], unit: str, top: float) -> tuple[list[str], float]:
    """Return a row for each measure of a unit: p50 to p99, its maximum, its budget."""
    rows = [(measure, found) for measure in measures if (found := measure.distribution)]
    if not rows:
        return [], top
    limits = [measure.budget.limit for measure, _ in rows if measure.budget]
    values = [v for _, found in rows for v in (found.p50, found.p95, found.p99, found.max)]
    right = WIDTH - MARGIN - FIGURES
    positive = [value for value in values + limits if value > 0]
    log = bool(positive) and max(positive) > 20 * min(positive) and min(values) >= 0
    axis = Axis.around(values + limits, MARGIN + NAMES, right, log=log)
    bottom = top + 14 + ROW * len(rows)
    parts = [svg.text(MARGIN, top, unit, size=13, bold=True)]
    for name, x in zip(("p50", "p95", "p99", "max"), _columns(right), strict=True):
        parts.append(svg.text(x, top, name, size=11, color="#5b6570", anchor="end"))
    for tick in axis.ticks():
        x = axis.at(tick)
        parts.append(svg.line((x, top + 8), (x, bottom), color=svg.FAINT))
        parts.append(
            svg.text(x, bottom + 14, f"{tick:.4g}", size=10.5, color="#5b6570", anchor="middle")
        )
    for number, (measure, found) in enumerate(rows):
        parts += _strip(measure, found, axis, top + 12 + ROW * (number + 0.5))
    return parts, bottom + 48


def _strip(measure: Measure, found: Distribution, axis: Axis, y: float) -> Iterable[str]:
    color = svg.RED if measure.is_over_budget else svg.PALETTE[0]
    name = textwrap.shorten(measure.name, NAME_LETTERS, placeholder="\N{HORIZONTAL ELLIPSIS}")
    yield svg.text(MARGIN, y + 4, name, size=11.5)
    p50, p95, p99, top = (axis.at(v) for v in (found.p50, found.p95, found.p99, found.max))
    if found.n > 1:
        yield svg.line((p50, y), (top, y), color="#b4bcc6")
        yield svg.line((p50, y), (p99, y), color=color, width=4)
        yield svg.line((p95, y - 5), (p95, y + 5), color=color, width=2)
        yield svg.circle((top, y), 2.5, color="#8a939e", filled=False)
    yield svg.circle((p50, y), 4, color=color)
    if measure.budget:
        x = axis.at(measure.budget.limit)
        yield svg.line((x, y - 8), (x, y + 8), color=svg.RED, width=2)
    values = (found.p50, found.p95, found.p99, found.max)
    columns = _columns(WIDTH - MARGIN - FIGURES)
    for value, x in list(zip(values, columns, strict=True))[: 4 if found.n > 1 else 1]:
        yield svg.text(x, y + 4, svg.shown(value), size=11, anchor="end")
    if measure.budget:
        verdict = "missed: " if measure.is_over_budget else ""
        words = f"{verdict}{measure.budget}"
        shade = svg.RED if measure.is_over_budget else "#5b6570"
        yield svg.text(WIDTH - MARGIN, y + 4, words, size=10, color=shade, anchor="end")


def _columns(right: float) -> list[float]:
    return [right + at for at in (48, 92, 136, 180)]
