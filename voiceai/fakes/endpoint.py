"""One address of a fake service: how it behaves now, and what it was asked."""

import asyncio
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from aiohttp import web

from voiceai.fakes.behaviour import (
    GOOD,
    IGNORE,
    Behaviour,
    Script,
    Trouble,
    close_after,
    drop_after,
    stall_after,
)

__all__ = ["Asked", "Cut", "Endpoint", "Exchange"]

REMEMBERED: Final = 1000
"""Requests, of each endpoint."""


class Cut(Exception):
    """The script ends an answer here, as if it were whole."""


@dataclass(slots=True)
class Asked:
    """One request, as it came; of a websocket, one connection.

    Attributes:
        number: From 1, of this endpoint.
        path: Without the query.
        query: The query, with the last value of each name.
        headers: By lower-case name.
        body: The JSON of a request, or the fields of a form.
        messages: What a websocket brought, in order: (path or type, JSON or text).
        audio: Bytes of audio that came, without the container's header.
        ssml: What was to be spoken, as it came.
    """

    number: int
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: dict[str, Any] = field(default_factory=dict[str, Any])
    messages: list[tuple[str, Any]] = field(default_factory=list[tuple[str, Any]])
    audio: bytearray = field(default_factory=bytearray)
    ssml: str = ""

    @property
    def key(self) -> str:
        """The key that came along, empty without one."""
        bearer = self.headers.get("authorization", "").removeprefix("Bearer ")
        return self.headers.get("ocp-apim-subscription-key", bearer).strip()


class Endpoint:
    """How requests of one kind are treated; each change counts at once, even within an answer.

    Attributes:
        requests: The latest, oldest first.
        count: All there ever were.
    """

    def __init__(self) -> None:
        self._script = Script()
        self._script_changed = asyncio.Event()
        self.requests: deque[Asked] = deque(maxlen=REMEMBERED)
        self.count = 0
        self._changed = asyncio.Condition()

    @property
    def script(self) -> Script:
        """How each request is treated."""
        return self._script

    @script.setter
    def script(self, script: Script) -> None:
        self._script = script
        self._script_changed.set()
        self._script_changed = asyncio.Event()

    async def until_script_changes(self) -> None:
        """Wait for another script."""
        await self._script_changed.wait()

    @property
    def coming(self) -> Behaviour:
        """How the next request will be treated."""
        return self._script.behaviour(self.count + 1)

    def recover(self) -> None:
        """Treat all requests well from now on; stalled answers go on."""
        self.script = Script()

    def behave(self, behaviour: Behaviour) -> None:
        """Treat all requests so from now on."""
        self.script = Script(behaviour)

    def then(self, *behaviours: Behaviour) -> None:
        """Treat the next requests so, one after the other, and those after them as before."""
        numbered = dict(enumerate(behaviours, self.count + 1))
        self.script = Script(self.script.always, numbered)

    def stall(self, after: int = 0) -> None:
        """Send only so many pieces of each answer, and then nothing."""
        self.behave(stall_after(after))

    def ignore(self) -> None:
        """Take connections and answer nothing, not even a websocket's upgrade."""
        self.behave(IGNORE)

    def drop(self, after: int = 0) -> None:
        """Send only so many pieces of each answer, and reset the connection."""
        self.behave(drop_after(after))

    def close(self, after: int = 0) -> None:
        """Send only so many pieces of each answer, and end it as if it were whole."""
        self.behave(close_after(after))

    def fail(
        self, status: int, *, retry_after_seconds: float | None = None, message: str = ""
    ) -> None:
        """Answer every request with an HTTP status, and reset what is in the middle of one."""
        self.behave(
            Behaviour(status=status, retry_after_seconds=retry_after_seconds, message=message)
        )

    def silence(self) -> None:
        """Speak zeros, and understand nothing."""
        self.behave(Behaviour(silent=True))

    def slow(self, first_seconds: float, between_seconds: float = 0.0) -> None:
        """Let every answer wait, and each of its further pieces."""
        self.behave(
            Behaviour(first_delay_seconds=first_seconds, piece_delay_seconds=between_seconds)
        )

    async def until_asked(self, times: int = 1, within: float = 5.0) -> Asked:
        """Return request number `times`, from 1, once it has come.

        Args:
            times: Its number.
            within: Seconds to wait.

        Raises:
            TimeoutError: It does not come.
        """
        async with asyncio.timeout(within), self._changed:
            await self._changed.wait_for(lambda: self.count >= times)
        return self.requests[times - 1 - (self.count - len(self.requests))]

    async def admit(self) -> None:
        """Wait until the next websocket may be opened."""
        while self.coming.trouble is Trouble.IGNORE:
            await self.until_script_changes()

    async def open(self, request: web.Request) -> "Exchange":
        """Remember a request and begin to answer it."""
        async with self._changed:
            self.count += 1
            asked = Asked(
                self.count,
                request.path,
                dict(request.query),
                {name.lower(): value for name, value in request.headers.items()},
            )
            self.requests.append(asked)
            self._changed.notify_all()
        return Exchange(self, asked, request)


class Exchange:
    """One request and its answer in the making.

    Attributes:
        asked: The request.
    """

    def __init__(self, endpoint: Endpoint, asked: Asked, request: web.Request) -> None:
        self.asked = asked
        self._endpoint = endpoint
        self._request = request
        self._pieces = 0

    @property
    def behaviour(self) -> Behaviour:
        """How the request is treated at this moment."""
        return self._endpoint.script.behaviour(self.asked.number)

    @property
    def refused(self) -> bool:
        """Whether the answer is but a status."""
        return self.behaviour.status != GOOD.status

    async def before_piece(self, *, first: bool | None = None) -> None:
        """Wait as the script says, before each piece.

        Args:
            first: Whether the delay is that of a first piece; by its number unless given.

        Raises:
            ConnectionResetError: The connection was reset.
            Cut: The answer ends here.
        """
        piece, self._pieces = self._pieces, self._pieces + 1
        await self._trouble(piece)
        behaviour = self.behaviour
        first = piece == 0 if first is None else first
        await asyncio.sleep(
            behaviour.first_delay_seconds if first else behaviour.piece_delay_seconds
        )
        await self._trouble(piece)  # the script may have changed meanwhile

    async def _trouble(self, piece: int) -> None:
        while self.behaviour.trouble_at(piece) in (Trouble.STALL, Trouble.IGNORE):
            await self._endpoint.until_script_changes()
        trouble = self.behaviour.trouble_at(piece)
        if trouble is Trouble.CLOSE:
            raise Cut
        if self.refused or trouble is Trouble.DROP:
            self.reset()
            raise ConnectionResetError("dropped, as the script says")

    def reset(self) -> None:
        """Reset the connection."""
        if self._request.transport is not None:
            self._request.transport.abort()
