"""A conversation in steps, as it is written."""

from typing import Annotated, Self

from pydantic import BeforeValidator, Field, StringConstraints, model_validator

from pipelines.fields import SNAKE, Name, Sentence, Spec, Text
from pipelines.http_tool import Pointer
from pipelines.rules import Patterns, PlainTool, Texts, refuse_open
from pipelines.tool_parameters import (
    MAX_PARAMETERS,
    Description,
    ParameterName,
    Parameters,
    ToolName,
    Value,
)
from pipelines.tool_specs import ToolSpec, one_tool

NodeName = Annotated[str, StringConstraints(pattern=SNAKE)]


def _one_way(value: object) -> object:
    return {"otherwise": value} if isinstance(value, str) else value


class Ways(Spec):
    """Where a function leads; a text alone is where it always leads.

    Attributes:
        by: Variable whose value decides.
        cases: Nodes by that value, as text: ``"true"``, ``"3"``.
        otherwise: Where all other values lead.
    """

    by: ParameterName | None = None
    cases: Annotated[dict[str, NodeName], Field(max_length=50)] = Field(default_factory=dict)
    otherwise: NodeName | None = None


class FlowFunction(Spec):
    """What a language model, or a rule, may do in a node.

    Attributes:
        description: What the language model is told of it; of its tool unless given.
        parameters: What the language model gives; each value becomes the variable of that name.
        tool: One of the pipeline's tools, which does it; its parameters are the tool's.
        given: Values of the tool's parameters that the language model does not give; ``{name}`` is
            a variable.
        keep: Variables that are taken from what the tool returns, each by a JSON pointer.
        next: The node that it leads to, or several by the value of a variable.
        failed: The node that a failure of the tool leads to; it stays in its node unless given.
    """

    description: Description | None = None
    parameters: Parameters = Field(default_factory=dict)
    tool: ToolName | None = None
    given: Annotated[dict[ParameterName, Value], Field(max_length=MAX_PARAMETERS)] = Field(
        default_factory=dict
    )
    keep: Annotated[dict[ParameterName, Pointer], Field(max_length=MAX_PARAMETERS)] = Field(
        default_factory=dict
    )
    next: (
        Annotated[Ways, BeforeValidator(_one_way, json_schema_input_type=Ways | NodeName)] | None
    ) = None
    failed: NodeName | None = None


Call = Annotated[dict[ToolName, dict[ParameterName, Value]], Field(min_length=1, max_length=1)]
"""A function's name, and its arguments."""


class FlowRule(Spec):
    """What the service ``scripted`` does in a node when the caller said something.

    Attributes:
        when: Regular expressions, any of them, found anywhere, in any case.
        say: Said first; ``{name}`` is what the group ``(?P<name>...)`` matched, or a variable.
        tool: A function of the node with its arguments, in which ``{name}`` is the same; or
            ``hangup``, ``transfer``, ``send_dtmf``.
    """

    when: Patterns
    say: Text = ""
    tool: (
        Annotated[Call, BeforeValidator(one_tool, json_schema_input_type=Call | ToolName)] | None
    ) = None


class FlowNode(Spec):
    """One step of a conversation. In its texts ``{name}`` is a variable.

    Attributes:
        role: What the language model is besides its prompt, from here until another node says.
        task: What the language model has to do in this node.
        say: Said when the conversation comes here; not where it starts, the greeting is said there.
        respond: Whether the language model speaks first here; it does unless ``say`` is given.
        functions: What can be done here, by name, besides the pipeline's tools that no node uses.
        then: Done once the first answer here, or ``say``, has been said: ``hangup``, ``transfer``.
        rules: Instead of a language model's, with the service ``scripted``; the pipeline's own
            unless given.
        otherwise: Said in turn when no rule matches; the pipeline's own unless given.
    """

    role: Text = ""
    task: Text = ""
    say: Sentence = ""
    respond: bool | None = None
    functions: Annotated[dict[ToolName, FlowFunction], Field(max_length=32)] = Field(
        default_factory=dict
    )
    then: Annotated[ToolSpec, PlainTool] | None = None
    rules: Annotated[tuple[FlowRule, ...], Field(max_length=100)] = ()
    otherwise: Texts = ()

    @model_validator(mode="after")
    def _then_needs_nobody(self) -> Self:
        if self.then:
            refuse_open(self.then, "then")
        return self

    @property
    def responds(self) -> bool:
        """Whether the language model speaks first here."""
        return not self.say if self.respond is None else self.respond


class FlowSpec(Spec):
    """A conversation in steps.

    Attributes:
        name: For people.
        start: The node in which the conversation begins.
        nodes: By name.
    """

    name: Name
    start: NodeName
    nodes: Annotated[dict[NodeName, FlowNode], Field(min_length=1, max_length=100)]

    @property
    def tools(self) -> frozenset[str]:
        """The pipeline's tools that functions use; they are not there elsewhere."""
        functions = (each for node in self.nodes.values() for each in node.functions.values())
        return frozenset(each.tool for each in functions if each.tool)

    def leads_from(self, name: str) -> dict[str, tuple[str, ...]]:
        """Return the nodes that each function of a node leads to."""
        return {key: leads_to(each) for key, each in self.nodes[name].functions.items()}


def leads_to(function: FlowFunction) -> tuple[str, ...]:
    """Return the nodes that a function leads to, each once."""
    ways = function.next or Ways()
    nodes = [*ways.cases.values(), ways.otherwise, function.failed]
    return tuple(dict.fromkeys(node for node in nodes if node))
