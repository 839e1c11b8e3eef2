"""hibari: an English voice, 0.02 s for a sentence; its model comes in its package."""

import importlib
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from pipelines.errors import ServiceUnavailable
from pipelines.findings import Finding
from pipelines.models import HIBARI_HEART
from pipelines.resources import Resources
from pipelines.services.entry import Request, ServiceEntry
from pipelines.services.synthesis import LocalSynthesis
from pipelines.spec import PipelineSpec, Spec


class HibariParams(Spec):
    """Parameters of the service ``hibari``.

    Attributes:
        speed: 1.0 is the voice's own.
    """

    speed: float = Field(default=1.0, ge=0.5, le=2.0)


class Hibari:
    """The voice "heart".

    Raises:
        ServiceUnavailable: The package or its files are missing or others.
    """

    def __init__(self, speed: float) -> None:
        HIBARI_HEART.resolve()
        try:
            hibari = importlib.import_module("hibari")
        except ImportError as error:
            finding = Finding(f"hibari-tts cannot be loaded: {error}")
            raise ServiceUnavailable(finding) from error
        self._hibari: Any = hibari.Hibari(voice="heart", threads=1)
        self._speed = speed
        self.name = f"hibari-heart-{speed}"
        self.sample_rate: int = hibari.SAMPLE_RATE

    def synthesize(self, text: str) -> NDArray[np.float32]:
        """Return the text as mono samples; the same text gives the same samples."""
        samples: NDArray[np.float32] = self._hibari(text, speed=self._speed, seed=0)
        return samples


def _voice(resources: Resources, params: HibariParams) -> Hibari:
    return resources.engine(f"hibari {params.speed}", lambda: Hibari(params.speed))


def _check(_resources: Resources, _params: HibariParams, _spec: PipelineSpec) -> Finding | None:
    return HIBARI_HEART.check()


def _load(resources: Resources, params: HibariParams, _spec: PipelineSpec) -> Hibari:
    voice = _voice(resources, params)
    voice.synthesize("Hello.")
    return voice


def _make(request: Request) -> LocalSynthesis:
    voice = _voice(request.resources, request.params)
    return LocalSynthesis(voice, request.resources, language=request.spec.language)


HIBARI = ServiceEntry(
    make=_make,
    params=HibariParams,
    check=_check,
    load=_load,
    languages=frozenset({"en"}),
)
