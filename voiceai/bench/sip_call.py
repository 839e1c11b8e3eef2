"""One outgoing call of the bench telephone: its signalling, its audio and what came of both."""

import asyncio
import secrets
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from transports.audio.codec import Codec
from voiceai.bench import sdp
from voiceai.bench.dtmf_event import digits_in
from voiceai.bench.errors import SipError
from voiceai.bench.recording import save_stereo
from voiceai.bench.rtp_line import Impairment, Played, RtpLine
from voiceai.bench.sip_answering import Answering
from voiceai.bench.sip_dialog import Dialog, cancel_of
from voiceai.bench.sip_digest import Credentials, authorization, choose_challenge
from voiceai.bench.sip_message import Request, Response
from voiceai.bench.sip_transaction import TRANSACTION_SECONDS, ClientTransaction, branch_of
from voiceai.bench.track import Track

__all__ = ["Call", "CallEnd", "EndedBy"]

EndedBy = Literal["caller", "callee", "refused", "cancelled", "unreachable"]


@dataclass(frozen=True, slots=True)
class CallEnd:
    """How a call ended.

    Attributes:
        by: `caller` is us, `callee` the other side; in the other cases it never was answered.
        at: Seconds on the loop's clock.
        status: Final SIP status of our INVITE; 408 where none came.
        reason: The Reason header of the message that ended it (RFC 3326), else its reason phrase.
    """

    by: EndedBy
    at: float
    status: int
    reason: str


class Call:
    """An outgoing call; made by :class:`voiceai.bench.sip_caller.SipCaller`.

    Attributes:
        line: The audio socket.
        progress: Every response to the INVITE: time on the loop's clock, and status.
        requests: Every request of the other side within the call, likewise.
        invited_at: Time of the INVITE.
        answered_at: Time of the 200; None before.
        ended: Resolves when the call is over, never raises.
    """

    def __init__(
        self,
        dialog: Dialog,
        line: RtpLine,
        *,
        codecs: Sequence[Codec],
        tag: str,
        contact: str,
        credentials: Credentials | None,
        put: Callable[[bytes], None],
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self.line = line
        self.progress: list[tuple[float, int]] = []
        self.requests: list[tuple[float, Request]] = []
        self.invited_at = self._loop.time()
        self.answered_at: float | None = None
        self.ended: asyncio.Future[CallEnd] = self._loop.create_future()
        self._dialog, self._credentials, self._put = dialog, credentials, put
        self._offer = sdp.AudioDescription(line.host, line.port, tuple(codecs))
        self._session_id, self._session_version = secrets.randbits(31), 0
        self._headers: tuple[tuple[str, str], ...] = ()
        self._transactions: dict[tuple[str, str], ClientTransaction] = {}
        self._inviting: ClientTransaction | None = None
        self._ringing: asyncio.Future[None] = self._loop.create_future()
        self._final: asyncio.Future[int] = self._loop.create_future()
        self._has_authenticated = False
        self._is_cancelled = False
        self._is_cancel_sent = False
        self._answering = Answering(put, tag=tag, contact=contact)

    @property
    def dialog(self) -> Dialog:
        """What both sides call it."""
        return self._dialog

    @property
    def call_id(self) -> str:
        """The Call-ID header."""
        return self._dialog.call_id

    @property
    def status(self) -> int:
        """The last status that the INVITE got; 0 before the first."""
        return self.progress[-1][1] if self.progress else 0

    @property
    def is_answered(self) -> bool:
        """It was answered and is not over."""
        return self.answered_at is not None and not self.ended.done()

    @property
    def heard(self) -> Track:
        """What arrived."""
        return self.line.heard

    @property
    def heard_digits(self) -> str:
        """The keys that the other side pressed."""
        event = self.line.event_payload_type
        return "" if event is None else digits_in(self.heard.packets, event)

    @property
    def spoken(self) -> Track:
        """What we sent."""
        return self.line.spoken

    @property
    def impairment(self) -> Impairment | None:
        """What a bad network does to what we send; None for a good one."""
        return self.line.impairment

    @impairment.setter
    def impairment(self, impairment: Impairment | None) -> None:
        self.line.impairment = impairment

    async def play(self, pcm: bytes) -> Played:
        """Say something; returns when its last packet was sent.

        Args:
            pcm: 16-bit little-endian mono at 8 kHz, any length.
        """
        return await self.line.play(pcm)

    async def press(self, digits: str, *, hold: float = 0.1, pause: float = 0.1) -> Played:
        """Press keys (RFC 4733), each for `hold` seconds; returns when the last was let go.

        Raises:
            ValueError: A digit is none, or the other side did not agree on events.
        """
        return await self.line.press(digits, hold=hold, pause=pause)

    async def wait_for_speech(self, within: float, *, after: float | None = None) -> float:
        """Return when the first speech packet arrived.

        Args:
            within: Seconds to wait from now on.
            after: Speech before this time does not count; now when absent.

        Raises:
            TimeoutError: There was none.
            CallOver: The call ended first.
        """
        return await self.line.wait_for_speech(within, after=after)

    async def wait_for_silence(self, seconds: float, within: float) -> float:
        """Return when the last speech packet arrived, once that is `seconds` ago.

        Raises:
            TimeoutError: It was not quiet for so long, or nothing was said at all.
            CallOver: The call ended first.
        """
        return await self.line.wait_for_silence(seconds, within)

    def save_wav(self, path: Path) -> float:
        """Write what was said: caller left, assistant right; returns the first sample's time."""
        return save_stereo(path, left=self.spoken, right=self.heard)

    def invite(self, headers: Iterable[tuple[str, str]]) -> None:
        """Send the INVITE; `progress`, `final` and `ended` tell what comes of it."""
        self._headers = tuple(headers)
        self._send_invite(())

    async def ringing(self) -> None:
        """Return when it rings, has early audio, or there is a final status."""
        await asyncio.shield(self._ringing)

    async def final(self) -> int:
        """Return the final status of the INVITE, as soon as there is one."""
        return await asyncio.shield(self._final)

    def cancel(self) -> None:
        """Give up ringing; `ended` tells when the other side agreed. Nothing once answered."""
        if self._inviting and not self._final.done():
            self._is_cancelled = True
            self._cancel_when_allowed()

    async def hang_up(self) -> CallEnd:
        """End the call, in whatever state it is; returns when the other side agreed."""
        self.cancel()
        try:
            async with asyncio.timeout(TRANSACTION_SECONDS):
                if self.is_answered:
                    self.line.close()
                    await self.transact("BYE")
                    self._end("caller", 200, "")
                return await asyncio.shield(self.ended)
        except TimeoutError:
            self._end("unreachable", self.status, "no answer")
            return self.ended.result()

    async def transact(
        self, method: str, *, headers: Iterable[tuple[str, str]] = ()
    ) -> Response | None:
        """Send a request within the call; return its final response, None where there is none."""
        request = self._dialog.request(method, branch=_new_branch(), headers=headers)
        return await asyncio.shield(self._start(request).final)

    def receive(self, message: Request | Response) -> None:
        """Take a message with our Call-ID.

        Raises:
            SipError: It makes no sense here.
        """
        if isinstance(message, Request):
            self._receive_request(message)
        elif transaction := self._transactions.get(_key(message)):
            transaction.receive(message)

    def close(self) -> None:
        """Forget everything at once, without a word to the other side. Idempotent."""
        self._end("caller", self.status, "closed")
        for transaction in self._transactions.values():
            transaction.close()
        self._answering.close()

    def _send_invite(self, further: Iterable[tuple[str, str]]) -> None:
        self._session_version += 1
        body = sdp.serialize(
            self._offer, session_id=self._session_id, version=self._session_version
        )
        request = self._dialog.request(
            "INVITE", branch=_new_branch(), body=body, headers=(*self._headers, *further)
        )
        self._inviting = self._start(request, self._on_invite_response)
        self._inviting.final.add_done_callback(self._on_invite_final)

    def _start(
        self, request: Request, on_response: Callable[[Response], None] | None = None
    ) -> ClientTransaction:
        transaction = ClientTransaction(request, self._put, on_response)
        self._transactions[_key(request)] = transaction
        return transaction

    def _on_invite_final(self, final: asyncio.Future[Response | None]) -> None:
        if final.result() is None:
            self._end("unreachable", 408, "no answer")

    def _on_invite_response(self, response: Response) -> None:
        now = self._loop.time()
        if not self._final.done():
            self.progress.append((now, response.status))
        if response.status < 200:
            self._cancel_when_allowed()
            if response.status > 100:
                self._note_ringing()
            if response.status > 100 and response.body:
                self._connect(response.body)
        elif response.status < 300:
            self._on_answer(response, now)
        elif response.status in (401, 407) and self._may_authenticate() and self._credentials:
            self._authenticate(response, self._credentials)
        else:
            by: EndedBy = "cancelled" if self._is_cancelled else "refused"
            self._end(by, response.status, response.headers.get("Reason") or response.reason)

    def _note_ringing(self) -> None:
        if not self._ringing.done():
            self._ringing.set_result(None)

    def _on_answer(self, response: Response, now: float) -> None:
        if not self._inviting:
            return
        self._dialog.learn(response)
        ack = self._dialog.ack(self._inviting.request, branch=_new_branch())
        self._put(ack.serialize())
        if self.answered_at is not None:
            return
        self.answered_at = now
        self._note_ringing()
        self._final.set_result(response.status)
        try:
            self._connect(response.body)
        except SipError as error:
            self._end_unwanted("caller", str(error))
            raise
        if self._is_cancelled:
            self._end_unwanted("cancelled", "answered at the moment of the CANCEL")

    def _end_unwanted(self, by: EndedBy, reason: str) -> None:
        bye = self._start(self._dialog.request("BYE", branch=_new_branch()))
        bye.final.add_done_callback(lambda _: self._end(by, 200, reason))

    def _may_authenticate(self) -> bool:
        return not (self._has_authenticated or self._is_cancelled)

    def _authenticate(self, response: Response, credentials: Credentials) -> None:
        header = "WWW-Authenticate" if response.status == 401 else "Proxy-Authenticate"
        lines = [value for name, value in response.headers if name.lower() == header.lower()]
        try:
            challenge = choose_challenge(header, lines)
        except SipError:
            self._end("refused", response.status, response.reason)
            raise
        self._has_authenticated = True
        value = authorization(
            challenge,
            credentials,
            method="INVITE",
            uri=self._dialog.target,
            client_nonce=secrets.token_hex(8),
        )
        self._send_invite([(challenge.answer_header, value)])

    def _cancel_when_allowed(self) -> None:
        """Send CANCEL, which RFC 3261 section 9.1 forbids before the first provisional response."""
        if self._is_cancelled and self.progress and self._inviting and not self._is_cancel_sent:
            self._is_cancel_sent = True
            self._start(cancel_of(self._inviting.request))

    def _connect(self, body: bytes) -> None:
        remote = sdp.parse(body)
        shared = [codec for codec in remote.codecs if codec in self._offer.codecs]
        if not shared:
            raise SipError("the other side chose no codec of ours")
        self.line.connect((remote.host, remote.port), shared[0], remote.event_payload_type)
        if remote.direction in ("sendonly", "inactive"):
            self.line.stop_sending()
        else:
            self.line.resume_sending()

    def _receive_request(self, request: Request) -> None:
        if self._answering.repeat(request):
            return
        self.requests.append((self._loop.time(), request))
        if request.method == "ACK":
            self._answering.acknowledged(request)
            if request.body:
                self._connect(request.body)
        elif request.method in ("INVITE", "UPDATE"):
            self._renegotiate(request)
        elif request.method == "BYE":
            self._answering.answer(request, 200, "OK")
            self._end("callee", 200, request.headers.get("Reason"))
        elif request.method == "REFER":
            self._answering.answer(request, 202, "Accepted")
        else:
            self._answering.answer(request, 200, "OK")

    def _renegotiate(self, request: Request) -> None:
        self._dialog.learn_contact(request.headers)
        body = b""
        if request.body or request.method == "INVITE":
            ours = self._offer
            if request.body:
                self._connect(request.body)
                ours = _answer_to(sdp.parse(request.body), ours)
            self._session_version += 1
            body = sdp.serialize(ours, session_id=self._session_id, version=self._session_version)
        self._answering.answer(request, 200, "OK", body=body)

    def _end(self, by: EndedBy, status: int, reason: str) -> None:
        self.line.close()
        self._note_ringing()
        if not self._final.done():
            self._final.set_result(status)
        if not self.ended.done():
            self.ended.set_result(CallEnd(by, self._loop.time(), status, reason))


def _answer_to(offer: sdp.AudioDescription, ours: sdp.AudioDescription) -> sdp.AudioDescription:
    """Return our side as an answer (RFC 3264 section 6)."""
    mirrored: dict[sdp.Direction, sdp.Direction] = {"sendonly": "recvonly", "recvonly": "sendonly"}
    return replace(
        ours,
        codecs=tuple(codec for codec in offer.codecs if codec in ours.codecs)[:1],
        event_payload_type=offer.event_payload_type,
        direction=mirrored.get(offer.direction, offer.direction),
    )


def _key(message: Request | Response) -> tuple[str, str]:
    """Return what tells transactions apart: a CANCEL has the branch of its INVITE."""
    return branch_of(message.headers), message.headers.get("CSeq").partition(" ")[2].strip()


def _new_branch() -> str:
    return f"z9hG4bK{secrets.token_hex(8)}"
