"""The same conversation over and over, each time on another network: what it does to it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from statistics import median
from typing import Any, Self

from transports.netem import Impairments
from voiceai.bench import svg
from voiceai.bench.word_errors import word_errors
from voiceai.lab.picture import Picture
from voiceai.lab.recording import Recording
from voiceai.lab.sweep import Measure, draw_sweep

__all__ = ["GOOD_NETWORK", "QUIET_ROOM_DBFS", "Condition", "Trials"]

GOOD_NETWORK = Impairments()
QUIET_ROOM_DBFS = -65.0
ROW, NAMES, VALUES, TOP = 26.0, 160.0, 52.0, 78.0
"""Height of a row, width of the names and of the values, height of the head; pixels."""
WHOLE_PERCENT = 100.0
TITLE = "What the network and the room do to one conversation"


@dataclass(frozen=True, slots=True)
class Condition:
    """How a caller reaches the assistant.

    Attributes:
        impairments: Of the way to the assistant.
        to_caller: Of the way back.
        noise_dbfs: White noise in the caller's room.
        codec: ``alaw`` or ``ulaw``.
        seed: Of the network's chance.
    """

    impairments: Impairments = GOOD_NETWORK
    to_caller: Impairments = GOOD_NETWORK
    noise_dbfs: float = QUIET_ROOM_DBFS
    codec: str = "alaw"
    seed: int = 1

    @classmethod
    def both(cls, **impairments: Any) -> Self:
        """Return one with the same impairments on both ways: the fields of ``Impairments``."""
        network = Impairments(**impairments)
        return cls(network, network)


@dataclass(frozen=True, slots=True)
class Trials:
    """What came of them.

    Attributes:
        recordings: By the name of the condition.
    """

    recordings: Mapping[str, Sequence[Recording]]

    def word_error_rate(self, name: str) -> float:
        """Return errors of recognition per word said under a condition."""
        counts = [
            word_errors(each.said, each.understood)
            for recording in self.recordings[name]
            for each in recording.exchanges
            if each.said
        ]
        return sum(errors for errors, _ in counts) / max(1, sum(words for _, words in counts))

    def hearing_error_rate(self, name: str) -> float | None:
        """Return errors at the caller's end per word of the answers; None if there were none."""
        made_out = [each for one in self.recordings[name] for each in one.made_out]
        counts = [word_errors(each.said, each.heard) for each in made_out]
        words = sum(words for _, words in counts)
        return sum(errors for errors, _ in counts) / words if words else None

    def concealed(self, name: str) -> float:
        """Return the share of the time in which the caller heard what was made up."""
        shares = [each.hearing.concealed for each in self.recordings[name]]
        return sum(shares) / max(1, len(shares))

    def latency_ms(self, name: str) -> float | None:
        """Return the median wait until an answer is heard; None if none came."""
        waits = [wait for each in self.recordings[name] for wait in each.latencies_ms]
        return median(waits) if waits else None

    def cut_offs(self, name: str) -> int:
        """Return how many turns were taken for finished too early."""
        return sum(each.cut_offs for each in self.recordings[name])

    def unanswered(self, name: str) -> int:
        """Return how many turns got no answer."""
        return sum(each.answered is None for one in self.recordings[name] for each in one.exchanges)

    def __str__(self) -> str:
        """Return a line for each condition."""
        return "\n".join(f"{name}: {', '.join(self._figures(name))}" for name in self.recordings)

    def turns(self, name: str) -> int:
        """Return how many turns were said under a condition."""
        return sum(len(each.exchanges) for each in self.recordings[name])

    def plot(self, width: int = 1000) -> Picture:
        """Return the measures side by side, a row for each condition.

        Args:
            width: In pixels.
        """
        columns = self._measures()
        column = (width - NAMES) / len(columns)
        parts = [svg.text(12, 26, TITLE, size=16, bold=True)]
        for number, (title, value, color, least) in enumerate(columns):
            left = NAMES + number * column
            values = [value(name) for name in self.recordings]
            reach = WHOLE_PERCENT if "%" in title else least
            parts += _bars(title, values, (left, left + column - VALUES), color, reach)
        for index, name in enumerate(self.recordings):
            parts.append(svg.text(NAMES - 12, TOP + index * ROW + 14, name, anchor="end"))
        return Picture(svg.document(width, TOP + len(self.recordings) * ROW + 4, parts))

    def plot_over(self, axes: Mapping[str, Mapping[str | float, str]]) -> Picture:
        """Return the measures over loss, jitter and the like.

        Args:
            axes: The name of each with its unit, and under it which condition stands where:
                ``{"Packets lost (%)": {0: "good", 5: "5 % lost"}}``.
        """
        measures = [
            Measure(
                title,
                {
                    axis: [(where, value(name)) for where, name in places.items()]
                    for axis, places in axes.items()
                },
                color,
                least,
            )
            for title, value, color, least in self._measures()
        ]
        return draw_sweep(TITLE, measures)

    def _repr_html_(self) -> str:
        head = "<tr><th></th><th>misunderstood</th><th>not made out</th><th>made up</th>"
        head += "<th>answer after</th><th>cut off</th><th>unanswered</th><th>understood</th></tr>"
        rows = []
        for name, recordings in self.recordings.items():
            understood = [each.understood for one in recordings for each in one.exchanges]
            latency, unheard = self.latency_ms(name), self.hearing_error_rate(name)
            cells = [
                f"{100 * self.word_error_rate(name):.0f} %",
                "" if unheard is None else f"{100 * unheard:.0f} %",
                f"{100 * self.concealed(name):.0f} %",
                "none came" if latency is None else f"{latency:.0f} ms",
                f"{self.cut_offs(name)} of {self.turns(name)}",
                str(self.unanswered(name)),
                escape(" / ".join(understood)),
            ]
            data = "".join(f'<td style="text-align:left">{cell}</td>' for cell in cells)
            rows.append(f'<tr><th style="text-align:left">{escape(name)}</th>{data}</tr>')
        return f"<table>{head}{''.join(rows)}</table>"

    def _cut_off_share(self, name: str) -> float:
        return 100 * self.cut_offs(name) / max(1, self.turns(name))

    def _measures(self) -> list[tuple[str, Callable[[str], float | None], str, float]]:
        """Return title, value, color and least range of each measure."""
        return [
            (
                "Assistant misunderstands (% of words)",
                lambda name: 100 * self.word_error_rate(name),
                svg.PALETTE[1],
                20.0,
            ),
            (
                "Caller cannot make out (% of words)",
                lambda name: _percent(self.hearing_error_rate(name)),
                svg.PALETTE[0],
                20.0,
            ),
            ("Answer heard after (ms, median)", self.latency_ms, svg.PALETTE[3], 500.0),
            ("Caller cut off (% of turns)", self._cut_off_share, svg.PALETTE[6], 20.0),
        ]

    def _figures(self, name: str) -> list[str]:
        latency, unheard = self.latency_ms(name), self.hearing_error_rate(name)
        return [
            f"{100 * self.word_error_rate(name):.0f} % of words misunderstood",
            *([] if unheard is None else [f"{100 * unheard:.0f} % not made out"]),
            "no answer" if latency is None else f"answers after {latency:.0f} ms",
            f"{self.cut_offs(name)} cut off",
            f"{self.unanswered(name)} unanswered",
        ]


def _percent(share: float | None) -> float | None:
    return None if share is None else 100 * share


def _bars(
    title: str,
    values: Sequence[float | None],
    sides: tuple[float, float],
    color: str,
    least: float,
) -> list[str]:
    left, right = sides
    axis = svg.Axis.around([*(value or 0.0 for value in values), least], left, right)
    heading, _, unit = title.partition(" (")
    parts = [
        svg.text(left, TOP - 24, heading, size=11, bold=True),
        svg.text(left, TOP - 10, unit.rstrip(")"), size=11),
    ]
    for index, value in enumerate(values):
        y = TOP + index * ROW
        parts.append(svg.rectangle(left, y, right - left, ROW - 8, color="#f1f3f5"))
        if value is not None:
            parts.append(svg.rectangle(left, y, axis.at(value) - left, ROW - 8, color=color))
        words = "none" if value is None else f"{value:.0f}"
        parts.append(svg.text(right + 6, y + 14, words, size=11))
    return parts
