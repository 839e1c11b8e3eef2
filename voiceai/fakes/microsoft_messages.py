"""Messages on the websockets of Azure Speech and Edge, both ways. Pure.

A text message is headers, an empty line and a body; lines end in CR LF. A binary one is the
length of its headers in two bytes, the headers, and bytes. No space follows a header's colon:
``edge-tts`` compares values as they are.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

__all__ = ["TICKS", "Message", "audio_message", "parse", "text_message", "ticks"]

TICKS: Final = 10_000_000
"""Of 100 ns, in a second."""

NEW_LINE: Final = "\r\n"
LENGTH_BYTES: Final = 2


@dataclass(frozen=True, slots=True)
class Message:
    """One message that came.

    Attributes:
        path: What it is, in lower case: ``speech.config``, ``audio`` ...
        request_id: Of the turn that it belongs to; empty for the whole connection.
        body: Text, or bytes of audio.
    """

    path: str
    request_id: str
    body: str | bytes

    @property
    def json(self) -> dict[str, Any]:
        """The body of a message that has JSON."""
        found = json.loads(self.body)
        return found if isinstance(found, dict) else {}


def parse(data: str | bytes) -> Message:
    """Read a text or a binary message; whatever it lacks is empty."""
    if isinstance(data, str):
        head, _, body = data.partition(2 * NEW_LINE)
        return _message(head, body)
    length = int.from_bytes(data[:LENGTH_BYTES])
    head = data[LENGTH_BYTES : LENGTH_BYTES + length].decode("utf-8", "replace")
    return _message(head, data[LENGTH_BYTES + length :])


def text_message(path: str, request_id: str, body: Mapping[str, Any]) -> str:
    """Return a text message with JSON."""
    head = {
        "X-RequestId": request_id,
        "Content-Type": "application/json; charset=utf-8",
        "Path": path,
    }
    return _head(head) + NEW_LINE + json.dumps(body, ensure_ascii=False)


def audio_message(request_id: str, stream_id: str, content_type: str, audio: bytes) -> bytes:
    """Return a binary message; one without audio ends the stream."""
    head = {"X-RequestId": request_id, "X-StreamId": stream_id, "Path": "audio"}
    if audio:
        head["Content-Type"] = content_type
    encoded = _head(head).encode()
    return len(encoded).to_bytes(LENGTH_BYTES) + encoded + audio


def ticks(seconds: float) -> int:
    """Return seconds as Azure counts them."""
    return round(seconds * TICKS)


def _message(head: str, body: str | bytes) -> Message:
    headers = {
        name.strip().lower(): value.strip()
        for name, _, value in (line.partition(":") for line in head.split(NEW_LINE))
    }
    return Message(headers.get("path", "").lower(), headers.get("x-requestid", ""), body)


def _head(headers: Mapping[str, str]) -> str:
    return "".join(f"{name}:{value}{NEW_LINE}" for name, value in headers.items())
