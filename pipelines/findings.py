"""What is wrong with a pipeline, where, and how to put it right."""

import difflib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal, Self


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong.

    Attributes:
        message: What is wrong, one sentence without a full stop.
        path: Key path, such as ``llm.rules[0].when``; empty for the whole text.
        fix: What to do about it: a command, a value; empty if the message says it all.
        nearest: The valid name nearest to the one that was written.
        severity: ``error`` stops the pipeline; with a ``warning`` it works, but not as it is
            written, as when only the last of its services is ready; ``hint`` says what would
            make it better.
        file: Where the text came from.
        line: From 1; 0 if unknown.
        column: From 1; 0 if unknown.
    """

    message: str
    path: str = ""
    fix: str = ""
    nearest: str | None = None
    severity: Literal["error", "warning", "hint"] = "error"
    file: str = ""
    line: int = 0
    column: int = 0

    def at(self, file: str, line: int, column: int) -> Self:
        """Return the same finding with its place in a text."""
        return replace(self, file=file, line=line, column=column)

    def __str__(self) -> str:
        place = self.file
        if self.line:
            place = f"{place}:{self.line}:{self.column}"
        text = ": ".join(part for part in (place, self.path, self.message) if part)
        if self.nearest:
            text += f"; did you mean '{self.nearest}'?"
        if self.fix:
            text += f"; {self.fix}"
        return text


def nearest_name(name: str, valid: Iterable[str]) -> str | None:
    """Return the valid name that looks most like ``name``, if any looks like it at all."""
    by_small_letters = {each.lower(): each for each in valid}
    matches = difflib.get_close_matches(name.lower(), by_small_letters, n=1, cutoff=0.5)
    return by_small_letters[matches[0]] if matches else None
