"""espeak-ng, as a program: a robot's voice in a hundred languages. GPL, so never in process."""

import shutil
import subprocess
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, StringConstraints

from pipelines.errors import ServiceUnavailable
from pipelines.findings import Finding
from pipelines.resources import Resources
from pipelines.services.entry import Request, ServiceEntry
from pipelines.services.synthesis import LocalSynthesis
from pipelines.spec import PipelineSpec, Spec

PROGRAM = "espeak-ng"
WAVE_HEADER_BYTES = 44
TIMEOUT_SECONDS = 10.0
"""A sentence takes 0.01 s."""


class EspeakParams(Spec):
    """Parameters of the service ``espeak``.

    Attributes:
        voice: Name that ``espeak-ng --voices`` lists; the language's own unless given.
        words_per_minute: How fast it speaks.
    """

    voice: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_+./-]{1,40}$")] | None = None
    words_per_minute: int = Field(default=160, ge=80, le=400)


class Espeak:
    """One run of the program for each sentence, 8 ms of it start-up."""

    sample_rate = 22_050

    def __init__(self, voice: str, words_per_minute: int) -> None:
        self.name = f"espeak-{voice}-{words_per_minute}"
        self._voice = voice
        self._speed = words_per_minute

    def synthesize(self, text: str) -> NDArray[np.float32]:
        """Return the text as mono samples.

        Raises:
            ServiceUnavailable: The program is missing, fails or hangs.
        """
        program = shutil.which(PROGRAM)
        if program is None:
            raise ServiceUnavailable(_missing())
        command = [program, "--stdout", "-v", self._voice, "-s", str(self._speed), "--stdin"]
        try:
            done = subprocess.run(  # noqa: S603 - a fixed command; the text goes to its input
                command,
                input=text.encode(),
                capture_output=True,
                timeout=TIMEOUT_SECONDS,
                check=True,
            )
        except (OSError, subprocess.SubprocessError) as error:
            raise ServiceUnavailable(Finding(f"{PROGRAM} failed: {error}")) from error
        return samples_of_wave(done.stdout)


def samples_of_wave(data: bytes) -> NDArray[np.float32]:
    """Return the samples of a mono 16-bit WAV file with the plain header of 44 bytes.

    A program that writes to a pipe cannot know the length when it writes the header.
    """
    body = data[WAVE_HEADER_BYTES:]
    return np.frombuffer(body[: len(body) // 2 * 2], "<i2").astype(np.float32) / 32768.0


def _missing() -> Finding:
    fix = f"install it: apt-get install {PROGRAM}"
    return Finding(f"{PROGRAM} is not installed", fix=fix)


def voice_of(resources: Resources, params: EspeakParams, language: str) -> Espeak:
    """Return the shared voice of these parameters."""
    name = params.voice or language.lower()
    if params.voice is None and not name.startswith("en"):
        name = name.partition("-")[0]
    speed = params.words_per_minute
    return resources.engine(f"espeak {name} {speed}", lambda: Espeak(name, speed))


def _check(_resources: Resources, _params: EspeakParams, _spec: PipelineSpec) -> Finding | None:
    """Tell whether the program is missing."""
    return None if shutil.which(PROGRAM) else _missing()


def _load(resources: Resources, params: EspeakParams, spec: PipelineSpec) -> Espeak:
    voice = voice_of(resources, params, spec.language)
    resources.engine(f"{voice.name} speaks", lambda: len(voice.synthesize("1")))
    return voice


def _make(request: Request) -> LocalSynthesis:
    voice = voice_of(request.resources, request.params, request.spec.language)
    return LocalSynthesis(voice, request.resources, language=request.spec.language)


ESPEAK = ServiceEntry(make=_make, params=EspeakParams, check=_check, load=_load)
