"""The connection and another client that takes the application again and again."""

import asyncio
from contextlib import asynccontextmanager

from asterisk.ari.events import ApplicationReplaced, UnknownEvent
from asterisk.connection import REPLACED_ATTEMPTS, Connection
from asterisk.params import AriParams


class Contested:
    """A client whose application another one takes as soon as it is registered."""

    def __init__(self):
        self.registrations = 0

    async def check_write(self):
        pass

    @asynccontextmanager
    async def listen(self):
        self.registrations += 1

        async def events():
            yield UnknownEvent("Something", {})
            yield ApplicationReplaced("voice-ai")

        yield events()


async def test_an_application_that_others_want_is_left_to_them_in_the_end():
    client, events, given_up = Contested(), [], asyncio.Event()

    def changed(status):
        if "Given up" in status.reason:
            given_up.set()

    connection = Connection(
        client, AriParams(replaced_retry=0.001), on_event=events.append, on_change=changed
    )
    staying = asyncio.ensure_future(connection.stay())
    async with asyncio.timeout(5):
        await given_up.wait()
    staying.cancel()
    await asyncio.gather(staying, return_exceptions=True)

    assert client.registrations == REPLACED_ATTEMPTS + 1
    assert connection.status.state == "replaced"
    assert len(events) == client.registrations
