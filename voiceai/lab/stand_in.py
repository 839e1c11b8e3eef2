"""A stand-in for a language model where there is no key: it finds its answers in the prompt. Pure.

It says the sentence of its prompt that shares most words with the question, so that what one
writes there is heard, and nothing else. Sentences that name a tool are instructions, and are left
out. It does not understand, and does not follow instructions.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from voiceai.fakes.chat import Part, ToolCall, words

__all__ = ["answer"]

FAREWELLS: Final = re.compile(r"\b(good-? ?bye?|bye|tschüss?|auf wie ?der\w*)\b", re.IGNORECASE)
SENTENCE_ENDS: Final = re.compile(r"(?<=[.!?])\s+|\n{2,}")
STEM: Final = 4
"""So many letters of a word are compared: "open", "opened" and "opening" are one."""
UNKNOWN: Final = {"de": "Das weiß ich leider nicht.", "en": "I am afraid I do not know that."}
GOODBYE: Final = {"de": "Auf Wiederhören.", "en": "Goodbye."}
COMMON_WORDS: Final = (
    "the and are was you your with for from what when where how who can have has "
    "der die das und ist sind sie ihr ein eine mit für von was wann wie wer kann haben"
)
COMMON: Final = frozenset(COMMON_WORDS.split())


def answer(body: Mapping[str, Any]) -> Sequence[Part]:
    """Answer a request for a chat completion."""
    messages = [each for each in body["messages"] if not each.get("prefix")]
    prompt = " ".join(_text(each) for each in messages if each["role"] == "system")
    question = _text(messages[-1])
    language = "de" if re.search(r"\b(du|bist|sie|wir|und)\b", prompt, re.IGNORECASE) else "en"
    tools = {each["function"]["name"] for each in body.get("tools") or ()}
    if FAREWELLS.search(question):
        call_id = f"call{len(messages):05}"
        leaving = [ToolCall("hangup", call_id=call_id)] if "hangup" in tools else []
        return [*words(GOODBYE[language]), *leaving]
    asked = _stems(question)
    sentences = [
        each for each in SENTENCE_ENDS.split(prompt) if not tools & set(re.findall(r"\w+", each))
    ]
    shared = [len(asked & _stems(sentence)) for sentence in sentences]
    best = max(shared, default=0)
    if not best:
        return words(UNKNOWN[language])
    return words(" ".join(sentences[shared.index(best)].split()))


def _text(message: Mapping[str, Any]) -> str:
    content = message.get("content")
    return content if isinstance(content, str) else ""


def _stems(text: str) -> set[str]:
    found = (word for word in re.findall(r"\w+", text.lower()) if word not in COMMON)
    return {word[:STEM] for word in found if len(word) > 2}
