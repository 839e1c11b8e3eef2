"""Mistral's transcription of files and its speech, as ``mistralai`` 2 speaks to them."""

import asyncio
import base64
import io
import wave
from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
from aiohttp import web

from voiceai.fakes.behaviour import Behaviour
from voiceai.fakes.chat import server_sent, words
from voiceai.fakes.endpoint import Endpoint
from voiceai.fakes.exchanges import EventStream, answer, refused
from voiceai.fakes.mistral_refusals import refusal
from voiceai.fakes.mp3 import encode_mp3
from voiceai.fakes.recognisers import Recogniser
from voiceai.fakes.voices import Speak, say

__all__ = ["SPEECH_RATE_HZ", "MistralSpeech", "MistralTranscription"]

SPEECH_RATE_HZ: Final = 24_000
PIECE_SECONDS: Final = 0.1
FILE_RATE_HZ: Final = 16_000
"""Of a file without a WAV header, which is taken as raw 16-bit mono."""

SAMPLE_BYTES: Final = 2


class MistralTranscription:
    """``POST /v1/audio/transcriptions``: a file, answered with JSON or a stream of events.

    Attributes:
        endpoint: How it behaves, and what it was asked.
    """

    def __init__(self, recogniser: Recogniser, key: str | None) -> None:
        self.endpoint = Endpoint()
        self._recogniser = recogniser
        self._key = key

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer one request."""
        exchange = await self.endpoint.open(request)
        asked = exchange.asked
        form = await request.post()
        asked.body = {name: value for name, value in form.items() if isinstance(value, str)}
        file = form.get("file")
        if isinstance(file, web.FileField):
            asked.audio += file.file.read()
        no_file = None if asked.audio else refusal(400, "No audio")
        if no := refused(exchange, self._key, no_file):
            return no
        pcm, rate = _samples_of_file(bytes(asked.audio))
        language = asked.body.get("language", "")
        transcript = self._recogniser.begin(language)
        text = await transcript.final(pcm, rate)
        text = "" if exchange.behaviour.silent else text
        seconds = len(pcm) / (SAMPLE_BYTES * rate)
        whole = _transcription(asked.body.get("model", ""), text, language, seconds)
        if asked.body.get("stream") != "true":
            return await answer(exchange, whole)
        with EventStream(exchange, request) as events:
            for word in words(text) if text else []:
                await events.send(_event({"type": "transcription.text.delta", "text": word}))
            await events.send(_event({**whole, "type": "transcription.done"}))
        return events.response


class MistralSpeech:
    """``POST /v1/audio/speech``: text, answered with a file or a stream of pieces.

    ``pcm`` is 32-bit float little-endian mono at 24 kHz; ``wav`` and ``mp3`` are of the same rate.

    Attributes:
        endpoint: How it behaves, and what it was asked.
    """

    def __init__(self, speak: Speak, key: str | None) -> None:
        self.endpoint = Endpoint()
        self._speak = speak
        self._key = key

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer one request."""
        exchange = await self.endpoint.open(request)
        exchange.asked.body = body = await request.json()
        wanted = str(body.get("response_format") or "mp3")
        unknown = None if wanted in _ENCODERS else refusal(400, f"No {wanted} here")
        if no := refused(exchange, self._key, unknown):
            return no
        pcm = await self._pcm(body, exchange.behaviour)
        usage = {"type": "speech.audio.done", "usage": _usage(str(body.get("input", "")))}
        encode = _ENCODERS[wanted]
        if not body.get("stream"):
            data = await asyncio.to_thread(encode, pcm)
            return await answer(exchange, {"audio_data": base64.b64encode(data).decode()})
        with EventStream(exchange, request) as events:
            for piece in _cut(pcm) if wanted == "pcm" else [pcm]:
                encoded = base64.b64encode(await asyncio.to_thread(encode, piece)).decode()
                await events.send(_event({"type": "speech.audio.delta", "audio_data": encoded}))
            await events.send(_event(usage))
        return events.response

    async def _pcm(self, body: Mapping[str, Any], behaviour: Behaviour) -> bytes:
        text, voice = str(body.get("input", "")), str(body.get("voice_id") or "")
        return await asyncio.to_thread(
            lambda: say(self._speak, text, voice, SPEECH_RATE_HZ, silent=behaviour.silent)
        )


def _event(data: Mapping[str, Any]) -> bytes:
    return server_sent(data, str(data["type"]))


def _transcription(model: str, text: str, language: str, seconds: float) -> dict[str, Any]:
    usage = {**_usage(text), "prompt_audio_seconds": round(seconds)}
    return {"model": model, "text": text, "language": language or None, "usage": usage}


def _usage(text: str) -> dict[str, int]:
    count = len(text.split())
    return {"prompt_tokens": 0, "completion_tokens": count, "total_tokens": count}


def _samples_of_file(data: bytes) -> tuple[bytes, int]:
    """Return 16-bit mono samples and their rate, of a WAV file or of raw samples."""
    if not data.startswith(b"RIFF"):
        return data[: len(data) // SAMPLE_BYTES * SAMPLE_BYTES], FILE_RATE_HZ
    with wave.open(io.BytesIO(data)) as file:
        rate, channels = file.getframerate(), file.getnchannels()
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2")
    return samples[::channels].tobytes(), rate


def _floats(pcm: bytes) -> bytes:
    return (np.frombuffer(pcm, "<i2") / 32768.0).astype("<f4").tobytes()


def _wave(pcm: bytes) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(SAMPLE_BYTES)
        writer.setframerate(SPEECH_RATE_HZ)
        writer.writeframes(pcm)
    return file.getvalue()


def _mp3(pcm: bytes) -> bytes:
    return encode_mp3(pcm, SPEECH_RATE_HZ)


def _cut(pcm: bytes) -> list[bytes]:
    size = SAMPLE_BYTES * round(PIECE_SECONDS * SPEECH_RATE_HZ)
    return [pcm[start : start + size] for start in range(0, len(pcm), size)]


_ENCODERS: Final[Mapping[str, Callable[[bytes], bytes]]] = {
    "pcm": _floats,
    "wav": _wave,
    "mp3": _mp3,
}
