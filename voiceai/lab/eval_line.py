"""Where ``pipecat.evals`` reaches one conversation in text: RTVI on a loopback websocket.

The pipeline is built with Pipecat's own RTVI processor and observer, which report what it does.
What the harness types is a line of :class:`TextCall`: speech with its verdicts and its transcript,
as in a call. Pipecat's servers for it are deprecated or ask for FastAPI; this one has a free port.
"""

import asyncio
import contextlib
import json
import logging
from collections.abc import AsyncIterator
from typing import Any

from pipecat.evals.serializer import EvalSerializer
from pipecat.frames.frames import (
    CancelWorkerFrame,
    Frame,
    InputTransportMessageFrame,
    OutputTransportMessageFrame,
    OutputTransportMessageUrgentFrame,
)
from pipecat.observers.base_observer import BaseObserver
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.processors.frameworks.rtvi import RTVIProcessor, models
from pydantic import BaseModel
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from voiceai.lab.text_call import TextCall
from voiceai.lab.text_telephone import OwnText

__all__ = ["EvalLine"]

HOST = "127.0.0.1"
QUIET = logging.Logger("eval line", logging.CRITICAL + 1)  # noqa: LOG001 - of no hierarchy
"""The harness first knocks without a handshake, which is no error."""


class EvalLine:
    """One end of the line. Implements ``TextEnds``.

    Args:
        reports_tools: Whether to tell of tools ourselves, since no language model calls them.
    """

    def __init__(self, *, reports_tools: bool) -> None:
        self._rtvi = RTVIProcessor()
        self._observer = self._rtvi.create_rtvi_observer()
        self._serializer = EvalSerializer()  # type: ignore[no-untyped-call]
        self._outgoing: asyncio.Queue[str | None] = asyncio.Queue()
        self._output = _Wire(self._serializer, self._outgoing)
        self._reports_tools = reports_tools
        self._told = 0
        self.call: TextCall | None = None

    @property
    def input(self) -> FrameProcessor:
        """Where the pipeline begins."""
        return self._rtvi

    @property
    def output(self) -> FrameProcessor:
        """Where its reports leave it."""
        return self._output

    @property
    def observers(self) -> list[BaseObserver]:
        """What makes them."""
        return [self._observer]

    async def own_text(self, text: str, part: OwnText) -> None:
        """Report what no model wrote, such as a greeting, as an answer: the harness waits."""
        if part is OwnText.WHOLE:
            self._put(models.BotLLMStartedMessage())
        self._put(models.BotLLMTextMessage(data=models.TextMessageData(text=text)))
        if part is OwnText.WHOLE:
            self._put(models.BotLLMStoppedMessage())

    def note(self) -> None:
        """Report the tools that were used since."""
        if self.call is None or not self._reports_tools:
            return
        for number, use in enumerate(self.call.notes.tools[self._told :], self._told):
            data = models.LLMFunctionCallInProgressMessageData(
                tool_call_id=str(number), function_name=use.name, arguments=dict(use.arguments)
            )
            self._put(models.LLMFunctionCallInProgressMessage(data=data))
        self._told = len(self.call.notes.tools)

    @contextlib.asynccontextmanager
    async def served(self, call: TextCall) -> AsyncIterator[str]:
        """Serve a conversation at a ``ws://`` address."""
        self.call = call

        async def greet(_rtvi: object) -> None:
            await call.greet()

        self._rtvi.add_event_handler("on_client_ready", greet)
        async with serve(self._talk, HOST, 0, logger=QUIET) as server:
            port = next(iter(server.sockets)).getsockname()[1]
            yield f"ws://{HOST}:{port}"

    async def _talk(self, connection: ServerConnection) -> None:
        call = self.call
        if call is None:
            return
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._send(connection))
            ending = tasks.create_task(self._end(call))
            with contextlib.suppress(ConnectionClosed):
                async for text in connection:
                    frame = await self._serializer.deserialize(text)
                    if isinstance(frame, CancelWorkerFrame):
                        break
                    if frame is not None:
                        await self._take(frame, call)
            ending.cancel()
            self._outgoing.put_nowait(None)

    async def _take(self, frame: Frame, call: TextCall) -> None:
        message: dict[str, Any] = (
            frame.message if isinstance(frame, InputTransportMessageFrame) else {}
        )
        data = message.get("data") or {}
        match message.get("type"):
            case "send-text":
                await call.say(str(data.get("content", "")))
            case "dtmf":
                await call.press("".join(map(str, data.get("buttons", ()))))
            case _:
                await call.queue(frame)

    async def _end(self, call: TextCall) -> None:
        await call.ended.wait()
        self._outgoing.put_nowait(None)

    async def _send(self, connection: ServerConnection) -> None:
        """Send until there is nothing more to come, then hang up."""
        with contextlib.suppress(ConnectionClosed):
            while (text := await self._outgoing.get()) is not None:
                await connection.send(text)
        await connection.close()

    def _put(self, model: BaseModel) -> None:
        self._outgoing.put_nowait(json.dumps(model.model_dump(exclude_none=True)))


class _Wire(FrameProcessor):
    """The end of the pipeline: takes the reports out of it."""

    def __init__(self, serializer: EvalSerializer, outgoing: asyncio.Queue[str | None]) -> None:
        super().__init__()
        self._serializer = serializer
        self._outgoing = outgoing

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if isinstance(frame, OutputTransportMessageFrame | OutputTransportMessageUrgentFrame):
            if isinstance(text := await self._serializer.serialize(frame), str):
                self._outgoing.put_nowait(text)
            return
        await self.push_frame(frame, direction)
