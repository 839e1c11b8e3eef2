r"""Regular expressions that would keep everybody waiting, told by their form (pure).

Python's matching tries every way to split a text among repetitions. With one repetition inside
another, as in ``(\w+ ?)+!``, forty characters have a trillion ways, and no call hears anything
until all are tried.
"""

import importlib
from collections.abc import Iterator
from typing import Any, Final

FEW: Final = 10
"""So many repetitions at most multiply little."""

ONE_WAY: Final = {"ATOMIC_GROUP", "POSSESSIVE_REPEAT"}
"""What matches in the first way that it finds, and in no other."""


def repeats_within_repeats(pattern: str) -> bool:
    """Tell whether a regular expression repeats, many times, what itself repeats many times.

    Or repeats the same twice in a row, as ``.*.*`` does.

    Args:
        pattern: That compiles.
    """
    parser: Any = importlib.import_module("re._parser")
    return _nested(parser.parse(pattern), inside=False)


def _nested(items: Any, *, inside: bool) -> bool:
    before = None
    for operation, argument in items:
        name = str(operation)
        many = name in {"MAX_REPEAT", "MIN_REPEAT"} and argument[1] > FEW
        if many and (inside or str(argument[2]) == before):
            return True
        before = str(argument[2]) if many else None
        within = name not in ONE_WAY and (inside or many)
        if any(_nested(part, inside=within) for part in _parts(name, argument)):
            return True
    return False


def _parts(name: str, argument: Any) -> Iterator[Any]:
    """What stands within one item of a parsed expression."""
    if name == "BRANCH":
        yield from argument[1]
    elif name == "GROUPREF_EXISTS":
        yield from (part for part in argument[1:] if part is not None)
    elif name == "ATOMIC_GROUP":
        yield argument
    elif name in {"SUBPATTERN", "MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"}:
        yield argument[-1]
    elif name in {"ASSERT", "ASSERT_NOT"}:
        yield argument[1]
