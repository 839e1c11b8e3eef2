"""A stand-in for Mistral that knows this conversation: to try the example without a key.

``python model.py`` serves it; point ``MISTRAL_BASE_URL`` to what it prints.
"""

import asyncio
import json
import re
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from voiceai.fakes.chat import Part, ToolCall, words
from voiceai.fakes.mistral import MistralFake

PORT = 8124


def respond(body: Mapping[str, Any]) -> Sequence[Part]:
    """Answer as a model would: from what was said, and from what a tool has returned."""
    last = next(each for each in reversed(body["messages"]) if not each.get("prefix"))
    turn = len(body["messages"])
    if last["role"] == "tool":
        return _tell(json.loads(last["content"]), turn)
    said = str(last.get("content", "")).lower()
    if number := re.search(r"\d{4}", said):
        return [_call("order_status", turn, number=number[0])]
    if re.search(r"\b(bye|thank)", said):
        return [*words("Goodbye, and enjoy your tea."), _call("hangup", turn)]
    if "order" in said:
        return [_call("customer_number", turn)]
    return words("I can tell you where your order is.")


def _call(name: str, turn: int, **arguments: str) -> ToolCall:
    """Use a tool; each use has an id of its own."""
    return ToolCall(name, arguments, call_id=f"call{turn:05}")


def _tell(result: Any, turn: int) -> Sequence[Part]:
    """Speak about what a tool returned, or use the next one."""
    match result:
        case {"entry": "complete", "digits": digits}:
            return [_call("orders_of_customer", turn, customer=digits)]
        case {"rows": [{"number": number}, *_]}:
            return [_call("order_status", turn, number=number)]
        case {"rows": []}:
            return words("I find no order of that customer.")
        case {"number": number, "state": state, "arrives": day}:
            return words(f"Your order {number} was {state} and arrives {day}.")
        case {"number": number, "state": state}:
            return words(f"Your order {number} is {state}.")
        case _:
            return words("I cannot find that order. Shall I transfer you to a colleague?")


async def serve() -> None:
    """Serve until stopped."""
    async with MistralFake(respond=respond, strict=False, port=PORT) as fake:
        sys.stdout.write(f"MISTRAL_BASE_URL={fake.url} MISTRAL_API_KEY=any\n")
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve())
