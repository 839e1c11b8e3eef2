"""Answers over HTTP that go as their script says: refused, streamed, cut off."""

from collections.abc import Iterable, Mapping
from typing import Any, Final, Self

from aiohttp import web

from voiceai.fakes.chat import DONE
from voiceai.fakes.endpoint import Cut, Exchange
from voiceai.fakes.mistral_refusals import Refusal, refusal

__all__ = ["EVENT_STREAM", "EventStream", "answer", "refused"]

EVENT_STREAM: Final = "text/event-stream"


def refused(exchange: Exchange, key: str | None, checked: Refusal | None) -> web.Response | None:
    """Return the refusal that the script, the key or the request calls for.

    Args:
        exchange: The request.
        key: The one that is right; None takes any.
        checked: What is wrong with the request itself.
    """
    behaviour = exchange.behaviour
    if exchange.refused:
        status, body = refusal(behaviour.status, behaviour.message)
        return web.json_response(body, status=status, headers=_retry_after(exchange))
    if not exchange.asked.key or (key is not None and exchange.asked.key != key):
        checked = refusal(401)
    return web.json_response(checked[1], status=checked[0]) if checked else None


async def answer(exchange: Exchange, body: Mapping[str, Any]) -> web.Response:
    """Answer with JSON, once the script allows."""
    try:
        await exchange.before_piece()
    except Cut:
        return web.json_response(text="")
    return web.json_response(body)


class EventStream:
    """A stream of server-sent events, paced by its script; a context manager that ends early.

    Attributes:
        response: What the handler returns.
    """

    def __init__(self, exchange: Exchange, request: web.Request) -> None:
        self.response = web.StreamResponse(
            headers={"Content-Type": EVENT_STREAM, "Cache-Control": "no-cache"}
        )
        self._exchange = exchange
        self._request = request

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _: object, error: BaseException | None, __: object) -> bool:
        return isinstance(error, Cut)

    async def send(self, data: bytes) -> None:
        """Send an event when its time has come.

        Raises:
            ConnectionError: The peer is gone, or the script dropped it.
            Cut: The script ends it here.
        """
        await self._exchange.before_piece()
        if not self.response.prepared:
            await self.response.prepare(self._request)
        await self.response.write(data)

    async def send_all(self, pieces: Iterable[bytes]) -> None:
        """Send several."""
        for piece in pieces:
            await self.send(piece)

    async def done(self) -> None:
        """Send the mark of the end that chats have."""
        await self.response.write(DONE)


def _retry_after(exchange: Exchange) -> dict[str, str]:
    seconds = exchange.behaviour.retry_after_seconds
    return {} if seconds is None else {"Retry-After": f"{seconds:g}"}
