"""What the registry knows about a service."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pipecat.processors.frame_processor import FrameProcessor

from pipelines.findings import Finding
from pipelines.flows.progress import Progress
from pipelines.resources import Resources, Voice
from pipelines.spec import PipelineSpec, Spec


@dataclass(frozen=True, slots=True)
class Request:
    """What a service is made of.

    Attributes:
        spec: The whole pipeline.
        params: Checked parameters of this service, an instance of the entry's model.
        resources: Shared by all conversations.
        progress: Where the conversation is in its flow, if it has one.
    """

    spec: PipelineSpec
    params: Any
    resources: Resources
    progress: Progress | None = None


def _ready(_resources: Resources, _params: Any, _spec: PipelineSpec) -> Finding | None:
    return None


def _nothing(_resources: Resources, _params: Any, _spec: PipelineSpec) -> None:
    return None


@dataclass(frozen=True, slots=True)
class ServiceEntry:
    """A service.

    Attributes:
        make: Makes one conversation's service; must not block.
        params: Model of its parameters.
        check: Tells what is missing on this machine, quickly.
        load: Loads what all conversations share; blocks, is called off the loop. Returns the
            voice, if it is one whose sentences are cached.
        languages: Language codes it knows; None for all.
        turn_timeout: Of a recognition: seconds after speech at which a turn without a
            transcript is over.
        ends_utterances: Of a recognition: whether it judges itself when an utterance is over;
            others give their text where the voice detector hears a pause.
        calls_tools: Of a language model: whether it is told which tools there are.
        follows_rules: Of a language model: whether it goes by rules, also those of a flow's nodes.
        is_remote: Whether it can fail for reasons that lie elsewhere: it errs, hangs, is away.
    """

    make: Callable[[Request], FrameProcessor]
    params: type[Spec]
    check: Callable[[Resources, Any, PipelineSpec], Finding | None] = _ready
    load: Callable[[Resources, Any, PipelineSpec], Voice | None] = _nothing
    languages: frozenset[str] | None = None
    turn_timeout: float = 3.0
    ends_utterances: bool = False
    calls_tools: bool = False
    follows_rules: bool = False
    is_remote: bool = False
