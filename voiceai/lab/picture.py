"""A call as a picture: both sides' sound over time, what was said, and who waited for whom."""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from voiceai.bench import svg
from voiceai.lab.spoken import SAMPLE_RATE_HZ
from voiceai.lab.transcript import Turn

__all__ = ["Picture", "draw"]

LEFT, RIGHT, TOP = 92.0, 18.0, 92.0
LANE = 86.0
"""Height of one side's sound, pixels."""
GAP = 62.0
TEXT_SIZE = 11.0
LETTER = 6.5
"""Pixels of an average letter at that size."""
LINE = 14.0
"""From one line of a caption to the next, pixels."""
LINES, FEWEST_LETTERS, LAST_LETTERS = 2, 4, 24
KEY = "Red: the caller waits for the answer.  ✂: the caller cut in."
CALLER, ASSISTANT = svg.PALETTE[1], svg.PALETTE[0]
GREY = "#59616a"
INK_RED = "#9d1c1c"
SHARPEST = 0.25
"""Of full scale: the least that fills a lane."""


@dataclass(frozen=True, slots=True)
class Picture:
    """An SVG that notebooks show."""

    svg: str

    def _repr_svg_(self) -> str:
        return self.svg


def draw(
    caller: NDArray[np.float32],
    assistant: NDArray[np.float32],
    turns: Sequence[Turn],
    waits: Sequence[tuple[float, float]],
    *,
    title: str,
    width: int,
) -> Picture:
    """Return the picture.

    Args:
        caller: Samples of -1..1 at 8 kHz.
        assistant: Likewise, on the same axis of time.
        turns: What was said.
        waits: From a caller's last sound to the first of the answer, in seconds.
        title: What it shows.
        width: Of the picture, pixels.
    """
    seconds = max(len(caller), len(assistant), 1) / SAMPLE_RATE_HZ
    axis = svg.Axis(0.0, seconds, LEFT, width - RIGHT)
    upper, lower = TOP + LANE / 2, TOP + LANE + GAP + LANE / 2
    bottom = lower + LANE / 2
    loudest = max(SHARPEST, _peak(caller), _peak(assistant))
    parts = [
        svg.text(10, 24, title, size=16, bold=True),
        svg.text(10, 44, KEY, size=TEXT_SIZE, color=GREY),
        *_scale(axis, bottom),
        *_waits(axis, waits, upper, lower),
        _wave(caller, axis, upper, loudest, CALLER),
        _wave(assistant, axis, lower, loudest, ASSISTANT),
        svg.text(10, upper + 4, "Caller", color=CALLER, bold=True),
        svg.text(10, lower + 4, "Assistant", color=ASSISTANT, bold=True),
    ]
    for role, middle, color in (("caller", upper, CALLER), ("assistant", lower, ASSISTANT)):
        own = [turn for turn in turns if turn.role == role]
        parts += _captions(own, axis, middle - LANE / 2 - 6, color)
    return Picture(svg.document(width, bottom + 50, parts))


def _peak(samples: NDArray[np.float32]) -> float:
    return float(np.abs(samples).max()) if samples.size else 0.0


def _wave(
    samples: NDArray[np.float32], axis: svg.Axis, middle: float, loudest: float, color: str
) -> str:
    """Return the outline of a sound: for each pixel its loudest and its lowest sample."""
    columns = int(axis.end - axis.start)
    per_column = max(1, round(axis.high * SAMPLE_RATE_HZ / columns))
    padded = np.zeros(-(-samples.size // per_column) * per_column, np.float32)
    padded[: samples.size] = samples
    blocks = padded.reshape(-1, per_column)
    half = LANE / 2 / loudest
    tops = middle - np.maximum(blocks.max(axis=1), 0) * half
    bottoms = middle - np.minimum(blocks.min(axis=1), 0) * half
    places = [axis.at(index * per_column / SAMPLE_RATE_HZ) for index in range(len(blocks))]
    upper = [f"{x:.1f},{y - 0.3:.1f}" for x, y in zip(places, tops, strict=True)]
    lower = [f"{x:.1f},{y + 0.3:.1f}" for x, y in zip(places, bottoms, strict=True)]
    outline = " ".join((*upper, *reversed(lower)))
    return f'<polygon points="{outline}" fill="{color}"/>'


def _scale(axis: svg.Axis, bottom: float) -> list[str]:
    step = next(step for step in (1, 2, 5, 10, 20, 60, 300) if axis.high / step <= 16 or step > 60)
    parts = []
    for number in range(int(axis.high // step) + 1):
        x = axis.at(number * step)
        parts.append(svg.line((x, TOP - 4), (x, bottom), color=svg.FAINT))
        parts.append(
            svg.text(x, bottom + 18, f"{number * step}", size=11, color=GREY, anchor="middle")
        )
    middle = (axis.start + axis.end) / 2
    parts.append(
        svg.text(middle, bottom + 38, "Seconds since the call was answered", anchor="middle")
    )
    return parts


def _waits(
    axis: svg.Axis, waits: Sequence[tuple[float, float]], upper: float, lower: float
) -> list[str]:
    parts = []
    for ended, answered in waits:
        left, right = axis.at(ended), axis.at(answered)
        top, height = upper - LANE / 2, lower - upper + LANE
        parts.append(svg.rectangle(left, top, max(1.0, right - left), height, color="#f6d9d9"))
        words, y = f"{1000 * (answered - ended):.0f} ms", upper + LANE / 2 + 14
        middle = (left + right) / 2
        parts.append(svg.text(middle, y, words, size=11, color=INK_RED, anchor="middle", bold=True))
    return parts


def _captions(turns: Sequence[Turn], axis: svg.Axis, y: float, color: str) -> list[str]:
    """Return what was said, above its sound: as much of it as there is room for."""
    parts: list[str] = []
    free = axis.start - LEFT / 4
    for index, turn in enumerate(turns):
        x = axis.at(turn.started_ms / 1000)
        is_last = index + 1 == len(turns)
        end = axis.end + RIGHT if is_last else axis.at(turns[index + 1].started_ms / 1000) - 6
        text = turn.text + (" ✂" if turn.interrupted else "")
        if is_last:
            x = max(free, min(x, end - LETTER * min(len(text), LAST_LETTERS)))
        lines = _wrapped(text, int((end - x) / LETTER))
        for number, line in enumerate(reversed(lines)):
            parts.append(svg.text(x, y - number * LINE, line, size=TEXT_SIZE, color=color))
        free = max(free, x + LETTER * max(map(len, lines), default=0) + 6)
    return parts


def _wrapped(text: str, room: int) -> list[str]:
    """Return a text in so many lines of so many letters, cut short where it is longer."""
    if room < FEWEST_LETTERS:
        return []
    lines = textwrap.wrap(text, room)
    if len(lines) > LINES:
        lines = [*lines[: LINES - 1], f"{lines[LINES - 1][: room - 1].rstrip()}…"]
    return lines
