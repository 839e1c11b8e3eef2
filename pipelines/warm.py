"""Before the first call: load models, import libraries, speak greetings into the cache."""

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any

from loguru import logger
from pipecat.processors.frame_processor import FrameProcessor

from pipelines import smart_turn
from pipelines.builder import build
from pipelines.errors import ServiceUnavailable, SpecError
from pipelines.findings import Finding
from pipelines.ports import AttendedTransfer, AudioTap, EarlyPauseTap, PauseTap
from pipelines.registry import KINDS, Kind
from pipelines.resources import Resources, Stage, Voice
from pipelines.spec import PipelineSpec
from pipelines.validate import candidates_of, validate

POOL: Mapping[Kind, Stage] = {"stt": "stt", "llm": "tts", "tts": "tts"}
"""In whose thread a stage's model is loaded: where it will be used."""


async def warm(
    resources: Resources, specs: Iterable[PipelineSpec]
) -> Mapping[str, tuple[Finding, ...]]:
    """Load what these pipelines need and build each once, so that no call has to wait.

    Returns:
        By name, what is wrong with those that cannot be built; the others are ready.
    """
    wrong: dict[str, tuple[Finding, ...]] = {}
    for spec in specs:
        findings = [
            found for found in validate(spec, resources=resources) if found.severity == "error"
        ]
        if not findings:
            try:
                await _warm(resources, spec)
            except SpecError as error:
                findings = list(error.findings)
            except ServiceUnavailable as error:
                findings = [error.finding]
        if findings:
            wrong[spec.name] = tuple(findings)
        else:
            logger.bind(pipeline=spec.name).info("pipeline.ready")
    return wrong


async def _warm(resources: Resources, spec: PipelineSpec) -> None:
    loop = asyncio.get_running_loop()
    judge = loop.run_in_executor(resources.threads["turn"], smart_turn.load_model, resources)
    stages = (_load(resources, spec, kind) for kind in KINDS)
    loaded = await asyncio.gather(judge, *stages, return_exceptions=True)
    voices: list[Voice] = []
    for result in loaded:
        if isinstance(result, BaseException):
            raise result
        if isinstance(result, list):
            voices += result
    nobody = _Nobody()
    conversation = build(
        spec,
        transport=nobody,
        resources=resources,
        control=nobody,
        listener=nobody,
        call_id="warm",
    )
    await conversation.worker.cleanup()
    for voice in voices:
        for text in (spec.opening, spec.idle.say if spec.idle else ""):
            await resources.prepare(voice, text)


async def _load(resources: Resources, spec: PipelineSpec, kind: Kind) -> list[Voice]:
    """Load the models of a stage and of what takes its place; return its voices."""
    loop = asyncio.get_running_loop()
    voices: list[Voice] = []
    for one in candidates_of(spec, kind):
        missing = one.entry.check(resources, one.params, spec)
        if missing and missing.severity == "error":
            continue  # another one of the chain is there
        loaded = await loop.run_in_executor(
            resources.threads[POOL[kind]], one.entry.load, resources, one.params, spec
        )
        if loaded:
            voices.append(loaded)
    return voices


class _Nobody:
    """A telephone, a call and a listener that do nothing."""

    def input(self) -> FrameProcessor:
        return FrameProcessor()

    def output(self) -> FrameProcessor:
        return FrameProcessor()

    @property
    def is_held(self) -> bool:
        return False

    def allow_barge_in(self, *, hold: bool) -> None:
        del hold

    def dismiss_barge_in(self) -> None:
        return None

    def expect_speech(self, *, expected: bool) -> None:
        del expected

    def add_audio_tap(self, tap: AudioTap) -> None:
        del tap

    def add_early_pause_tap(self, tap: EarlyPauseTap) -> None:
        del tap

    def add_pause_tap(self, tap: PauseTap) -> None:
        del tap

    async def hangup(self) -> None:
        return None

    async def transfer(self, to: str) -> None:
        del to

    async def consult(self, transfer: AttendedTransfer) -> None:
        del transfer

    async def send_digits(self, digits: str) -> None:
        del digits

    def caller_turn(self, text: str, *, started_at: float | None) -> None:
        del text, started_at

    def assistant_turn(self, text: str, *, interrupted: bool) -> None:
        del text, interrupted

    def tool_called(self, name: str, arguments: Mapping[str, Any]) -> None:
        del name, arguments

    def tool_returned(self, name: str, result: object, *, failed: bool = False) -> None:
        del name, result, failed

    def service_failed(self, kind: str, service: str, *, reason: str, instead: str | None) -> None:
        del kind, service, reason, instead
