"""The laboratory: hold conversations with pipelines, in text and by voice, and look at them."""

import contextlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import SecretStr

from pipelines.loader import load_pipeline, resolve
from pipelines.resources import Resources
from pipelines.spec import PipelineSpec
from transports.audio.codec import Codec
from transports.netem import Impairments
from voiceai.app import make_resources
from voiceai.fakes.mistral import MistralFake
from voiceai.lab.caller import follow
from voiceai.lab.comparison import Comparison
from voiceai.lab.exchange import Exchange
from voiceai.lab.judge import MISTRAL, Judge
from voiceai.lab.listening import listen
from voiceai.lab.prices import NO_PRICES, Prices
from voiceai.lab.recording import Recording, record
from voiceai.lab.spoken import DIGITS, Say, Sound, caller_voice, say_of, to_pcm, to_samples
from voiceai.lab.stand_in import answer
from voiceai.lab.text_call import open_text_call
from voiceai.lab.transcript import Transcript
from voiceai.lab.trials import GOOD_NETWORK, QUIET_ROOM_DBFS, Condition, Trials
from voiceai.settings import Settings, load_settings
from voiceai.store.shelf import Shelf
from voiceai.telemetry.logging import configure_logging

__all__ = ["Lab"]

PORTS = (30_100, 30_198)
"""Beyond those of calls and of Asterisk, so that a laboratory runs beside ``serve``."""
PATIENCE_SECONDS = 8.0
ANSWER_SECONDS = 10.0

Pipeline = PipelineSpec | str | Path
Spoken = Say | str | bytes | NDArray[Any]


class Lab:
    """A place to try pipelines out; an async context manager.

    Args:
        ports: The first and the last UDP port for calls.
        stand_in: Where no key for Mistral is set, let something answer in its place that finds
            its answers in the prompt (``stand_in``).
        judge: A language model that plays callers and judges conversations, as under ``llm:`` of
            a pipeline; Mistral's where there is a key for it.
        log_level: Least severe line that is logged; None leaves logging as it is.
        settings: Fields of :class:`voiceai.settings.Settings` that win over the environment,
            such as ``mistral_base_url=fake.url``.

    Raises:
        SettingsError: The environment is wrong.
    """

    def __init__(
        self,
        *,
        ports: tuple[int, int] = PORTS,
        stand_in: bool = False,
        judge: Mapping[str, Any] | None = None,
        log_level: str | None = "ERROR",
        **settings: Any,
    ) -> None:
        given = Settings(**settings)
        wanted = {name: getattr(given, name) for name in settings}
        self._settings = load_settings().settings.model_copy(update=wanted)
        self._ports = ports
        self._stands_in = stand_in and self._settings.mistral_api_key is None
        self._log_level = log_level
        has_key = self._settings.mistral_api_key is not None
        self._judge = judge or (MISTRAL if has_key else None)
        self._shelf = Shelf(self._settings.voiceai_pipelines)
        self._stack = contextlib.AsyncExitStack()
        self._exchanges: dict[Codec, Exchange] = {}
        self._resources: Resources | None = None

    async def __aenter__(self) -> Self:
        return await self.open()

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def open(self) -> Self:
        """Open it, where a block would be in the way, as in notebooks."""
        settings = self._settings
        if self._log_level is not None:
            configure_logging("text", self._log_level, secrets=settings.secret_values())
        if self._stands_in:
            fake = MistralFake(respond=answer, strict=False)
            await self._stack.enter_async_context(fake)
            instead = {"mistral_base_url": fake.url, "mistral_api_key": SecretStr("none")}
            settings = settings.model_copy(update=instead)
        resources = self._resources = make_resources(settings)
        self._stack.push_async_callback(resources.aclose)
        return self

    async def close(self) -> None:
        """Close it."""
        await self._stack.aclose()
        self._exchanges.clear()
        self._resources = None

    @property
    def model(self) -> str:
        """What answers for Mistral here."""
        return "a stand-in without a key" if self._stands_in else "Mistral"

    def pipeline(self, pipeline: Pipeline) -> PipelineSpec:
        """Return a pipeline, checked.

        Args:
            pipeline: Itself, its YAML text, its file, or its name.

        Raises:
            SpecError: There is none, or something in it is wrong.
        """
        if isinstance(pipeline, PipelineSpec):
            return pipeline
        if isinstance(pipeline, str) and "\n" in pipeline:
            return load_pipeline(pipeline, source="text", known=self._shelf.known)
        return resolve(self._shelf.find(str(pipeline)), self._shelf.known).spec

    async def chat(self, pipeline: Pipeline, lines: Sequence[str]) -> Transcript:
        """Hold a conversation in text.

        Args:
            pipeline: Who answers.
            lines: What the caller says, a turn a line; ``/digits 123#`` types.

        Raises:
            SpecError: The pipeline cannot be built.
            ServiceUnavailable: A model or a key is missing.
            TimeoutError: No answer comes.
        """
        async with open_text_call(self.pipeline(pipeline), self._ready()) as call:
            await call.until_ready()
            for line in lines:
                if line.startswith(DIGITS):
                    await call.press(line.removeprefix(DIGITS).strip())
                else:
                    await call.say(line)
                await call.until_ready()
            return call.transcript

    async def call(
        self,
        pipeline: Pipeline,
        turns: Sequence[Spoken],
        *,
        impairments: Impairments = GOOD_NETWORK,
        to_caller: Impairments = GOOD_NETWORK,
        listens: bool = False,
        seed: int = 1,
        noise_dbfs: float = QUIET_ROOM_DBFS,
        codec: str = "alaw",
        patience: float = PATIENCE_SECONDS,
    ) -> Recording:
        """Hold a conversation by voice, in real time, over the media engine.

        Args:
            pipeline: Who answers.
            turns: What the caller says: text, audio, ``/digits 123#`` or a :class:`Say`.
            impairments: Of the network from the caller to the assistant.
            to_caller: Of the network from the assistant to the caller.
            listens: Whether a local recogniser says what can be made out of the answers.
            seed: Of its chance.
            noise_dbfs: White noise in the caller's room.
            codec: ``alaw`` or ``ulaw``.
            patience: Seconds that the caller waits for the beginning of an answer.

        Raises:
            SpecError: The pipeline cannot be built.
            ServiceUnavailable: A model, a key or a voice is missing.
        """
        spec = self.pipeline(pipeline)
        exchange = await self._exchange(Codec(codec))
        paths = impairments, to_caller
        async with exchange.dial(spec, *paths, seed=seed, noise_dbfs=noise_dbfs) as call:

            async def speech(say: Say) -> Sound:
                return Sound.of(await self._sound(say, spec), noise_dbfs, seed)

            said = await follow(
                call,
                [say_of(turn) for turn in turns],
                speech,
                greeted=bool(spec.opening),
                patience=patience,
            )
        recording = record(spec.name, call, said)
        return await listen(recording, spec, self._ready()) if listens else recording

    async def speech(self, pipeline: Pipeline, text: str) -> NDArray[np.float32]:
        """Return a text in the local voice of a pipeline's language: -1..1 at 8 kHz."""
        pcm = await self._sound(Say(text), self.pipeline(pipeline))
        return to_samples(pcm)

    async def compare(
        self,
        pipelines: Mapping[str, Pipeline],
        scenarios: str | Path,
        *,
        prices: Prices = NO_PRICES,
        patience: float = ANSWER_SECONDS,
        at_once: int = 4,
    ) -> Comparison:
        """Let the same callers talk to several pipelines, in text, and score what comes of it.

        Args:
            pipelines: By the name that the comparison shows.
            scenarios: Who calls, what they say, and what is expected: YAML of ``pipecat.evals``,
                or its file.
            prices: Of what they use.
            patience: Seconds after which an expectation does not hold, unless it has a
                ``within_ms`` of its own.
            at_once: So many conversations at a time.

        Raises:
            ValueError: Something in the scenarios is wrong.
            SpecError: A pipeline cannot be built.
            ServiceUnavailable: A model or a key is missing.
        """
        from voiceai.lab.evaluation import Evaluation  # noqa: PLC0415 - 0.6 s for others
        from voiceai.lab.scenarios import load_scenarios  # noqa: PLC0415

        specs = {name: self.pipeline(each) for name, each in pipelines.items()}
        resources = self._ready()
        judge = Judge(resources, self._judge)
        evaluation = Evaluation(resources, judge, patience=patience, at_once=at_once)
        outcomes = await evaluation.run(specs, load_scenarios(scenarios))
        return Comparison(tuple(outcomes), prices)

    async def try_out(
        self,
        pipeline: Pipeline,
        turns: Sequence[Spoken],
        conditions: Mapping[str, Condition],
        *,
        times: int = 1,
    ) -> Trials:
        """Hold the same conversation by voice under each of some conditions.

        Args:
            pipeline: Who answers.
            turns: What the caller says.
            conditions: By name.
            times: So often under each, with another chance of the network.
        """
        return Trials(
            {
                name: [
                    await self.call(
                        pipeline,
                        turns,
                        impairments=each.impairments,
                        to_caller=each.to_caller,
                        listens=True,
                        seed=each.seed + number,
                        noise_dbfs=each.noise_dbfs,
                        codec=each.codec,
                    )
                    for number in range(times)
                ]
                for name, each in conditions.items()
            }
        )

    def _ready(self) -> Resources:
        if self._resources is None:
            raise RuntimeError("open it first: `async with Lab() as lab`, or `await lab.open()`")
        return self._resources

    async def _exchange(self, codec: Codec) -> Exchange:
        if codec not in {Codec.ALAW, Codec.ULAW}:
            raise ValueError(f"the caller's telephone speaks alaw and ulaw, not {codec.value}")
        if codec not in self._exchanges:
            exchange = Exchange(self._ready(), codec, self._ports)
            self._exchanges[codec] = await self._stack.enter_async_context(exchange)
        return self._exchanges[codec]

    async def _sound(self, say: Say, spec: PipelineSpec) -> bytes:
        """Return a turn as 16-bit mono at 8 kHz; digits have no sound."""
        if say.audio is not None:
            return to_pcm(say.audio)
        if not say.text:
            return b""
        resources = self._ready()
        voice = await resources.run("tts", caller_voice, resources, spec)
        return await resources.speech(voice, say.text)
