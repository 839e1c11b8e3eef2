"""A flow in a conversation: what the language model sees of it, and what it may do.

The context that all language models of a chain share has one message with the instruction of the
current node, and that node's functions as tools. A step changes both at once, before anybody can
interrupt it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from pipecat.adapters.llm.schemas.function_schema import FunctionSchema
from pipecat.adapters.llm.schemas.tools_schema import ToolsSchema
from pipecat.frames.frames import FunctionCallResultProperties, TTSSpeakFrame
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.services.llm_service import FunctionCallParams

from pipelines.actions import CallActionFrame
from pipelines.flows.progress import Progress
from pipelines.flows.spec import FlowFunction, FlowNode
from pipelines.tools.answer import ToolFailed, checked
from pipelines.tools.schema import (
    Handler,
    Toolbox,
    past_interruption,
    properties_of,
    required_of,
    tool_function,
    tool_handler,
)

DONE = {"status": "done"}


@dataclass(slots=True)
class _Outcome:
    """What a tool gave back, and whether it was asked for with what it does not take."""

    answer: Any = None
    properties: FunctionCallResultProperties | None = None
    refused: bool = False

    @property
    def failed(self) -> bool:
        return isinstance(self.answer, dict) and set(self.answer) == {"error"}

    @property
    def leaves(self) -> bool:
        """Whether the caller is on the way to somebody else, or out."""
        return self.properties is not None and not self.properties.run_llm

    async def take(
        self, result: Any, *, properties: FunctionCallResultProperties | None = None
    ) -> None:
        self.answer, self.properties = result, properties


@dataclass(slots=True)
class Director:
    """Leads one conversation through its flow.

    Args:
        progress: Where it is.
        toolbox: What they are carried out with.

    Attributes:
        context: What language models are asked with.
    """

    progress: Progress
    toolbox: Toolbox
    context: LLMContext = field(init=False)
    _message: dict[str, Any] = field(init=False)
    _functions: dict[str, ToolsSchema] = field(init=False)

    def __post_init__(self) -> None:
        used = self.progress.flow.tools
        made = {
            tool.name: tool_function(tool, self.toolbox) for tool in self.progress.tools.values()
        }
        everywhere = [one for name, one in made.items() if name not in used]
        self._functions = {
            name: ToolsSchema(standard_tools=[*self._of_node(name, node, made), *everywhere])
            for name, node in self.progress.flow.nodes.items()
        }
        self._message = {"role": "developer", "content": ""}
        message: Any = self._message
        self.context = LLMContext([message])
        self._show()

    def _show(self) -> None:
        """Have whoever is asked next see the current node."""
        self._message["content"] = self.progress.instruction
        self.context.set_tools(self._functions[self.progress.node])

    def _of_node(
        self, name: str, node: FlowNode, made: Mapping[str, FunctionSchema]
    ) -> list[FunctionSchema]:
        return [
            self._function(name, key, function, made.get(function.tool or ""))
            for key, function in node.functions.items()
        ]

    def _function(
        self, node: str, name: str, function: FlowFunction, tool: FunctionSchema | None
    ) -> FunctionSchema:
        if tool is None:
            properties = properties_of(function.parameters)
            required = required_of(function.parameters)
        else:
            properties = {
                key: about for key, about in tool.properties.items() if key not in function.given
            }
            required = [key for key in tool.required if key not in function.given]
        used = self.progress.tools.get(function.tool or "")
        use = tool_handler(used, self.toolbox) if used else None
        handler = self._handler(node, name, function, use)
        if used and used.collect_digits:
            handler = past_interruption(handler, self.toolbox)
        return FunctionSchema(
            name=name,
            description=function.description or (tool.description if tool else name),
            properties=properties,
            required=required,
            handler=handler,
        )

    def _handler(
        self, node: str, name: str, function: FlowFunction, use: Handler | None
    ) -> Handler:
        async def call(params: FunctionCallParams) -> None:
            if self.progress.node != node:
                await params.result_callback({"error": "the conversation is past that"})
                return
            values = dict(params.arguments)
            outcome = _Outcome()
            if use is None:
                await outcome.take(self._take(name, function, values))
            else:
                await self._use(use, function, params, values, outcome)
            entered = None
            if not outcome.refused and self.progress.node == node:  # nobody was faster
                entered = self.progress.move(
                    function, values, outcome.answer, failed=outcome.failed
                )
            if entered is None:
                await params.result_callback(outcome.answer, properties=outcome.properties)
                return
            self._show()
            if outcome.leaves:
                await params.result_callback(outcome.answer, properties=outcome.properties)
            else:
                await self._enter(entered, params, outcome)

        return call

    async def _use(
        self,
        use: Handler,
        function: FlowFunction,
        params: FunctionCallParams,
        values: dict[str, Any],
        outcome: _Outcome,
    ) -> None:
        """Have a tool do it; what the model does not give is put among the values."""
        declared = self.progress.parameters_of(function)
        values |= self.progress.given(function.given, declared)
        try:
            checked(declared, values if declared else {})
        except ToolFailed:  # the tool says why, and the model may try again
            outcome.refused = True
        await use(replace(params, arguments=values, result_callback=outcome.take))

    def _take(self, name: str, function: FlowFunction, values: Mapping[str, Any]) -> Any:
        """Check the arguments of a function without a tool; they are all that it is about."""
        listener = self.toolbox.listener
        listener.tool_called(name, values)
        try:
            checked(function.parameters, values)
        except ToolFailed as error:
            listener.tool_returned(name, str(error), failed=True)
            return {"error": str(error)}
        listener.tool_returned(name, DONE)
        return DONE

    async def _enter(self, node: FlowNode, params: FunctionCallParams, outcome: _Outcome) -> None:
        """Say and do what a node begins with; the language model is asked once it has an answer."""
        if node.say:
            said = TTSSpeakFrame(self.progress.fill(node.say), append_to_context=True)
            await params.llm.push_frame(said)
        if node.then:
            arguments = node.then.params.model_dump(exclude_unset=True)
            action = CallActionFrame(node.then.kind, arguments, after_next_answer=node.responds)
            await params.llm.push_frame(action)
        asks = None if node.responds else FunctionCallResultProperties(run_llm=False)
        await params.result_callback(outcome.answer, properties=asks)
