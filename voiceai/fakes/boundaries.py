"""When each word is heard, by the letters before it: right to about a word. Pure."""

from typing import Any

from voiceai.fakes.microsoft_messages import ticks

__all__ = ["Boundaries"]


class Boundaries:
    """The ``Metadata`` of one text, in the order of its words."""

    def __init__(self, text: str, seconds: float, *, words: bool, sentences: bool) -> None:
        """Divide the time.

        Args:
            text: What is spoken.
            seconds: How long that takes.
            words: Whether each word is told.
            sentences: Whether the text is told as one sentence, before its words.
        """
        self._coming: list[tuple[float, dict[str, Any]]] = []
        said = text.split()
        if sentences and said:
            self._coming.append((0.0, _boundary("SentenceBoundary", text, 0.0, seconds)))
        letters = sum(len(word) + 1 for word in said)
        at = 0.0
        for word in said if words else ():
            lasts = seconds * (len(word) + 1) / letters
            self._coming.append((at, _boundary("WordBoundary", word, at, lasts)))
            at += lasts

    def until(self, seconds: float) -> list[dict[str, Any]]:
        """Take those that begin within so many seconds of audio."""
        found = [boundary for at, boundary in self._coming if at < seconds]
        self._coming = self._coming[len(found) :]
        return found


def _boundary(kind: str, said: str, at: float, lasts: float) -> dict[str, Any]:
    text = {"Text": said, "Length": len(said), "BoundaryType": kind}
    return {"Type": kind, "Data": {"Offset": ticks(at), "Duration": ticks(lasts), "text": text}}
