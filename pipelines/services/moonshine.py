"""Moonshine tiny-en: English, 0.05 s for a short sentence; its model comes in its package."""

import ctypes
import importlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.errors import ServiceUnavailable
from pipelines.findings import Finding
from pipelines.models import MOONSHINE_TINY_EN
from pipelines.resources import Resources
from pipelines.services.entry import Request, ServiceEntry
from pipelines.services.recognition import MODEL_RATE, LocalRecognition
from pipelines.spec import PipelineSpec, Spec

SHORTEST_LINE = 0.2
"""Seconds. The library cuts speech into lines by a voice detector that remembers the audio before;
a line that is shorter than any word is such a memory, and is read as "You"."""


class MoonshineParams(Spec):
    """None: there is one model."""


class Moonshine:
    """The model, through the package's C library.

    Raises:
        ServiceUnavailable: The package or its files are missing or others.
    """

    def __init__(self) -> None:
        folder = MOONSHINE_TINY_EN.resolve()
        try:
            transcriber = importlib.import_module("moonshine_voice.transcriber")
        except (ImportError, OSError) as error:
            finding = Finding(f"moonshine-voice cannot be loaded: {error}")
            raise ServiceUnavailable(finding) from error
        self._module: Any = transcriber
        self._transcriber = transcriber.Transcriber(folder, transcriber.ModelArch.TINY)

    def recognise(self, samples: NDArray[np.float32]) -> str:
        """Return the text of mono samples at 16 kHz.

        The package's own method builds a list of Python floats and holds the interpreter for
        7 ms; the C function takes a pointer.
        """
        module, model = self._module, self._transcriber
        samples = np.ascontiguousarray(samples, np.float32)
        transcript = ctypes.POINTER(module.TranscriptC)()
        module.check_error(
            model._lib.moonshine_transcribe_without_streaming(  # noqa: SLF001 - see above
                model._handle,  # noqa: SLF001
                samples.ctypes.data_as(ctypes.POINTER(ctypes.c_float)),
                len(samples),
                MODEL_RATE,
                0,
                ctypes.byref(transcript),
            )
        )
        lines = model._parse_transcript(transcript).lines  # noqa: SLF001
        words = [line.text.strip() for line in lines if line.duration >= SHORTEST_LINE]
        return " ".join(words)

    def close(self) -> None:
        """Free the model."""
        self._transcriber.close()


def _engine(resources: Resources) -> Moonshine:
    def load() -> Moonshine:
        engine = Moonshine()
        resources.on_close(engine.close)
        return engine

    return resources.engine("moonshine", load)


def _check(_resources: Resources, _params: MoonshineParams, _spec: PipelineSpec) -> Finding | None:
    return MOONSHINE_TINY_EN.check()


def _load(resources: Resources, _params: MoonshineParams, _spec: PipelineSpec) -> None:
    _engine(resources).recognise(np.zeros(MODEL_RATE, np.float32))


def _make(request: Request) -> LocalRecognition:
    return LocalRecognition(
        _engine(request.resources),
        request.resources,
        language=request.spec.language,
        model="moonshine-tiny-en",
        latency=0.5,
        ahead=True,
    )


MOONSHINE = ServiceEntry(
    make=_make,
    params=MoonshineParams,
    check=_check,
    load=_load,
    languages=frozenset({"en"}),
    turn_timeout=1.2,
)
