"""The same conversation over and over, each time on another network: what it does to it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from statistics import median

from transports.netem import Impairments
from voiceai.bench import svg
from voiceai.bench.word_errors import word_errors
from voiceai.lab.picture import Picture
from voiceai.lab.recording import Recording

__all__ = ["GOOD_NETWORK", "QUIET_ROOM_DBFS", "Condition", "Trials"]

GOOD_NETWORK = Impairments()
QUIET_ROOM_DBFS = -65.0
ROW, NAMES, VALUES = 26.0, 150.0, 50.0
"""Height of a row, width of the names and of the values, pixels."""


@dataclass(frozen=True, slots=True)
class Condition:
    """How a caller reaches the assistant.

    Attributes:
        impairments: Of the network.
        noise_dbfs: White noise in the caller's room.
        codec: ``alaw`` or ``ulaw``.
        seed: Of the network's chance.
    """

    impairments: Impairments = GOOD_NETWORK
    noise_dbfs: float = QUIET_ROOM_DBFS
    codec: str = "alaw"
    seed: int = 1


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

    def latency_ms(self, name: str) -> float | None:
        """Return the median wait for an answer; None if none came."""
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

    def plot(self, width: int = 900) -> Picture:
        """Return word error rate, latency and cut-offs side by side, a row for each condition.

        Args:
            width: In pixels.
        """
        rates = [100 * self.word_error_rate(name) for name in self.recordings]
        waits = [self.latency_ms(name) or 0.0 for name in self.recordings]
        cuts = [float(self.cut_offs(name)) for name in self.recordings]
        columns = (("Word errors (%)", rates), ("Answer after (ms)", waits), ("Cut off", cuts))
        column = (width - NAMES) / len(columns)
        parts: list[str] = []
        for number, (title, values) in enumerate(columns):
            left = NAMES + number * column
            color = svg.PALETTE[(1, 0, 3)[number]]
            parts += _bars(title, values, left, left + column - VALUES, color)
        for index, name in enumerate(self.recordings):
            parts.append(svg.text(NAMES - 10, 48 + index * ROW, name, anchor="end"))
        return Picture(svg.document(width, 50 + len(rates) * ROW, parts))

    def _repr_html_(self) -> str:
        head = "<tr><th></th><th>word errors</th><th>answer after</th><th>cut off</th>"
        head += "<th>unanswered</th><th>understood</th></tr>"
        rows = []
        for name, recordings in self.recordings.items():
            understood = [each.understood for one in recordings for each in one.exchanges]
            latency = self.latency_ms(name)
            cells = [
                f"{100 * self.word_error_rate(name):.0f} %",
                "none came" if latency is None else f"{latency:.0f} ms",
                str(self.cut_offs(name)),
                str(self.unanswered(name)),
                escape(" / ".join(understood)),
            ]
            data = "".join(f"<td>{cell}</td>" for cell in cells)
            rows.append(f"<tr><th>{escape(name)}</th>{data}</tr>")
        return f"<table>{head}{''.join(rows)}</table>"

    def _figures(self, name: str) -> list[str]:
        latency = self.latency_ms(name)
        return [
            f"{100 * self.word_error_rate(name):.0f} % word errors",
            "no answer" if latency is None else f"answers after {latency:.0f} ms",
            f"{self.cut_offs(name)} cut off",
            f"{self.unanswered(name)} unanswered",
        ]


def _bars(title: str, values: Sequence[float], left: float, right: float, color: str) -> list[str]:
    axis = svg.Axis.around(list(values), left, right)
    parts = [svg.text(left, 20, title, bold=True)]
    for index, value in enumerate(values):
        y = 34 + index * ROW
        parts.append(svg.rectangle(left, y, right - left, ROW - 8, color="#f1f3f5"))
        parts.append(svg.rectangle(left, y, axis.at(value) - left, ROW - 8, color=color))
        parts.append(svg.text(right + 6, y + 14, f"{value:.0f}", size=11))
    return parts
