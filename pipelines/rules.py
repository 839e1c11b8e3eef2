"""Answers by rules: the deterministic brain of the service ``scripted`` (pure)."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Self

import regex
from pydantic import BeforeValidator, Field, model_validator

from pipelines.fields import Spec, Text, wrong
from pipelines.matching import search
from pipelines.tool_parameters import Pattern
from pipelines.tool_specs import KINDS_OF_TOOL, PLAIN_TOOLS, ToolSpec, one_tool

SLOT = re.compile(r"\{(\w+)\}")
SENTENCE = re.compile(r"(?<=[.!?…])\s+(?=\S)")


def _listed(value: object) -> object:
    return [value] if isinstance(value, str) else value


def _plain_tool(value: object) -> object:
    tool = one_tool(value)
    for kind in tool if isinstance(tool, dict) else ():
        if kind in KINDS_OF_TOOL and kind not in PLAIN_TOOLS:
            fix = "a rule can do: " + ", ".join(PLAIN_TOOLS)
            raise wrong("needs a language model", kind, fix=fix)
    return tool


Patterns = Annotated[
    tuple[Pattern, ...],
    BeforeValidator(_listed, json_schema_input_type=tuple[str, ...] | str),
    Field(min_length=1),
]


PlainTool = BeforeValidator(_plain_tool, json_schema_input_type=ToolSpec | Literal["hangup"])
"""A tool that needs no language model."""

Texts = Annotated[
    tuple[Text, ...],
    BeforeValidator(_listed, json_schema_input_type=tuple[str, ...] | str),
]


class Rule(Spec):
    """What to say when the caller said something.

    Attributes:
        when: Regular expressions, any of them, found anywhere, in any case.
        say: The answer; ``{name}`` is what the group ``(?P<name>...)`` matched.
        tool: What to do once it has been said.
    """

    when: Patterns
    say: Text = ""
    tool: Annotated[ToolSpec, PlainTool] | None = None

    @model_validator(mode="after")
    def _slots_exist(self) -> Self:
        unknown = sorted(set(SLOT.findall(self.say)) - groups_of(self.when))
        if unknown:
            message = f"no pattern has a group (?P<{unknown[0]}>...) for {{{unknown[0]}}}"
            raise wrong(message, "say")
        if not self.say and self.tool is None:
            raise wrong("needs 'say' or 'tool'")
        return self

    @model_validator(mode="after")
    def _tool_needs_nobody(self) -> Self:
        if self.tool:
            refuse_open(self.tool, "tool")
        return self


def groups_of(patterns: Sequence[str]) -> frozenset[str]:
    """Return the names of the groups in regular expressions."""
    return frozenset(name for pattern in patterns for name in re.compile(pattern).groupindex)


def refuse_open(tool: ToolSpec, *at: str | int) -> None:
    """Check that a tool which nobody gives arguments has them.

    Raises:
        PydanticCustomError: It has not; below ``at``.
    """
    if tool.send_dtmf and not tool.send_dtmf.digits:
        raise wrong("say which digits", *at, "send_dtmf", fix='such as {digits: "1#"}')
    if tool.transfer and tool.transfer.to is None:
        raise wrong("say to whom", *at, "transfer", fix='such as {to: "100"}')


class Script(Spec):
    """Parameters of the service ``scripted``.

    Attributes:
        rules: The first that matches wins.
        otherwise: Said in turn when none does, and when the caller was not understood.
    """

    rules: tuple[Rule, ...] = ()
    otherwise: Texts = ()


@dataclass(frozen=True, slots=True)
class Reply:
    """What to say, and what to do once it has been said.

    Attributes:
        say: The answer.
        tool: Done to the call.
        call: A function and its arguments, of a conversation in steps.
    """

    say: str
    tool: ToolSpec | None = None
    call: tuple[str, Mapping[str, Any]] | None = None


class Responder:
    """One conversation's use of a script; remembers only which ``otherwise`` is next."""

    def __init__(self, script: Script) -> None:
        self._rules = script.rules
        self._otherwise = script.otherwise
        self._next = 0
        self._before = 0

    def answer(self, heard: str) -> Reply:
        """Return the answer to what the caller said."""
        self._before = self._next
        for rule in self._rules:
            for pattern in rule.when:
                match = search(pattern, heard)
                if match:
                    return Reply(_fill(rule.say, match), rule.tool)
        return self.not_understood()

    def not_understood(self) -> Reply:
        """Return the next ``otherwise``; says nothing if there is none."""
        self._before = self._next
        if not self._otherwise:
            return Reply("")
        say = self._otherwise[self._next % len(self._otherwise)]
        self._next += 1
        return Reply(say)

    def take_back(self) -> None:
        """Forget the latest answer: the same ``otherwise`` is next again."""
        self._next = self._before


def sentences(text: str) -> list[str]:
    """Split a text after ``. ! ? …`` and white space; nothing is lost but that white space."""
    return [part for part in SENTENCE.split(text.strip()) if part]


def _fill(say: str, match: regex.Match[str]) -> str:
    found = match.groupdict()
    filled = SLOT.sub(lambda slot: found.get(slot[1]) or "", say)
    return re.sub(r"\s+([,.!?])", r"\1", re.sub(r"\s{2,}", " ", filled))
