"""Asking somebody for a caller, against an Asterisk that is scripted request by request."""

import asyncio
from collections.abc import Coroutine
from typing import Any

from asterisk.ari.consultation import Unanswered
from asterisk.ari.events import Channel, StasisStart
from asterisk.ari.requests import Request
from asterisk.consultation import Consultation, Parties
from asterisk.errors import AriDisconnected, AriRefused

TARGET = Channel("t", name="Local/100@ctx-0;1", state="Up")
CALL = "POST /channels/t"
HANG_UP = "DELETE /channels/t"


class Asterisk:
    """Calls the target without saying so; each hang-up is answered as told.

    Attributes:
        requests: What was asked.
        hang_up: Raised when the target is hung up, if anything.
        tasks: What goes on beside the consultation.
    """

    def __init__(self) -> None:
        self.requests: list[str] = []
        self.hang_up: Exception | None = None
        self.tasks: list[asyncio.Task[None]] = []

    async def send(self, request: Request) -> object:
        self.requests.append(str(request))
        if str(request) == CALL:
            raise AriDisconnected("no answer in 5 s")
        if str(request) == HANG_UP and self.hang_up:
            raise self.hang_up
        return None

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.ensure_future(work)
        self.tasks.append(task)
        return task


async def nowhere(_: str) -> None:
    raise AssertionError("the caller stays")


def consultation(asterisk: Asterisk) -> Consultation:
    """One for the caller ``c``, in the bridge ``b``."""
    return Consultation(
        Parties("voice-ai", "c", "4930", "t", "b"),
        ask_target=asterisk.send,
        ask_caller=asterisk.send,
        continue_caller=nowhere,
        spawn=asterisk.spawn,
    )


async def test_a_target_who_answers_after_we_gave_up_is_hung_up_on() -> None:
    """Asterisk called, although it did not say so in time; nobody would ever speak there."""
    asterisk = Asterisk()
    one = consultation(asterisk)
    asterisk.hang_up = AriRefused(404, "Channel not found")
    assert await one.dial("100", 5) is Unanswered.UNREACHABLE
    assert asterisk.requests.count(HANG_UP) == 1

    assert one.receive(StasisStart("voice-ai", TARGET))
    await asyncio.gather(*asterisk.tasks)

    assert asterisk.requests.count(HANG_UP) == 2
    assert await one.connect() is False
