"""The tree of errors, as its documentation draws it."""

import re

from asterisk import errors
from asterisk.ari.call import LegEnd


def test_the_documented_tree_is_the_classes() -> None:
    drawn = set(
        re.findall(r"\b([A-Z]\w+)\b {1,}(?:peer|environment|operator|nobody)", errors.__doc__)
    )
    classes = {
        name
        for name, value in vars(errors).items()
        if isinstance(value, type) and issubclass(value, errors.AsteriskError)
    }

    assert drawn | {"AsteriskError"} == classes


def test_a_refusal_reads_as_reason_and_fix() -> None:
    assert str(errors.AriRefused(401, "wrong password", "Set it.")) == "wrong password. Set it."
    assert str(errors.AriRefused(500, "why")) == "why"
    assert str(errors.AriDisconnected("nobody listens", "Start it.")) == "nobody listens. Start it."


def test_a_call_that_ended_tells_who_ended_it() -> None:
    assert "caller" in str(errors.CallEnded(LegEnd("caller", 16)))
