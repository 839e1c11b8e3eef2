"""SVOX Pico: the best free German voice that installs from packages (Debian, non-free)."""

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from pipelines.errors import ServiceUnavailable
from pipelines.findings import Finding
from pipelines.resources import Resources
from pipelines.services import pico_speaker
from pipelines.services.entry import Request, ServiceEntry
from pipelines.services.pico_speaker import LENGTH, LINGWARE
from pipelines.services.synthesis import LocalSynthesis
from pipelines.spec import PipelineSpec, Spec

SYSTEM_LIBRARIES = (Path("/usr/lib"), Path("/usr/local/lib"))
SYSTEM_LINGWARE = Path("/usr/share/pico/lang")
LIBRARY = "libttspico.so.0"
TEXT_ANALYSIS = LINGWARE["de-DE"][0]
"""A file that is where the languages are."""
SHUTDOWN_SECONDS = 2.0

PicoLanguage = Literal["de-DE", "en-GB", "en-US", "es-ES", "fr-FR", "it-IT"]


class PicoParams(Spec):
    """Parameters of the service ``pico``.

    Attributes:
        voice: The pipeline's language unless given.
        speed: Per cent of the voice's own.
        pitch: Likewise.
    """

    voice: PicoLanguage | None = None
    speed: Annotated[int, Field(ge=50, le=200)] = 100
    pitch: Annotated[int, Field(ge=50, le=200)] = 100


@dataclass(frozen=True, slots=True)
class Installation:
    """Where Pico's library and its languages are."""

    library: Path
    lingware: Path


def installed(resources: Resources) -> Installation | None:
    """Return where Pico is; looked for once."""
    return resources.engine("pico", lambda: find(resources.params.pico_dir))


def find(private: Path | None) -> Installation | None:
    """Return where Pico is, in the system's own place or anywhere below a private folder."""
    system = chain.from_iterable(
        folder.glob(pattern) for folder in SYSTEM_LIBRARIES for pattern in (LIBRARY, f"*/{LIBRARY}")
    )
    found = _installation(system, SYSTEM_LINGWARE.glob(TEXT_ANALYSIS))
    if found is None and private is not None:
        found = _installation(private.rglob(LIBRARY), private.rglob(TEXT_ANALYSIS))
    return found


def _installation(libraries: Iterator[Path], languages: Iterator[Path]) -> Installation | None:
    library, language = next(libraries, None), next(languages, None)
    return Installation(library, language.parent) if library and language else None


class Pico:
    """A voice in a process of its own, started when it is first needed, and again if it dies."""

    sample_rate = 16_000

    def __init__(self, installation: Installation, language: str, params: PicoParams) -> None:
        self.name = f"pico-{language}-{params.speed}-{params.pitch}"
        self._markup = (
            f'<speed level="{params.speed}"><pitch level="{params.pitch}">{{}}</pitch></speed>'
        )
        self._command = [
            sys.executable,
            "-I",
            "-S",
            pico_speaker.__file__,
            str(installation.library),
            str(installation.lingware),
            language,
        ]
        self._process: subprocess.Popen[bytes] | None = None

    def synthesize(self, text: str) -> NDArray[np.float32]:
        """Return the text as mono samples.

        Raises:
            ServiceUnavailable: The process cannot be started, or died twice over this text.
        """
        plain = text.replace("<", " ").replace(">", " ").replace("&", " + ")
        data = self._markup.format(plain).encode()
        try:
            audio = self._ask(data)
        except OSError:
            self.close()
            try:
                audio = self._ask(data)
            except OSError as error:
                self.close()
                raise ServiceUnavailable(Finding(f"Pico does not speak: {error}")) from error
        return np.frombuffer(audio, "<i2").astype(np.float32) / 32768.0

    def close(self) -> None:
        """End the process."""
        process, self._process = self._process, None
        if process is None:
            return
        with contextlib.suppress(OSError):
            if process.stdin:
                process.stdin.close()
        try:
            process.wait(SHUTDOWN_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout:
            process.stdout.close()

    def _ask(self, data: bytes) -> bytes:
        if self._process is None:
            self._process = subprocess.Popen(  # noqa: S603 - our own file, by this Python
                self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE
            )
        requests, answers = self._process.stdin, self._process.stdout
        if requests is None or answers is None:
            raise BrokenPipeError("no pipes")
        requests.write(LENGTH.pack(len(data)) + data)
        requests.flush()
        head = answers.read(LENGTH.size)
        if len(head) < LENGTH.size:
            raise BrokenPipeError("it ended")
        (length,) = LENGTH.unpack(head)
        audio = answers.read(length)
        if len(audio) < length:
            raise BrokenPipeError("it ended in the middle of an answer")
        return audio


def _missing() -> Finding:
    fix = "fetch it: make pico (from Debian's non-free), or use espeak"
    return Finding("Pico is not installed", fix=fix)


def voice_of(resources: Resources, params: PicoParams, language: str) -> Pico:
    """Return the shared voice of these parameters.

    Raises:
        ServiceUnavailable: Pico is not installed, or does not speak the language.
    """
    installation = installed(resources)
    if installation is None:
        raise ServiceUnavailable(_missing())
    voice = params.voice or closest(language)
    if voice is None:
        known = ", ".join(sorted(LINGWARE))
        raise ServiceUnavailable(Finding(f"Pico does not speak {language}", fix=f"it has {known}"))

    def start() -> Pico:
        pico = Pico(installation, voice, params)
        resources.on_close(pico.close)
        return pico

    return resources.engine(f"pico {voice} {params.speed} {params.pitch}", start)


def closest(language: str) -> str | None:
    """Return Pico's name of a language: its own region if it has it, else the one it has."""
    if language in LINGWARE:
        return language
    code = language.partition("-")[0]
    return next((name for name in reversed(LINGWARE) if name.startswith(f"{code}-")), None)


def _check(resources: Resources, _params: PicoParams, _spec: PipelineSpec) -> Finding | None:
    """Tell whether Pico is missing."""
    return None if installed(resources) else _missing()


def _load(resources: Resources, params: PicoParams, spec: PipelineSpec) -> Pico:
    voice = voice_of(resources, params, spec.language)
    voice.synthesize("1")
    return voice


def _make(request: Request) -> LocalSynthesis:
    voice = voice_of(request.resources, request.params, request.spec.language)
    return LocalSynthesis(voice, request.resources, language=request.spec.language)


PICO = ServiceEntry(
    make=_make,
    params=PicoParams,
    check=_check,
    load=_load,
    languages=frozenset(name.partition("-")[0] for name in LINGWARE),
)
