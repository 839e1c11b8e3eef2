"""The bench telephone: a SIP user agent over UDP that controls and records every packet.

Source: RFC 3261. It dials; it does not register and is not called.
"""

import asyncio
import secrets
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Final, Self, cast

from loguru import logger

from transports.audio.codec import Codec
from voiceai.bench.errors import SipError
from voiceai.bench.rtp_line import RtpLine
from voiceai.bench.sip_call import Call
from voiceai.bench.sip_dialog import Dialog, answer
from voiceai.bench.sip_digest import Credentials
from voiceai.bench.sip_message import Request, address_of, parse

__all__ = ["SipCaller"]

HANG_UP_SECONDS: Final = 2.0
"""Longest that closing waits for the other side to agree to the end of the calls."""


class SipCaller(asyncio.DatagramProtocol):
    """One telephone; any number of calls at a time, all from one SIP port. A context manager.

    Attributes:
        address: Our host and SIP port.
        calls: Every call made, by Call-ID.
        rejected: Datagrams that were no SIP or made no sense.
    """

    def __init__(
        self,
        local_ip: str = "127.0.0.1",
        *,
        credentials: Credentials | None = None,
        codecs: Sequence[Codec] = (Codec.ALAW, Codec.ULAW),
        noise_dbfs: float | None = -65.0,
    ) -> None:
        """Remember how to call.

        Args:
            local_ip: Numeric address of this machine, for SIP and for audio.
            credentials: Answer to a 401 or 407; None refuses.
            codecs: Offered, in this order.
            noise_dbfs: What the microphone gives between what is played; None for silence.
        """
        self.address = (local_ip, 0)
        self.calls: dict[str, Call] = {}
        self.rejected = 0
        self._credentials, self._codecs, self._noise_dbfs = credentials, tuple(codecs), noise_dbfs
        self._transport: asyncio.DatagramTransport | None = None

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(
        self,
        _: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def open(self) -> None:
        """Open the SIP socket on a free port."""
        loop = asyncio.get_running_loop()
        await loop.create_datagram_endpoint(lambda: self, local_addr=(self.address[0], 0))

    async def close(self) -> None:
        """Hang up whatever is still up, then give the ports back. Idempotent."""
        open_calls = [call for call in self.calls.values() if not call.ended.done()]
        if open_calls and self._transport:
            try:
                async with asyncio.timeout(HANG_UP_SECONDS):
                    await asyncio.gather(*(call.hang_up() for call in open_calls))
            except TimeoutError:
                logger.bind(calls=len(open_calls)).warning("bench.hang_up_unanswered")
        for call in self.calls.values():
            call.close()
        if self._transport:
            self._transport.close()
            self._transport = None

    async def dial(
        self,
        to: str,
        *,
        via: tuple[str, int] | None = None,
        from_user: str = "caller",
        headers: Mapping[str, str] | None = None,
        to_uri: str | None = None,
        within: float = 30.0,
    ) -> Call:
        """Call somebody; returns when the call is answered or refused (see `Call.status`).

        Args:
            to: A number, or an address `sip:user@host:port`: the request address.
            via: Host and port that the messages go to; the address's own when absent.
            from_user: User part of our From.
            headers: Further headers of the INVITE.
            to_uri: Address in To, where it differs from the request address.
            within: Seconds until the call is cancelled.

        Raises:
            SipError: There is nowhere to send to.
            TimeoutError: Neither answered nor refused in time; the call was cancelled.
        """
        call = await self.invite(to, via=via, from_user=from_user, headers=headers, to_uri=to_uri)
        try:
            async with asyncio.timeout(within):
                await call.final()
        except TimeoutError as error:
            raise TimeoutError(
                f"no final answer from {to} in {within} s; the last status was {call.status}"
            ) from error
        finally:
            call.cancel()
        return call

    async def invite(
        self,
        to: str,
        *,
        via: tuple[str, int] | None = None,
        from_user: str = "caller",
        headers: Mapping[str, str] | None = None,
        to_uri: str | None = None,
    ) -> Call:
        """Begin a call and return at once; `Call.final` waits, `Call.cancel` gives up.

        The arguments are those of `dial`.

        Raises:
            SipError: There is nowhere to send to.
        """
        transport = self._transport
        if transport is None:
            raise SipError("the telephone is not open")
        is_address = to.lower().startswith(("sip:", "sips:"))
        if not is_address and via is None:
            raise SipError(f"{to} is no address: say via which host and port it is reached")
        destination = via or address_of(to)
        target = to if is_address else f"sip:{to}@{_host_port(destination)}"
        line = await RtpLine.open(self.address[0], noise_dbfs=self._noise_dbfs)
        sent_by, tag = _host_port(self.address), secrets.token_hex(6)
        contact = f"<sip:{from_user}@{sent_by}>"
        dialog = Dialog(
            call_id=f"{secrets.token_hex(12)}@{self.address[0]}",
            local=f"<sip:{from_user}@{sent_by}>;tag={tag}",
            remote=f"<{to_uri or target}>",
            target=target,
            contact=contact,
            sent_by=sent_by,
        )

        def put(data: bytes) -> None:
            if not transport.is_closing():
                transport.sendto(data, destination)

        call = Call(
            dialog,
            line,
            codecs=self._codecs,
            tag=tag,
            contact=contact,
            credentials=self._credentials,
            put=put,
        )
        self.calls[call.call_id] = call
        call.invite((headers or {}).items())
        return call

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Note the port (called by asyncio)."""
        self._transport = cast("asyncio.DatagramTransport", transport)
        self.address = self._transport.get_extra_info("sockname")[:2]

    def datagram_received(self, data: bytes, source: tuple[str | Any, int]) -> None:
        """Take a SIP message (called by asyncio)."""
        try:
            message = parse(data)
            call = self.calls.get(message.headers.get("Call-ID"))
            if call:
                call.receive(message)
            elif isinstance(message, Request) and message.method != "ACK" and self._transport:
                refusal = answer(message, 481, "Call/Transaction Does Not Exist")
                self._transport.sendto(refusal.serialize(), source)
        except SipError as error:
            self.rejected += 1
            logger.bind(source=source, error=str(error)).warning("bench.sip_rejected")

    def error_received(self, error: Exception) -> None:
        """Say that nobody listens there; the transaction times out (called by asyncio)."""
        logger.bind(error=str(error)).warning("bench.sip_unreachable")


def _host_port(address: tuple[str, int]) -> str:
    host, port = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
