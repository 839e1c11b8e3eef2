"""The connection and another client that takes the application again and again."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from asterisk.ari.client import AriClient
from asterisk.ari.events import ApplicationReplaced, AriEvent, UnknownEvent
from asterisk.connection import REPLACED_ATTEMPTS, Connection, GatewayStatus
from asterisk.ownership import Owner, Ownership
from asterisk.params import AriParams


class Unowned(Ownership):
    """Nobody of ours has the application."""

    async def other(self) -> Owner | None:
        return None


class Contested(AriClient):
    """A client whose application another one takes as soon as it is registered."""

    def __init__(self) -> None:
        super().__init__(AriParams())
        self.registrations = 0

    async def check_write(self) -> None:
        pass

    @asynccontextmanager
    async def listen(self) -> AsyncIterator[AsyncIterator[AriEvent]]:
        self.registrations += 1

        async def events() -> AsyncIterator[AriEvent]:
            yield UnknownEvent("Something", {})
            yield ApplicationReplaced("voice-ai")

        yield events()


async def test_an_application_that_others_want_is_left_to_them_in_the_end() -> None:
    client, given_up = Contested(), asyncio.Event()
    events: list[AriEvent] = []

    def changed(status: GatewayStatus) -> None:
        if "Given up" in status.reason:
            given_up.set()

    connection = Connection(
        client,
        AriParams(replaced_retry=0.001),
        Unowned(AriParams()),
        on_event=events.append,
        on_change=changed,
    )
    staying = asyncio.ensure_future(connection.stay())
    async with asyncio.timeout(5):
        await given_up.wait()
    staying.cancel()
    await asyncio.gather(staying, return_exceptions=True)

    assert client.registrations == REPLACED_ATTEMPTS + 1
    assert connection.status.state == "replaced"
    assert len(events) == client.registrations


async def test_an_application_that_was_kept_long_in_between_is_not_given_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Replacements a month apart were added up, and the sixth was the last."""
    monkeypatch.setattr("asterisk.connection.STABLE_SECONDS", -1.0)
    client, enough = Contested(), asyncio.Event()

    def changed(_: GatewayStatus) -> None:
        if client.registrations > REPLACED_ATTEMPTS + 1:
            enough.set()

    connection = Connection(
        client,
        AriParams(replaced_retry=0.001),
        Unowned(AriParams()),
        on_event=lambda _: None,
        on_change=changed,
    )
    staying = asyncio.ensure_future(connection.stay())
    async with asyncio.timeout(5):
        await enough.wait()
    staying.cancel()
    await asyncio.gather(staying, return_exceptions=True)

    assert connection.times_replaced == 1
