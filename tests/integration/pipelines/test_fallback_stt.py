"""Recognisers that take each other's place."""

import asyncio
from contextlib import AbstractAsyncContextManager
from functools import partial

import pytest
from pipecat.frames.frames import (
    Frame,
    InputAudioRawFrame,
    MetricsFrame,
    STTMuteFrame,
    STTUpdateSettingsFrame,
    TranscriptionFrame,
    UserStartedSpeakingFrame,
    VADUserStartedSpeakingFrame,
    VADUserStoppedSpeakingFrame,
)
from pipecat.metrics.metrics import TTFBMetricsData
from pipecat.services.settings import STTSettings

from pipelines.fallback.health import ServiceHealth
from pipelines.fallback.stt import RecognitionChain
from tests.integration.pipelines.chain_line import (
    PATIENCE,
    RATE,
    Ears,
    Line,
    Noting,
    rung,
    running,
    sound,
)

SPOKEN_SECONDS = 0.4


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait no second for one that hangs to hang up."""
    monkeypatch.setattr("pipelines.fallback.rung.STOP_SECONDS", 0.1)


class Recognisers:
    """A chain of recognisers by name, and how much each had heard at the end of speech."""

    def __init__(self, **does: list[str]) -> None:
        self.line = Line()
        self.heard: list[tuple[str, float]] = []
        self.made: list[Ears] = []
        self.health = ServiceHealth()
        self._does = does

    def _make(self, name: str, does: list[str]) -> Ears:
        self.made.append(Ears(does, self.heard, name))
        return self.made[-1]

    def running(self) -> AbstractAsyncContextManager[None]:
        chain = RecognitionChain(
            [rung(name, partial(self._make, name, does)) for name, does in self._does.items()],
            health=self.health,
            listener=self.line,
        )
        return running(self.line, chain)

    async def say(self, seconds: float = SPOKEN_SECONDS) -> None:
        """Speak; what came before was quiet."""
        await self.quiet(0.1)
        await self.line.put(VADUserStartedSpeakingFrame())
        await self.quiet(seconds)
        stops = len(self.line.of(VADUserStoppedSpeakingFrame))
        await self.line.put(VADUserStoppedSpeakingFrame(stop_secs=0.0))
        await self.line.until(lambda: len(self.line.of(VADUserStoppedSpeakingFrame)) > stops)

    async def quiet(self, seconds: float) -> None:
        for _ in range(round(seconds / 0.02)):
            await self.line.put(InputAudioRawFrame(sound(0.02), RATE, 1))

    async def made_second(self) -> None:
        """Wait until the second is asked."""
        await self.line.until(lambda: len(self.made) == 2)

    async def late(self, text: str, by: int = 0) -> None:
        """Have one of them understand something after all."""
        await self.made[by].push_frame(TranscriptionFrame(text, "", ""))

    def texts(self) -> list[str]:
        return [frame.text for frame in self.line.of(TranscriptionFrame)]

    async def understood(self, *texts: str) -> None:
        await self.line.until(lambda: self.texts() == list(texts))


async def test_the_first_understands_while_it_works() -> None:
    ears = Recognisers(first=["good morning"], second=["never"])
    async with ears.running():
        await ears.say()
        await ears.understood("good morning")
    assert [name for name, _ in ears.heard] == ["first"]
    assert ears.line.failures == []


async def test_audio_goes_no_further() -> None:
    ears = Recognisers(first=["good morning"])
    async with ears.running():
        await ears.say()
        await ears.understood("good morning")
    assert ears.line.of(InputAudioRawFrame) == []


async def test_the_next_hears_all_of_it_when_the_first_says_nothing() -> None:
    ears = Recognisers(first=["nothing"], second=["good morning"])
    async with ears.running():
        await ears.say()
        await ears.understood("good morning")
    assert ears.heard == [("first", 0.5), ("second", 0.5)]
    assert ears.line.failures == [("first", "no transcript within 0.1 s", "second")]


async def test_the_next_hears_all_of_it_after_an_error() -> None:
    ears = Recognisers(first=["error"], second=["good morning"])
    async with ears.running():
        await ears.say()
        await ears.understood("good morning")
    assert ears.line.failures == [("first", "socket closed", "second")]
    assert ears.line.errors == []


async def test_one_that_takes_no_more_audio_holds_nothing_up() -> None:
    ears = Recognisers(first=["hang"], second=["good morning"])
    async with ears.running():
        await ears.say()
        await ears.understood("good morning")
    assert ears.heard == [("second", 0.5)]


async def test_a_noise_that_nobody_understands_is_nobodys_fault() -> None:
    ears = Recognisers(first=["nothing", "good morning"], second=["nothing", "never"])
    async with ears.running():
        await ears.say(0.1)
        await ears.line.until(lambda: len(ears.heard) == 2)
        await asyncio.sleep(2 * PATIENCE)  # nothing tells that the second one is given up
        await ears.say()
        await ears.understood("good morning")
    assert ears.line.failures == []


async def test_what_was_said_while_another_one_listens_is_not_lost() -> None:
    ears = Recognisers(first=["nothing"], second=["first part", "second part"])
    async with ears.running():
        await ears.say()
        await ears.say()
        await ears.line.until(lambda: "second part" in ears.texts() or len(ears.heard) > 2)
    assert ears.heard[-1][1] >= 2 * SPOKEN_SECONDS


async def test_a_connection_may_be_lost_once() -> None:
    made = []

    def make() -> Ears:
        made.append(1)
        return Ears(["error"] if len(made) == 1 else ["good morning"], heard, "only")

    line, heard = Line(), list[tuple[str, float]]()
    ears = Recognisers()
    ears.line = line
    chain = RecognitionChain([rung("only", make)], health=ServiceHealth(), listener=line)
    async with running(line, chain):
        await ears.say()
        await ears.understood("good morning")
    assert line.failures == [("only", "socket closed", "only")]
    assert [seconds for _, seconds in heard] == [0.5, 0.5]


async def test_when_nobody_can_it_is_told_and_the_next_utterance_is_tried_again() -> None:
    ears = Recognisers(first=["error"], second=["error"])
    async with ears.running():
        await ears.say()
        await ears.line.until(lambda: ears.line.errors)
        before = len(ears.heard)
        await ears.say()
        await ears.line.until(lambda: len(ears.heard) > before)
    assert [instead for _, _, instead in ears.line.failures[:2]] == ["second", None]


async def test_what_was_understood_is_not_understood_again_after_an_error() -> None:
    ears = Recognisers(first=["good morning"], second=["how are you"])
    async with ears.running():
        await ears.say()
        await ears.understood("good morning")
        await ears.made[0].push_error("closed between two utterances")
        await ears.line.until(lambda: len(ears.made) == 2)
        await ears.say()
        await ears.understood("good morning", "how are you")
    assert [name for name, _ in ears.heard] == ["first", "second"]


async def test_only_what_followed_the_last_transcript_is_heard_again() -> None:
    ears = Recognisers(first=["never"], second=["second part"])
    async with ears.running():
        await ears.quiet(0.1)
        await ears.line.put(VADUserStartedSpeakingFrame())
        await ears.quiet(1.0)
        await ears.line.put(UserStartedSpeakingFrame())  # which overtakes nothing
        await ears.line.until(lambda: ears.line.of(UserStartedSpeakingFrame))
        await ears.made[0].push_frame(TranscriptionFrame("first part", "", ""))
        await ears.understood("first part")
        await ears.quiet(0.2)
        await ears.made[0].push_error("closed within an utterance")
        await ears.line.put(VADUserStoppedSpeakingFrame(stop_secs=0.0))
        await ears.understood("first part", "second part")
    assert ears.heard == [("second", 0.2)]


async def test_the_end_of_a_very_long_utterance_is_told_to_whom_it_is_repeated(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("pipelines.fallback.stt.LONGEST_SECONDS", 0.3)
    ears = Recognisers(first=["nothing"], second=["good morning"])
    async with ears.running():
        await ears.say()
        await ears.understood("good morning")


async def test_a_late_text_counts_while_nobody_else_has_one() -> None:
    ears = Recognisers(first=["nothing", "how are you"], second=["hang"])
    async with ears.running():
        await ears.say()
        await ears.made_second()
        await ears.late("good morning")
        await ears.understood("good morning")
        await ears.say()
        await ears.understood("good morning", "how are you")
    assert ears.line.failures == []


async def test_what_was_understood_late_is_not_understood_again() -> None:
    ears = Recognisers(first=["nothing", "how are you"], second=["nothing"])
    async with ears.running():
        await ears.say()
        await ears.line.until(lambda: len(ears.heard) == 2)
        await ears.late("good morning")
        await ears.understood("good morning")
        await ears.late("good evening", by=1)
        await ears.say()
        await ears.understood("good morning", "how are you")
    assert ears.line.failures == []


async def test_one_that_was_to_take_over_from_a_late_one_begins_anew() -> None:
    line, heard, does = Line(), list[tuple[str, float]](), ["nothing", "how are you"]
    ears = Recognisers()
    ears.line, first = line, Ears(["nothing", "error"], heard, "first")
    chain = RecognitionChain(
        [
            rung("first", lambda: first),
            rung("second", lambda: Ears([does.pop(0)], heard, "second")),
        ],
        health=ServiceHealth(),
        listener=line,
    )
    async with running(line, chain):
        await ears.say()
        await line.until(lambda: len(heard) == 2)
        await first.push_frame(TranscriptionFrame("good morning", "", ""))
        await ears.understood("good morning")
        await ears.say()
        await ears.understood("good morning", "how are you")


async def test_a_late_text_of_the_beginning_alone_does_not_count() -> None:
    ears = Recognisers(first=["nothing"], second=["nothing", "all of it"])
    async with ears.running():
        await ears.say()
        await ears.made_second()
        await ears.line.put(VADUserStartedSpeakingFrame())
        await ears.line.until(lambda: len(ears.line.of(VADUserStartedSpeakingFrame)) == 2)
        await ears.late("the beginning")
        await ears.quiet(0.1)
        await ears.line.put(VADUserStoppedSpeakingFrame(stop_secs=0.0))
        await ears.understood("all of it")


async def test_an_error_of_one_that_is_not_asked_counts() -> None:
    ears = Recognisers(first=["nothing"], second=["hang"])
    async with ears.running():
        await ears.say()
        await ears.made_second()
        await ears.made[0].push_error("socket closed")
        await ears.line.until(lambda: ears.line.failures)
        assert ears.health.failing() == {"first"}
        await ears.late("good morning", by=1)
        await ears.understood("good morning")
    assert ears.line.failures == [("first", "socket closed", "second")]


async def test_one_that_opens_later_is_muted_and_set_as_the_others_were() -> None:
    line, told = Line(), list[Frame]()
    german, french = STTSettings(language="de"), STTSettings(language="fr")
    ears = Recognisers()
    ears.line = line
    chain = RecognitionChain(
        [rung("first", lambda: Ears(["error"], [], "first")), rung("next", lambda: Noting(told))],
        health=ServiceHealth(),
        listener=line,
    )
    async with running(line, chain):
        for frame in (
            STTMuteFrame(mute=True),
            STTUpdateSettingsFrame(delta=german),
            STTMuteFrame(mute=False),
            STTUpdateSettingsFrame(delta=french),
        ):
            await line.put(frame)
        await ears.say()
        await line.until(lambda: VADUserStoppedSpeakingFrame in map(type, told))
    assert [frame.mute for frame in told if isinstance(frame, STTMuteFrame)] == [False]
    deltas = [frame.delta for frame in told if isinstance(frame, STTUpdateSettingsFrame)]
    assert deltas == [german, french]


async def test_one_whose_rest_is_over_is_asked_in_a_call_that_opened_it_ahead() -> None:
    ears = Recognisers(first=["good morning"], second=["never"])
    ears.health.failed("first", asyncio.get_running_loop().time() - 100)
    async with ears.running():
        await ears.line.until(lambda: ears.made)
        await ears.say()
        await ears.understood("good morning")
    assert [name for name, _ in ears.heard] == ["first"]


async def test_what_is_measured_of_a_recogniser_bears_its_name() -> None:
    ears = Recognisers(first=["nothing"], second=["hang"])
    async with ears.running():
        await ears.say()
        await ears.made_second()
        measured = TTFBMetricsData(processor="Ears#7", value=0.2)
        await ears.made[0].push_frame(MetricsFrame(data=[measured]))
        await ears.line.until(lambda: ("first", "TTFB") in ears.line.metrics())
