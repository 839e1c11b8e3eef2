"""The media process: one engine for all streams, and the users that they belong to.

The first user is the supervisor: the process lives as long as it does. It admits the others and is
told when one of them ends; that user's streams go on with noise until the supervisor decides, or
for half a minute.

==============  ==================================  ================================================
from a user     with                                answered by
==============  ==================================  ================================================
``attach``      memory and eventfd; ``key``,        ``ready`` with ``scheduling``, or ``refused``
                ``fingerprint``
``open``        ``stream``, ``slot``, ``key``,      ``opened`` with ``host``, ``port``, ``codec``,
                ``options``                         ``receive_codec``, or ``refused`` with
                                                    ``error``, ``message``
``connect``     ``stream``, ``host``, ``port``
``subscribe``   ``stream``
``listen``      ``stream``
``record``      ``stream``
``send_digits`` ``stream``, ``digits``,
                ``duration_ms``, ``pause_ms``
``fail``        ``stream``                          (the stream stops sending and playing)
``close``       ``stream``                          ``closed`` with ``stats``
``admit``       a socket; supervisor only
``end_orphan``  ``orphan``; supervisor only
``adopt``       ``orphan``, ``stream``, ``slot``,   as ``open``
                ``key``; supervisor only
==============  ==================================  ================================================

Told without being asked: ``failed`` (``stream``, ``message``), ``digit`` (``stream``, ``digit``,
``duration_ms``) and ``peer_left`` (``stream``) to its user; ``orphaned`` (``streams``: pairs of
orphan and port) and ``log`` (``level``, ``message``) to the supervisor.
"""

import asyncio
import contextlib
import gc
import os
import socket
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from loguru import logger
from pydantic import TypeAdapter

from transports.errors import MediaUnavailable, TransportError
from transports.inline.engine import InlineEngine
from transports.params import RtpParams, StreamOptions
from transports.process.channel import Message, close_all
from transports.process.counters import values
from transports.process.hosted import HostedStream
from transports.process.layout import Slot, fingerprint
from transports.process.user import User

if TYPE_CHECKING:
    from transports.inline.stream import InlineStream

__all__ = ["OPTIONS", "MediaHost"]

OPTIONS = TypeAdapter(StreamOptions)

OTHER_PROGRAM = "the installed program is another than the one that runs: start it again"

LOG_CHARACTERS = 5000
"""Of a log line; a traceback is cut before it exceeds a message."""

SUPERVISOR_CHECK = 1.0
"""Seconds between two looks at whether the supervisor lives, should its socket be held open."""


ORPHAN_SECONDS = 30.0
"""How long a call whose user has ended goes on, if the supervisor does not say what becomes of it:
its caller hears noise."""


class _Orphan(NamedTuple):
    """A call whose user has ended, and since when, in monotonic seconds."""

    hosted: HostedStream
    since: float


class MediaHost:
    """Runs the engine for its users.

    Args:
        params: Of the engine.
        scheduling: How the process is ranked, as it is told to users.
    """

    def __init__(self, params: RtpParams, scheduling: str) -> None:
        self._engine = InlineEngine(params)
        self._scheduling = scheduling
        self._supervisor: User | None = None
        self._users: list[User] = []
        self._orphans: dict[int, _Orphan] = {}  # by port
        self._messages: asyncio.Queue[tuple[User, Message | None, list[int]]] = asyncio.Queue()
        self._ticks = 0
        self._garbage = False
        self._refusal: TransportError | None = None

    async def run(self, supervisor: socket.socket) -> None:
        """Serve until the supervisor ends; all streams end with it."""
        parent = os.getppid()
        self._supervisor = User(supervisor, self.put)
        self._users.append(self._supervisor)
        self._engine.around_sending(self._before_sending, self._after_sending)
        self._engine.after_hearing(self._after_hearing)
        try:
            await self._engine.start()
        except TransportError as error:
            self._refusal = error
        while os.getppid() == parent:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(SUPERVISOR_CHECK):
                    user, message, descriptors = await self._messages.get()
                if message is None and user is self._supervisor:
                    break
                await self._handle(user, message, descriptors)
            self._end_orphans(time.monotonic())
        await self._engine.close()
        for user in self._users:
            user.close()

    def put(self, user: User, message: Message | None, descriptors: Sequence[int]) -> None:
        """Queue what a user said; ``None`` says that it has ended."""
        self._messages.put_nowait((user, message, list(descriptors)))

    def log(self, level: str, message: str) -> None:
        """Let the supervisor write something down."""
        if self._supervisor is not None:
            text = message[:LOG_CHARACTERS]
            self._supervisor.channel.send({"is": "log", "level": level, "message": text})

    async def _handle(self, user: User, message: Message | None, descriptors: list[int]) -> None:
        """Do what a user said, and close the descriptors that it did not need."""
        try:
            if message is None:
                self._lose(user)
            elif message["do"] == "attach":
                user.attach(message, descriptors)
                user.channel.send(self._greeting(message["fingerprint"]))
            elif message["do"] == "open":
                await self._open(user, message)
            elif message["do"] in ("admit", "end_orphan", "adopt"):
                self._decide(user, message, descriptors)
            elif message["stream"] in user.streams:
                self._change(user, message)
            elif message["do"] == "close":  # of what was refused, or never waited for
                user.channel.send({"is": "closed", "stream": message["stream"]})
        except Exception:  # noqa: BLE001  one user's message must not stop the others' calls
            logger.exception("media.message_failed: {}", message)
        finally:
            close_all(descriptors)

    def _greeting(self, theirs: int) -> Message:
        if theirs != fingerprint():
            return {"is": "refused", **_named(MediaUnavailable(OTHER_PROGRAM))}
        if self._refusal is None:
            return {"is": "ready", "scheduling": self._scheduling}
        return {"is": "refused", **_named(self._refusal)}

    async def _open(self, user: User, message: Message) -> None:
        number, slot = message["stream"], user.slot(message)
        try:
            stream = await self._engine.open_stream(OPTIONS.validate_json(message["options"]))
        except TransportError as error:
            user.channel.send({"is": "refused", "stream": number, **_named(error)})
        else:
            self._own(user, number, slot, stream)

    def _own(
        self, user: User, number: int, slot: Slot, stream: "InlineStream | HostedStream"
    ) -> None:
        if isinstance(stream, HostedStream):
            hosted = stream
            hosted.attach(slot)
        else:
            hosted = HostedStream(stream, slot, self._on_failed, self._tell)
        user.own(number, hosted)
        user.channel.send(
            {
                "is": "opened",
                "stream": number,
                "host": hosted.stream.host,
                "port": hosted.port,
                "codec": hosted.stream.codec.value,
                "receive_codec": hosted.stream.receive_codec.value,
            }
        )

    def _change(self, user: User, message: Message) -> None:
        hosted = user.streams[message["stream"]]
        match message["do"]:
            case "connect":
                hosted.stream.connect((message["host"], message["port"]))
            case "subscribe":
                hosted.subscribe()
            case "listen":
                hosted.listen()
            case "record":
                hosted.record()
            case "send_digits":
                times = {"duration_ms": message["duration_ms"], "pause_ms": message["pause_ms"]}
                hosted.stream.send_digits(message["digits"], **times)
            case "fail":
                hosted.stream.failed = RuntimeError("its user's callback raised")
            case "close":
                user.disown(message["stream"])
                hosted.stream.close()
                self._garbage = True
                stats = values(hosted.stream.stats)
                user.channel.send({"is": "closed", "stream": message["stream"], "stats": stats})
            case unknown:
                raise ValueError(f"no message is called {unknown!r}")

    def _decide(self, user: User, message: Message, descriptors: list[int]) -> None:
        """Do what only the supervisor may."""
        if user is not self._supervisor:
            raise PermissionError(f"{message['do']} is for the supervisor")
        if message["do"] == "admit":
            sock = socket.socket(fileno=descriptors[0])
            descriptors.pop(0)
            try:
                sock.setblocking(False)  # noqa: FBT003
                self._users.append(User(sock, self.put))
            except BaseException:
                sock.close()
                raise
            return
        port = message["orphan"]
        if message["do"] == "end_orphan":
            self._end_orphan(port)
        elif port in self._orphans:
            number, slot = message["stream"], user.slot(message)
            self._own(user, number, slot, self._orphans.pop(port).hosted)
        else:
            refusal = {"error": "MediaUnavailable", "message": "there is no such orphan"}
            user.channel.send({"is": "refused", "stream": message["stream"], **refusal})

    def _end_orphan(self, port: int) -> None:
        orphan = self._orphans.pop(port, None)
        if orphan is not None:
            orphan.hosted.stream.close()
            self._garbage = True

    def _end_orphans(self, now: float) -> None:
        """End the calls that the supervisor has not decided about for too long."""
        for port, orphan in tuple(self._orphans.items()):
            if now - orphan.since >= ORPHAN_SECONDS:
                logger.warning("media.orphan_ended: nobody took over the call of port {}", port)
                self._end_orphan(port)

    def _lose(self, user: User) -> None:
        """Keep the calls of a user that has ended, and tell the supervisor."""
        user.close()
        self._users.remove(user)
        orphaned = []
        for hosted in user.streams.values():
            hosted.orphan()
            self._orphans[hosted.port] = _Orphan(hosted, time.monotonic())
            orphaned.append([hosted.port, hosted.port])
        user.streams.clear()
        if orphaned and self._supervisor is not None:
            self._supervisor.channel.send({"is": "orphaned", "streams": orphaned})

    def _on_failed(self, hosted: HostedStream) -> None:
        self._tell(hosted, {"is": "failed", "message": repr(hosted.stream.failed)})

    def _tell(self, hosted: HostedStream, news: Message) -> None:
        """Tell a stream's user; an orphan has none."""
        for user in self._users:
            for number, stream in user.streams.items():
                if stream is hosted:
                    user.channel.send({**news, "stream": number})

    def _before_sending(self) -> None:
        for user in self._users:
            for hosted in user.asking():
                hosted.before_sending()

    def _after_sending(self) -> None:
        lateness = self._engine.lateness
        ticks = lateness.since(self._ticks)
        self._ticks = lateness.count
        for user in self._users:
            user.tell_lateness(ticks)
            for hosted in user.streams.values():
                hosted.after_sending()
        if self._garbage:  # the next tick is far off now
            self._garbage = False
            gc.collect()

    def _after_hearing(self) -> None:
        for user in self._users:
            user.ring()
        for user in self._users:
            for hosted in user.asking():
                hosted.after_hearing()


def _named(error: TransportError) -> Message:
    return {"error": type(error).__name__, "message": str(error)}
