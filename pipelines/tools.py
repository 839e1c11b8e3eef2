"""A pipeline's tools as functions that a language model may call."""

from typing import Any

from pipecat.adapters.llm.schemas.function_schema import FunctionSchema
from pipecat.adapters.llm.schemas.tools_schema import ToolsSchema
from pipecat.frames.frames import FunctionCallResultProperties
from pipecat.services.llm_service import FunctionCallParams

from pipelines.actions import CallActionFrame
from pipelines.spec import ToolSpec

DESCRIPTIONS = {
    "hangup": "End the call. Say goodbye first.",
    "transfer": "Transfer the caller to a human colleague. Say so first.",
    "send_dtmf": "Send DTMF digits to the other side, for a machine that asks for them.",
}
DIGITS = {"digits": {"type": "string", "description": "Of 0-9, * and #.", "pattern": "^[0-9*#]+$"}}
VALID_DIGITS = frozenset("0123456789*#ABCD")


def tools_schema(tools: tuple[ToolSpec, ...]) -> ToolsSchema:
    """Return what a language model is told of the tools."""
    return ToolsSchema(standard_tools=[_function(tool) for tool in tools])


def _function(tool: ToolSpec) -> FunctionSchema:
    async def call(params: FunctionCallParams) -> None:
        arguments: dict[str, Any] = dict(params.arguments)
        if tool.transfer:
            arguments = {"to": tool.transfer.to}
        if tool.send_dtmf and tool.send_dtmf.digits:
            arguments = {"digits": tool.send_dtmf.digits}
        if tool.send_dtmf and not _valid(arguments.get("digits")):
            await params.result_callback({"error": "digits must be of 0-9, * and #"})
            return
        await params.llm.push_frame(CallActionFrame(tool.kind, arguments))
        # Nothing is said about a hang-up or a transfer that is under way.
        properties = FunctionCallResultProperties(run_llm=bool(tool.send_dtmf))
        await params.result_callback({"status": "done"}, properties=properties)

    properties = DIGITS if tool.send_dtmf and not tool.send_dtmf.digits else {}
    return FunctionSchema(
        name=tool.name,
        description=DESCRIPTIONS[tool.kind],
        properties=properties,
        required=list(properties),
        handler=call,
    )


def _valid(digits: object) -> bool:
    return isinstance(digits, str) and 0 < len(digits) <= 32 and set(digits) <= VALID_DIGITS
