"""A stage of a pipeline: its service alone, or the chain of those that take its place."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from pipecat.processors.frame_processor import FrameProcessor

from pipelines.fallback.llm import FIRST_WORD_SECONDS, LanguageModelChain
from pipelines.fallback.rung import RungParams
from pipelines.fallback.stt import START_SECONDS, TRANSCRIPT_SECONDS, RecognitionChain
from pipelines.fallback.tts import FIRST_SOUND_SECONDS, VoiceChain
from pipelines.flows.progress import Progress
from pipelines.ports import ConversationListener
from pipelines.registry import Kind
from pipelines.resources import Resources
from pipelines.services.entry import Request, ServiceEntry
from pipelines.spec import PipelineSpec, Spec

PATIENCE: Mapping[Kind, float] = {
    "stt": TRANSCRIPT_SECONDS,
    "llm": FIRST_WORD_SECONDS,
    "tts": FIRST_SOUND_SECONDS,
}

APOLOGIES: Mapping[str, str] = {
    "de": "Entschuldigung, da ist gerade etwas schiefgegangen. Sagen Sie es bitte noch einmal.",
    "en": "I am sorry, something went wrong just now. Could you say that again?",
    "es": "Perdón, algo ha fallado. ¿Puede repetirlo, por favor?",
    "fr": "Excusez-moi, un problème est survenu. Pouvez-vous répéter ?",
    "it": "Mi scusi, qualcosa non ha funzionato. Può ripetere, per favore?",
}
"""By language, English for all others."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A service of a stage.

    Attributes:
        name: In the registry.
        entry: What the registry knows.
        params: Checked.
        first_byte_ms: So long it may be silent; by its kind unless given.
    """

    name: str
    entry: ServiceEntry
    params: Spec
    first_byte_ms: int | None = None


def make_stage(
    kind: Kind,
    candidates: Sequence[Candidate],
    spec: PipelineSpec,
    resources: Resources,
    listener: ConversationListener,
    *,
    progress: Progress | None = None,
) -> FrameProcessor:
    """Make the processor of a stage.

    Args:
        kind: Of stage.
        candidates: The service, and those that take its place.
        spec: The whole pipeline.
        resources: Shared by all conversations.
        listener: Is told when a service fails.
        progress: Where the conversation is in its flow, if it has one.

    Returns:
        The service itself if it is alone and on this machine: nothing else can go wrong.
    """
    first = candidates[0]
    if len(candidates) == 1 and not first.entry.is_remote:
        return first.entry.make(Request(spec, first.params, resources, progress))
    rungs = [
        _rung(kind, each, Request(spec, each.params, resources, progress)) for each in candidates
    ]
    health = resources.health
    if kind == "stt":
        return RecognitionChain(rungs, health=health, listener=listener)
    if kind == "tts":
        return VoiceChain(rungs, health=health, listener=listener, language=spec.language)
    apology = APOLOGIES.get(spec.language_code, APOLOGIES["en"])
    return LanguageModelChain(rungs, health=health, listener=listener, apology=apology)


def turn_timeout(candidates: Sequence[Candidate]) -> float:
    """Return the seconds after speech at which a turn without a transcript is over.

    Each recogniser but the last is waited for; each but the first has to start.
    """
    longest = max(candidate.entry.turn_timeout for candidate in candidates)
    patience = [_patience("stt", candidate) for candidate in candidates]
    return longest + sum(patience[:-1]) + sum(max(START_SECONDS, each) for each in patience[1:])


def _rung(kind: Kind, candidate: Candidate, request: Request) -> RungParams:
    params = json.dumps(candidate.params.model_dump(mode="json"), sort_keys=True)
    return RungParams(
        name=candidate.name,
        key=f"{kind} {candidate.name} {request.spec.language} {params}",
        make=partial(candidate.entry.make, request),
        first_byte_seconds=_patience(kind, candidate),
    )


def _patience(kind: Kind, candidate: Candidate) -> float:
    if candidate.first_byte_ms is None:
        return PATIENCE[kind]
    return candidate.first_byte_ms / 1000
