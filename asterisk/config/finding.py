"""One line of a check-up: what is right or wrong, and what mends it. Pure."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

Level: TypeAlias = Literal["ok", "warn", "fail"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of a check-up.

    Attributes:
        check: What was looked at, a short name.
        level: ``fail``: calls do not work. ``warn``: they may not, or not all.
        message: What was seen.
        fix: What to do about it; empty when nothing is.
    """

    check: str
    level: Level
    message: str
    fix: str = ""
