"""One websocket of a service: messages are taken as they come, and answered one by one."""

import asyncio
from abc import ABC, abstractmethod
from typing import Final, Generic, TypeVar

from aiohttp import WSCloseCode, WSMessage, web

from voiceai.fakes.endpoint import Cut

__all__ = ["Connection"]

QUEUED_MESSAGES: Final = 10_000

MessageT = TypeVar("MessageT")


class Connection(ABC, Generic[MessageT]):
    """Runs until the client leaves, the answers are over, or the behaviour cuts it."""

    def __init__(self, socket: web.WebSocketResponse) -> None:
        self._socket = socket
        self._messages: asyncio.Queue[MessageT] = asyncio.Queue(QUEUED_MESSAGES)

    @abstractmethod
    def take(self, came: WSMessage) -> MessageT | None:
        """Note what was asked and return it; None where it is nothing to answer."""

    async def greet(self) -> None:
        """Say something before the first message."""

    @abstractmethod
    async def answer(self, message: MessageT) -> None:
        """Answer one message."""

    def abandon(self) -> None:
        """Give up what is being done, when all is over."""

    async def run(self) -> None:
        """Serve the connection until it ends."""
        try:
            async with asyncio.TaskGroup() as tasks:
                answering = tasks.create_task(self._answer())
                async for came in self._socket:
                    message = self.take(came)
                    if message is not None:
                        self._messages.put_nowait(message)
                answering.cancel()
        except* Cut:
            await self._socket.close(code=WSCloseCode.INTERNAL_ERROR, message=b"Internal error")
        except* ConnectionError:
            pass
        finally:
            self.abandon()

    async def _answer(self) -> None:
        await self.greet()
        while not self._socket.closed:
            await self.answer(await self._messages.get())
