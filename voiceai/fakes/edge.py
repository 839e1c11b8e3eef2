"""Edge's read-aloud service on this machine, as ``edge-tts`` 7 speaks to it.

It has no setting for the address: put `websocket_url` into ``edge_tts.communicate.WSS_URL`` and
`voices_url` into ``edge_tts.voices.VOICE_LIST`` (those modules copy them from
``edge_tts.constants`` when they are imported). Audio is MP3, 24 kHz mono at 48 kbit/s.
"""

import asyncio
import re
from collections.abc import Container, Mapping
from typing import Any, Final

from aiohttp import WSCloseCode, WSMsgType, web

from voiceai.fakes.boundaries import Boundaries
from voiceai.fakes.endpoint import Cut, Endpoint, Exchange
from voiceai.fakes.microsoft_messages import Message, audio_message, parse, text_message
from voiceai.fakes.mp3 import KILOBITS, check_mp3, encode_mp3
from voiceai.fakes.server import Provider
from voiceai.fakes.ssml import Spoken, read_ssml
from voiceai.fakes.voices import Speak, murmur, say

__all__ = ["EdgeFake"]

ROOT: Final = "/consumer/speech/synthesize/readaloud"
TOKEN: Final = "6A5AA1D4EAFF4E9FB37E23D68491D6F4"  # noqa: S105 - the same for everybody
RATE_HZ: Final = 24_000
PIECE_BYTES: Final = 720
"""Five frames of MP3, 0.12 s, as the service sends them."""

PIECE_SECONDS: Final = PIECE_BYTES * 8 / (KILOBITS * 1000)
LONG_NAME: Final = re.compile(r"\(([A-Za-z-]+), (\w+)\)$")
"""``Microsoft Server Speech Text to Speech Voice (de-DE, KatjaNeural)``"""


class EdgeFake(Provider):
    """The provider; a context manager.

    Attributes:
        server: As of every provider.
        synthesis: How it behaves, and what it was asked; each connection is one request.
    """

    def __init__(
        self, *, speak: Speak = murmur, voices: Container[str] | None = None, port: int = 0
    ) -> None:
        """Prepare the server.

        Args:
            speak: The voice; it gets names such as ``de-DE-KatjaNeural``.
            voices: The names of those that there are; None knows any.
            port: 0 takes a free one.

        Raises:
            ImportError: There is no encoder of MP3.
        """
        check_mp3()
        self.synthesis = Endpoint()
        super().__init__(
            [web.get(f"{ROOT}/edge/v1", self._handle), web.get(f"{ROOT}/voices/list", _list)],
            (self.synthesis,),
            port,
        )
        self._speak = speak
        self._voices = voices

    @property
    def url(self) -> str:
        """Its address without a path, as the setting ``edge_tts_endpoint`` takes it."""
        return self.server.websocket_url

    @property
    def websocket_url(self) -> str:
        """What goes into ``edge_tts.communicate.WSS_URL``."""
        return f"{self.server.websocket_url}{ROOT}/edge/v1?TrustedClientToken={TOKEN}"

    @property
    def voices_url(self) -> str:
        """What goes into ``edge_tts.voices.VOICE_LIST``."""
        return f"{self.server.url}{ROOT}/voices/list?trustedclienttoken={TOKEN}"

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        await self.synthesis.admit()
        exchange = await self.synthesis.open(request)
        if exchange.refused:
            return web.Response(status=exchange.behaviour.status)
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        config: Mapping[str, Any] = {}
        async for came in socket:
            if came.type is not WSMsgType.TEXT:
                continue
            message = parse(came.data)
            if message.path == "speech.config":
                config = message.json
                exchange.asked.messages.append((message.path, config))
            elif message.path == "ssml":
                try:
                    await self._say(exchange, socket, message, config)
                except Cut:
                    await socket.close(code=WSCloseCode.INTERNAL_ERROR, message=b"Internal error")
        return socket

    async def _say(
        self,
        exchange: Exchange,
        socket: web.WebSocketResponse,
        message: Message,
        config: Mapping[str, Any],
    ) -> None:
        exchange.asked.ssml = str(message.body)
        try:
            spoken = read_ssml(exchange.asked.ssml)
        except ValueError as error:
            await _refuse(socket, str(error))
            return
        voice = _short(spoken.voice)
        if self._voices is not None and voice not in self._voices:
            await _refuse(socket, f"Unsupported voice {spoken.voice}.")
            return
        pcm = await asyncio.to_thread(
            lambda: say(self._speak, spoken.text, voice, RATE_HZ, silent=exchange.behaviour.silent)
        )
        data = await asyncio.to_thread(encode_mp3, pcm, RATE_HZ) if pcm else b""
        boundaries = _boundaries(spoken, len(pcm) / (2 * RATE_HZ), config)
        await _stream(exchange, socket, message.request_id, data, boundaries)


async def _stream(
    exchange: Exchange,
    socket: web.WebSocketResponse,
    request_id: str,
    data: bytes,
    boundaries: Boundaries,
) -> None:
    tag = {"context": {"serviceTag": request_id}}
    response = {**tag, "audio": {"type": "inline", "streamId": request_id}}
    await socket.send_str(text_message("turn.start", request_id, tag))
    await socket.send_str(text_message("response", request_id, response))
    for number, start in enumerate(range(0, len(data), PIECE_BYTES), 1):
        await exchange.before_piece()
        for boundary in boundaries.until(number * PIECE_SECONDS):
            metadata = {"Metadata": [boundary]}
            await socket.send_str(text_message("audio.metadata", request_id, metadata))
        piece = data[start : start + PIECE_BYTES]
        await socket.send_bytes(audio_message(request_id, request_id, "audio/mpeg", piece))
    await exchange.before_piece()
    await socket.send_bytes(audio_message(request_id, request_id, "audio/mpeg", b""))
    await socket.send_str(text_message("turn.end", request_id, {}))


def _boundaries(spoken: Spoken, seconds: float, config: Mapping[str, Any]) -> Boundaries:
    synthesis = (config.get("context") or {}).get("synthesis") or {}
    options = (synthesis.get("audio") or {}).get("metadataoptions") or {}
    return Boundaries(
        spoken.text,
        seconds,
        words=options.get("wordBoundaryEnabled") == "true",
        sentences=options.get("sentenceBoundaryEnabled") == "true",
    )


def _short(voice: str) -> str:
    found = LONG_NAME.search(voice)
    return f"{found[1]}-{found[2]}" if found else voice


async def _refuse(socket: web.WebSocketResponse, reason: str) -> None:
    await socket.close(code=WSCloseCode.INVALID_TEXT, message=reason.encode()[:120])


async def _list(request: web.Request) -> web.Response:
    del request
    voices = [("de-DE-KatjaNeural", "de-DE"), ("en-US-EmmaMultilingualNeural", "en-US")]
    return web.json_response(
        [
            {"Name": name, "ShortName": name, "Gender": "Female", "Locale": locale, "Status": "GA"}
            for name, locale in voices
        ]
    )
