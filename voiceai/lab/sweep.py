"""Measures of a conversation over loss, jitter and the like, on common scales. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from voiceai.bench import svg
from voiceai.lab.picture import Picture

__all__ = ["Measure", "draw_sweep"]

LEFT, TOP = 64.0, 62.0
PANEL, HEIGHT = 176.0, 92.0
GAP, ROW_GAP, BELOW = 26.0, 44.0, 46.0
INSET = 14.0
"""Between the frame of a panel and its first point, pixels."""
DOT = 4.5
NARROWEST = 560.0
GREY = "#59616a"

Points = Sequence[tuple[str | float, float | None]]
"""Where on the axis, and the value; None where there is none."""


@dataclass(frozen=True, slots=True)
class Measure:
    """A row of panels.

    Attributes:
        title: With its unit.
        panels: The points under the name of each axis.
        color: Of the row.
        least: The scale reaches at least so far.
        none: Written where there is no value.
    """

    title: str
    panels: Mapping[str, Points]
    color: str
    least: float
    none: str = "none"

    @property
    def values(self) -> list[float]:
        """All that the scale has to show."""
        points = (point for points in self.panels.values() for point in points)
        return [value for _, value in points if value is not None]


def draw_sweep(title: str, measures: Sequence[Measure]) -> Picture:
    """Return the picture: a row for each measure, a column for each axis.

    Args:
        title: What it shows.
        measures: All with the same axes.
    """
    axes = list(measures[0].panels)
    columns = LEFT + len(axes) * (PANEL + GAP) - GAP
    width = max(NARROWEST, columns + 12)
    parts = [svg.text(14, 26, title, size=16, bold=True)]
    top = TOP
    for measure in measures:
        parts.append(svg.text(14, top - 10, measure.title, bold=True))
        scale = svg.Axis.around([*measure.values, measure.least], top + HEIGHT - 2, top + 4)
        parts += _scale(scale, columns)
        for number, axis in enumerate(axes):
            left = LEFT + number * (PANEL + GAP)
            parts += _panel(measure, measure.panels[axis], scale, left)
        top += HEIGHT + ROW_GAP
    bottom = top - ROW_GAP
    for number, axis in enumerate(axes):
        left = LEFT + number * (PANEL + GAP)
        parts += _names(measures[0].panels[axis], axis, left, bottom)
    return Picture(svg.document(width, bottom + BELOW, parts))


def _scale(scale: svg.Axis, right: float) -> list[str]:
    parts = []
    for tick in scale.ticks():
        y = scale.at(tick)
        parts.append(svg.line((LEFT, y), (right, y), color=svg.FAINT))
        parts.append(svg.text(LEFT - 8, y + 4, f"{tick:g}", size=11, color=GREY, anchor="end"))
    return parts


def _places(points: Points, left: float) -> list[float]:
    """Return where the points stand: numbers to scale, names evenly."""
    start, end = left + INSET, left + PANEL - INSET
    numbers = [where for where, _ in points if isinstance(where, int | float)]
    if len(numbers) == len(points) and min(numbers) < max(numbers):
        axis = svg.Axis(min(numbers), max(numbers), start, end)
        return [axis.at(number) for number in numbers]
    step = (end - start) / max(1, len(points))
    return [start + (index + 0.5) * step for index in range(len(points))]


def _panel(measure: Measure, points: Points, scale: svg.Axis, left: float) -> list[str]:
    places = _places(points, left)
    shown = [
        (x, scale.at(value))
        for x, (_, value) in zip(places, points, strict=True)
        if value is not None
    ]
    parts = []
    if all(isinstance(where, int | float) for where, _ in points) and len(shown) > 1:
        parts.append(svg.path(shown, color=measure.color))
    parts += [svg.circle(at, DOT, color=measure.color) for at in shown]
    parts += [
        svg.text(x, scale.end + 12, measure.none, size=11, color=svg.RED, anchor="middle")
        for x, (_, value) in zip(places, points, strict=True)
        if value is None
    ]
    return parts


def _names(points: Points, axis: str, left: float, bottom: float) -> list[str]:
    """Return what stands below a column: where its points are, and of what."""
    parts = [
        svg.text(
            x,
            bottom + 16,
            where if isinstance(where, str) else f"{where:g}".replace("-", "−"),  # noqa: RUF001
            size=11,
            color=GREY,
            anchor="middle",
        )
        for x, (where, _) in zip(_places(points, left), points, strict=True)
    ]
    return [*parts, svg.text(left + PANEL / 2, bottom + 36, axis, anchor="middle")]
