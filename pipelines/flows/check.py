"""What is wrong with a flow beyond its shape (pure)."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from pydantic import ValidationError
from pydantic_core import PydanticCustomError

from pipelines.document import Document, KeyPath, show_path
from pipelines.findings import Finding
from pipelines.flows.progress import parameters_of
from pipelines.flows.spec import FlowFunction, FlowNode, FlowRule, FlowSpec, leads_to
from pipelines.mistakes import findings_of, place, unknown_name
from pipelines.rules import SLOT, groups_of, refuse_open
from pipelines.spec import PipelineSpec
from pipelines.tool_parameters import ParameterSpec
from pipelines.tool_specs import PLAIN_TOOLS, ToolSpec

LEAVING: Final = ("hangup", "transfer")
"""After these tools a function need not lead anywhere."""


def check_flow(spec: PipelineSpec, document: Document) -> list[Finding]:
    """Return what is wrong with a pipeline's flow.

    Args:
        spec: Of the pipeline, whose tools it uses.
        document: Where it was written.
    """
    if spec.flow is None:
        return []
    return [
        place(finding, document.locate(path, key=is_key))
        for finding, path, is_key in _Check(spec, spec.flow).all()
    ]


def check_beginnings(flow: FlowSpec, document: Document) -> list[Finding]:
    """Return the nodes in which rules alone would have nothing to say at first."""
    functions = [each for node in flow.nodes.values() for each in node.functions.values()]
    entered = {target for each in functions for target in leads_to(each)}
    paths: list[KeyPath] = [
        ("flow", "nodes", name)
        for name, node in flow.nodes.items()
        if name in entered and node.responds
    ]
    found = Finding("no language model begins here", fix="write 'say:'", severity="warning")
    return [
        place(replace(found, path=show_path(path)), document.locate(path, key=True))
        for path in paths
    ]


_Found = tuple[Finding, KeyPath, bool]
"""A finding, where it is, and whether that is the key itself."""


def _found(message: str, path: KeyPath, *, fix: str = "", key: bool = False) -> _Found:
    return Finding(message, path=show_path(path), fix=fix), path, key


class _Check:
    def __init__(self, spec: PipelineSpec, flow: FlowSpec) -> None:
        self._flow = flow
        self._tools = {tool.name: tool for tool in spec.tools}
        self._everywhere = set(self._tools) - flow.tools
        self._variables = set(self._known())

    def all(self) -> Iterator[_Found]:
        yield from self._node(self._flow.start, ("flow", "start"))
        for name, node in self._flow.nodes.items():
            path: KeyPath = ("flow", "nodes", name)
            yield from self._text(node.role, (*path, "role"))
            yield from self._text(node.task, (*path, "task"))
            yield from self._text(node.say, (*path, "say"))
            for key, function in node.functions.items():
                yield from self._function(key, function, (*path, "functions", key))
            for index, rule in enumerate(node.rules):
                yield from self._rule(rule, node, (*path, "rules", index))
            for index, text in enumerate(node.otherwise):
                yield from self._text(text, (*path, "otherwise", index))
        yield from self._unreachable()

    def _known(self) -> Iterator[str]:
        """The name of every variable."""
        for node in self._flow.nodes.values():
            for function in node.functions.values():
                yield from function.keep
                yield from self._parameters(function)

    def _parameters(self, function: FlowFunction) -> Mapping[str, ParameterSpec]:
        return parameters_of(function, self._tools)

    def _node(self, name: str | None, path: KeyPath) -> Iterator[_Found]:
        if name is not None and name not in self._flow.nodes:
            message = f"there is no node '{name}'"
            yield unknown_name(message, name, path, set(self._flow.nodes)), path, False

    def _text(
        self, text: str, path: KeyPath, also: frozenset[str] = frozenset()
    ) -> Iterator[_Found]:
        for name in SLOT.findall(text):
            if name not in self._variables | also:
                message = f"there is no variable '{name}'"
                yield unknown_name(message, name, path, self._variables | also), path, False

    def _unreachable(self) -> Iterator[_Found]:
        """Nodes that are in vain, once every way leads to a node."""
        functions = [each for node in self._flow.nodes.values() for each in node.functions.values()]
        targets = {self._flow.start, *(target for each in functions for target in leads_to(each))}
        if targets - set(self._flow.nodes):
            return
        reached: set[str] = set()
        ahead = [self._flow.start]
        while ahead:
            name = ahead.pop()
            if name not in reached:
                reached.add(name)
                here = self._flow.nodes[name].functions.values()
                ahead += [target for each in here for target in leads_to(each)]
        for name in self._flow.nodes:
            if name not in reached:
                path = ("flow", "nodes", name)
                yield _found(
                    "no function leads here", path, fix="lead here, or delete it", key=True
                )

    def _function(self, name: str, function: FlowFunction, path: KeyPath) -> Iterator[_Found]:
        if name in self._everywhere:
            message = f"'{name}' is a tool of the pipeline"
            yield _found(message, path, fix="choose another name", key=True)
        yield from self._done_by(function, path)
        yield from self._leads(function, path)
        for key, value in function.given.items():
            at = (*path, "given", key)
            known = set(self._parameters(function))
            if key not in known and function.tool in self._tools:
                message = f"the tool has no parameter '{key}'"
                yield unknown_name(message, key, at, known), at, True
            yield from self._text(str(value), at)

    def _done_by(self, function: FlowFunction, path: KeyPath) -> Iterator[_Found]:
        """What is wrong with who does it."""
        if function.tool is None:
            if function.description is None:
                yield _found("is missing", (*path, "description"))
            for key in ("given", "keep", "failed"):
                if getattr(function, key):
                    yield _found("is of a tool", (*path, key), fix="write 'tool:' too", key=True)
        elif function.tool not in self._tools:
            at = (*path, "tool")
            message = f"there is no tool '{function.tool}' in this pipeline"
            yield unknown_name(message, function.tool, at, set(self._tools)), at, False
        elif function.parameters:
            fix = "delete them here"
            yield _found("the tool has its own", (*path, "parameters"), fix=fix, key=True)

    def _leads(self, function: FlowFunction, path: KeyPath) -> Iterator[_Found]:
        """What is wrong with where it leads."""
        at = (*path, "next")
        ways = function.next
        tool = self._tools.get(function.tool or "")
        if ways is None:
            if tool is None or tool.kind not in LEAVING:
                yield _found("leads nowhere", path, fix="write next: NODE", key=True)
        elif ways.by is None:
            if ways.otherwise is None or ways.cases:
                yield _found("says no variable that decides", at, fix="write by: VARIABLE")
            yield from self._node(ways.otherwise, at)
        else:
            yield from self._cases(function, at)
            yield from self._node(ways.otherwise, (*at, "otherwise"))
            for case, node in ways.cases.items():
                yield from self._node(node, (*at, "cases", case))
        yield from self._node(function.failed, (*path, "failed"))

    def _cases(self, function: FlowFunction, at: KeyPath) -> Iterator[_Found]:
        ways = function.next
        if ways is None or ways.by is None:
            return
        if ways.by not in self._variables:
            message = f"there is no variable '{ways.by}'"
            yield unknown_name(message, ways.by, (*at, "by"), self._variables), (*at, "by"), False
            return
        declared = self._parameters(function).get(ways.by)
        allowed = {str(each) for each in (declared.enum if declared else None) or ()}
        for case in ways.cases if allowed else ():
            if case not in allowed:
                message = f"'{case}' is no value of '{ways.by}'"
                path = (*at, "cases", case)
                yield unknown_name(message, case, path, allowed), path, True
        missing = sorted(allowed - set(ways.cases))
        if ways.otherwise is None and (missing or not allowed):
            what = f"'{missing[0]}'" if missing else "any other value"
            yield _found(f"{what} leads nowhere", at, fix="write otherwise: NODE")

    def _rule(self, rule: FlowRule, node: FlowNode, path: KeyPath) -> Iterator[_Found]:
        groups = groups_of(rule.when)
        yield from self._text(rule.say, (*path, "say"), groups)
        if rule.tool is None:
            if not rule.say:
                yield _found("needs 'say' or 'tool'", path)
            return
        name, arguments = next(iter(rule.tool.items()))
        at = (*path, "tool", name)
        for key, value in arguments.items():
            yield from self._text(str(value), (*at, key), groups)
        function = node.functions.get(name)
        if function is not None:
            yield from self._arguments(function, arguments, at)
        elif name in PLAIN_TOOLS:
            yield from _plain(name, arguments, path)
        else:
            known = {*node.functions, *PLAIN_TOOLS}
            message = f"there is no function '{name}' in this node"
            yield unknown_name(message, name, at, known), at, True

    def _arguments(
        self, function: FlowFunction, arguments: Mapping[str, Any], at: KeyPath
    ) -> Iterator[_Found]:
        if function.tool and function.tool not in self._tools:
            return
        parameters = self._parameters(function)
        open_ones = {name for name in parameters if name not in function.given}
        for key in arguments:
            if key not in open_ones:
                message = f"there is no parameter '{key}'"
                yield unknown_name(message, key, (*at, key), open_ones), (*at, key), True
        for name in sorted(open_ones):
            if parameters[name].required and name not in arguments:
                fix = f"write {{{name}: ...}}"
                yield _found(f"parameter '{name}' is missing", at, fix=fix, key=True)


def _plain(name: str, arguments: Mapping[str, Any], path: KeyPath) -> Iterator[_Found]:
    at = (*path, "tool")
    try:
        refuse_open(ToolSpec.model_validate({name: arguments}))
    except ValidationError as error:
        for finding in findings_of(error, ToolSpec, Document("", {}, {}, {}), at):
            yield finding, (*at, name), False
    except PydanticCustomError as error:
        yield _found(error.message(), (*at, name), fix=(error.context or {}).get("fix", ""))
