"""Messages between the media process and its users, over a real socket that fills up."""

import asyncio
import os
import sys
from collections.abc import Sequence

import pytest

from tests.support.processes import copies
from transports.process.channel import Channel, Message, close_all, socket_pair

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs sockets that keep records")


async def test_what_waits_for_room_arrives_in_order_and_with_its_descriptor() -> None:
    ours, theirs = socket_pair()
    sender = Channel(ours, lambda *_: None, lambda: None)
    shared = os.memfd_create("shared")
    for number in range(3000):
        sender.send({"number": number}, [shared] if number == 2900 else [])
    os.close(shared)
    came: list[Message] = []
    brought: list[int] = []
    complete = asyncio.Event()

    def take(message: Message, descriptors: Sequence[int]) -> None:
        came.append(message)
        if descriptors:
            brought.append(copies("shared"))
        close_all(descriptors)
        if len(came) == 3000:
            complete.set()

    receiver = Channel(theirs, take, lambda: None)
    async with asyncio.timeout(5):
        await complete.wait()

    assert [message["number"] for message in came] == list(range(3000))
    assert brought == [1]
    assert copies("shared") == 0
    sender.close()
    receiver.close()


async def test_a_side_that_hangs_up_keeps_no_descriptor_that_still_waited() -> None:
    ours, theirs = socket_pair()
    ended = asyncio.Event()
    sender = Channel(ours, lambda *_: None, ended.set)
    shared = os.memfd_create("waited-in-vain")
    for number in range(3000):
        sender.send({"number": number}, [shared] if number >= 2990 else [])
    os.close(shared)

    theirs.close()
    async with asyncio.timeout(5):
        await ended.wait()

    assert copies("waited-in-vain") == 0
