"""The bench telephone against peers that lose, repeat, cross and garble messages."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Any, cast

import pytest

from transports.audio.codec import Codec
from voiceai.bench import sdp
from voiceai.bench.errors import CallOver
from voiceai.bench.sip_caller import SipCaller
from voiceai.bench.sip_dialog import answer
from voiceai.bench.sip_message import Request, Response, parse

HOST = "127.0.0.7"
AUDIO = sdp.serialize(sdp.AudioDescription(HOST, 9, (Codec.ULAW,)), session_id=1)

Script = Callable[["Peer", Request], Iterable[Response]]


class Peer(asyncio.DatagramProtocol):
    """Answers as its script says.

    Attributes:
        received: Every message, in order.
        script: Called with each request; what it returns is sent.
    """

    def __init__(self) -> None:
        self.received: list[Request | Response] = []
        self.script: Script = obliging
        self.source: tuple[str, int] = (HOST, 9)
        self.arrived = asyncio.Event()
        self._transport: asyncio.DatagramTransport | None = None

    @property
    def address(self) -> tuple[str, int]:
        """Host and port."""
        assert self._transport
        host, port = self._transport.get_extra_info("sockname")[:2]
        return str(host), int(port)

    def methods(self) -> list[str]:
        """Return the methods of the requests so far, statuses of the responses."""
        return [m.method if isinstance(m, Request) else str(m.status) for m in self.received]

    async def until(self, method: str, count: int = 1) -> None:
        """Return when so many messages of a method or status have come."""
        async with asyncio.timeout(5):
            while self.methods().count(method) < count:
                self.arrived.clear()
                await self.arrived.wait()

    def put(self, message: Request | Response) -> None:
        """Send a message to the telephone."""
        self.put_bytes(message.serialize())

    def put_bytes(self, data: bytes) -> None:
        """Send anything to the telephone."""
        assert self._transport
        self._transport.sendto(data, self.source)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, source: tuple[str | Any, int]) -> None:
        self.source = source
        message = parse(data)
        self.received.append(message)
        self.arrived.set()
        if isinstance(message, Request):
            for response in self.script(self, message):
                self.put(response)


def ok(request: Request, **more: bytes) -> Response:
    contact = f"<sip:callee@{HOST}:5060>"
    return answer(request, 200, "OK", tag="theirs", contact=contact, **more)


def obliging(peer: Peer, request: Request) -> Iterable[Response]:
    """Answer every call at once."""
    if request.method == "INVITE":
        return [ok(request, body=AUDIO)]
    return [] if request.method == "ACK" else [ok(request)]


@pytest.fixture
async def peer() -> AsyncIterator[Peer]:
    loop = asyncio.get_running_loop()
    transport, peer = await loop.create_datagram_endpoint(Peer, local_addr=(HOST, 0))
    yield peer
    transport.close()


@pytest.fixture
async def caller() -> AsyncIterator[SipCaller]:
    async with SipCaller("127.0.0.8") as caller:
        yield caller


async def test_a_lost_invite_is_sent_again(peer: Peer, caller: SipCaller) -> None:
    def lose_the_first(peer: Peer, request: Request) -> Iterable[Response]:
        return obliging(peer, request) if len(peer.received) > 1 else []

    peer.script = lose_the_first

    call = await caller.dial("600", via=peer.address)

    assert call.status == 200
    assert peer.methods()[:2] == ["INVITE", "INVITE"]
    assert call.line.is_connected


async def test_each_repeated_answer_is_acknowledged(peer: Peer, caller: SipCaller) -> None:
    def repeat(peer: Peer, request: Request) -> Iterable[Response]:
        responses = list(obliging(peer, request))
        return responses * 3 if request.method == "INVITE" else responses

    peer.script = repeat

    call = await caller.dial("600", via=peer.address)
    await peer.until("ACK", 3)

    assert [status for _, status in call.progress] == [200]
    assert call.is_answered


async def test_a_repeated_refusal_is_acknowledged_and_counts_once(
    peer: Peer, caller: SipCaller
) -> None:
    def refuse(_: Peer, request: Request) -> Iterable[Response]:
        busy = answer(request, 486, "Busy Here", tag="theirs")
        return [busy, busy] if request.method == "INVITE" else []

    peer.script = refuse

    call = await caller.dial("600", via=peer.address)
    await peer.until("ACK", 2)

    assert [status for _, status in call.progress] == [486]
    branches = {m.headers.get("Via") for m in peer.received}
    assert len(branches) == 1


async def test_cancel_waits_for_the_first_provisional_response(
    peer: Peer, caller: SipCaller
) -> None:
    def be_slow(_: Peer, request: Request) -> Iterable[Response]:
        return [ok(request)] if request.method == "CANCEL" else []

    peer.script = be_slow
    call = await caller.invite("600", via=peer.address)
    await peer.until("INVITE")
    call.cancel()
    await asyncio.sleep(0.05)
    assert "CANCEL" not in peer.methods()

    invite = cast("Request", peer.received[0])
    peer.put(answer(invite, 180, "Ringing", tag="theirs"))
    await peer.until("CANCEL")
    peer.put(answer(invite, 487, "Request Terminated", tag="theirs"))

    assert (await call.ended).by == "cancelled"
    await peer.until("ACK")


async def test_an_answer_that_crosses_the_cancel_is_hung_up(peer: Peer, caller: SipCaller) -> None:
    def answer_late(_: Peer, request: Request) -> Iterable[Response]:
        if request.method == "INVITE":
            return [answer(request, 180, "Ringing", tag="theirs")]
        return [] if request.method == "ACK" else [ok(request)]

    peer.script = answer_late
    call = await caller.invite("600", via=peer.address)
    await call.ringing()
    call.cancel()
    peer.put(ok(cast("Request", peer.received[0]), body=AUDIO))

    end = await call.ended

    assert (end.by, end.status) == ("cancelled", 200)
    assert [m for m in peer.methods() if m in ("ACK", "BYE")] == ["ACK", "BYE"]


@pytest.mark.parametrize(
    "body",
    [b"", b"v=0\r\n", sdp.serialize(sdp.AudioDescription(HOST, 9, ()), session_id=1)],
)
async def test_an_answer_without_audio_that_we_know_is_hung_up(
    peer: Peer, caller: SipCaller, body: bytes
) -> None:
    def answer_oddly(_: Peer, request: Request) -> Iterable[Response]:
        if request.method == "INVITE":
            return [ok(request, body=body)]
        return [] if request.method == "ACK" else [ok(request)]

    peer.script = answer_oddly

    call = await caller.dial("600", via=peer.address)
    end = await call.ended

    assert (end.by, caller.rejected) == ("caller", 1)
    assert [m for m in peer.methods() if m in ("ACK", "BYE")] == ["ACK", "BYE"]


async def test_garbage_is_counted_and_harms_nothing(peer: Peer, caller: SipCaller) -> None:
    call = await caller.dial("600", via=peer.address)
    for garbage in (b"\0\0\0\0", b"SIP/2.0 200 OK\r\n\r\n", b"\xff" * 1400, b"\r\n\r\n"):
        peer.put_bytes(garbage)
    end = await call.hang_up()

    assert (end.by, caller.rejected) == ("caller", 4)


async def test_a_request_of_an_unknown_call_is_refused(peer: Peer, caller: SipCaller) -> None:
    call = await caller.dial("600", via=peer.address)
    await peer.until("ACK")
    invite = cast("Request", peer.received[0])
    strange = tuple(
        (name, {"Call-ID": "unknown", "CSeq": "1 BYE"}.get(name, value))
        for name, value in invite.headers
        if name != "Content-Length"
    )
    peer.put(Request("BYE", "sip:caller@127.0.0.8", type(invite.headers)(strange)))

    await peer.until("481")

    assert call.is_answered


async def test_requests_go_along_the_recorded_route_to_the_contact(
    peer: Peer, caller: SipCaller
) -> None:
    def via_proxies(peer: Peer, request: Request) -> Iterable[Response]:
        for response in obliging(peer, request):
            routes = [("Record-Route", "<sip:second;lr>, <sip:first;lr>")]
            headers = type(response.headers)((*response.headers.fields, *routes))
            yield Response(response.status, response.reason, headers, response.body)

    peer.script = via_proxies
    call = await caller.dial("600", via=peer.address)
    await call.hang_up()

    bye = cast("Request", peer.received[-1])
    assert (bye.method, bye.uri) == ("BYE", f"sip:callee@{HOST}:5060")
    assert bye.headers.all("Route") == ("<sip:first;lr>", "<sip:second;lr>")
    assert bye.headers.get("To").endswith(";tag=theirs")


async def test_the_end_of_the_call_ends_whatever_waits_in_it(peer: Peer, caller: SipCaller) -> None:
    call = await caller.dial("600", via=peer.address)
    async with asyncio.TaskGroup() as group:
        playing = group.create_task(call.play(bytes(160_000)))
        listening = group.create_task(_over(call.wait_for_speech(30)))
        await asyncio.sleep(0.05)
        await call.hang_up()

    assert listening.result()
    assert not playing.result().is_complete
    assert 1 <= playing.result().packets < 10


async def _over(waiting: Any) -> bool:
    try:
        await waiting
    except CallOver:
        return True
    return False


async def test_a_mute_peer_is_hung_up_on_in_bounded_time(peer: Peer) -> None:
    async with SipCaller("127.0.0.8") as caller:
        call = await caller.dial("600", via=peer.address)
        peer.script = lambda *_: []
        began = asyncio.get_running_loop().time()

    assert call.ended.done()
    assert asyncio.get_running_loop().time() - began < 3
