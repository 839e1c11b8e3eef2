"""A phone that hands its call over, against an Asterisk that is scripted request by request."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from asterisk.ari.call import LegEnd
from asterisk.ari.consultation import Unanswered
from asterisk.ari.events import Channel, ChannelDestroyed, ChannelTransfer, StasisStart
from asterisk.ari.requests import Request
from asterisk.errors import AriDisconnected
from asterisk.refer import Refer, Succession

SUCCESSOR = Channel("s", name="Local/100@ctx-0;1", state="Up")
HANG_UP = "DELETE /channels/s"
CALL = "POST /channels/s"
JOIN = "POST /bridges/b/addChannel"
TELL = "POST /channels/c/transfer_progress"


class Asterisk:
    """Does as told before a request is answered: waits, or raises.

    Attributes:
        requests: What was asked.
        before: By request.
    """

    def __init__(self) -> None:
        self.requests: list[str] = []
        self.before: dict[str, asyncio.Future[None] | Exception] = {}
        self.asked: dict[str, asyncio.Event] = {name: asyncio.Event() for name in (JOIN, CALL)}
        self.tasks: list[asyncio.Task[None]] = []

    async def send(self, request: Request) -> object:
        name = str(request)
        self.requests.append(name)
        if name in self.asked:
            self.asked[name].set()
        match self.before.get(name):
            case Exception() as error:
                raise error
            case asyncio.Future() as wait:
                await wait
            case None:
                await asyncio.sleep(0)
        return None

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.ensure_future(work)
        self.tasks.append(task)
        return task


def asked(asterisk: Asterisk, replaced: list[str], left: list[LegEnd]) -> Refer:
    """A REFER of the caller ``c``, in the bridge ``b``, to the number 100."""
    succession = Succession("voice-ai", (), "ctx", "4930", "s", "b", 3600)
    return Refer(
        ChannelTransfer(Channel("c"), "100"),
        succession,
        sender=asterisk,
        spawn=asterisk.spawn,
        replace=lambda: replaced.append("s"),
        caller_left=left.append,
    )


@pytest.fixture
def asterisk() -> Asterisk:
    return Asterisk()


async def test_a_successor_who_leaves_while_it_joins_has_not_taken_the_place(
    asterisk: Asterisk,
) -> None:
    """The news of it must not be later than the answer to who accepted."""
    replaced: list[str] = []
    refer = asked(asterisk, replaced, [])
    joining = asterisk.before[JOIN] = asyncio.get_running_loop().create_future()
    telling = asterisk.before[TELL] = asyncio.get_running_loop().create_future()
    accepting = asyncio.ensure_future(refer.accept(5))
    await asterisk.asked[CALL].wait()
    refer.receive(StasisStart("voice-ai", SUCCESSOR))
    await asterisk.asked[JOIN].wait()
    refer.receive(ChannelDestroyed(SUCCESSOR, 16))
    joining.set_result(None)
    asyncio.get_running_loop().call_later(0.01, telling.set_result, None)

    assert await asyncio.wait_for(accepting, 5) is Unanswered.HUNG_UP
    assert replaced == []


async def test_a_successor_who_answers_after_we_gave_up_is_hung_up_on(asterisk: Asterisk) -> None:
    """Asterisk called, although it did not say so in time; nobody would ever speak there."""
    refer = asked(asterisk, [], [])
    asterisk.before[CALL] = AriDisconnected("no answer in 5 s")
    assert await refer.accept(5) is Unanswered.UNREACHABLE
    assert asterisk.requests.count(HANG_UP) == 1

    assert refer.receive(StasisStart("voice-ai", SUCCESSOR))
    await asyncio.gather(*asterisk.tasks)

    assert asterisk.requests.count(HANG_UP) == 2
