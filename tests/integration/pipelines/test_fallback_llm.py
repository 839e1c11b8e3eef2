"""Language models that take each other's place."""

from contextlib import AbstractAsyncContextManager

from pipecat.frames.frames import InterruptionFrame, LLMContextFrame, LLMTextFrame
from pipecat.processors.aggregators.llm_context import LLMContext

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
