"""What a fake language model answers, as parts, and their shape on the wire. Pure.

The shape is that of ``POST /v1/chat/completions`` with ``stream: true``, as Mistral sends it and
every OpenAI-compatible server: server-sent events, the last of which is ``[DONE]``.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

__all__ = [
    "DONE",
    "Finish",
    "Part",
    "Pause",
    "Raw",
    "Respond",
    "ToolCall",
    "completion",
    "echo",
    "events",
    "server_sent",
    "words",
]

CREATED: Final = 1_760_000_000
CALL_ID_LETTERS: Final = 9
COMPLETION: Final = "cmpl-e5cc70bb28c444948073e77776eb30ef"
DONE: Final = b"data: [DONE]\n\n"


@dataclass(frozen=True, slots=True)
class Pause:
    """Nothing for a while in the middle of an answer."""

    seconds: float


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A tool that is called.

    Attributes:
        name: Of the tool.
        arguments: As a mapping, or as the very text that comes, malformed if you like.
        call_id: Mistral's are nine letters and digits; one of its own unless given.
        pieces: The arguments come in so many; Mistral sends one, OpenAI-compatible servers more.
    """

    name: str
    arguments: Mapping[str, Any] | str = field(default_factory=dict[str, Any])
    call_id: str = ""
    pieces: int = 1

    @property
    def text(self) -> str:
        """The arguments as they come."""
        if isinstance(self.arguments, str):
            return self.arguments
        return json.dumps(dict(self.arguments), ensure_ascii=False)


@dataclass(frozen=True, slots=True)
class Raw:
    """Bytes in the middle of a stream, as they are."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Finish:
    """The reason for which the answer ends, instead of ``stop`` or ``tool_calls``."""

    reason: str


Part = str | Pause | ToolCall | Raw | Finish
"""A string is one delta; see `words`."""

Respond = Callable[[Mapping[str, Any]], Sequence[Part]]
"""From a request's JSON to the answer."""


def words(text: str) -> list[str]:
    """Return a text as one delta for each word, as models send it."""
    first, *rest = text.split(" ")
    return [first, *(f" {word}" for word in rest)]


def echo(body: Mapping[str, Any]) -> Sequence[Part]:
    """Say what the user said last."""
    said = [turn for turn in body.get("messages", ()) if turn.get("role") == "user"]
    content = said[-1].get("content", "") if said else ""
    return words(f"You said: {content if isinstance(content, str) else json.dumps(content)}")


def server_sent(data: Mapping[str, Any], event: str = "") -> bytes:
    """Return one server-sent event."""
    name = f"event: {event}\n" if event else ""
    return f"{name}data: {json.dumps(data, ensure_ascii=False)}\n\n".encode()


def events(parts: Iterable[Part], body: Mapping[str, Any]) -> Iterator[bytes | Pause]:
    """Yield the events of a streamed answer, without the last ``[DONE]``.

    The usage comes in the chunk that has the ``finish_reason``, as Mistral sends it; if the
    request asks with ``stream_options``, in one more without choices, as OpenAI does.
    """
    model = str(body.get("model", ""))
    calls = 0
    reason = ""
    said: list[Part] = []
    yield _chunk(model, {"role": "assistant", "content": ""})
    for part in parts:
        said.append(part)
        match part:
            case Pause():
                yield part
            case Raw(data):
                yield data
            case Finish(reason):
                pass
            case ToolCall():
                for delta in _tool_deltas(part, calls, body):
                    yield _chunk(model, {"tool_calls": [delta]})
                calls += 1
            case str():
                yield _chunk(model, {"content": part})
    reason = reason or ("tool_calls" if calls else "stop")
    usage = _usage(said, body)
    if (body.get("stream_options") or {}).get("include_usage"):
        yield _chunk(model, {"content": ""}, reason)
        yield server_sent({**_head(model), "choices": [], "usage": usage})
    else:
        yield _chunk(model, {"content": ""}, reason, usage)


def completion(parts: Iterable[Part], body: Mapping[str, Any]) -> dict[str, Any]:
    """Return the JSON of an answer that is not streamed."""
    said = list(parts)
    model = str(body.get("model", ""))
    calls = [part for part in said if isinstance(part, ToolCall)]
    reasons = [part.reason for part in said if isinstance(part, Finish)]
    message: dict[str, Any] = {
        "role": "assistant",
        "content": "".join(part for part in said if isinstance(part, str)),
        "tool_calls": [
            {
                **_call(call, index, body),
                "index": index,
                "function": {"name": call.name, "arguments": call.text},
            }
            for index, call in enumerate(calls)
        ]
        or None,
    }
    reason = reasons[-1] if reasons else ("tool_calls" if calls else "stop")
    return {
        **_head(model),
        "object": "chat.completion",
        "choices": [{"index": 0, "message": message, "finish_reason": reason}],
        "usage": _usage(said, body),
    }


def _tool_deltas(call: ToolCall, index: int, body: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    text = call.text
    size = -(-len(text) // max(1, call.pieces)) or 1
    pieces = [text[start : start + size] for start in range(0, len(text), size)] or [""]
    for number, piece in enumerate(pieces):
        if number == 0:
            function = {"name": call.name, "arguments": piece}
            yield {**_call(call, index, body), "index": index, "function": function}
        else:
            yield {"index": index, "function": {"arguments": piece}}


def _call(call: ToolCall, index: int, body: Mapping[str, Any]) -> dict[str, Any]:
    """Identify a call: by its place in the answer, and the answer's in the conversation."""
    place = f"{len(body.get('messages', ()))} {index}"
    call_id = call.call_id or hashlib.sha256(place.encode()).hexdigest()[:CALL_ID_LETTERS]
    return {"id": call_id, "type": "function"}


def _head(model: str) -> dict[str, Any]:
    return {
        "id": COMPLETION,
        "object": "chat.completion.chunk",
        "created": CREATED,
        "model": model,
    }


def _chunk(
    model: str,
    delta: Mapping[str, Any],
    reason: str | None = None,
    usage: Mapping[str, int] | None = None,
) -> bytes:
    choice = {"index": 0, "delta": dict(delta), "finish_reason": reason}
    return server_sent({**_head(model), "choices": [choice], **({"usage": usage} if usage else {})})


def _usage(parts: Iterable[Part], body: Mapping[str, Any]) -> dict[str, int]:
    """Count words, which is near enough to tokens."""
    asked = sum(len(str(turn.get("content", "")).split()) for turn in body.get("messages", ()))
    said = sum(
        len((part if isinstance(part, str) else part.text).split())
        for part in parts
        if isinstance(part, str | ToolCall)
    )
    return {"prompt_tokens": asked, "completion_tokens": said, "total_tokens": asked + said}
