"""Regular expressions of a pipeline, matched in bounded time.

Python's own matching cannot be stopped: three ``.*`` in one expression take minutes for a minute of
speech, and no call hears anything meanwhile. The package regex stops when its time is up.
"""

from typing import Final

import regex

__all__ = ["MAX_HEARD", "MAX_SECONDS", "is_whole", "search"]

MAX_HEARD: Final = 1000
"""Characters of a caller's turn that are matched; a turn of a minute has about 900."""

MAX_SECONDS: Final = 0.02
"""For one expression; a usual one takes a thousandth of it."""


def search(pattern: str, heard: str) -> regex.Match[str] | None:
    """Find a pattern in what was said, in any case and at any place.

    Returns:
        The first match; ``None`` too where :data:`MAX_SECONDS` are not enough to tell.
    """
    try:
        return regex.search(pattern, heard[:MAX_HEARD], regex.IGNORECASE, timeout=MAX_SECONDS)
    except TimeoutError:
        return None


def is_whole(pattern: str, value: str) -> bool:
    """Tell whether all of a value matches; not where :data:`MAX_SECONDS` are not enough to tell."""
    try:
        return regex.fullmatch(pattern, value, timeout=MAX_SECONDS) is not None
    except TimeoutError:
        return False
