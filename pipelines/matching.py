"""Regular expressions of a pipeline, matched in bounded time (pure)."""

import re
from functools import lru_cache
from typing import Final

from pipelines.backtracking import begins_with_all, power

MAX_HEARD: Final = 1000
"""Characters of a caller's turn that are matched; a turn of a minute has about 900."""

LONGEST: Final = {0: MAX_HEARD, 1: MAX_HEARD, 2: MAX_HEARD, 3: 300, 4: 100}
"""Characters that are matched, by the power of a pattern: 300 for ``a.*b.*c``.

That takes 0.09 s at worst, where 1000 took 2.6 s.
"""

MAX_POWER: Final = 3
"""A pattern of a higher one is refused (:func:`pipelines.backtracking.power`)."""

PATTERNS: Final = 1000
"""Patterns that are remembered."""


def search(pattern: str, heard: str) -> re.Match[str] | None:
    """Find what was said, in any case and at any place; a new line is as good as a space.

    Args:
        pattern: Of a power of at most ``MAX_POWER``.
        heard: A caller's turn, of which the beginning is matched.
    """
    compiled, longest, anywhere = _prepared(pattern)
    text = heard[:longest].replace("\n", " ")
    return compiled.search(text) if anywhere else compiled.match(text)


def is_whole(pattern: str, value: str) -> bool:
    """Tell whether all of a value matches; one that is too long to tell does not."""
    longest = LONGEST.get(power(pattern, whole=True), 0)
    return len(value) <= longest and re.fullmatch(pattern, value) is not None


@lru_cache(PATTERNS)
def _prepared(pattern: str) -> tuple[re.Pattern[str], int, bool]:
    compiled = re.compile(pattern, re.IGNORECASE)
    return compiled, LONGEST[power(pattern)], not begins_with_all(pattern)
