"""An Asterisk that is scripted request by request, and one call to it."""

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any

from asterisk.ari.call import State
from asterisk.ari.events import Channel, StasisStart
from asterisk.ari.requests import Request
from asterisk.errors import AriRefused
from asterisk.leg import Leg
from asterisk.params import AriParams

GONE = AriRefused(404, "Channel not found")
BROKEN = AriRefused(500, "Internal Server Error")
CALLER = Channel("c", name="PJSIP/trunk-1", state="Ring", extension="s")
VARIABLES = {"UNICASTRTP_LOCAL_ADDRESS": "127.0.0.1", "UNICASTRTP_LOCAL_PORT": "24794"}
EXTERNAL_MEDIA = "POST /channels/externalMedia"


class Asterisk:
    """Answers as told: a value, an error, or what a function returns or awaits.

    Attributes:
        leg: The call whose requests these are.
        requests: What was asked, with ``EXT`` and ``BRIDGE`` for the ids of the call.
        variables: What was set on the caller's channel.
        answers: By request; ``None`` for the rest. External channels enter at once by default.
    """

    leg: Leg

    def __init__(self) -> None:
        self.requests: list[str] = []
        self.variables: dict[str, str] = {}
        self.answers: dict[str, object] = {EXTERNAL_MEDIA: self.open_media}
        self.tasks: list[asyncio.Task[None]] = []

    def open_media(self) -> dict[str, object]:
        self.enter_media()
        return {"id": self.leg.external_id, "channelvars": VARIABLES}

    def open_media_without_address(self) -> dict[str, object]:
        self.enter_media()
        return {"id": "e"}

    def enter_media(self) -> None:
        self.leg.receive(StasisStart("voice-ai", Channel(self.leg.external_id)))

    async def send(self, request: Request) -> object:
        await asyncio.sleep(0)
        name = str(request).replace(self.leg.external_id, "EXT")
        name = name.replace(self.leg.bridge_id, "BRIDGE")
        self.requests.append(name)
        if name == "POST /channels/c/variable":
            query = dict(request.query)
            self.variables[query["variable"]] = query["value"]
        answer = self.answers.get(name)
        if callable(answer):
            answer = answer()
        if asyncio.isfuture(answer):
            answer = await answer
        if isinstance(answer, Exception):
            raise answer
        return answer

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        self.tasks.append(asyncio.ensure_future(work))
        return self.tasks[-1]


def new_leg(
    asterisk: Asterisk,
    channel: Channel = CALLER,
    arguments: Sequence[str] = ("inbound", "4920"),
    **changes: Any,
) -> Leg:
    return Leg(
        channel,
        arguments,
        params=AriParams(**{"join_timeout": 0.01} | changes),
        sender=asterisk,
        spawn=asterisk.spawn,
    )


async def talking(leg: Leg) -> Leg:
    await leg.answer()
    await leg.open_media("127.0.0.1", 14_000, "alaw")
    assert leg.state is State.TALKING
    return leg
