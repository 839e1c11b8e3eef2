"""What was said in a conversation, and what came of it; plain data. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from html import escape
from typing import Any, Literal

from voiceai.lab.usage import NO_TOKENS, Tokens, Usage

__all__ = ["LEAVING", "Ending", "Failure", "Notes", "ToolUse", "Transcript", "Turn"]

Role = Literal["caller", "assistant"]
Ending = Literal["hangup", "transfer", "caller", "idle"]
"""The assistant hung up, handed the caller on, the caller left, or nobody said anything."""

LEAVING = frozenset({"hangup", "transfer"})


@dataclass(frozen=True, slots=True)
class Turn:
    """Something that was said.

    Attributes:
        role: Who said it.
        text: The words; of a caller who speaks as they were understood, of an assistant as far
            as they were heard.
        started_ms: When it began, in milliseconds from the beginning of the conversation.
        ended_ms: When it was over.
        latency_ms: Of an answer: how long the caller waited for its beginning. None for what
            nobody waited for, such as a greeting.
        interrupted: Whether it was cut short.
        digits: Whether the caller typed them.
        said: What a caller who speaks really said, when that is known.
        parts: Of the latency, in milliseconds: ``endpointing``, ``stt``, ``turn``, ``llm``,
            ``tts`` and ``queue``; of calls only.
    """

    role: Role
    text: str
    started_ms: int
    ended_ms: int
    latency_ms: int | None = None
    interrupted: bool = False
    digits: bool = False
    said: str | None = None
    parts: Mapping[str, float] | None = None


@dataclass(frozen=True, slots=True)
class ToolUse:
    """A tool that the assistant used.

    Attributes:
        name: Of the tool.
        arguments: As the model gave them.
        at_ms: When, in milliseconds from the beginning.
        result: What came of it; None for what is done to the call.
        failed: Whether it failed; ``result`` says why.
        took_ms: How long it took; None if it did not come back.
    """

    name: str
    arguments: Mapping[str, Any]
    at_ms: int
    result: object = None
    failed: bool = False
    took_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Failure:
    """A service that failed; ``instead`` took its place, None if nobody was left."""

    kind: str
    service: str
    reason: str
    instead: str | None


@dataclass(frozen=True, slots=True)
class Transcript:
    """A whole conversation.

    Attributes:
        pipeline: Its name.
        turns: In the order in which they were said.
        tools: In the order in which they were used.
        failures: Of services.
        tokens: Of all answers.
        ending: How it ended.
        transferred_to: Whom the caller was handed to.
        digits_sent: Digits that the assistant sent.
        characters: Given to the voice.
        seconds: Of audio given to recognition; none in text.
    """

    pipeline: str
    turns: tuple[Turn, ...]
    tools: tuple[ToolUse, ...] = ()
    failures: tuple[Failure, ...] = ()
    tokens: Tokens = NO_TOKENS
    ending: Ending = "caller"
    transferred_to: str | None = None
    digits_sent: str = ""
    characters: int = 0
    seconds: float = 0.0

    @property
    def usage(self) -> Usage:
        """What was used."""
        return Usage(self.tokens, self.characters, self.seconds)

    @property
    def answers(self) -> list[str]:
        """What the assistant said, greeting included."""
        return [turn.text for turn in self.turns if turn.role == "assistant"]

    @property
    def heard(self) -> list[str]:
        """What the caller said, as it was understood."""
        return [turn.text for turn in self.turns if turn.role == "caller"]

    @property
    def latencies_ms(self) -> list[int]:
        """How long the caller waited for each answer, in milliseconds."""
        return [turn.latency_ms for turn in self.turns if turn.latency_ms is not None]

    def used(self, tool: str) -> list[ToolUse]:
        """Return each use of a tool."""
        return [use for use in self.tools if use.name == tool]

    def as_dict(self) -> dict[str, Any]:
        """Return plain data; turns have the shape of ``calls show --json``, and more."""
        return {
            "pipeline": self.pipeline,
            "ending": self.ending,
            "transferred_to": self.transferred_to,
            "digits_sent": self.digits_sent,
            "turns": [
                {"n": n, **{name: getattr(turn, name) for name in Turn.__slots__}}
                for n, turn in enumerate(self.turns, 1)
            ],
            "tools": [
                {**{name: getattr(use, name) for name in ToolUse.__slots__}} for use in self.tools
            ],
            "failures": [
                {name: getattr(each, name) for name in Failure.__slots__} for each in self.failures
            ],
            "tokens": {"prompt": self.tokens.prompt, "completion": self.tokens.completion},
            "characters": self.characters,
        }

    def __str__(self) -> str:
        """Return it as one would write it down."""
        return "\n".join(f"{_who(turn)}: {turn.text}{_how(turn)}" for turn in self.turns)

    def _repr_html_(self) -> str:
        """Return it as a table, for notebooks."""
        rows = "".join(
            f"<tr><td>{turn.started_ms / 1000:.1f}</td><td>{_who(turn)}</td>"
            f'<td style="text-align:left">{escape(turn.text)}{escape(_how(turn))}</td>'
            f"<td>{'' if turn.latency_ms is None else f'{turn.latency_ms} ms'}</td></tr>"
            for turn in self.turns
        )
        tools = "".join(f"<li><code>{escape(_use(use))}</code></li>" for use in self.tools)
        head = "<tr><th>at (s)</th><th>who</th><th>said</th><th>waited</th></tr>"
        return f"<table>{head}{rows}</table>" + (f"<ul>{tools}</ul>" if tools else "")


@dataclass(slots=True)
class Notes:
    """Takes a conversation down as it happens. Implements ``ConversationListener``.

    Attributes:
        now_ms: Milliseconds since its beginning.
        typed: What the caller typed as digits and is not a turn yet.
        changed: Called after each note.
    """

    now_ms: Callable[[], int]
    changed: Callable[[], None] = lambda: None
    turns: list[Turn] = field(default_factory=list)
    tools: list[ToolUse] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    tokens: Tokens = NO_TOKENS
    ending: Ending = "caller"
    transferred_to: str | None = None
    digits_sent: str = ""
    characters: int = 0
    typed: str = ""
    answer_began_ms: int | None = None
    asked_ms: int | None = None

    @property
    def leaving(self) -> bool:
        """Whether the assistant is about to end the call, or has."""
        return any(use.name in LEAVING for use in self.tools)

    def transcript(self, pipeline: str) -> Transcript:
        """Return it as it stands."""
        return Transcript(
            pipeline,
            tuple(self.turns),
            tuple(self.tools),
            tuple(self.failures),
            self.tokens,
            self.ending,
            self.transferred_to,
            self.digits_sent,
            self.characters,
        )

    def asked(self) -> None:
        """Note that the caller has finished and waits."""
        self.asked_ms, self.answer_began_ms = self.now_ms(), None

    def answer_began(self) -> None:
        """Note that the first of an answer has come; what follows of it is no news."""
        if self.answer_began_ms is None:
            self.answer_began_ms = self.now_ms()

    def caller_turn(self, text: str, *, started_at: float | None) -> None:
        """Note what the caller said."""
        del started_at
        digits, self.typed = bool(self.typed), ""
        now = self.now_ms()
        began = now if self.asked_ms is None else self.asked_ms
        self.turns.append(Turn("caller", text, began, now, digits=digits))
        self.changed()

    def assistant_turn(self, text: str, *, interrupted: bool) -> None:
        """Note what the assistant said."""
        now, latency = self.now_ms(), None
        began = now if self.answer_began_ms is None else self.answer_began_ms
        if self.asked_ms is not None:
            latency = max(0, began - self.asked_ms)
        self.asked_ms = self.answer_began_ms = None
        self.turns.append(Turn("assistant", text, began, now, latency, interrupted))
        self.changed()

    def tool_called(self, name: str, arguments: Mapping[str, Any]) -> None:
        """Note which tool was called."""
        self.tools.append(ToolUse(name, dict(arguments), self.now_ms()))
        self.changed()

    def tool_returned(self, name: str, result: object, *, failed: bool = False) -> None:
        """Note what came of it."""
        for index, use in enumerate(self.tools):
            if use.name == name and use.took_ms is None:
                took = self.now_ms() - use.at_ms
                done = ToolUse(name, use.arguments, use.at_ms, result, failed, took)
                self.tools[index] = done
                break
        self.changed()

    def service_failed(self, kind: str, service: str, *, reason: str, instead: str | None) -> None:
        """Note which service failed."""
        self.failures.append(Failure(kind, service, reason, instead))
        self.changed()


def _who(turn: Turn) -> str:
    return "Caller" if turn.role == "caller" else "Assistant"


def _how(turn: Turn) -> str:
    return " (interrupted)" if turn.interrupted else ""


def _use(use: ToolUse) -> str:
    arguments = ", ".join(f"{name}={value!r}" for name, value in use.arguments.items())
    came = "" if use.took_ms is None else f" → {use.result} ({use.took_ms} ms)"
    return f"{use.name}({arguments}){came}"
