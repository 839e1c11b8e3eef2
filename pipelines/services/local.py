"""The best of what is on this machine, by language: what a pipeline gets that names nothing.

Speech to text: Moonshine for English, Whisper else. Text to speech: hibari for English;
else Pico if it is installed, and espeak-ng if not.
"""

from dataclasses import replace

from pipecat.processors.frame_processor import FrameProcessor

from pipelines.findings import Finding
from pipelines.resources import Resources, Voice
from pipelines.services.entry import Request, ServiceEntry
from pipelines.services.espeak import ESPEAK
from pipelines.services.hibari import HIBARI
from pipelines.services.moonshine import MOONSHINE
from pipelines.services.pico import PICO, closest, installed
from pipelines.services.whisper import WHISPER
from pipelines.spec import PipelineSpec, Spec


class LocalParams(Spec):
    """None: name a service of its own to set its parameters."""


def recogniser(language: str) -> ServiceEntry:
    """Return the recognition for a language."""
    return MOONSHINE if language.partition("-")[0] == "en" else WHISPER


def voice(resources: Resources, spec: PipelineSpec) -> ServiceEntry:
    """Return the synthesis for a pipeline's language."""
    if spec.language_code == "en":
        return ESPEAK if HIBARI.check(resources, HIBARI.params(), spec) else HIBARI
    return PICO if closest(spec.language) and installed(resources) else ESPEAK


def _check_recogniser(
    resources: Resources, _params: LocalParams, spec: PipelineSpec
) -> Finding | None:
    entry = recogniser(spec.language)
    return entry.check(resources, entry.params(), spec)


def _load_recogniser(resources: Resources, _params: LocalParams, spec: PipelineSpec) -> None:
    entry = recogniser(spec.language)
    entry.load(resources, entry.params(), spec)


def _make_recogniser(request: Request) -> FrameProcessor:
    entry = recogniser(request.spec.language)
    return entry.make(replace(request, params=entry.params()))


def _check_voice(resources: Resources, _params: LocalParams, spec: PipelineSpec) -> Finding | None:
    entry = voice(resources, spec)
    missing = entry.check(resources, entry.params(), spec)
    if (
        missing is None
        and entry is ESPEAK
        and spec.language_code != "en"
        and closest(spec.language)
    ):
        return Finding(
            f"{spec.language} is spoken by espeak-ng, which sounds like a robot",
            fix="for a better voice: make pico (SVOX Pico, from Debian's non-free)",
            severity="hint",
        )
    return missing


def _load_voice(resources: Resources, _params: LocalParams, spec: PipelineSpec) -> Voice | None:
    entry = voice(resources, spec)
    return entry.load(resources, entry.params(), spec)


def _make_voice(request: Request) -> FrameProcessor:
    entry = voice(request.resources, request.spec)
    return entry.make(replace(request, params=entry.params()))


LOCAL_STT = ServiceEntry(
    make=_make_recogniser,
    params=LocalParams,
    check=_check_recogniser,
    load=_load_recogniser,
    turn_timeout=2.0,
)
LOCAL_TTS = ServiceEntry(make=_make_voice, params=LocalParams, check=_check_voice, load=_load_voice)
