"""Language models that take each other's place."""

from contextlib import AbstractAsyncContextManager

import pytest
from pipecat.frames.frames import (
    Frame,
    InterruptionFrame,
    LLMContextFrame,
    LLMTextFrame,
    LLMUpdateSettingsFrame,
    MetricsFrame,
)
from pipecat.metrics.metrics import TTFBMetricsData
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.frame_processor import FrameDirection
from pipecat.services.settings import LLMSettings

from pipelines.fallback.health import ServiceHealth
from pipelines.fallback.llm import LanguageModelChain
from tests.integration.pipelines.chain_line import Line, Model, rung, running

SORRY = "I am sorry."


class Models:
    """A chain of models by name, and what each was asked."""

    def __init__(self, **does: list[str]) -> None:
        self.line = Line()
        self.asked: list[str] = []
        self.health = ServiceHealth()
        self._does = does

    def running(self) -> AbstractAsyncContextManager[None]:
        chain = LanguageModelChain(
            [
                rung(name, lambda name=name, does=does: Model(does, self.asked, name))  # type: ignore[misc]
                for name, does in self._does.items()
            ],
            health=self.health,
            listener=self.line,
            apology=SORRY,
        )
        return running(self.line, chain)

    async def ask(self) -> str:
        """Ask, and return the last answer."""
        answers = self._ended()
        await self.line.put(LLMContextFrame(LLMContext()))
        await self.line.until(lambda: self._ended() > answers)
        return self.line.texts()[-1]

    def _ended(self) -> int:
        return sum(type(frame).__name__ == "LLMFullResponseEndFrame" for frame in self.line.frames)


async def test_the_first_answers_while_it_works() -> None:
    models = Models(first=["one two", "three"], second=["never"])
    async with models.running():
        assert [await models.ask(), await models.ask()] == ["one two", "three"]
    assert (models.asked, models.line.failures) == (["first", "first"], [])


async def test_the_next_answers_the_same_question_after_an_error() -> None:
    models = Models(first=["error"], second=["here I am"])
    async with models.running():
        assert await models.ask() == "here I am"
    assert models.line.texts() == ["here I am"]
    assert models.line.failures == [("first", "status 500", "second")]
    assert models.line.errors == []


async def test_the_next_answers_when_the_first_is_silent_or_says_nothing() -> None:
    for trouble, reason in (("hang", "silent for 0.1 s"), ("nothing", "answered nothing")):
        models = Models(first=[trouble], second=["here I am"])
        async with models.running():
            assert await models.ask() == "here I am"
        assert models.line.failures == [("first", reason, "second")]


async def test_an_answer_that_breaks_off_is_ended_and_given_again() -> None:
    models = Models(first=["we are open|"], second=["we are open until five"])
    async with models.running():
        await models.ask()
        await models.line.until(lambda: models.line.texts()[-1].endswith("five"))
    assert models.line.texts() == ["we are open", "we are open until five"]


async def test_one_that_failed_is_left_alone_until_it_has_rested() -> None:
    models = Models(first=["error"], second=["here I am"])
    async with models.running():
        await models.ask()
        await models.ask()
    assert models.asked == ["first", "second", "second"]


async def test_another_conversation_does_not_wait_for_one_that_failed() -> None:
    models = Models(first=["hang"], second=["here I am"])
    models.health.failed("first", 1e9)
    async with models.running():
        assert await models.ask() == "here I am"
    assert models.asked == ["second"]


async def test_an_apology_is_said_when_nobody_answers() -> None:
    models = Models(first=["error"], second=["nothing"])
    async with models.running():
        assert await models.ask() == SORRY
    assert [instead for _, _, instead in models.line.failures] == ["second", None]


async def test_one_that_cannot_be_made_is_passed_over() -> None:
    def cannot() -> Model:
        raise OSError("no such file")

    line, asked = Line(), list[str]()
    chain = LanguageModelChain(
        [rung("first", cannot), rung("second", lambda: Model(["yes"], asked, "second"))],
        health=ServiceHealth(),
        listener=line,
        apology=SORRY,
    )
    async with running(line, chain):
        await line.put(LLMContextFrame(LLMContext()))
        await line.until(lambda: line.texts() == ["yes"])
    assert "no such file" in line.failures[0][1]


async def test_an_interrupted_answer_ends_and_the_next_question_is_answered() -> None:
    models = Models(first=["let me|", "now then"], second=["never"])
    async with models.running():
        await models.line.put(LLMContextFrame(LLMContext()))
        await models.line.until(lambda: models.line.of(LLMTextFrame))
        await models.line.put(InterruptionFrame())
        await models.line.until(lambda: models.line.of(InterruptionFrame))
        assert await models.ask() == "now then"
    assert models.line.failures == []
    assert models.line.texts() == ["let me", "now then"]


class Measured(Model):
    """A model that is measured whatever it does."""

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        if isinstance(frame, LLMContextFrame):
            await self.push_frame(MetricsFrame([TTFBMetricsData(processor="Chat#7", value=0.2)]))
        await super().process_frame(frame, direction)


def chain_of(models: Models, *made: Model) -> LanguageModelChain:
    """A chain of models that are there already; a model that is made anew is the same."""
    return LanguageModelChain(
        [rung(f"m{index}", lambda model=model: model) for index, model in enumerate(made)],  # type: ignore[misc]
        health=models.health,
        listener=models.line,
        apology=SORRY,
    )


async def test_what_is_measured_of_a_model_bears_its_name_though_it_fails() -> None:
    models = Models()
    chain = chain_of(models, Measured(["nothing"], [], "a"), Measured(["here I am"], [], "b"))
    async with running(models.line, chain):
        assert await models.ask() == "here I am"
    assert models.line.metrics() == [("m0", "TTFB"), ("m1", "TTFB")]


async def test_an_error_of_one_that_is_not_asked_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipelines.fallback.health.REST_SECONDS", 0.0)
    does, second = ["error", "here I am"], Model(["here I am"], [], "second")
    models = Models()
    chain = LanguageModelChain(
        [
            rung("first", lambda: Model([does.pop(0)], [], "first")),
            rung("second", lambda: second),
        ],
        health=models.health,
        listener=models.line,
        apology=SORRY,
    )
    async with running(models.line, chain):
        await models.ask()
        await models.ask()
        await second.push_error("socket closed")
        await models.line.until(lambda: len(models.line.failures) == 2)
    assert models.line.failures[1] == ("second", "socket closed", "first")
    assert models.health.failing() == {"second"}


class Told(Model):
    """A model that keeps what it is told."""

    def __init__(self) -> None:
        super().__init__(["here I am"], [], "told")
        self.told: list[Frame] = []

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        self.told.append(frame)
        await super().process_frame(frame, direction)


async def test_one_that_opens_later_is_set_as_the_others_were() -> None:
    models, told = Models(), Told()
    warmer = LLMUpdateSettingsFrame(delta=LLMSettings(temperature=0.9))
    async with running(models.line, chain_of(models, Model(["error"], [], "a"), told)):
        await models.line.put(warmer)
        assert await models.ask() == "here I am"
    kinds = [type(frame) for frame in told.told]
    assert kinds.index(LLMUpdateSettingsFrame) < kinds.index(LLMContextFrame)
