"""What a part of a call needs of the client, and how it gives something back."""

from typing import Final, Protocol

from loguru import logger

from asterisk.ari.requests import Request
from asterisk.errors import AriRefused, AsteriskError

GONE: Final = frozenset({404, 409})
"""Statuses of a request for a channel that hung up, or that has left our application."""


class Sender(Protocol):
    """What a call needs of the client."""

    async def send(self, request: Request) -> object:
        """Do one request; raises the errors of ``asterisk.errors``."""


async def discard(sender: Sender, request: Request, *, call_id: str) -> bool:
    """Delete something of a call; True when it is gone, whoever deleted it. Never raises."""
    try:
        await sender.send(request)
    except AriRefused as error:
        if error.status in GONE:
            return True
        logger.bind(call_id=call_id, error=str(error)).warning("call.cleanup_refused")
    except AsteriskError as error:
        logger.bind(call_id=call_id, error=str(error)).warning("call.cleanup_deferred")
    else:
        return True
    return False
