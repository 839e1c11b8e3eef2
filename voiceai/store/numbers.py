"""Telephone numbers in one form, so that ``+49 201 890-98723`` finds ``004920189098723``."""

import re

NOISE = re.compile(r"[^0-9A-Za-z*#]")
"""Everything that people put between digits; letters stay, for internal names."""

SQL_NORMAL = (
    r"lower(regexp_replace(regexp_replace(regexp_replace({0}, '\(0\)', '', 'g'),"
    r" '[^0-9A-Za-z*#]', '', 'g'), '^00', ''))"
)
"""The same in PostgreSQL; ``{0}`` is a text expression."""

SQL_MAY_MATCH = (
    "right(rtrim({0}), 1) = right({1}, 1)"
    " AND right(translate({0}, E' -()/.+\\t\\u00a0\\u202f', ''), 6) = right({1}, 6)"
)
"""The last digit, then the last six: most rows need no regular expression."""


def normalise_number(number: str) -> str:
    """Digits only, without the international prefix ``+`` or ``00``.

    A national ``0`` is kept: which country it belongs to is not guessed. ``(0)`` as in
    ``+49 (0) 201`` is dropped. Names such as ``reception`` are lower-cased.
    """
    address = number.strip()
    scheme, colon, rest = address.partition(":")
    if colon and scheme.lower() in {"sip", "sips", "tel"}:
        address = rest.partition("@")[0].partition(";")[0]
    digits = NOISE.sub("", address.replace("(0)", ""))
    return digits.removeprefix("00").lower()


def written_forms(normal: str) -> list[str]:
    """How a normalised number is usually stored; an index on the column finds these."""
    return [normal, f"+{normal}", f"00{normal}"]
