"""A SIP client transaction over UDP: sent again until answered (RFC 3261 section 17.1)."""

import asyncio
from collections.abc import Callable
from typing import Final

from voiceai.bench.sip_dialog import refusal_ack
from voiceai.bench.sip_message import Headers, Request, Response, parameter

__all__ = ["T1_SECONDS", "T2_SECONDS", "TRANSACTION_SECONDS", "ClientTransaction", "branch_of"]

T1_SECONDS: Final = 0.5
T2_SECONDS: Final = 4.0
TRANSACTION_SECONDS: Final = 64 * T1_SECONDS
"""RFC 3261 section 17.1.1.1: first and longest wait before sending again, and the end of it."""


class ClientTransaction:
    """One request and the responses to it.

    Attributes:
        request: As it was sent.
        final: The first response from 200 on; None when there was none in 32 s.
    """

    def __init__(
        self,
        request: Request,
        put: Callable[[bytes], None],
        on_response: Callable[[Response], None] | None = None,
    ) -> None:
        """Send the request.

        Args:
            request: Its top Via has a branch of its own.
            put: Sends a datagram.
            on_response: Called with each response of an INVITE: the provisional ones, a refusal
                once (its ACK is sent here), and a 200 as often as it comes (it wants an ACK
                each time).
        """
        self.request = request
        loop = asyncio.get_running_loop()
        self.final: asyncio.Future[Response | None] = loop.create_future()
        self._loop, self._put, self._on_response = loop, put, on_response
        self._data = request.serialize()
        self._is_invite = request.method == "INVITE"
        self._wait = T1_SECONDS
        self._is_provisional = False
        self._timer: asyncio.TimerHandle | None = None
        self._limit = loop.call_later(TRANSACTION_SECONDS, self._give_up)
        self._send()

    def receive(self, response: Response) -> None:
        """Take a response that carries this transaction's branch."""
        if response.status < 200:
            self._is_provisional = True
            if self._is_invite:
                self._stop()
            if not self.final.done():
                self._report(response)
            return
        is_first = not self.final.done()
        self._stop()
        if self._is_invite and response.status >= 300:
            self._put(refusal_ack(self.request, response).serialize())
        if is_first:
            self.final.set_result(response)
        if is_first or (self._is_invite and response.status < 300):
            self._report(response)

    def close(self) -> None:
        """Stop sending; `final` resolves with None where nothing came. Idempotent."""
        self._stop()
        if not self.final.done():
            self.final.set_result(None)

    def _report(self, response: Response) -> None:
        if self._on_response:
            self._on_response(response)

    def _send(self) -> None:
        self._put(self._data)
        self._timer = self._loop.call_later(self._wait, self._send)
        limit = TRANSACTION_SECONDS if self._is_invite else T2_SECONDS
        self._wait = min(2 * self._wait, limit)

    def _give_up(self) -> None:
        if not (self._is_invite and self._is_provisional):
            self.close()

    def _stop(self) -> None:
        self._limit.cancel()
        if self._timer:
            self._timer.cancel()
            self._timer = None


def branch_of(headers: Headers) -> str:
    """Return the branch of the top Via, empty when there is none."""
    vias = headers.all("Via")
    return (parameter(vias[0], "branch") or "") if vias else ""
