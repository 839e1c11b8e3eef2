"""Where a call of demonstration or bench takes place: a private Asterisk 22, else a simulator."""

import asyncio
import contextlib
import secrets
import socket
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from asterisk.config.render import render
from asterisk.params import AriParams, PhoneParams, RenderParams
from asterisk.process import AsteriskProcess
from asterisk.runtime import AsteriskUnavailable, Installation, ensure_asterisk
from asterisk.simulated_call import SimulatedCall
from asterisk.simulated_channel import ExternalMedia
from asterisk.simulator import AsteriskSimulator
from transports.audio.codec import Codec
from voiceai.bench.rtp_line import RtpLine
from voiceai.bench.sip_caller import SipCaller
from voiceai.bench.sip_digest import Credentials
from voiceai.errors import VoiceaiError
from voiceai.settings import Settings

HOST = "127.0.0.1"
CALLER = "491701234567"
ANSWER_SECONDS = 10.0


class CallFailed(VoiceaiError):
    """A call was not answered."""


@dataclass(frozen=True, slots=True)
class DemoCall:
    """The caller's end of the call.

    Attributes:
        line: What the caller says and hears.
        ended: Resolves when the call is over.
        answered_at: Loop time of the answer.
        hang_up: Ends the call.
    """

    line: RtpLine
    ended: "asyncio.Future[Any]"
    answered_at: float
    hang_up: Callable[[], Awaitable[object]]


Dial = Callable[[str], contextlib.AbstractAsyncContextManager[DemoCall]]


@dataclass(frozen=True, slots=True)
class Stage:
    """A telephone system to call through.

    Attributes:
        name: What it is, for the reader.
        ari_url: Where the application connects.
        username: ARI account.
        password: Its password.
        dial: Calls a number; answered when entered, over when left.
        softphone: How to ring it with a softphone; empty when there is nothing to ring.
    """

    name: str
    ari_url: str
    username: str
    password: SecretStr
    dial: Dial
    softphone: str


@contextlib.asynccontextmanager
async def best_stage(cache: Path) -> AsyncIterator[tuple[Stage, str]]:
    """Enter a real Asterisk 22 when one can be had, else the simulator.

    Args:
        cache: Folder for Debian's packages of Asterisk, should they be needed.

    Yields:
        The stage, and why it is no real Asterisk; empty when it is one.
    """
    installation, missing = None, ""
    try:
        installation = await asyncio.to_thread(ensure_asterisk, cache)
    except AsteriskUnavailable as error:
        missing = str(error)
    stage = asterisk_stage(installation) if installation else simulator_stage()
    async with stage as entered:
        yield entered, missing


def private_settings(
    settings: Settings, *, ari_url: str, username: str, password: SecretStr, folder: Path
) -> Settings:
    """Return settings for a stage and the embedded database, whatever the user's own are."""
    return settings.model_copy(
        update={
            "ari_url": ari_url,
            "ari_username": username,
            "ari_password": password,
            "ari_app": "voice-ai",
            "rtp_host": "127.0.0.1",
            "rtp_bind": None,
            "rtp_codec": "alaw",  # the simulated caller speaks nothing else
            "rtp_receive": None,
            "http_port": 0,
            "database_url": None,
            "db_host": None,
            "voiceai_data_dir": folder,
            "voiceai_db_map": None,
        }
    )


@contextlib.asynccontextmanager
async def asterisk_stage(installation: Installation) -> AsyncIterator[Stage]:
    """Boot a private Asterisk with the configuration that ``asterisk render`` writes."""
    sip_port = _free_port(socket.SOCK_DGRAM)
    http_port = _free_port(socket.SOCK_STREAM)
    ari = AriParams(
        url=f"http://{HOST}:{http_port}",
        username="voiceai",
        password=SecretStr(secrets.token_urlsafe(16)),
    )
    phone = Credentials("phone", secrets.token_urlsafe(8))
    params = RenderParams(
        ari=ari,
        http_port=http_port,
        sip_bind=HOST,
        sip_port=sip_port,
        phone=PhoneParams(username=phone.username, password=SecretStr(phone.password)),
    )

    @contextlib.asynccontextmanager
    async def dial(number: str) -> AsyncIterator[DemoCall]:
        async with SipCaller(HOST, credentials=phone) as caller:
            call = await caller.dial(number, via=(HOST, sip_port), from_user=phone.username)
            if call.answered_at is None:
                raise CallFailed(f"the call to {number} was refused with SIP status {call.status}")
            yield DemoCall(call.line, call.ended, call.answered_at, call.hang_up)

    process = AsteriskProcess(installation, "demo")
    with tempfile.TemporaryDirectory(prefix="voiceai-demo-") as folder:
        try:
            await asyncio.to_thread(process.start, render(params), Path(folder))
            yield Stage(
                name=f"Asterisk {installation.version}",
                ari_url=ari.url,
                username=ari.username,
                password=ari.password,
                dial=dial,
                softphone=(
                    f"SIP account {phone.username}, password {phone.password}, "
                    f"server {HOST}:{sip_port} (UDP)"
                ),
            )
        finally:
            await asyncio.to_thread(process.stop)


@contextlib.asynccontextmanager
async def simulator_stage() -> AsyncIterator[Stage]:
    """Pretend to be an Asterisk: ARI and RTP are real, SIP is left out."""
    lines: dict[str, RtpLine] = {}

    def media_address(media: ExternalMedia) -> tuple[str, int]:
        line = next(iter(lines.values()))
        line.connect((media.host, media.port), Codec(media.codec))
        return line.host, line.port

    async with AsteriskSimulator(media_address=media_address) as simulator:

        @contextlib.asynccontextmanager
        async def dial(number: str) -> AsyncIterator[DemoCall]:
            line = await RtpLine.open(HOST)
            lines[number] = line
            call: SimulatedCall = simulator.new_call(number, CALLER)

            async def hang_up() -> None:
                call.hang_up()

            try:
                async with asyncio.timeout(ANSWER_SECONDS):
                    either: set[asyncio.Future[Any]] = {call.answered, call.ended}
                    await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
                if not call.answered.done():
                    raise CallFailed(f"the call to {number} was refused")
                answered_at = asyncio.get_running_loop().time()
                yield DemoCall(line, call.ended, answered_at, hang_up)
            finally:
                call.hang_up()
                line.close()
                del lines[number]

        params = simulator.params()
        yield Stage(
            name="the simulator of Asterisk's interface (no SIP)",
            ari_url=simulator.url,
            username=params.username,
            password=params.password,
            dial=dial,
            softphone="",
        )


def _free_port(kind: socket.SocketKind) -> int:
    """Return a port of the loopback that is free now."""
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port
