"""Mistral on this machine: chat, transcription, realtime transcription and speech.

The chat is any OpenAI-compatible server's too. Give `base_url` to a chat client and `url` to
``mistralai`` as ``server_url``.
"""

import asyncio
from collections.abc import Sequence
from typing import Any

from aiohttp import web

from voiceai.fakes.chat import Part, Pause, Respond, completion, echo, events
from voiceai.fakes.endpoint import Endpoint
from voiceai.fakes.exchanges import EventStream, answer, refused
from voiceai.fakes.mistral_audio import MistralSpeech, MistralTranscription
from voiceai.fakes.mistral_realtime import MistralRealtime
from voiceai.fakes.mistral_refusals import check_chat
from voiceai.fakes.recognisers import Recogniser, ScriptedRecogniser
from voiceai.fakes.server import Provider
from voiceai.fakes.voices import Speak, murmur

__all__ = ["MistralFake"]


class MistralFake(Provider):
    """The provider; a context manager.

    Attributes:
        server: As of every provider.
        chat: How ``/v1/chat/completions`` behaves, and what it was asked.
        transcription: The same of ``/v1/audio/transcriptions``.
        realtime: The same of ``/v1/audio/transcriptions/realtime``.
        speech: The same of ``/v1/audio/speech``.
        recogniser: What both transcriptions understand.
    """

    def __init__(
        self,
        *,
        respond: Respond = echo,
        recogniser: Recogniser | None = None,
        speak: Speak = murmur,
        key: str | None = None,
        strict: bool = True,
        port: int = 0,
    ) -> None:
        """Prepare the server.

        Args:
            respond: What the model answers once `expect` has nothing more.
            recogniser: What is understood; a script that is still empty unless given.
            speak: The voice.
            key: The right one; None takes any but none at all.
            strict: Refuse what Mistral refuses and other compatible servers take.
            port: 0 takes a free one.
        """
        self.chat = Endpoint()
        self.recogniser = recogniser or ScriptedRecogniser()
        self._transcription = MistralTranscription(self.recogniser, key)
        self._realtime = MistralRealtime(self.recogniser, key)
        self._speech = MistralSpeech(speak, key)
        self.transcription = self._transcription.endpoint
        self.realtime = self._realtime.endpoint
        self.speech = self._speech.endpoint
        super().__init__(
            [
                web.post("/v1/chat/completions", self._complete),
                web.post("/v1/audio/transcriptions", self._transcription.handle),
                web.get("/v1/audio/transcriptions/realtime", self._realtime.handle),
                web.post("/v1/audio/speech", self._speech.handle),
                web.get("/v1/models", self._models),
            ],
            (self.chat, self.transcription, self.realtime, self.speech),
            port,
        )
        self._respond = respond
        self._replies: list[Sequence[Part]] = []
        self._key = key
        self._strict = strict

    @property
    def url(self) -> str:
        """What ``mistralai`` takes as ``server_url``."""
        return self.server.url

    @property
    def base_url(self) -> str:
        """What chat clients take as ``base_url``."""
        return f"{self.server.url}/v1"

    def expect(self, *replies: Sequence[Part]) -> None:
        """Answer the next conversations with these, and those after them as `respond` does."""
        self._replies = list(replies)

    async def _complete(self, request: web.Request) -> web.StreamResponse:
        exchange = await self.chat.open(request)
        exchange.asked.body = body = await request.json()
        checked = check_chat(body) if self._strict else None
        if no := refused(exchange, self._key, checked):
            return no
        parts = self._parts(body)
        if exchange.behaviour.silent:
            parts = []
        if not body.get("stream"):
            await asyncio.sleep(sum(part.seconds for part in parts if isinstance(part, Pause)))
            return await answer(exchange, completion(parts, body))
        with EventStream(exchange, request) as stream:
            for event in events(parts, body):
                if isinstance(event, Pause):
                    await asyncio.sleep(event.seconds)
                else:
                    await stream.send(event)
            await stream.done()
        return stream.response

    def _parts(self, body: dict[str, Any]) -> Sequence[Part]:
        return self._replies.pop(0) if self._replies else self._respond(body)

    async def _models(self, request: web.Request) -> web.Response:
        del request
        models = [{"id": "mistral-small-latest", "object": "model"}]
        return web.json_response({"object": "list", "data": models})
