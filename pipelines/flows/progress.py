"""Where a conversation is in its flow, and what it knows so far (pure).

A step is one assignment: nothing can interrupt it halfway, and whoever asks next is told of the
new node alone.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from pipelines.fields import DIGITS
from pipelines.flows.spec import FlowFunction, FlowNode, FlowRule, FlowSpec
from pipelines.matching import search
from pipelines.rules import SLOT
from pipelines.tool_parameters import ParameterSpec
from pipelines.tool_specs import ToolSpec

MAX_SHOWN: Final = 300
"""Characters of a variable within a text."""


class Progress:
    """One conversation's way through a flow.

    Args:
        flow: As written.
        tools: Of the pipeline.

    Attributes:
        flow: As written.
        tools: By name.
        node: Name of the node it is in.
        variables: Values by name: arguments of functions, and what was kept of answers.
    """

    def __init__(self, flow: FlowSpec, tools: Sequence[ToolSpec] = ()) -> None:
        self.flow = flow
        self.tools = {tool.name: tool for tool in tools}
        self.node = flow.start
        self.variables: dict[str, Any] = {}
        self._role = self.current.role
        self._turns: dict[str, int] = {}

    @property
    def current(self) -> FlowNode:
        """The node it is in."""
        return self.flow.nodes[self.node]

    @property
    def instruction(self) -> str:
        """What a language model is told in this node, its role and its task."""
        return "\n\n".join(self.fill(text) for text in (self._role, self.current.task) if text)

    def parameters_of(self, function: FlowFunction) -> Mapping[str, ParameterSpec]:
        """Return what a function takes: its own, or its tool's."""
        return parameters_of(function, self.tools)

    def fill(self, template: str, groups: Mapping[str, object] | None = None) -> str:
        """Put variables into a text; what they hold is no placeholder, and one line.

        Args:
            template: With ``{name}``.
            groups: Values that go before the variables.
        """
        values = {**self.variables, **(groups or {})}
        return SLOT.sub(lambda slot: _shown(values.get(slot[1])), template)

    def given(
        self,
        values: Mapping[str, Any],
        parameters: Mapping[str, ParameterSpec],
        groups: Mapping[str, object] | None = None,
    ) -> dict[str, Any]:
        """Fill the values of a call; ``{name}`` alone keeps the variable's type.

        Args:
            values: By parameter, as written.
            parameters: What they are declared as: a text becomes a number where one is asked for,
                and one of the values that are allowed, in any case.
            groups: As of :meth:`fill`.
        """
        filled = {name: self._value(value, groups or {}) for name, value in values.items()}
        return {
            name: _as_declared(value, parameters[name]) if name in parameters else value
            for name, value in filled.items()
            if value is not None
        }

    def move(
        self, function: FlowFunction, values: Mapping[str, Any], answer: object, *, failed: bool
    ) -> FlowNode | None:
        """Take what a function brought, and go where it leads.

        Args:
            function: Of the current node.
            values: Its arguments.
            answer: What its tool returned; nothing is kept of a failure.
            failed: Whether the tool failed.

        Returns:
            The node that is entered, which may be the same again; None if it stays.
        """
        if failed:
            target = function.failed
        else:
            self.variables |= values
            kept = {name: at_pointer(answer, path) for name, path in function.keep.items()}
            self.variables |= kept
            target = self._target(function)
        if target is None:
            return None
        self.node = target
        self._role = self.current.role or self._role
        return self.current

    def matching(self, heard: str) -> tuple[FlowRule, dict[str, str]] | None:
        """Return the node's rule for what the caller said, and what its groups matched."""
        for rule in self.current.rules:
            for pattern in rule.when:
                match = search(pattern, heard)
                if match:
                    groups = {name: text for name, text in match.groupdict().items() if text}
                    return rule, groups
        return None

    def not_understood(self) -> str:
        """Return the node's next ``otherwise``; empty if it has none."""
        texts = self.current.otherwise
        if not texts:
            return ""
        turn = self._turns.get(self.node, 0)
        self._turns[self.node] = turn + 1
        return self.fill(texts[turn % len(texts)])

    def take_back(self) -> None:
        """Have the latest ``otherwise`` of the node again next time."""
        self._turns[self.node] = max(0, self._turns.get(self.node, 0) - 1)

    def _value(self, value: object, groups: Mapping[str, object]) -> object:
        if not isinstance(value, str):
            return value
        alone = SLOT.fullmatch(value)
        if alone:
            return {**self.variables, **groups}.get(alone[1])
        return self.fill(value, groups)

    def _target(self, function: FlowFunction) -> str | None:
        ways = function.next
        if ways is None:
            return None
        if ways.by is not None:
            value = self.variables.get(ways.by)
            return ways.cases.get(_shown(value), ways.otherwise)
        return ways.otherwise


def parameters_of(
    function: FlowFunction, tools: Mapping[str, ToolSpec]
) -> Mapping[str, ParameterSpec]:
    """Return what a function takes: its own, or those of its tool."""
    tool = tools.get(function.tool or "")
    if tool is None:
        return function.parameters
    if tool.transfer and tool.transfer.targets:
        return {"target": ParameterSpec(description="To whom", enum=tuple(tool.transfer.targets))}
    if tool.send_dtmf and not tool.send_dtmf.digits:
        return {"digits": ParameterSpec(description="Which", pattern=DIGITS)}
    parameters: Mapping[str, ParameterSpec] = getattr(tool.params, "parameters", {})
    return parameters


def at_pointer(answer: object, pointer: str) -> Any:
    """Return what a JSON pointer (RFC 6901) finds in plain data; None if nothing is there."""
    found: Any = answer
    for part in pointer.split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        if isinstance(found, Mapping):
            found = found.get(key)
        elif isinstance(found, list) and key.isdecimal() and int(key) < len(found):
            found = found[int(key)]
        else:
            return None
    return found


def _shown(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        value = ", ".join(_shown(each) for each in value)
    text = " ".join(str(value).split())
    return text if len(text) <= MAX_SHOWN else text[: MAX_SHOWN - 1] + "…"


def _as_declared(value: Any, parameter: ParameterSpec) -> Any:
    """Read a text as what a parameter asks for; what is none stays, and is refused later."""
    read = _of_type(value, parameter.type)
    by_small_letters = {
        each.lower(): each for each in parameter.enum or () if isinstance(each, str)
    }
    return by_small_letters.get(read.lower(), read) if isinstance(read, str) else read


def _of_type(value: Any, kind: str) -> Any:
    if not isinstance(value, str):
        return _shown(value) if kind == "string" and value is not None else value
    try:
        if kind == "integer":
            return int(value)
        if kind == "number":
            return float(value)
    except ValueError:
        return value
    if kind == "boolean":
        return {"true": True, "false": False}.get(value.lower(), value)
    return value
