"""What can be made out of what a caller heard: a local recogniser listens in the caller's place."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import soxr
from numpy.typing import NDArray

from pipelines.errors import ServiceUnavailable
from pipelines.registry import REGISTRY
from pipelines.resources import Resources
from pipelines.services.moonshine import Moonshine
from pipelines.services.whisper import Whisper
from pipelines.spec import PipelineSpec
from voiceai.lab.recording import MadeOut, Recording
from voiceai.lab.spoken import SAMPLE_RATE_HZ
from voiceai.lab.transcript import Turn

__all__ = ["listen", "spans"]

MODEL_RATE_HZ = 16_000
LONGEST_SECONDS = 10.0
"""Of an answer that is listened to; models take 11."""
BEFORE_SECONDS, AFTER_SECONDS = 0.1, 0.6
"""An answer is heard later than it was sent, by the network and the playout."""
QUIET_SECONDS = 0.5
"""Around it, which recognition needs."""


async def listen(recording: Recording, spec: PipelineSpec, resources: Resources) -> Recording:
    """Return a recording with what a listener makes out of the answers.

    Args:
        recording: Of a call.
        spec: Of its pipeline: the language.
        resources: The models.

    Raises:
        ServiceUnavailable: There is no model for the language on this machine.
    """
    name = "moonshine" if spec.language_code == "en" else "whisper"
    entry = REGISTRY["stt"][name]
    params = entry.params()
    if missing := entry.check(resources, params, spec):
        raise ServiceUnavailable(missing)
    await resources.run("stt", entry.load, resources, params, spec)
    made_out = []
    for turn, started, ended in spans(recording.transcript.turns):
        sound = _padded(recording.hearing.between(started, ended))
        heard = await resources.run("stt", _recognise, resources, spec.language_code, sound)
        made_out.append(MadeOut(turn.text, heard))
    return replace(recording, made_out=tuple(made_out))


def spans(turns: Sequence[Turn]) -> list[tuple[Turn, float, float]]:
    """Return the answers that were said to their end, and when they were heard, in seconds."""
    found = []
    answers = [turn for turn in turns if turn.role == "assistant"]
    for number, turn in enumerate(answers):
        started = turn.started_ms / 1000 - BEFORE_SECONDS
        ended = turn.ended_ms / 1000 + AFTER_SECONDS
        if number + 1 < len(answers):
            ended = min(ended, answers[number + 1].started_ms / 1000)
        if turn.text and not turn.interrupted and ended - started <= LONGEST_SECONDS:
            found.append((turn, started, ended))
    return found


def _padded(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    quiet = np.zeros(round(QUIET_SECONDS * SAMPLE_RATE_HZ), np.float32)
    return np.concatenate((quiet, samples, quiet))


def _recognise(resources: Resources, language: str, samples: NDArray[np.float32]) -> str:
    """Return the words; the models were loaded before."""
    at_rate = np.asarray(soxr.resample(samples, SAMPLE_RATE_HZ, MODEL_RATE_HZ))
    if language == "en":
        return resources.engine("moonshine", Moonshine).recognise(at_rate)
    whisper = resources.engine("whisper", lambda: Whisper(resources.params.cache_dir))
    return whisper.recognise(at_rate, language, short=True)
