"""Azure Speech's synthesis, as its SDK 1.53 speaks to it.

The client sends ``synthesis.context`` with the output format and ``ssml``. The server answers
with ``turn.start``, ``response``, ``audio.metadata`` for each word if asked for, ``audio`` in
pieces of 0.1 s, an empty one, and ``turn.end``. The connection stays open for the next text;
a client that interrupts one closes it.
"""

import asyncio
from collections.abc import Container, Mapping
from typing import Any, Final

from aiohttp import WSCloseCode, WSMessage, WSMsgType, web

from voiceai.fakes.azure_formats import OutputFormat, output_format
from voiceai.fakes.azure_recognition import PROTOCOL, wrong_key
from voiceai.fakes.boundaries import Boundaries
from voiceai.fakes.connection import Connection
from voiceai.fakes.endpoint import Endpoint, Exchange
from voiceai.fakes.microsoft_messages import Message, audio_message, parse, text_message
from voiceai.fakes.ssml import read_ssml
from voiceai.fakes.voices import Speak, say

__all__ = ["AzureSynthesis"]

DEFAULT_FORMAT: Final = "riff-16khz-16bit-mono-pcm"
PIECE_SECONDS: Final = 0.1
STREAM_ID: Final = "4A1B3C5D7E9F4A1B8C2D3E4F5A6B7C8D"


class AzureSynthesis:
    """The websocket.

    Attributes:
        endpoint: How it behaves, and what it was asked; each text is one request, and so is each
            connection that is refused.
    """

    def __init__(self, speak: Speak, key: str | None, voices: Container[str] | None) -> None:
        self.endpoint = Endpoint()
        self._speak = speak
        self._key = key
        self._voices = voices

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Serve one connection until it ends."""
        await self.endpoint.admit()
        status = self.endpoint.coming.status
        given = request.headers.get("Ocp-Apim-Subscription-Key", "")
        given = given or request.headers.get("Authorization", "").removeprefix("Bearer ")
        if status == 200 and wrong_key(given, self._key):
            status = 401
        if status != 200:
            await self.endpoint.open(request)
            return web.Response(status=status)
        socket = web.WebSocketResponse(protocols=[PROTOCOL])
        await socket.prepare(request)
        await _Connection(self.endpoint, request, socket, self._speak, self._voices).run()
        return socket


class _Connection(Connection[Message]):
    """One connection: texts are spoken one after the other."""

    def __init__(
        self,
        endpoint: Endpoint,
        request: web.Request,
        socket: web.WebSocketResponse,
        speak: Speak,
        voices: Container[str] | None,
    ) -> None:
        super().__init__(socket)
        self._endpoint = endpoint
        self._request = request
        self._speak = speak
        self._voices = voices
        self._context: Mapping[str, Any] = {}

    def take(self, came: WSMessage) -> Message | None:
        return parse(came.data) if came.type in (WSMsgType.TEXT, WSMsgType.BINARY) else None

    async def answer(self, message: Message) -> None:
        if message.path == "synthesis.context":
            self._context = message.json
        elif message.path == "ssml" and isinstance(message.body, str):
            await self._say(message.request_id, message.body)

    async def _say(self, request_id: str, ssml: str) -> None:
        exchange = await self._endpoint.open(self._request)
        exchange.asked.ssml = ssml
        exchange.asked.messages.append(("synthesis.context", self._context))
        audio = (self._context.get("synthesis") or {}).get("audio") or {}
        wanted = str(audio.get("outputFormat") or DEFAULT_FORMAT)
        sound = output_format(wanted)
        if sound is None:
            await self._refuse(f"Unsupported output format: {wanted}")
            return
        try:
            spoken = read_ssml(ssml)
        except ValueError as error:
            await self._refuse(str(error))
            return
        if self._voices is not None and spoken.voice not in self._voices:
            await self._refuse(f"Unsupported voice {spoken.voice}.")
            return
        pcm = await asyncio.to_thread(
            lambda: say(
                self._speak,
                spoken.text,
                spoken.voice,
                sound.sample_rate_hz,
                silent=exchange.behaviour.silent,
            )
        )
        options = audio.get("metadataOptions") or {}
        seconds = len(pcm) / (2 * sound.sample_rate_hz)
        words = Boundaries(
            spoken.text,
            seconds,
            words=bool(options.get("wordBoundaryEnabled")),
            punctuation=bool(options.get("punctuationBoundaryEnabled")),
            sentences=bool(options.get("sentenceBoundaryEnabled")),
        )
        await self._stream(exchange, request_id, sound, pcm, words)

    async def _stream(
        self,
        exchange: Exchange,
        request_id: str,
        sound: OutputFormat,
        pcm: bytes,
        words: Boundaries,
    ) -> None:
        await self._send("turn.start", request_id, {"context": {"serviceTag": request_id}})
        response = {
            "context": {"serviceTag": request_id},
            "audio": {"type": "inline", "streamId": STREAM_ID},
        }
        await self._send("response", request_id, response)
        data = await asyncio.to_thread(sound.encode, pcm)
        size = sound.piece_bytes(PIECE_SECONDS)
        for number, start in enumerate(range(0, len(data), size), 1):
            await exchange.before_piece()
            for word in words.until(number * PIECE_SECONDS):
                await self._send("audio.metadata", request_id, {"Metadata": [word]})
            piece = audio_message(
                request_id, STREAM_ID, sound.content_type, data[start : start + size]
            )
            await self._socket.send_bytes(piece)
        await exchange.before_piece()
        await self._socket.send_bytes(audio_message(request_id, STREAM_ID, "", b""))
        await self._send("turn.end", request_id, {})

    async def _refuse(self, reason: str) -> None:
        code = WSCloseCode.INVALID_TEXT
        await self._socket.close(code=code, message=reason.encode()[:120])

    async def _send(self, path: str, request_id: str, body: Mapping[str, Any]) -> None:
        await self._socket.send_str(text_message(path, request_id, body))
