"""When everything has been said: answers, tools and what the model is asked again."""

import pytest

from voiceai.lab.answers import Answers


@pytest.fixture
def answers() -> Answers:
    return Answers()


def answer(answers: Answers) -> None:
    """The model answers, and what it said is remembered."""
    answers.began()
    answers.arrived = answers.said()
    answers.ended()


def test_nothing_is_outstanding_before_anybody_was_asked(answers: Answers) -> None:
    assert not answers.outstanding


def test_an_answer_is_outstanding_until_it_was_said_and_is_remembered(answers: Answers) -> None:
    answers.asked()
    assert answers.outstanding

    answers.began()
    number = answers.said()
    answers.ended()
    assert answers.outstanding

    answers.arrived = number
    assert not answers.outstanding


def test_a_greeting_that_is_expected_is_outstanding_until_it_is_remembered(
    answers: Answers,
) -> None:
    answers.expect_greeting()
    assert answers.outstanding

    answers.arrived = answers.said()
    assert not answers.outstanding


def test_an_answer_with_tools_is_outstanding_until_the_answer_to_the_last_of_them(
    answers: Answers,
) -> None:
    answers.asked()
    answers.tools_started(["a", "b"])
    answer(answers)
    answers.tool_ended("a", will_ask=None)
    answers.tool_ended("b", will_ask=None)
    assert answers.outstanding

    answers.asked()
    answer(answers)
    assert not answers.outstanding


def test_a_tool_about_which_nothing_is_said_is_the_end_of_it(answers: Answers) -> None:
    answers.asked()
    answers.tools_started(["a"])
    answer(answers)
    answers.tool_ended("a", will_ask=False)

    assert not answers.outstanding


def test_an_interruption_ends_what_is_outstanding(answers: Answers) -> None:
    answers.asked()
    answers.began()
    answers.said()
    answers.interrupted()

    assert not answers.outstanding


def test_the_late_end_of_an_interrupted_answer_is_not_that_of_the_next(answers: Answers) -> None:
    answers.asked()
    answers.began()
    answers.interrupted()
    answers.asked()
    answers.ended()

    assert answers.outstanding
