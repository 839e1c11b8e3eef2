"""A language model's server as `openai` speaks to it; what it answers is up to the test."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

from aiohttp import web

CONTENT_TYPE: Final = "text/event-stream"


@dataclass(frozen=True)
class Pause:
    """Nothing for a while in the middle of an answer."""

    seconds: float


@dataclass(frozen=True)
class Tool:
    """A tool that is called."""

    name: str
    arguments: Mapping[str, Any]


Part = str | Pause | Tool


class ChatServer:
    """The server; a context manager. It answers the first request with the first reply, and so on.

    Attributes:
        url: What goes into `base_url`.
        asked: The messages of every request since the latest `expect`.
    """

    def __init__(self, replies: Sequence[Sequence[Part]] = (), *, port: int = 0) -> None:
        self.url = ""
        self.asked: list[list[dict[str, Any]]] = []
        self._port = port
        self._replies = replies
        self._changed = asyncio.Condition()
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_post("/v1/chat/completions", self._complete)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self._port).start()
        host, port = self._runner.addresses[0][:2]
        self.url = f"http://{host}:{port}/v1"
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._runner:
            await self._runner.cleanup()

    def expect(self, *replies: Sequence[Part]) -> None:
        """Answer the next requests with these."""
        self._replies = replies
        self.asked = []

    async def until_asked(self, times: int, within: float = 8.0) -> list[dict[str, Any]]:
        """Return the messages of request number `times`, from 1, once it has come.

        Raises:
            TimeoutError: It does not.
        """
        async with asyncio.timeout(within), self._changed:
            await self._changed.wait_for(lambda: len(self.asked) >= times)
        return self.asked[times - 1]

    async def _complete(self, request: web.Request) -> web.StreamResponse:
        asked = await request.json()
        async with self._changed:
            index = len(self.asked)
            self.asked.append(asked["messages"])
            self._changed.notify_all()
        response = web.StreamResponse(headers={"Content-Type": CONTENT_TYPE})
        await response.prepare(request)
        try:
            for part in self._replies[index] if index < len(self._replies) else ():
                if isinstance(part, Pause):
                    await asyncio.sleep(part.seconds)
                else:
                    await response.write(_chunk(part))
            await response.write(b"data: [DONE]\n\n")
        except ConnectionError:  # an interruption closes the connection
            pass
        return response


def _chunk(part: str | Tool) -> bytes:
    delta: dict[str, Any] = {"role": "assistant"}
    if isinstance(part, Tool):
        function = {"name": part.name, "arguments": json.dumps(dict(part.arguments))}
        delta["tool_calls"] = [
            {"index": 0, "id": "abcdefghi", "type": "function", "function": function}
        ]
    else:
        delta["content"] = part
    choice = {"index": 0, "delta": delta, "finish_reason": None}
    chunk = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    return f"data: {json.dumps({**chunk, 'choices': [choice]})}\n\n".encode()
