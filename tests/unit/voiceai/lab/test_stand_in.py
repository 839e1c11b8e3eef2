"""What stands in for a model answers with what the prompt says."""

from typing import Any

import pytest

from voiceai.fakes.chat import ToolCall
from voiceai.lab.stand_in import answer

ENGLISH = "You are a hotel. Breakfast is from seven to ten. Parking is free behind the house."
GERMAN = "Du bist ein Hotel. Frühstück gibt es ab sieben. Geparkt wird im Hof."
HANGUP = [{"function": {"name": "hangup"}}]


def ask(prompt: str, question: str, **more: Any) -> str:
    messages = [{"role": "system", "content": prompt}, {"role": "user", "content": question}]
    return "".join(str(part) for part in answer({"messages": messages, **more}))


@pytest.mark.parametrize(
    ("prompt", "question", "answered"),
    [
        (ENGLISH, "When is breakfast?", "Breakfast is from seven to ten."),
        (ENGLISH, "Where can I park my car?", "Parking is free behind the house."),
        (ENGLISH, "Do you sell tea?", "I am afraid I do not know that."),
        (GERMAN, "Wann gibt es Frühstück?", "Frühstück gibt es ab sieben."),
        (GERMAN, "Haben Sie Tee?", "Das weiß ich leider nicht."),
    ],
)
def test_it_says_the_sentence_that_fits_the_question(
    prompt: str, question: str, answered: str
) -> None:
    assert ask(prompt, question) == answered


def test_it_says_goodbye_and_hangs_up_if_it_may() -> None:
    messages = [{"role": "system", "content": ENGLISH}, {"role": "user", "content": "Good-bye."}]
    (*said, last) = answer({"messages": messages, "tools": HANGUP})

    assert said == ["Goodbye."]
    assert isinstance(last, ToolCall)
    assert last.name == "hangup"
    assert ask(GERMAN, "Auf Wiederhören") == "Auf Wiederhören."
    assert ask(ENGLISH, "Good-by.") == "Goodbye."
    assert ask(GERMAN, "auf wie der Höhren.") == "Auf Wiederhören."


def test_an_instruction_about_a_tool_is_not_said() -> None:
    prompt = f"{ENGLISH} When the caller asks for parking, call hangup."
    messages = [{"role": "system", "content": prompt}, {"role": "user", "content": "The caller?"}]

    assert "".join(map(str, answer({"messages": messages, "tools": HANGUP}))).startswith("I am")


def test_what_is_there_only_for_the_service_is_no_question() -> None:
    messages = [
        {"role": "system", "content": ENGLISH},
        {"role": "user", "content": "Parking?"},
        {"role": "assistant", "content": " ", "prefix": True},
    ]

    assert "".join(map(str, answer({"messages": messages}))).startswith("Parking")
