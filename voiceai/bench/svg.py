"""Words of SVG, the vector graphics of browsers, and axes to place them by. Pure."""

import math
from dataclasses import dataclass
from html import escape
from typing import Final, Literal

__all__ = [
    "FAINT",
    "INK",
    "PALETTE",
    "RED",
    "Axis",
    "circle",
    "document",
    "line",
    "path",
    "rectangle",
    "shown",
    "text",
]

FONT: Final = "DejaVu Sans, Verdana, Helvetica, Arial, sans-serif"
INK: Final = "#22272e"
FAINT: Final = "#d8dde3"
RED: Final = "#cf2e2e"
PALETTE: Final = ("#1f6fb4", "#e07b12", "#2d9a4b", "#8a56b8", "#8c6d4f", "#1aa3a3", "#7a828c")
"""Tell apart without their hue too: their lightness alternates."""
PAIR_DECADES: Final = 1.6
"""A logarithmic axis that is no longer names 2 and 5 as well."""
TICKS: Final = 5


@dataclass(frozen=True, slots=True)
class Axis:
    """Where values lie on a stretch of the picture.

    Attributes:
        low: The value at ``start``.
        high: The value at ``end``.
        start: Pixels.
        end: Pixels; may be less than ``start``.
        log: Whether equal ratios take equal space; both values are then above zero.
    """

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    @classmethod
    def around(cls, values: list[float], start: float, end: float, *, log: bool = False) -> "Axis":
        """Return an axis with room for all values; linear ones begin at zero or below.

        A logarithmic axis shows values of zero and below at its low end.
        """
        if log:
            positive = [value for value in values if value > 0] or [1.0]
            low, high = min(positive), max(positive)
            low, high = _ladder(low, up=False), _ladder(high, up=True)
            return cls(low, high if high > low else low * 10, start, end, log=True)
        low, high = min([0.0, *values]), max([*values, 0.0])
        if high <= low:
            high = low + 1
        step = _step(high - low)
        return cls(math.floor(low / step) * step, math.ceil(high / step) * step, start, end)

    def at(self, value: float) -> float:
        """Return the pixel of a value; one outside is shown at the edge."""
        kept = min(max(value, self.low), self.high)
        if self.log:
            share = math.log(kept / self.low) / math.log(self.high / self.low)
        else:
            share = (kept - self.low) / (self.high - self.low)
        return self.start + share * (self.end - self.start)

    def ticks(self) -> list[float]:
        """Return the values that the axis names."""
        if not self.log:
            step = _step(self.high - self.low)
            count = round((self.high - self.low) / step)
            return [self.low + n * step for n in range(count + 1)]
        decades = math.log10(self.high / self.low)
        steps = (1, 2, 5) if decades <= PAIR_DECADES else (1,)
        first, last = math.floor(math.log10(self.low)), math.ceil(math.log10(self.high))
        values = [step * 10.0**power for power in range(first, last + 1) for step in steps]
        return [v for v in values if self.low * 0.999 <= v <= self.high * 1.001]


def shown(value: float) -> str:
    """Write a figure with three digits that mean something."""
    if value == 0:
        return "0"
    size = abs(value)
    if size >= 100:
        return f"{value:,.0f}".replace(",", "\N{NARROW NO-BREAK SPACE}")
    return f"{value:.{2 if size < 10 else 1}f}" if size >= 1 else f"{value:.2g}"


def document(width: float, height: float, parts: list[str]) -> str:
    """Return a picture of its parts, on white."""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:g}" height="{height:g}" '
        f'viewBox="0 0 {width:g} {height:g}" font-family="{FONT}">\n'
        f'<rect width="{width:g}" height="{height:g}" fill="#ffffff"/>\n'
        + "\n".join(parts)
        + "\n</svg>\n"
    )


def text(
    x: float,
    y: float,
    words: str,
    *,
    size: float = 12,
    color: str = INK,
    anchor: Literal["start", "middle", "end"] = "start",
    bold: bool = False,
    turned: bool = False,
) -> str:
    """Return words with their baseline at a point; ``turned`` reads upwards."""
    weight = ' font-weight="bold"' if bold else ""
    turn = f' transform="rotate(-90 {x:.1f} {y:.1f})"' if turned else ""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size:g}" fill="{color}" '
        f'text-anchor="{anchor}"{weight}{turn}>{escape(words)}</text>'
    )


def line(
    start: tuple[float, float],
    end: tuple[float, float],
    *,
    color: str = INK,
    width: float = 1,
    dashes: str = "",
) -> str:
    """Return a straight line."""
    dashed = f' stroke-dasharray="{dashes}"' if dashes else ""
    return (
        f'<line x1="{start[0]:.1f}" y1="{start[1]:.1f}" x2="{end[0]:.1f}" y2="{end[1]:.1f}" '
        f'stroke="{color}" stroke-width="{width:g}" stroke-linecap="round"{dashed}/>'
    )


def path(points: list[tuple[float, float]], *, color: str, width: float = 2) -> str:
    """Return a line through points."""
    places = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return (
        f'<polyline points="{places}" fill="none" stroke="{color}" stroke-width="{width:g}" '
        'stroke-linejoin="round"/>'
    )


def circle(at: tuple[float, float], radius: float, *, color: str, filled: bool = True) -> str:
    """Return a dot, or a ring."""
    fill = color if filled else "#ffffff"
    return (
        f'<circle cx="{at[0]:.1f}" cy="{at[1]:.1f}" r="{radius:g}" fill="{fill}" '
        f'stroke="{color}" stroke-width="1.5"/>'
    )


def rectangle(x: float, y: float, width: float, height: float, *, color: str) -> str:
    """Return a filled area."""
    return (
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" fill="{color}"/>'
    )


def _step(span: float) -> float:
    """Return the distance of round values that divides a span into about five."""
    rough = span / TICKS
    power = 10.0 ** math.floor(math.log10(rough))
    steps: list[float] = [power * step for step in (1, 2, 5, 10)]
    return next(step for step in steps if step >= rough * 0.999)


def _ladder(value: float, *, up: bool) -> float:
    """Return the nearest of 1, 2, 5, 10, 20... on one side of a value."""
    power = 10.0 ** math.floor(math.log10(value))
    rungs = [power * step for step in (1, 2, 5, 10)]
    if up:
        return next(rung for rung in rungs if rung >= value * 0.999)
    return next(rung for rung in reversed(rungs) if rung <= value * 1.001)
