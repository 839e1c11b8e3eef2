"""Our responses to the other side's requests: kept for repetition, sent again until acknowledged.

Source: RFC 3261 sections 13.3.1.4 and 17.2.
"""

import asyncio
from collections.abc import Callable

from voiceai.bench.sip_dialog import answer
from voiceai.bench.sip_message import Request
from voiceai.bench.sip_transaction import (
    T1_SECONDS,
    T2_SECONDS,
    TRANSACTION_SECONDS,
    branch_of,
)

__all__ = ["Answering"]


class Answering:
    """The server side of one call's transactions."""

    def __init__(self, put: Callable[[bytes], None], *, tag: str, contact: str) -> None:
        """Remember how to answer.

        Args:
            put: Sends a datagram.
            tag: Ours.
            contact: Ours, in angle brackets.
        """
        self._put, self._tag, self._contact = put, tag, contact
        self._sent: dict[tuple[str, str], bytes] = {}
        self._unacknowledged: dict[str, asyncio.TimerHandle] = {}

    def repeat(self, request: Request) -> bool:
        """Send again what was answered already, and return whether there was anything."""
        sent = self._sent.get((branch_of(request.headers), request.method))
        if sent:
            self._put(sent)
        return sent is not None

    def answer(self, request: Request, status: int, reason: str, *, body: bytes = b"") -> None:
        """Answer a request; an accepted INVITE again and again until its ACK."""
        contact = self._contact if request.method in ("INVITE", "UPDATE") else ""
        response = answer(
            request, status, reason, tag=self._tag, contact=contact, body=body
        ).serialize()
        self._sent[branch_of(request.headers), request.method] = response
        self._put(response)
        if request.method == "INVITE" and 200 <= status < 300:
            self._send_later(_number_of(request), response, T1_SECONDS, 0.0)

    def acknowledged(self, ack: Request) -> None:
        """Stop sending the response that this ACK belongs to."""
        timer = self._unacknowledged.pop(_number_of(ack), None)
        if timer:
            timer.cancel()

    def close(self) -> None:
        """Send nothing again. Idempotent."""
        for timer in self._unacknowledged.values():
            timer.cancel()
        self._unacknowledged.clear()

    def _send_later(self, number: str, response: bytes, wait: float, waited: float) -> None:
        def send_again() -> None:
            self._put(response)
            self._send_later(number, response, min(2 * wait, T2_SECONDS), waited + wait)

        self._unacknowledged.pop(number, None)
        if waited < TRANSACTION_SECONDS:
            loop = asyncio.get_running_loop()
            self._unacknowledged[number] = loop.call_later(wait, send_again)


def _number_of(request: Request) -> str:
    return request.headers.get("CSeq").partition(" ")[0]
