"""A call of the laboratory: the product but for Asterisk and the store, with services of fakes."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipelines.errors import SpecError
from tests.support.fakes import KEY, azure_fake
from voiceai.fakes.azure import AzureFake
from voiceai.fakes.recognisers import ScriptedRecogniser
from voiceai.fakes.voices import murmur
from voiceai.lab import Impairments, Lab, Say

SHOP = """
name: shop
language: en-US
stt: {service: azure}
llm:
  service: scripted
  rules:
    - {when: ["open"], say: "At nine."}
    - {when: ["bye"], say: "Goodbye.", tool: {hangup: {}}}
tts: {service: azure, voice: en-US-JennyNeural}
turn: {stop: silence}
"""
BAD = Impairments(loss=0.05, delay=0.05, jitter=0.03)


def sound(words: int) -> np.ndarray[tuple[int], np.dtype[np.int16]]:
    """Something loud of 0.3 s a word."""
    return np.frombuffer(murmur(" ".join("x" * words), "", 8000), "<i2")


@pytest.fixture
async def fake() -> AsyncIterator[AzureFake]:
    async with azure_fake() as fake:
        yield fake


@pytest.fixture
async def lab(fake: AzureFake, tmp_path: Path) -> AsyncIterator[Lab]:
    settings: dict[str, Any] = {"azure_speech_endpoint": fake.url, "azure_speech_key": KEY}
    async with Lab(ports=(18_800, 18_898), voiceai_data_dir=tmp_path, **settings) as lab:
        yield lab


def understands(fake: AzureFake, *texts: str) -> None:
    assert isinstance(fake.recogniser, ScriptedRecogniser)
    fake.recogniser.expect(*texts)


async def test_a_call_is_recorded_with_its_turns_times_and_both_sides_sound(
    fake: AzureFake, lab: Lab
) -> None:
    understands(fake, "When open please?", "Bye.")
    said = [Say("When are you open?", audio=sound(2)), Say(audio=sound(2))]
    worse = Impairments(loss=0.2, delay=0.05, jitter=0.03)
    recording = await lab.call(SHOP, said, impairments=BAD, to_caller=worse)
    first, last = recording.exchanges

    assert recording.transcript.answers == ["At nine.", "Goodbye."]
    assert recording.transcript.ending == "hangup"
    assert recording.reason == "assistant_hung_up"
    assert (first.said, first.understood) == ("When are you open?", "When open please?")
    assert (last.said, last.understood) == (None, "Bye.")
    assert recording.word_error_rate == pytest.approx(3 / 4)
    assert recording.cut_offs == 0
    assert [each.answered is not None for each in recording.exchanges] == [True, True]
    assert first.ended - first.started == pytest.approx(0.6, abs=0.2)
    loud = np.flatnonzero(np.abs(recording.caller) > 0.05) / recording.sample_rate
    assert loud[0] == pytest.approx(first.started, abs=0.1)
    heard = np.flatnonzero(np.abs(recording.assistant) > 0.05) / recording.sample_rate
    assert first.answered is not None
    assert heard[0] == pytest.approx(first.answered, abs=0.1)
    assert "At nine." in recording.plot().svg
    assert recording.hearing.lost > 10
    assert 0.1 < recording.hearing.concealed < 0.5
    assert recording.hearing_error_rate is None


async def test_a_pipeline_that_is_wrong_is_refused_before_anybody_is_called(lab: Lab) -> None:
    with pytest.raises(SpecError, match="nosuch"):
        await lab.call("name: x\nstt: {service: nosuch}\n", [])
    with pytest.raises(SpecError, match="there is no pipeline 'nobody'"):
        await lab.chat("nobody", [])


async def test_several_calls_follow_each_other_and_wait_for_none(lab: Lab) -> None:
    quiet = "name: quiet\nlanguage: en-US\nstt: {service: azure}\ntts: {service: azure}\n"
    recordings = await asyncio.gather(lab.call(quiet, []), lab.call(quiet, [], codec="ulaw"))

    assert [each.reason for each in recordings] == ["caller_hung_up"] * 2
