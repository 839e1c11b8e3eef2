"""Azure Speech's recognition, as its SDK 1.53 speaks to it.

The client opens a turn with ``speech.context`` and sends ``audio``; an empty one ends it. The
server answers with ``turn.start``, and for every phrase ``speech.startDetected``,
``speech.hypothesis`` and ``speech.phrase``; then ``speech.endDetected`` and ``turn.end``. Offsets
count from the turn's first sample, in ticks of 100 ns.
"""

from collections.abc import AsyncIterator, Mapping
from typing import Any, Final

from aiohttp import WSMessage, WSMsgType, web

from voiceai.fakes.azure_formats import WAVE_HEADER_BYTES, InputFormat, input_format
from voiceai.fakes.connection import Connection
from voiceai.fakes.endpoint import Endpoint, Exchange
from voiceai.fakes.hearing import SILENCE_SECONDS
from voiceai.fakes.listening import Final as FinalText
from voiceai.fakes.listening import Interim, Listening, Onset, Understood
from voiceai.fakes.microsoft_messages import Message, parse, text_message, ticks
from voiceai.fakes.recognisers import Recogniser

__all__ = ["PROTOCOL", "AzureRecognition", "wrong_key"]

PROTOCOL: Final = "USP"
ONE_PHRASE: Final = "INTERACTIVE"
"""A mode in which a turn ends after its first phrase."""


class AzureRecognition:
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
        if exchange.refused:
            return web.Response(status=exchange.behaviour.status)
        if wrong_key(exchange.asked.key, self._key):
            return web.Response(status=401)
        socket = web.WebSocketResponse(protocols=[PROTOCOL])
        await socket.prepare(request)
        await _Connection(exchange, socket, self._recogniser).run()
        return socket


def wrong_key(given: str, right: str | None) -> bool:
    """Return whether a key is refused; None takes any but none at all."""
    return not given or (right is not None and given != right)


class _Connection(Connection[Message]):
    """One connection, in which turns follow each other."""

    def __init__(
        self, exchange: Exchange, socket: web.WebSocketResponse, recogniser: Recogniser
    ) -> None:
        super().__init__(socket)
        self._exchange = exchange
        self._recogniser = recogniser
        self._format = InputFormat()
        self._context: Mapping[str, Any] = {}
        self._turn: _Turn | None = None

    def take(self, came: WSMessage) -> Message | None:
        if came.type not in (WSMsgType.TEXT, WSMsgType.BINARY):
            return None
        asked, message = self._exchange.asked, parse(came.data)
        if isinstance(message.body, bytes):
            asked.audio += b"" if message.body.startswith(b"RIFF") else message.body
        else:
            asked.messages.append((message.path, message.json))
        return message

    async def answer(self, message: Message) -> None:
        match message.path:
            case "speech.context":
                self._context = message.json
            case "audio" if isinstance(message.body, bytes):
                await self._hear(message.request_id, message.body)
            case _:
                pass

    def abandon(self) -> None:
        if self._turn:
            self._turn.listening.abandon()

    async def _hear(self, request_id: str, audio: bytes) -> None:
        if found := input_format(audio):
            self._format = found
            audio = audio[WAVE_HEADER_BYTES:]
            if not audio:
                return
        turn = self._turn
        if turn is None or turn.request_id != request_id:
            turn = self._turn = await self._start(request_id)
        if turn.over:
            return
        if audio:
            async for understood in turn.listening.hear(self._format.decode(audio)):
                await self._tell(turn, understood)
                if turn.over:
                    return
        else:
            async for understood in turn.listening.finish():
                await self._tell(turn, understood)
            if not turn.over:
                await self._end(turn)

    async def _start(self, request_id: str) -> "_Turn":
        detection = self._context.get("phraseDetection") or {}
        language = str(
            detection.get("language") or self._exchange.asked.query.get("language") or ""
        )
        mode = str(detection.get("mode") or "")
        segmentation = (detection.get(mode) or {}).get("segmentation") or {}
        milliseconds = segmentation.get("segmentationSilenceTimeoutMs")
        silence = float(milliseconds) / 1000 if milliseconds else SILENCE_SECONDS
        listening = Listening(self._recogniser, self._format.sample_rate_hz, language, silence)
        turn = _Turn(request_id, listening, one_phrase=mode.upper() == ONE_PHRASE)
        tag = {"context": {"serviceTag": request_id}}
        await self._exchange.before_piece(first=False)
        await self._send("turn.start", request_id, tag)
        return turn

    async def _tell(self, turn: "_Turn", understood: Understood) -> None:
        async for first, path, body in self._messages_for(turn, understood):
            await self._exchange.before_piece(first=first)
            await self._send(path, turn.request_id, body)
        if isinstance(understood, FinalText) and turn.one_phrase:
            await self._end(turn)

    async def _messages_for(
        self, turn: "_Turn", understood: Understood
    ) -> AsyncIterator[tuple[bool, str, dict[str, Any]]]:
        silent = self._exchange.behaviour.silent
        match understood:
            case Onset(offset):
                if not turn.spoke:
                    turn.spoke = True
                    yield False, "speech.startDetected", {"Offset": ticks(offset)}
            case Interim(text, offset, seconds):
                if not silent:
                    yield False, "speech.hypothesis", {"Text": text, **_span(offset, seconds)}
            case FinalText(text, offset, seconds):
                text = "" if silent else text
                status = "Success" if text else "NoMatch"
                turn.phrases += 1
                body = {"RecognitionStatus": status, "DisplayText": text, **_span(offset, seconds)}
                yield True, "speech.phrase", body

    async def _end(self, turn: "_Turn") -> None:
        turn.over = True
        turn.listening.abandon()
        await self._exchange.before_piece(first=False)
        offset = {"Offset": ticks(turn.listening.seconds)}
        if turn.one_phrase and not turn.phrases:
            nothing = {"RecognitionStatus": "InitialSilenceTimeout", "Offset": 0, "Duration": 0}
            await self._send("speech.phrase", turn.request_id, nothing)
        await self._send("speech.endDetected", turn.request_id, offset)
        await self._send("turn.end", turn.request_id, {})

    async def _send(self, path: str, request_id: str, body: Mapping[str, Any]) -> None:
        await self._socket.send_str(text_message(path, request_id, body))


class _Turn:
    """What belongs to one request id."""

    def __init__(self, request_id: str, listening: Listening, *, one_phrase: bool) -> None:
        self.request_id = request_id
        self.listening = listening
        self.one_phrase = one_phrase
        self.over = False
        self.spoke = False
        self.phrases = 0


def _span(offset: float, seconds: float) -> dict[str, int]:
    return {"Offset": ticks(offset), "Duration": ticks(seconds)}
