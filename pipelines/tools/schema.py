"""A pipeline's tools as functions that a language model may call."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from pipecat.adapters.llm.schemas.function_schema import FunctionSchema
from pipecat.adapters.llm.schemas.tools_schema import ToolsSchema
from pipecat.frames.frames import (
    FunctionCallResultProperties,
    LLMMessagesAppendFrame,
    TTSSpeakFrame,
)
from pipecat.services.llm_service import FunctionCallParams

from pipelines.actions import CallActionFrame
from pipelines.http_tool import HttpTool
from pipelines.look_up_tool import LookUpTool
from pipelines.ports import ConversationListener
from pipelines.resources import Resources
from pipelines.spec import ToolSpec
from pipelines.tool_parameters import ParameterSpec
from pipelines.tool_specs import CollectDigitsTool, PythonTool, TransferTool
from pipelines.tools.answer import ToolFailed, bounded, checked
from pipelines.tools.digits import DigitCollector, EntryDropped
from pipelines.tools.http import request
from pipelines.tools.look_up import look_up
from pipelines.tools.python import call_function

DESCRIPTIONS = {
    "hangup": "End the call. Say goodbye first.",
    "transfer": "Transfer the caller to a human colleague. Say so first.",
    "send_dtmf": "Send DTMF digits to the other side, for a machine that asks for them.",
}
DIGITS = {"digits": {"type": "string", "description": "Of 0-9, * and #.", "pattern": "^[0-9*#]+$"}}
VALID_DIGITS = frozenset("0123456789*#ABCD")
MASK = "•"
LATE = "The caller went on typing after the interruption:"

Handler = Callable[[FunctionCallParams], Awaitable[None]]
Properties = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Toolbox:
    """What tools are carried out with.

    Attributes:
        resources: Shared by all conversations.
        listener: Is told what was called, and what came of it.
        digits: Takes what the caller types.
    """

    resources: Resources
    listener: ConversationListener
    digits: DigitCollector


def tools_schema(tools: tuple[ToolSpec, ...], toolbox: Toolbox) -> ToolsSchema:
    """Return what a language model is told of the tools."""
    return ToolsSchema(standard_tools=[tool_function(tool, toolbox) for tool in tools])


def tool_function(tool: ToolSpec, toolbox: Toolbox) -> FunctionSchema:
    """Return a tool as a function that a language model may call."""
    params, handler = tool.params, tool_handler(tool, toolbox)
    if isinstance(params, HttpTool | LookUpTool | PythonTool):
        description, properties = params.description, properties_of(params.parameters)
        required = required_of(params.parameters)
    elif isinstance(params, CollectDigitsTool):
        description, properties, required = params.description, {}, []
        handler = past_interruption(handler, toolbox)
    else:
        description, properties = DESCRIPTIONS[tool.kind], _plain_properties(tool)
        required = list(properties)
    return FunctionSchema(
        name=tool.name,
        description=description,
        properties=properties,
        required=required,
        handler=handler,
    )


def tool_handler(tool: ToolSpec, toolbox: Toolbox) -> Handler:
    """Return what carries a tool out, to be put :func:`past_interruption` if it collects digits."""
    params = tool.params
    if isinstance(params, HttpTool | LookUpTool | PythonTool):
        return _asking(params, toolbox)
    if isinstance(params, CollectDigitsTool):
        return _collecting(params, toolbox)
    return _acting(tool)


def past_interruption(handler: Handler, toolbox: Toolbox) -> Handler:
    """Return a handler that collects digits and goes on when the caller makes a noise meanwhile.

    Its result then comes as a message: the call of the function is over for the language model.
    """

    async def call(params: FunctionCallParams) -> None:
        interrupted = asyncio.Event()

        async def take(
            result: Any, *, properties: FunctionCallResultProperties | None = None
        ) -> None:
            if not interrupted.is_set():
                await params.result_callback(result, properties=properties)
                return
            returned = json.dumps({params.function_name: result}, ensure_ascii=False)
            message: Any = {"role": "developer", "content": f"{LATE} {returned}"}
            asks = properties is None or properties.run_llm is not False
            await params.llm.push_frame(LLMMessagesAppendFrame([message], run_llm=asks))

        failures: list[Exception] = []

        async def whole() -> None:
            try:
                await handler(replace(params, result_callback=take))
            except EntryDropped:
                pass
            except Exception as error:
                failures.append(error)
                raise  # Pipecat writes down with what its tasks end, and keeps it

        await toolbox.digits.outlives(whole(), interrupted.set)
        if failures:
            raise failures[0]

    return call


def properties_of(parameters: Mapping[str, ParameterSpec]) -> Properties:
    """Return what a language model is told of the values that it gives."""
    return {
        name: one.model_dump(mode="json", include={"type", "description", "enum", "pattern"},
                             exclude_none=True)
        for name, one in parameters.items()
    }  # fmt: skip


def required_of(parameters: Mapping[str, ParameterSpec]) -> list[str]:
    """Return the names of those that it has to give."""
    return [name for name, one in parameters.items() if one.required]


def _plain_properties(tool: ToolSpec) -> Properties:
    if tool.send_dtmf and not tool.send_dtmf.digits:
        return DIGITS
    if tool.transfer and tool.transfer.targets:
        names = list(tool.transfer.targets)
        return {"target": {"type": "string", "description": "To whom.", "enum": names}}
    return {}


def _acting(tool: ToolSpec) -> Handler:
    """What is done to the call: it travels behind what is being said."""

    async def call(params: FunctionCallParams) -> None:
        arguments: dict[str, Any] = dict(params.arguments)
        try:
            if tool.transfer:
                to = _destination(tool.transfer, arguments)
                written = tool.transfer.model_dump(exclude_unset=True, exclude={"targets"})
                arguments = {**written, "to": to}
            if tool.send_dtmf:
                arguments = {"digits": _digits(tool.send_dtmf.digits or arguments.get("digits"))}
        except ToolFailed as error:
            await params.result_callback({"error": str(error)})
            return
        await params.llm.push_frame(CallActionFrame(tool.kind, arguments))
        # Nothing is said about a hang-up or a transfer that is under way.
        properties = FunctionCallResultProperties(run_llm=bool(tool.send_dtmf))
        status = "under way" if arguments.get("mode") == "attended" else "done"
        await params.result_callback({"status": status}, properties=properties)

    return call


def _destination(tool: TransferTool, arguments: Mapping[str, Any]) -> str:
    if tool.to is not None:
        return tool.to
    targets, target = tool.targets or {}, arguments.get("target")
    if not isinstance(target, str) or target not in targets:
        raise ToolFailed(f"target must be one of {list(targets)}")
    return targets[target]


def _digits(digits: object) -> str:
    if isinstance(digits, str) and 0 < len(digits) <= 32 and set(digits) <= VALID_DIGITS:
        return digits
    raise ToolFailed("digits must be of 0-9, * and #")


def _asking(tool: HttpTool | LookUpTool | PythonTool, toolbox: Toolbox) -> Handler:
    """What brings an answer, about which the model then speaks."""

    async def call(params: FunctionCallParams) -> None:
        toolbox.listener.tool_called(tool.name, dict(params.arguments))
        try:
            values = checked(tool.parameters, params.arguments)
            answer = bounded(await _ask(tool, values, toolbox.resources))
        except ToolFailed as error:
            toolbox.listener.tool_returned(tool.name, str(error), failed=True)
            await params.result_callback({"error": str(error)})
            return
        toolbox.listener.tool_returned(tool.name, answer)
        await params.result_callback(answer)

    return call


async def _ask(
    tool: HttpTool | LookUpTool | PythonTool, values: Mapping[str, Any], resources: Resources
) -> object:
    if isinstance(tool, HttpTool):
        return await request(tool, values, resources)
    if isinstance(tool, LookUpTool):
        return await look_up(tool, values, resources)
    return await call_function(tool, values, resources)


def _collecting(tool: CollectDigitsTool, toolbox: Toolbox) -> Handler:
    async def call(params: FunctionCallParams) -> None:
        toolbox.listener.tool_called(tool.name, {})
        if tool.say:
            await params.llm.push_frame(TTSSpeakFrame(tool.say))
        try:
            answer = await toolbox.digits.collect(tool)
        except ToolFailed as error:
            toolbox.listener.tool_returned(tool.name, str(error), failed=True)
            await params.result_callback({"error": str(error)})
            return
        digits = MASK * len(answer["digits"]) if tool.masked else answer["digits"]
        toolbox.listener.tool_returned(tool.name, {**answer, "digits": digits})
        await params.result_callback(answer)

    return call
