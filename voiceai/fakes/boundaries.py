"""When each word is heard, by the letters before it: right to about a word. Pure."""

import re
from typing import Any, Final

from voiceai.fakes.microsoft_messages import ticks

__all__ = ["Boundaries"]

SAID: Final = re.compile(r"\w[\w'\u2019-]*|[^\w\s]+")
"""A word, or marks."""


class Boundaries:
    """The ``Metadata`` of one text, in the order of its words."""

    def __init__(
        self,
        text: str,
        seconds: float,
        *,
        words: bool,
        sentences: bool = False,
        punctuation: bool = False,
    ) -> None:
        """Divide the time.

        Args:
            text: What is spoken.
            seconds: How long that takes.
            words: Whether each word is told.
            sentences: Whether the text is told as one sentence, before its words.
            punctuation: Whether marks are told as words are; a word has none in any case.
        """
        self._coming: list[tuple[float, dict[str, Any]]] = []
        said = SAID.findall(text)
        if sentences and said:
            whole = _boundary("SentenceBoundary", "SentenceBoundary", text, 0.0, seconds)
            self._coming.append((0.0, whole))
        letters = sum(len(each) + 1 for each in said)
        at = 0.0
        for each in said:
            lasts = seconds * (len(each) + 1) / letters
            is_word = each[0].isalnum()
            kind = "WordBoundary" if is_word else "PunctuationBoundary"
            if words if is_word else punctuation:
                self._coming.append((at, _boundary("WordBoundary", kind, each, at, lasts)))
            at += lasts

    def until(self, seconds: float) -> list[dict[str, Any]]:
        """Take those that begin within so many seconds of audio."""
        found = [boundary for at, boundary in self._coming if at < seconds]
        self._coming = self._coming[len(found) :]
        return found


def _boundary(name: str, kind: str, said: str, at: float, lasts: float) -> dict[str, Any]:
    text = {"Text": said, "Length": len(said), "BoundaryType": kind}
    return {"Type": name, "Data": {"Offset": ticks(at), "Duration": ticks(lasts), "text": text}}
