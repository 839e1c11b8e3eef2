"""Our calls for ``bench capacity``: as ``serve`` has them, but for Asterisk and the services."""

import asyncio
import contextlib
import threading
import time
from collections.abc import AsyncIterator
from typing import Any, cast

from pipelines.registry import Registry
from pipelines.resources import Resources
from pipelines.services.entry import ServiceEntry
from pipelines.smart_turn import load_model
from pipelines.spec import Spec
from transports.engine import MediaEngine, make_engine
from transports.params import RtpParams
from transports.scheduling import scheduling_class
from voiceai.bench.capacity_subject import Subject
from voiceai.bench.delayed_services import DelayedModel, DelayedRecognition, DelayedVoice
from voiceai.bench.stub_conversation import StubServices, open_conversation
from voiceai.bench.timed_hearing import TimedHearing
from voiceai.calls.garbage import leave_out_what_stays
from voiceai.priority import prefer_this_thread, yield_this_thread

__all__ = ["voiceai_calls"]


@contextlib.asynccontextmanager
async def voiceai_calls(greeting: dict[str, Any]) -> AsyncIterator[Subject]:
    """Run a media engine, the shared models, and what calls are opened.

    Args:
        greeting: Says the ``placement`` of the media engine.
    """
    prefer_this_thread()
    async with contextlib.AsyncExitStack() as stack:
        resources = Resources(enter_thread=yield_this_thread)
        stack.push_async_callback(resources.aclose)
        engine = make_engine(RtpParams(placement=greeting["placement"]))
        await engine.start()
        stack.push_async_callback(engine.close)
        await asyncio.to_thread(load_model, resources)
        leave_out_what_stays()
        yield _Ours(stack, resources, engine)


class _Services(StubServices):
    """Stubs that wait, and a count of what voice activity detection takes."""

    def __init__(self, resources: Resources, engine: MediaEngine) -> None:
        self.hearing = TimedHearing(engine)
        super().__init__(resources, cast("MediaEngine", self.hearing))
        self.registry: Registry = {
            "stt": {"stub": ServiceEntry(make=lambda _: _recognition(), params=Spec)},
            "llm": {"stub": ServiceEntry(make=lambda _: DelayedModel(), params=Spec)},
            "tts": {"stub": ServiceEntry(make=lambda _: DelayedVoice(), params=Spec)},
        }


class _Ours:
    """The measured system; implements ``Subject``."""

    def __init__(
        self, stack: contextlib.AsyncExitStack, resources: Resources, engine: MediaEngine
    ) -> None:
        self._stack = stack
        self._engine = engine
        self._services = _Services(resources, engine)
        self._calls = 0
        turns = resources.threads["turn"].submit(threading.get_ident).result()
        self._turn_clock = time.pthread_getcpuclockid(turns)

    async def open_call(self, port: int) -> int:
        stream = await self._engine.open_stream()
        self._stack.callback(stream.close)
        stream.connect(("127.0.0.1", port))
        await self._stack.enter_async_context(
            open_conversation(self._services, stream, self._calls, smart_turn=True)
        )
        self._calls += 1
        return stream.port

    def parts(self) -> dict[str, float]:
        return {
            "voice activity": self._services.hearing.seconds,
            "turn model": time.clock_gettime(self._turn_clock),
        }

    def turns(self) -> int:
        return self._services.turns

    def scheduling(self) -> str:
        loop, media = scheduling_class(), self._engine.scheduling
        return loop if media == loop else f"{loop}, media process {media}"

    async def end(self) -> None:
        await self._engine.close()


def _recognition() -> DelayedRecognition:
    return DelayedRecognition(audio_passthrough=False)
