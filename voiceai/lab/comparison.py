"""The same callers talk to several pipelines, and scripted checks say what came of it."""

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from statistics import median
from typing import Any

from pipelines.spec import PipelineSpec
from voiceai.bench import svg
from voiceai.lab.picture import Picture
from voiceai.lab.transcript import Ending, Tokens, Transcript

__all__ = [
    "Check",
    "Comparison",
    "Customer",
    "Outcome",
    "compare",
    "ends_with",
    "never_says",
    "says",
    "uses",
]

Chat = Callable[[PipelineSpec, Sequence[str]], Awaitable[Transcript]]


@dataclass(frozen=True, slots=True)
class Check:
    """What is expected of a conversation.

    Attributes:
        name: For the table.
        holds: Whether a conversation is as expected.
    """

    name: str
    holds: Callable[[Transcript], bool]


def says(pattern: str) -> Check:
    """Expect the assistant to say something: a regular expression, whatever the case."""
    compiled = re.compile(pattern, re.IGNORECASE)
    return Check(f"says {pattern}", lambda told: any(map(compiled.search, told.answers)))


def never_says(pattern: str) -> Check:
    """Expect the assistant not to say something."""
    compiled = re.compile(pattern, re.IGNORECASE)
    return Check(f"never says {pattern}", lambda told: not any(map(compiled.search, told.answers)))


def uses(tool: str, **arguments: Any) -> Check:
    """Expect a tool to be used without failing, with at least these arguments."""

    def holds(told: Transcript) -> bool:
        return any(
            not use.failed and arguments.items() <= use.arguments.items() for use in told.used(tool)
        )

    return Check(f"uses {tool}", holds)


def ends_with(ending: Ending) -> Check:
    """Expect the conversation to end so."""
    return Check(f"ends with {ending}", lambda told: told.ending == ending)


@dataclass(frozen=True, slots=True)
class Customer:
    """Somebody who calls.

    Attributes:
        name: For the table.
        lines: What is said, a turn a line.
        checks: What is expected.
    """

    name: str
    lines: Sequence[str]
    checks: Sequence[Check]


@dataclass(frozen=True, slots=True)
class Outcome:
    """One customer's conversation with one pipeline.

    Attributes:
        pipeline: Its name in the comparison.
        customer: Who called.
        transcript: What was said; None if it could not be held.
        passed: By the checks' names.
        problem: Why it could not be held.
    """

    pipeline: str
    customer: str
    transcript: Transcript | None
    passed: Mapping[str, bool]
    problem: str = ""

    @property
    def score(self) -> float:
        """The share of the checks that hold."""
        return sum(self.passed.values()) / len(self.passed) if self.passed else 1.0


@dataclass(frozen=True, slots=True)
class Comparison:
    """What came of it.

    Attributes:
        outcomes: Of every customer with every pipeline.
        prices: Of a million tokens read and written.
    """

    outcomes: tuple[Outcome, ...]
    prices: tuple[float, float] = (0.0, 0.0)

    @property
    def pipelines(self) -> list[str]:
        """In the order in which they were given."""
        return list(dict.fromkeys(outcome.pipeline for outcome in self.outcomes))

    @property
    def customers(self) -> list[str]:
        """In the order in which they were given."""
        return list(dict.fromkeys(outcome.customer for outcome in self.outcomes))

    def of(self, pipeline: str) -> list[Outcome]:
        """Return the outcomes of one pipeline."""
        return [outcome for outcome in self.outcomes if outcome.pipeline == pipeline]

    def score(self, pipeline: str) -> float:
        """Return the share of all its checks that hold."""
        passed = [each for outcome in self.of(pipeline) for each in outcome.passed.values()]
        return sum(passed) / len(passed) if passed else 1.0

    def tokens(self, pipeline: str) -> Tokens:
        """Return what its model read and wrote in all conversations."""
        told = (each.transcript for each in self.of(pipeline))
        return sum((each.tokens for each in told if each), Tokens())

    def cost(self, pipeline: str) -> float:
        """Return what that costs, in the currency of the prices."""
        return self.tokens(pipeline).cost(*self.prices)

    def latency_ms(self, pipeline: str) -> float | None:
        """Return the median wait for an answer, in milliseconds; of text, so without any voice."""
        told = (each.transcript for each in self.of(pipeline))
        waits = [wait for each in told if each for wait in each.latencies_ms]
        return median(waits) if waits else None

    def failed(self) -> list[tuple[str, str, str]]:
        """Return pipeline, customer and name of every check that does not hold."""
        return [
            (outcome.pipeline, outcome.customer, name)
            for outcome in self.outcomes
            for name, holds in outcome.passed.items()
            if not holds
        ]

    def __str__(self) -> str:
        """Return a line for each pipeline, and one for each check that does not hold."""
        lines = [
            f"{name}: {100 * self.score(name):.0f} %, {self._spent(name)}"
            for name in self.pipelines
        ]
        lines += [f"  {name}, {customer}: not {check}" for name, customer, check in self.failed()]
        return "\n".join(lines)

    def plot(self, width: int = 560) -> Picture:
        """Return the scores as bars."""
        names, height = self.pipelines, 30.0
        axis = svg.Axis(0.0, 1.0, 170.0, width - 60.0)
        parts = []
        for index, name in enumerate(names):
            y, score = 14 + index * height, self.score(name)
            color = svg.PALETTE[index % len(svg.PALETTE)]
            parts.append(svg.rectangle(axis.start, y, axis.end - axis.start, 18, color=svg.FAINT))
            parts.append(svg.rectangle(axis.start, y, axis.at(score) - axis.start, 18, color=color))
            parts.append(svg.text(axis.start - 8, y + 13, name, anchor="end"))
            parts.append(svg.text(axis.end + 8, y + 13, f"{100 * score:.0f} %", bold=True))
        return Picture(svg.document(width, 28 + len(names) * height, parts))

    def _repr_html_(self) -> str:
        head = "".join(f"<th>{escape(name)}</th>" for name in self.pipelines)
        rows = [f"<tr><th></th>{head}</tr>"]
        for customer in self.customers:
            cells = "".join(_cell(each) for each in self.outcomes if each.customer == customer)
            rows.append(f"<tr><th>{escape(customer)}</th>{cells}</tr>")
        totals = "".join(
            f"<td><b>{100 * self.score(name):.0f} %</b><br>{escape(self._spent(name))}</td>"
            for name in self.pipelines
        )
        rows.append(f"<tr><th>all</th>{totals}</tr>")
        return f"<table>{''.join(rows)}</table>"

    def _spent(self, pipeline: str) -> str:
        tokens, latency = self.tokens(pipeline), self.latency_ms(pipeline)
        parts = [] if latency is None else [f"{latency:.0f} ms"]
        if tokens != Tokens():
            parts.append(f"{tokens.prompt} + {tokens.completion} tokens")
        if any(self.prices):
            parts.append(f"cost {self.cost(pipeline):.6f}")
        return ", ".join(parts) or "no answer"


async def compare(
    chat: Chat,
    pipelines: Mapping[str, PipelineSpec],
    customers: Sequence[Customer],
    prices: tuple[float, float],
) -> Comparison:
    """Let each customer talk to each pipeline, one conversation after the other."""
    outcomes = [
        await _outcome(chat, name, spec, customer)
        for customer in customers
        for name, spec in pipelines.items()
    ]
    return Comparison(tuple(outcomes), prices)


async def _outcome(chat: Chat, name: str, spec: PipelineSpec, customer: Customer) -> Outcome:
    try:
        told = await chat(spec, customer.lines)
    except TimeoutError:
        passed = {check.name: False for check in customer.checks}
        return Outcome(name, customer.name, None, passed, "no answer came")
    passed = {check.name: check.holds(told) for check in customer.checks}
    return Outcome(name, customer.name, told, passed)


def _cell(outcome: Outcome) -> str:
    marks = "<br>".join(
        f"{'✓' if holds else '✗'} {escape(name)}" for name, holds in outcome.passed.items()
    )
    return f'<td style="text-align:left">{marks}{escape(outcome.problem)}</td>'
