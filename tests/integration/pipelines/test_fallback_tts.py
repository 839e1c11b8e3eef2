"""Voices that take each other's place."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager

import pytest
from pipecat.frames.frames import (
    Frame,
    InterruptionFrame,
    LLMFullResponseEndFrame,
    LLMFullResponseStartFrame,
    LLMTextFrame,
    TTSAudioRawFrame,
    TTSSpeakFrame,
    TTSStoppedFrame,
    TTSTextFrame,
    TTSUpdateSettingsFrame,
)
from pipecat.processors.frame_processor import FrameDirection
from pipecat.services.settings import TTSSettings

from pipelines.fallback.health import ServiceHealth
from pipelines.fallback.tts import VoiceChain
from tests.integration.pipelines.chain_line import PATIENCE, RATE, Line, Voice, rung, running


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipelines.fallback.tts.LAST_SOUND_SECONDS", 4 * PATIENCE)


class Voices:
    """A chain of voices by name, and what each was to say."""

    def __init__(self, **does: list[str]) -> None:
        self.line = Line()
        self.asked: list[tuple[str, str]] = []
        self._does = does

    def running(self) -> AbstractAsyncContextManager[None]:
        chain = VoiceChain(
            [
                rung(name, lambda name=name, does=does: Voice(does, self.asked, name))  # type: ignore[misc]
                for name, does in self._does.items()
            ],
            health=ServiceHealth(),
            listener=self.line,
            language="en-US",
        )
        return running(self.line, chain)

    async def say(self, text: str) -> float:
        """Have it said; returns the seconds of audio."""
        stopped = len(self.line.of(TTSStoppedFrame))
        before = self.seconds()
        await self.line.put(TTSSpeakFrame(text))
        await self.line.until(lambda: len(self.line.of(TTSStoppedFrame)) > stopped, 8)
        return round(self.seconds() - before, 2)

    def seconds(self) -> float:
        return sum(len(frame.audio) for frame in self.line.of(TTSAudioRawFrame)) / 2 / RATE


async def test_the_first_speaks_while_it_works() -> None:
    voices = Voices(first=["speak"], second=["speak"])
    async with voices.running():
        assert await voices.say("good morning all") == 0.32
    assert voices.asked == [("first", "good morning all")]
    assert (voices.line.failures, voices.line.words()) == ([], ["good", "morning", "all"])


@pytest.mark.parametrize(
    ("trouble", "reason"),
    [
        ("error", "status 401"),
        ("raise", "OSError: no route"),
        ("hang", "silent for 0.1 s"),
        ("nothing", "sent no sound"),
        ("silence", "sends silence"),
    ],
)
async def test_the_next_speaks_the_sentence_when_the_first_does_not(
    trouble: str, reason: str
) -> None:
    voices = Voices(first=[trouble], second=["speak"])
    async with voices.running():
        assert await voices.say("good morning all") == 0.32
    assert voices.line.failures == [("first", reason, "second")]
    assert voices.line.words() == ["good", "morning", "all"]
    assert voices.line.errors == []


async def test_a_sentence_that_breaks_off_is_spoken_again() -> None:
    voices = Voices(first=["break"], second=["speak"])
    async with voices.running():
        assert await voices.say("good morning all") == 0.44
    assert voices.line.words() == ["good", "morning", "all"]


async def test_an_error_is_told_when_no_voice_works_and_the_next_sentence_is_tried() -> None:
    voices = Voices(first=["error", "speak"], second=["raise"])
    async with voices.running():
        await voices.line.put(TTSSpeakFrame("good morning"))
        await voices.line.until(lambda: voices.line.errors)
    assert "no voice works" in voices.line.errors[0]
    assert [instead for _, _, instead in voices.line.failures] == ["second", None]


async def test_what_cannot_be_spoken_is_nobodys_fault() -> None:
    voices = Voices(first=["error"], second=["speak"])
    async with voices.running():
        await voices.line.put(TTSSpeakFrame("\u2014"), TTSSpeakFrame("good morning"))
        await voices.line.until(lambda: voices.line.words()[-2:] == ["good", "morning"], 2)
    assert voices.asked == [("first", "good morning"), ("second", "good morning")]


async def test_the_last_voice_is_waited_for_longer() -> None:
    voices = Voices(first=["error"], second=["slow"])
    async with voices.running():
        assert await voices.say("good morning all") == 0.32
    assert [instead for _, _, instead in voices.line.failures] == ["second"]


async def test_words_of_a_voice_that_was_made_anew_are_told_with_their_audio() -> None:
    line, made = Line(), list[Voice]()

    def make() -> Voice:
        made.append(Voice(["break"] if not made else ["speak"], [], "only"))
        return made[-1]

    chain = VoiceChain(
        [rung("only", make)], health=ServiceHealth(), listener=line, language="en-US"
    )
    async with running(line, chain):
        await line.put(
            LLMFullResponseStartFrame(),
            LLMTextFrame("One two three. "),
            LLMTextFrame("Four five. "),
            LLMFullResponseEndFrame(),
        )
        await line.until(lambda: "Four" in line.words())
    words = {frame.text: frame for frame in line.of(TTSTextFrame)}
    one, four = words["One"], words["Four"]
    assert 1e-9 * (four.pts - one.pts) >= 0.1


async def test_an_interruption_leaves_the_voices_usable() -> None:
    voices = Voices(first=["break", "speak"], second=["speak"])
    async with voices.running():
        await voices.line.put(TTSSpeakFrame("let me think"))
        await voices.line.until(voices.seconds)
        await voices.line.put(InterruptionFrame())
        await voices.line.until(lambda: voices.line.of(InterruptionFrame))
        voices.line.frames.clear()
        assert await voices.say("good morning") == 0.22
    assert voices.line.failures == []


SENTENCES = (
    LLMFullResponseStartFrame(),
    LLMTextFrame("One two three. "),
    LLMTextFrame("Four five. "),
    LLMFullResponseEndFrame(),
)


async def test_what_nobody_could_say_of_a_sentence_is_not_told_as_said() -> None:
    line, does = Line(), ["break", "speak"]
    chain = VoiceChain(
        [rung("only", lambda: Voice([does.pop(0)], [], "only"))],
        health=ServiceHealth(),
        listener=line,
        language="en-US",
    )
    async with running(line, chain):
        await line.put(*SENTENCES)
        await line.until(lambda: line.of(TTSStoppedFrame))
    assert line.words() == ["One", "Four", "five."]


async def test_a_sentence_that_nobody_began_leaves_no_word() -> None:
    voices = Voices(first=["error"], second=["raise"])
    async with voices.running():
        await voices.line.put(*SENTENCES)
        await voices.line.until(lambda: voices.line.of(TTSStoppedFrame))
    assert voices.line.words() == []


async def test_an_error_of_a_voice_that_is_not_asked_counts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("pipelines.fallback.health.REST_SECONDS", 0.0)
    line, made, health = Line(), list[Voice](), ServiceHealth()

    def make(name: str, *does: str) -> Voice:
        made.append(Voice(does, [], name))
        return made[-1]

    does = ["error", "speak"]
    chain = VoiceChain(
        [
            rung("first", lambda: make("first", does.pop(0))),
            rung("second", lambda: make("second", "speak")),
        ],
        health=health,
        listener=line,
        language="en-US",
    )
    voices = Voices()
    voices.line = line
    async with running(line, chain):
        await voices.say("good morning")
        await voices.say("good evening")
        await made[1].push_error("socket closed")
        await line.until(lambda: len(line.failures) == 2)
    assert line.failures[1] == ("second", "socket closed", "first")
    assert "second" in health.failing()


async def test_a_voice_that_opens_later_is_set_as_the_others_were() -> None:
    told: list[Frame] = []

    class Told(Voice):
        async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
            told.append(frame)
            await super().process_frame(frame, direction)

    line = Line()
    chain = VoiceChain(
        [
            rung("first", lambda: Voice(["error"], [], "first")),
            rung("second", lambda: Told(["speak"], [], "second")),
        ],
        health=ServiceHealth(),
        listener=line,
        language="en-US",
    )
    faster = TTSUpdateSettingsFrame(delta=TTSSettings(voice="anna"))
    async with running(line, chain):
        await line.put(faster, TTSSpeakFrame("good morning"))
        await line.until(lambda: "morning" in line.words())
    deltas = [frame.delta for frame in told if isinstance(frame, TTSUpdateSettingsFrame)]
    assert deltas == [faster.delta]


class Measured(Voice):
    """A voice that is measured."""

    def can_generate_metrics(self) -> bool:
        return True

    async def run_tts(self, text: str, context_id: str) -> AsyncGenerator[Frame | None, None]:
        await self.start_tts_usage_metrics(text)
        await asyncio.sleep(0.001)
        async for frame in super().run_tts(text, context_id):
            yield frame


async def test_what_is_measured_of_a_voice_bears_its_name() -> None:
    line = Line()
    chain = VoiceChain(
        [rung("first", lambda: Measured(["speak"], [], "first"))],
        health=ServiceHealth(),
        listener=line,
        language="en-US",
    )
    async with running(line, chain):
        await line.put(TTSSpeakFrame("good morning"))
        await line.until(lambda: "morning" in line.words())
    assert {("first", "TTFB"), ("first", "TTSUsage")} <= set(line.metrics())
