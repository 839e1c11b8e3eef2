"""How far what was recognised is from what was said."""

import re

__all__ = ["nearest_beginning", "word_error_rate", "word_errors", "words"]


def words(text: str) -> list[str]:
    """Return the words in lower case, punctuation gone."""
    return re.findall(r"\w+(?:'\w+)*", text.lower())


def word_error_rate(said: str, heard: str) -> float:
    """Return substitutions, deletions and insertions per word said.

    Source: Levenshtein's distance over words, as usual in speech recognition.
    """
    errors, count = word_errors(said, heard)
    return errors / max(count, 1)


def word_errors(said: str, heard: str) -> tuple[int, int]:
    """Return substitutions, deletions and insertions, and the words said."""
    reference = words(said)
    return _distances(reference, words(heard))[-1], len(reference)


def nearest_beginning(said: str, heard: str) -> int:
    """Return how many words of a text were said when this was heard: its nearest beginning."""
    distances = _distances(words(heard), words(said))
    return distances.index(min(distances))


def _distances(reference: list[str], hypothesis: list[str]) -> list[int]:
    """Return how far the reference is from each beginning of the hypothesis, shortest first."""
    row = list(range(len(hypothesis) + 1))
    for count, word in enumerate(reference, start=1):
        previous, row[0] = row[0], count
        for column, other in enumerate(hypothesis, start=1):
            previous, row[column] = (
                row[column],
                min(row[column] + 1, row[column - 1] + 1, previous + (word != other)),
            )
    return row
