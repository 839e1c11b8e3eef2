"""A pipeline's frame graph as text for the terminal, and as a picture."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from rich.console import Console
from rich.text import Text

from pipelines.graph import Graph, Role, Stage, Tap
from voiceai.bench.svg import INK, document, line, text
from voiceai.cli.flow_picture import draw_steps, step_lines

STYLES: Final[Mapping[Role, str]] = {
    "phone": "green",
    "service": "bold cyan",
    "own": "bold yellow",
    "ours": "default",
}

COLOURS: Final[Mapping[Role, tuple[str, str]]] = {
    "phone": ("#e6f4ea", "#2d9a4b"),
    "service": ("#e8f1fa", "#1f6fb4"),
    "own": ("#fdf0e0", "#e07b12"),
    "ours": ("#f4f6f8", "#7a828c"),
}
"""Of a box: inside and edge."""

LEGEND: Final[Mapping[Role, str]] = {
    "phone": "telephone",
    "service": "service",
    "own": "your own processor",
    "ours": "voiceai",
}

MUTED: Final = "#5c6670"
MARGIN: Final = 28
HEADER: Final = 66
TAP_WIDTH: Final = 230
BOX_WIDTH: Final = 350
REST_WIDTH: Final = 220
BETWEEN: Final = 64
"""Pixels between columns; a fallback's patience is written there."""
LINE: Final = 17
PADDING: Final = 11
ARROW: Final = 34
"""Pixels between two boxes."""


def print_graph(graph: Graph) -> None:
    """Write the graph to standard output, one box below the other."""
    console = Console(highlight=False, soft_wrap=True)
    console.print(Text(graph.name, style="bold"))
    for drawn in _text_lines(graph):
        console.print(drawn)
    for drawn in step_lines(graph.steps) if graph.steps else ():
        console.print(drawn)


def svg_of(graph: Graph) -> str:
    """Return the graph as an SVG picture."""
    layout = _layout(graph)
    columns = max((len(placed.stage.services) for placed in layout), default=1)
    box_x = MARGIN + TAP_WIDTH + BETWEEN
    width: float = box_x + BOX_WIDTH + max(0, columns - 1) * (BETWEEN + REST_WIDTH) + MARGIN
    height = layout[-1].bottom + MARGIN
    steps = draw_steps(graph.steps, box_x, height, BOX_WIDTH)
    if graph.steps:
        width, height = max(width, steps.right + MARGIN), steps.bottom + MARGIN
    parts = [text(MARGIN, 36, graph.name, size=20, bold=True), *_legend(box_x)]
    for placed, after in zip(layout, [*layout[1:], None], strict=True):
        parts += _box(placed, box_x)
        parts += _rest(placed, box_x + BOX_WIDTH)
        if after:
            parts += _arrow_down(placed, after, box_x + BOX_WIDTH / 2)
        parts += _taps([tap for tap in graph.taps if tap.into == placed.stage.name], placed, box_x)
    parts += steps.parts if graph.steps else ()
    return document(width, height, parts)


def _text_lines(graph: Graph) -> Iterator[Text]:
    inside = max(len(each) for stage in graph.stages for each in (stage.title, *_lines(stage)))
    middle = (inside + 2) // 2
    for index, stage in enumerate(graph.stages):
        style = STYLES[stage.role]
        edge = "┴" if index else "─"
        yield Text(f"  ┌{'─' * middle}{edge}{'─' * (inside + 1 - middle)}┐", style="dim")
        yield _row(stage.title, inside, style)
        for each in _lines(stage):
            yield _row(each, inside, "default")
        last = index == len(graph.stages) - 1
        edge = "─" if last else "┬"
        yield Text(f"  └{'─' * middle}{edge}{'─' * (inside + 1 - middle)}┘", style="dim")
        if last:
            return
        indent = " " * (3 + middle)
        yield Text(f"{indent}│ {stage.gives}".rstrip(), style="dim")
        for tap in graph.taps:
            if tap.into == graph.stages[index + 1].name:
                told = Text(f"{indent}│◄── {tap.title}", style="green")
                yield told.append(f": {tap.gives}", style="dim")


def _row(words: str, inside: int, style: str) -> Text:
    row = Text("  │ ", style="dim")
    row.append(words.ljust(inside), style=style)
    return row.append(" │", style="dim")


def _lines(stage: Stage) -> list[str]:
    """What stands below a box's title."""
    services = [str(service) for service in stage.services[:1]]
    services += [f"else {service}" for service in stage.services[1:]]
    return [*services, *stage.notes]


@dataclass(frozen=True, slots=True)
class _Placed:
    """A stage, and from where to where its box reaches."""

    stage: Stage
    lines: tuple[str, ...]
    top: float
    bottom: float

    @property
    def middle(self) -> float:
        return (self.top + self.bottom) / 2


def _layout(graph: Graph) -> list[_Placed]:
    placed: list[_Placed] = []
    top: float = HEADER
    for stage in graph.stages:
        first = [each for each in stage.services[:1] if each.params]
        lines = (*(", ".join(each.params) for each in first), *stage.notes)
        into = sum(tap.into == stage.name for tap in graph.taps)
        height = max(2 * PADDING + LINE * (1 + len(lines)), into * 58)
        placed.append(_Placed(stage, lines, top, top + height))
        top += height + ARROW
    return placed


def _box(placed: _Placed, x: float) -> list[str]:
    stage = placed.stage
    parts = [_rectangle(x, placed.top, BOX_WIDTH, placed.bottom - placed.top, stage.role)]
    y = placed.top + PADDING + 12
    parts.append(text(x + 14, y, stage.title, size=13, bold=True, color=COLOURS[stage.role][1]))
    for service in stage.services[:1]:
        right = x + BOX_WIDTH - 14
        parts.append(text(right, y, service.name, size=12.5, bold=True, anchor="end"))
    for row, words in enumerate(placed.lines, start=1):
        parts.append(text(x + 14, y + row * LINE, _cut(words, 54), size=11, color=MUTED))
    return parts


def _rest(placed: _Placed, x: float) -> list[str]:
    """Services that take the place of a stage's own, each to the right of the one before."""
    parts: list[str] = []
    for before, service in pairwise(placed.stage.services):
        middle, left = placed.middle, x + BETWEEN
        parts.append(line((x + 2, middle), (left - 9, middle), color=MUTED, dashes="4 4"))
        parts.append(_head((left - 2, middle), "right", MUTED))
        center = x + BETWEEN / 2 - 4
        parts.append(
            text(center, middle - 6, "if it fails", size=9.5, color=MUTED, anchor="middle")
        )
        if before.first_byte_ms:
            seconds = f"or in {before.first_byte_ms / 1000:g} s"
            parts.append(text(center, middle + 14, seconds, size=9.5, color=MUTED, anchor="middle"))
        params = ", ".join(service.params)
        height = 2 * PADDING + LINE * (1 + bool(params))
        parts.append(_rectangle(left, middle - height / 2, REST_WIDTH, height, "service"))
        y = middle - height / 2 + PADDING + 12
        parts.append(text(left + 14, y, service.name, size=12.5, bold=True))
        if params:
            parts.append(text(left + 14, y + LINE, _cut(params, 32), size=10.5, color=MUTED))
        x = left + REST_WIDTH
    return parts


def _taps(taps: Sequence[Tap], placed: _Placed, box_x: float) -> list[str]:
    parts: list[str] = []
    for index, tap in enumerate(taps):
        y = placed.middle + (index - (len(taps) - 1) / 2) * 58
        parts.append(_rectangle(MARGIN, y - 25, TAP_WIDTH, 50, "phone", dashes="5 4"))
        parts.append(text(MARGIN + 12, y - 5, tap.title, size=12, bold=True, color="#2d9a4b"))
        parts.append(text(MARGIN + 12, y + 12, _cut(tap.gives, 36), size=10.5, color=MUTED))
        parts.append(line((MARGIN + TAP_WIDTH + 2, y), (box_x - 9, y), color="#2d9a4b", width=1.4))
        parts.append(_head((box_x - 2, y), "right", "#2d9a4b"))
    return parts


def _arrow_down(above: _Placed, below: _Placed, x: float) -> list[str]:
    parts = [
        line((x, above.bottom + 2), (x, below.top - 9), color=INK, width=1.6),
        _head((x, below.top - 2), "down", INK),
    ]
    if above.stage.gives:
        y = (above.bottom + below.top) / 2 + 3
        parts.append(text(x + 12, y, above.stage.gives, size=10.5, color=MUTED))
    return parts


def _legend(x: float) -> list[str]:
    parts: list[str] = []
    for role, words in LEGEND.items():
        inside, edge = COLOURS[role]
        parts.append(
            f'<rect x="{x:.1f}" y="26" width="13" height="13" rx="3" fill="{inside}" '
            f'stroke="{edge}" stroke-width="1.4"/>'
        )
        parts.append(text(x + 19, 37, words, size=10.5, color=MUTED))
        x += 34 + 6.2 * len(words)
    return parts


def _rectangle(
    x: float, y: float, width: float, height: float, role: Role, *, dashes: str = ""
) -> str:
    inside, edge = COLOURS[role]
    dashed = f' stroke-dasharray="{dashes}"' if dashes else ""
    return (
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" rx="8" '
        f'fill="{"#ffffff" if dashes else inside}" stroke="{edge}" stroke-width="1.4"{dashed}/>'
    )


def _head(at: tuple[float, float], towards: str, color: str) -> str:
    """Return the head of an arrow that ends at a point."""
    x, y = at
    back = ((x - 8, y - 4.5), (x - 8, y + 4.5)) if towards == "right" else (
        (x - 4.5, y - 8), (x + 4.5, y - 8))  # fmt: skip
    places = " ".join(f"{a:.1f},{b:.1f}" for a, b in (at, *back))
    return f'<polygon points="{places}" fill="{color}"/>'


def _cut(words: str, length: int) -> str:
    return words if len(words) <= length else words[: length - 1] + "…"
