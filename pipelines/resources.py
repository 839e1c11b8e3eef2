"""What all conversations of a process share: threads, loaded engines, spoken sentences, keys."""

import asyncio
import threading
from collections import Counter, OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Final, Literal, Protocol, TypeVar, get_args

import numpy as np
from numpy.typing import NDArray

from pipelines import speech
from pipelines.fallback.health import ServiceHealth
from pipelines.params import ModelParams, Secrets
from pipelines.ports import LookUp
from pipelines.rules import sentences

T = TypeVar("T")
Stage = Literal["stt", "tts", "turn"]
STAGES: Final[tuple[Stage, ...]] = get_args(Stage)


class Voice(Protocol):
    """A local speech synthesis, used from one thread."""

    name: str
    """Unique among voices and their parameters: the key of what is cached."""
    sample_rate: int

    def synthesize(self, text: str) -> NDArray[np.float32]:
        """Return one sentence as mono samples of -1..1 at ``sample_rate``. Blocks."""
        ...


def _nothing(_stage: Stage) -> None:
    return None


class Resources:
    """Shared by all conversations; made once, closed once.

    One thread for each of recognition, synthesis and turn detection: a model gains nothing
    from more on a busy machine, and synthesis must not wait behind recognition.

    Attributes:
        secrets: Keys of cloud services.
        params: Where models are.
        health: Which services are worth asking.
        tool_secrets: Environment variables that the tool ``http`` may put into requests.
        look_up: The database of the tool ``look_up``; None without one.

    Args:
        enter_thread: Is called first in each of the threads, such as to set its priority.
    """

    def __init__(
        self,
        secrets: Secrets | None = None,
        params: ModelParams | None = None,
        *,
        enter_thread: Callable[[Stage], None] = _nothing,
    ) -> None:
        self.secrets = secrets or Secrets()
        self.params = params or ModelParams()
        self.health = ServiceHealth()
        self.tool_secrets: Mapping[str, str] = {}
        self.look_up: LookUp | None = None
        self.threads: dict[Stage, ThreadPoolExecutor] = {
            stage: ThreadPoolExecutor(
                max_workers=1,
                thread_name_prefix=stage,
                initializer=enter_thread,
                initargs=(stage,),
            )
            for stage in STAGES
        }
        self._at_work: Counter[Stage] = Counter()
        self._counting = threading.Lock()
        self._engines: dict[str, Any] = {}
        self._loading = threading.Lock()
        self._making: dict[str, threading.Lock] = {}
        self._closers: list[Callable[[], None]] = []
        self._async_closers: list[Callable[[], Awaitable[None]]] = []
        self._spoken: OrderedDict[tuple[str, str], bytes] = OrderedDict()
        self._spoken_bytes = 0

    def engine(self, name: str, load: Callable[[], T]) -> T:
        """Return what ``load`` made under this name, making it the first time.

        Blocks while it is made, beside others; pre-warm it before calls are taken.
        """
        with self._loading:
            making = self._making.setdefault(name, threading.Lock())
        with making:
            if name not in self._engines:
                self._engines[name] = load()
            engine: T = self._engines[name]
            return engine

    def is_idle(self, stage: Stage) -> bool:
        """Whether nobody waits for that thread, so that it may do what is perhaps of no use."""
        return not self._at_work[stage]

    def submit(self, stage: Stage, function: Callable[..., T], *arguments: Any) -> Future[T]:
        """Let the thread of a stage run a function, after what was asked for before."""
        with self._counting:
            self._at_work[stage] += 1
        future = self.threads[stage].submit(function, *arguments)
        future.add_done_callback(lambda _: self._done(stage))
        return future

    async def run(self, stage: Stage, function: Callable[..., T], *arguments: Any) -> T:
        """Do :meth:`submit`, and return what the function returns."""
        return await asyncio.wrap_future(self.submit(stage, function, *arguments))

    def on_close(self, closer: Callable[[], None]) -> None:
        """Call this when the resources are closed, the last one first."""
        self._closers.append(closer)

    def on_aclose(self, closer: Callable[[], Awaitable[None]]) -> None:
        """Await this when the resources are closed on a loop, such as a client's connections."""
        self._async_closers.append(closer)

    def cached_speech(self, voice: Voice, sentence: str) -> bytes | None:
        """Return a sentence that was synthesised before: 16-bit mono at 8 kHz."""
        key = (voice.name, sentence)
        pcm = self._spoken.get(key)
        if pcm is not None:
            self._spoken.move_to_end(key)
        return pcm

    async def speech(self, voice: Voice, sentence: str) -> bytes:
        """Return a sentence as 16-bit little-endian mono at 8 kHz, synthesised or from the cache.

        Raises:
            ServiceUnavailable: The voice cannot work.
        """
        pcm = self.cached_speech(voice, sentence)
        if pcm is None:
            loop = asyncio.get_running_loop()
            pcm = await loop.run_in_executor(self.threads["tts"], _synthesize, voice, sentence)
            self._remember((voice.name, sentence), pcm)
        return pcm

    async def prepare(self, voice: Voice, text: str) -> None:
        """Synthesise a text that will be said often, such as a greeting, into the cache."""
        for sentence in sentences(text):
            await self.speech(voice, sentence)

    async def aclose(self) -> None:
        """Close connections, then everything else, without blocking the loop."""
        while self._async_closers:
            await self._async_closers.pop()()
        await asyncio.to_thread(self.close)

    def close(self) -> None:
        """Stop the threads and what else was started; what runs is left to finish. Blocks."""
        for closer in reversed(self._closers):
            closer()
        self._closers.clear()
        for pool in self.threads.values():
            pool.shutdown(wait=True, cancel_futures=True)
        self._engines.clear()

    def _done(self, stage: Stage) -> None:
        with self._counting:
            self._at_work[stage] -= 1

    def _remember(self, key: tuple[str, str], pcm: bytes) -> None:
        if key in self._spoken:
            return
        self._spoken[key] = pcm
        self._spoken_bytes += len(pcm)
        while self._spoken_bytes > self.params.speech_cache_bytes and self._spoken:
            _, oldest = self._spoken.popitem(last=False)
            self._spoken_bytes -= len(oldest)


def _synthesize(voice: Voice, sentence: str) -> bytes:
    return speech.for_telephone(voice.synthesize(sentence), voice.sample_rate)
