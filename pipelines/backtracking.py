r"""Regular expressions that would keep everybody waiting, told by their form (pure).

Python's matching tries every way to split a text among repetitions. With one repetition inside
another, as in ``(\w+ ?)+!``, forty characters have a trillion ways, and no call hears anything
until all are tried. Repetitions behind one another multiply as well: in ``a.*b.*c`` the second one
tries every place for every place of the first.
"""

import importlib
import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any, Final

FEW: Final = 10
"""So many repetitions at most multiply little."""

ONE_WAY: Final = {"ATOMIC_GROUP", "POSSESSIVE_REPEAT"}
"""What matches in the first way that it finds, and in no other."""

CATEGORIES: Final = {
    "CATEGORY_DIGIT": r"\d",
    "CATEGORY_NOT_DIGIT": r"\D",
    "CATEGORY_SPACE": r"\s",
    "CATEGORY_NOT_SPACE": r"\S",
    "CATEGORY_WORD": r"\w",
    "CATEGORY_NOT_WORD": r"\W",
}


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


def power(pattern: str, *, whole: bool = False) -> int:
    """Return by which power of a text's length the time to match grows at most.

    Args:
        pattern: That compiles, and repeats nothing within what it repeats.
        whole: It has to match all of a text; otherwise it is searched, and from the first letter
            only if it begins with ``.*``.
    """
    parser: Any = importlib.import_module("re._parser")
    items = list(_flat(parser.parse(pattern)))
    if whole:
        return _power(items, open_before=0)[0]
    while items and _is_repeat(items[-1]) and items[-1][1][0] <= 1:
        least, _, repeated = items.pop()[1]  # what it takes beyond that is right in any case
        items += [*_flat(repeated)] * least
    begins_anywhere = not (items and (_is_start(items[0]) or takes_all(items[0])))
    return _power(items, open_before=int(begins_anywhere))[0]


def begins_with_all(pattern: str) -> bool:
    """Tell whether a regular expression begins with ``.*``: found anywhere is found at once."""
    parser: Any = importlib.import_module("re._parser")
    items = list(_flat(parser.parse(pattern)))
    return bool(items) and takes_all(items[0])


def takes_all(item: Any) -> bool:
    """Tell whether an item is ``.*``."""
    argument = item[1]
    return _is_many(item) and argument[0] == 0 and _names(argument[2]) == ["ANY"]


def _power(items: Sequence[Any], *, open_before: int) -> tuple[int, int]:
    """Return the highest power within a sequence, and how many repetitions are open behind it."""
    highest = still_open = open_before
    for item, following in pairwise([*items, None]):
        name, argument = str(item[0]), item[1]
        parts = [list(_flat(part)) for part in _parts(name, argument)]
        within = [_power(part, open_before=still_open) for part in parts]
        highest = max([highest, *(high for high, _ in within)])
        if name in {"MAX_REPEAT", "MIN_REPEAT"} and _is_many(item):
            highest = max(highest, still_open + 1)
            still_open += int(not _ends_at(argument[2], following))
        elif name in {"MAX_REPEAT", "MIN_REPEAT"} and argument[1]:
            each = within[0][1] - still_open
            highest += (argument[1] - 1) * each
            still_open += argument[1] * each
        elif name == "POSSESSIVE_REPEAT":
            highest = max(highest, still_open + 1)
        elif name not in {*ONE_WAY, "ASSERT", "ASSERT_NOT"}:
            still_open = max([still_open, *(after for _, after in within)])
    return highest, still_open


def _flat(items: Any) -> Iterator[Any]:
    """Yield the items of a sequence, those of its groups among them."""
    for item in items:
        if str(item[0]) == "SUBPATTERN":
            yield from _flat(item[1][-1])
        else:
            yield item


def _is_many(item: Any) -> bool:
    return _is_repeat(item) and item[1][1] > FEW


def _is_repeat(item: Any) -> bool:
    return str(item[0]).endswith("_REPEAT")


def _is_start(item: Any) -> bool:
    return str(item[0]) == "AT" and str(item[1]) in {"AT_BEGINNING", "AT_BEGINNING_STRING"}


def _names(items: Any) -> list[str]:
    return [str(name) for name, _ in _flat(items)]


def _ends_at(repeated: Any, following: Any) -> bool:
    """Tell whether a repetition can stop in one place only: what follows is none of it."""
    if following is None or str(following[0]) != "LITERAL" or len(repeated) != 1:
        return False
    name, argument = str(repeated[0][0]), repeated[0][1]
    letters = {chr(following[1]).lower(), chr(following[1]).upper()}
    kinds = argument if name == "IN" else repeated
    if str(kinds[0][0]) == "NEGATE":
        return all(any(_is(kind, each, unsure=False) for kind in kinds[1:]) for each in letters)
    return not any(_is(kind, each, unsure=True) for kind in kinds for each in letters)


def _is(kind: Any, letter: str, *, unsure: bool) -> bool:
    """Tell whether a letter is of a kind of letters."""
    name, value = str(kind[0]), kind[1]
    if name in {"LITERAL", "NOT_LITERAL"}:
        return (chr(value).lower() == letter.lower()) == (name == "LITERAL")
    if name == "RANGE":
        return bool(value[0] <= ord(letter) <= value[1])
    if name == "CATEGORY" and str(value) in CATEGORIES:
        return bool(re.match(CATEGORIES[str(value)], letter))
    return unsure
