"""Which ears there are, and that an engine runs them."""

import importlib.util
from collections.abc import Callable
from typing import cast

import numpy as np
import pytest

from transports.audio.endpointing import EndpointingParams, Hearing, Verdict
from transports.errors import ModelUnavailable
from transports.hearing import make_voice_activity
from transports.media import MediaEngine
from transports.rtp.events import ArrivedAudio
from transports.vad import VoiceActivity, VoiceDetector

LOUD = (np.random.default_rng(1).normal(0, 3000, 160)).astype("<i2").tobytes()


class Engine:
    """Runs what it is given when the test says so."""

    def __init__(self) -> None:
        self.tick: Callable[[], None] = lambda: None

    def after_hearing(self, then: Callable[[], None]) -> None:
        self.tick = then


@pytest.fixture
def engine() -> Engine:
    return Engine()


@pytest.fixture
def activity(engine: Engine) -> VoiceActivity:
    return make_voice_activity(cast("MediaEngine", engine))


def listen(detector: VoiceDetector) -> list[Hearing]:
    heard: list[Hearing] = []
    detector.on_hearing = heard.append
    return heard


def test_calls_with_different_models_are_heard_in_the_same_tick(
    engine: Engine, activity: VoiceActivity
) -> None:
    by_energy = activity.open(EndpointingParams(), model="energy")
    by_threshold = activity.open(EndpointingParams(threshold=-10.0), model="energy")
    by_silero = activity.open(EndpointingParams())
    heard = [listen(ear) for ear in (by_energy, by_threshold, by_silero)]

    for number in range(50):
        for ear in (by_energy, by_threshold, by_silero):
            ear.put(ArrivedAudio(LOUD, float(number)))
        engine.tick()

    assert activity.windows == 3 * 31
    started = [Verdict.STARTED in [each.verdict for each in windows] for windows in heard]
    assert started == [True, False, False]  # loud noise is speech by its energy alone


def test_an_unknown_model_is_an_error(activity: VoiceActivity) -> None:
    with pytest.raises(KeyError):
        activity.open(EndpointingParams(), model="ears")


@pytest.mark.skipif(importlib.util.find_spec("torch") is not None, reason="torch is installed here")
def test_what_is_not_installed_is_named_with_its_remedy(activity: VoiceActivity) -> None:
    with pytest.raises(ModelUnavailable, match=r"torch.*requirements-silero\.lock"):
        activity.load("silero-torch")
