"""Assistants, records and callers for calls from a simulated Asterisk."""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Any

from aiohttp import web

from asterisk.gateway import Gateway
from asterisk.simulated_call import SimulatedCall
from asterisk.simulated_target import SimulatedTarget
from asterisk.simulator import AsteriskSimulator
from pipelines.loader import load_pipeline
from tests.support.waiting import until
from transports.audio.level import level_dbfs
from voiceai.store.records import CallRecord, Message, Turn
from voiceai.store.repository import Assistant

NUMBER = "4920189098720"

IMPATIENT = load_pipeline(
    """
name: impatient
extends: local-en
greeting: Hello.
idle: {after_ms: 1000, times: 0}
recording: {enabled: true, announce: This call is recorded., keep_days: 7}
""",
    source="impatient",
)
"""Hangs up on a caller who says nothing."""


SWITCHBOARD = load_pipeline(
    """
name: switchboard
extends: local-en
greeting: Hello.
llm:
  service: scripted
  rules: [{when: ["DTMF: 0"], say: "One moment.", tool: {transfer: {to: "100"}}}]
  otherwise: ["Please press zero."]
""",
    source="switchboard",
)
"""Transfers a caller who presses zero."""


RECEPTION = load_pipeline(
    """
name: reception
extends: local-en
greeting: Hello.
llm:
  service: scripted
  rules:
    - when: ["DTMF: 0"]
      tool:
        transfer:
          {to: "100", mode: attended, announce: A caller.}
    - when: ["DTMF: 1"]
      tool:
        transfer:
          to: "100"
          mode: attended
          announce: >-
            A caller would like to speak with you about an order that was made a long time ago and
            has not arrived until today although it was sent by express mail in the morning.
          when_unanswered: Nobody is there.
  otherwise: ["Please press zero."]
""",
    source="reception",
)
"""Asks another first: at length for a caller who presses one."""


DISCREET = load_pipeline(
    """
name: discreet
language: de-DE
stt: {service: mistral}
llm: {service: mistral, model: m}
tts: {service: mistral, voice: voice_481}
turn: {stop: silence}
tools: [{collect_digits: {name: customer, description: The number, max: 4}}]
recording: {enabled: true, channels: caller}
""",
    source="discreet",
)
"""Asks for digits that nobody else is to know."""


Serve = Callable[..., AbstractAsyncContextManager[Gateway]]


class Records:
    """Keeps what was said and why calls ended.

    Attributes:
        ended: By call, the reason of its end.
        turns: Of all calls.
        messages: Of all calls, by number.
        recordings: By call, the latest news of it.
    """

    def __init__(self) -> None:
        self.messages: dict[int, Message] = {}
        self.recordings: dict[str, Mapping[str, Any]] = {}
        self._spoken = asyncio.Event()
        self.ended: dict[str, str] = {}
        self.turns: list[Turn] = []

    def begin_call(self, call: CallRecord) -> None:
        pass

    def answer_call(
        self, call_id: str, answered_at: datetime, assistant: Assistant | None = None
    ) -> None:
        pass

    def add_turn(self, call_id: str, turn: Turn) -> None:
        self.turns.append(turn)
        self._spoken.set()

    def add_message(self, call_id: str, message: Message) -> None:
        self.messages[message.n] = message
        self._spoken.set()

    def add_recording(self, call_id: str, recording: Mapping[str, Any]) -> None:
        self.recordings[call_id] = recording

    def results(self) -> list[object]:
        """What came of the tools."""
        return [message.content.get("result") for message in self.messages.values()]

    async def noted(self, messages: int) -> None:
        """Wait until so many messages were added."""
        async with asyncio.timeout(5):
            while len(self.messages) < messages:
                self._spoken.clear()
                await self._spoken.wait()

    async def said(self, text: str) -> None:
        """Wait until it was said."""
        async with asyncio.timeout(5):
            while text not in [turn.text for turn in self.turns]:
                self._spoken.clear()
                await self._spoken.wait()

    def end_call(
        self,
        call_id: str,
        ended_at: datetime,
        reason: str,
        details: Mapping[str, Any] | None = None,
    ) -> None:
        self.ended[call_id] = reason


async def impatient(number: str, _call_id: str) -> Assistant | None:
    """Who answers any number."""
    return Assistant("1", "impatient", (number,), IMPATIENT)


async def switchboard(number: str, _call_id: str) -> Assistant | None:
    """Who answers any number."""
    return Assistant("2", "switchboard", (number,), SWITCHBOARD)


async def discreet(number: str, _call_id: str) -> Assistant | None:
    """Who answers any number."""
    return Assistant("4", "discreet", (number,), DISCREET)


async def reception(number: str, _call_id: str) -> Assistant | None:
    """Who answers any number."""
    return Assistant("3", "reception", (number,), RECEPTION)


async def dialled(
    asterisk: AsteriskSimulator, digit: str = "0"
) -> tuple[SimulatedCall, SimulatedTarget]:
    """A caller who wants to be put through, and who is called for it."""
    call = asterisk.new_call(NUMBER)
    async with asyncio.timeout(5):
        await call.joined
        call.press(digit)
        call.press("#")
        return call, await asterisk.targets.next()


async def reason(gateway: Gateway, records: Records, call: SimulatedCall) -> str:
    """Return what the record says, once the call is over."""
    await asyncio.wait_for(call.ended, 10)
    await until(lambda: not gateway.legs)
    [recorded] = records.ended.values()
    return recorded


def refuse(name: str) -> Callable[[str], Any]:
    """Make an Asterisk that answers one request with an error of its own."""

    async def before_request(request: str) -> None:
        if name in request:
            raise web.HTTPInternalServerError

    return before_request


def loud_seconds(pcm: bytes) -> list[float]:
    """When there is more than noise, from the beginning."""
    frames = range(0, len(pcm), 320)
    return [at / 16_000 for at in frames if level_dbfs(pcm[at : at + 320]) > -40]
