"""Mistral's realtime transcription, as ``mistralai.extra.realtime`` speaks to it.

A websocket at ``/v1/audio/transcriptions/realtime?model=``. The server greets with
``session.created``. Audio comes as base64 in ``input_audio.append``; ``input_audio.flush`` ends
an utterance and ``input_audio.end`` the audio. Texts go out as ``transcription.text.delta``, each
with what was added, and ``transcription.done`` with the whole.
"""

import base64
import json
from collections.abc import Mapping
from typing import Any, Final, cast

from aiohttp import WSMessage, WSMsgType, web

from voiceai.fakes.connection import Connection
from voiceai.fakes.endpoint import Endpoint, Exchange
from voiceai.fakes.exchanges import refused
from voiceai.fakes.recognisers import Recogniser, Transcript

__all__ = ["MistralRealtime"]

DEFAULT_RATE_HZ: Final = 16_000
SAMPLE_BYTES: Final = 2


class MistralRealtime:
    """The websocket.

    Attributes:
        endpoint: How it behaves, and what it was asked; each connection is one request.
    """

    def __init__(self, recogniser: Recogniser, key: str | None) -> None:
        self.endpoint = Endpoint()
        self._recogniser = recogniser
        self._key = key

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Serve one connection until it ends."""
        await self.endpoint.admit()
        exchange = await self.endpoint.open(request)
        if no := refused(exchange, self._key, None):
            return no
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        session = _Session(exchange, socket, self._recogniser)
        await session.run()
        return socket


class _Session(Connection[Mapping[str, Any]]):
    """One connection, in which utterances follow each other."""

    def __init__(
        self, exchange: Exchange, socket: web.WebSocketResponse, recogniser: Recogniser
    ) -> None:
        super().__init__(socket)
        self._exchange = exchange
        self._recogniser = recogniser
        self._format: dict[str, Any] = {"encoding": "pcm_s16le", "sample_rate": DEFAULT_RATE_HZ}
        self._delay_ms: int | None = None
        self._pcm = bytearray()
        self._text = ""
        self._transcript: Transcript | None = None

    def take(self, came: WSMessage) -> Mapping[str, Any] | None:
        if came.type is not WSMsgType.TEXT:
            return None
        asked, data = self._exchange.asked, json.loads(came.data)
        if data.get("type") == "input_audio.append":
            asked.audio += base64.b64decode(data["audio"])
        else:
            asked.messages.append((str(data.get("type")), data))
        return cast("Mapping[str, Any]", data)

    async def greet(self) -> None:
        await self._exchange.before_piece(first=False)
        await self._send({"type": "session.created", "session": self._description()})

    async def answer(self, message: Mapping[str, Any]) -> None:
        match message.get("type"):
            case "session.update":
                await self._update(message.get("session") or {})
            case "input_audio.append":
                await self._hear(base64.b64decode(message["audio"]))
            case "input_audio.flush":
                await self._finish()
            case "input_audio.end":
                if self._pcm:
                    await self._finish()
                await self._socket.close()
            case unknown:
                await self._refuse(f"Unknown message type {unknown}")

    def abandon(self) -> None:
        if self._transcript:
            self._transcript.abandon()

    async def _update(self, session: Mapping[str, Any]) -> None:
        self._format = session.get("audio_format") or self._format
        self._delay_ms = session.get("target_streaming_delay_ms", self._delay_ms)
        await self._send({"type": "session.updated", "session": self._description()})

    async def _hear(self, pcm: bytes) -> None:
        self._pcm += pcm
        language = ""
        if self._transcript is None:
            self._transcript = self._recogniser.begin(language)
        rate = self._rate
        seconds = len(self._pcm) / (SAMPLE_BYTES * rate)
        if not self._transcript.due(seconds):
            return
        text = await self._transcript.so_far(bytes(self._pcm), rate, seconds)
        if text and not self._exchange.behaviour.silent:
            await self._grow(text, first=False)

    async def _finish(self) -> None:
        transcript = self._transcript or self._recogniser.begin("")
        text = await transcript.final(bytes(self._pcm), self._rate)
        seconds = len(self._pcm) / (SAMPLE_BYTES * self._rate)
        self._transcript = None
        self._pcm.clear()
        if self._exchange.behaviour.silent:
            text = ""
        grew = await self._grow(text, first=True)
        self._text = ""
        await self._exchange.before_piece(first=not grew)
        await self._send(
            {
                "type": "transcription.done",
                "model": self._exchange.asked.query.get("model", ""),
                "text": text,
                "language": None,
                "segments": [],
                "usage": {"prompt_audio_seconds": round(seconds)},
            }
        )

    async def _grow(self, text: str, *, first: bool) -> bool:
        """Send what a text has more than the one before; a real one never takes words back."""
        added = text.removeprefix(self._text) if text.startswith(self._text) else ""
        if not added:
            return False
        self._text = text
        await self._exchange.before_piece(first=first)
        await self._send({"type": "transcription.text.delta", "text": added})
        return True

    @property
    def _rate(self) -> int:
        return int(self._format["sample_rate"])

    def _description(self) -> dict[str, Any]:
        return {
            "request_id": f"request-{self._exchange.asked.number}",
            "model": self._exchange.asked.query.get("model", ""),
            "audio_format": self._format,
            "target_streaming_delay_ms": self._delay_ms,
        }

    async def _refuse(self, message: str) -> None:
        await self._send({"type": "error", "error": {"message": message, "code": 3000}})

    async def _send(self, data: Mapping[str, Any]) -> None:
        await self._socket.send_json(data)
