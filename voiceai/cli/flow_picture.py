"""A flow's nodes as text for the terminal, and as a picture: what can be done in each, and then."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from rich.text import Text

from pipelines.graph import Step
from voiceai.bench.svg import text

MUTED: Final = "#5c6670"
INSIDE, EDGE = "#f4f0fa", "#8a56b8"
LINE: Final = 17
PADDING: Final = 11
GAP: Final = 18
"""Pixels between two boxes."""
BULGE: Final = 26
"""Pixels that an arrow reaches out, and more with each box that it passes."""
LANE: Final = 15
HEADING: Final = 34


def step_lines(steps: Sequence[Step]) -> Iterator[Text]:
    """Yield a flow's nodes, one below the other, with the functions and where they lead."""
    yield Text("")
    yield Text("  in steps:", style="dim")
    for step in steps:
        title = Text("  ● ", style="magenta")
        title.append(step.name, style="bold magenta")
        notes = ", ".join(step.notes)
        yield title.append(f"  {notes}" if notes else "", style="dim")
        for way in step.ways:
            line = Text(f"      {way.title}", style="default")
            yield line.append(f" → {', '.join(way.to)}" if way.to else "", style="dim")


@dataclass(frozen=True, slots=True)
class FlowDrawing:
    """The picture of a flow.

    Attributes:
        parts: SVG elements.
        bottom: How far down they reach.
        right: How far to the right.
    """

    parts: tuple[str, ...]
    bottom: float
    right: float


def draw_steps(steps: Sequence[Step], x: float, top: float, width: float) -> FlowDrawing:
    """Draw a flow's nodes in a column.

    Args:
        steps: In the order in which they are written.
        x: Of the boxes' left edge.
        top: Of the heading.
        width: Of the boxes.
    """
    parts = [text(x, top + 16, "In steps", size=15, bold=True)]
    tops: dict[str, float] = {}
    y = top + HEADING
    for step in steps:
        tops[step.name] = y
        y += _height(step) + GAP
    for step in steps:
        parts += _box(step, x, tops[step.name], width)
    arrows = _arrows(steps, tops, x + width)
    return FlowDrawing((*parts, *arrows.parts), y - GAP, arrows.right)


def _height(step: Step) -> float:
    return 2 * PADDING + LINE * (1 + len(step.ways))


def _box(step: Step, x: float, top: float, width: float) -> Iterator[str]:
    yield (
        f'<rect x="{x:.1f}" y="{top:.1f}" width="{width:.1f}" height="{_height(step):.1f}" rx="8" '
        f'fill="{INSIDE}" stroke="{EDGE}" stroke-width="1.4"/>'
    )
    first = top + PADDING + 12
    yield text(x + 14, first, step.name, size=13, bold=True, color=EDGE)
    if step.notes:
        notes = ", ".join(step.notes)
        yield text(x + width - 14, first, notes, size=10.5, color=MUTED, anchor="end")
    for row, way in enumerate(step.ways, start=1):
        y = first + row * LINE
        yield text(x + 14, y, way.title, size=11, color=MUTED)
        yield text(x + width - 14, y, ", ".join(way.to), size=10.5, color=EDGE, anchor="end")


def _arrows(steps: Sequence[Step], tops: Mapping[str, float], x: float) -> FlowDrawing:
    order = {step.name: index for index, step in enumerate(steps)}
    parts: list[str] = []
    right = x
    arriving: dict[str, int] = {}
    for step in steps:
        for row, way in enumerate(step.ways, start=1):
            start = tops[step.name] + PADDING + 8 + row * LINE
            for target in way.to:
                count = arriving[target] = arriving.get(target, 0) + 1
                end = tops[target] + 8 + min(4 * count, 20)
                reach = BULGE + LANE * abs(order[target] - order[step.name])
                right = max(right, x + reach)
                parts.append(
                    f'<path d="M{x + 2:.1f},{start:.1f} C{x + reach * 1.3:.1f},{start:.1f} '
                    f'{x + reach * 1.3:.1f},{end:.1f} {x + 10:.1f},{end:.1f}" fill="none" '
                    f'stroke="{EDGE}" stroke-width="1.2" opacity="0.75"/>'
                )
                places = (
                    f"{x + 2:.1f},{end:.1f} {x + 10:.1f},{end - 4:.1f} {x + 10:.1f},{end + 4:.1f}"
                )
                parts.append(f'<polygon points="{places}" fill="{EDGE}"/>')
    return FlowDrawing(tuple(parts), 0.0, right)
