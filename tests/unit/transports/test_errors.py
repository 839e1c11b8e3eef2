"""The docstring of ``errors`` is the tree of its classes."""

import re

from transports import errors


def test_the_documented_tree_is_the_tree() -> None:
    documented = re.findall(
        r"^\W*(\w+) {2,}(?:peer|operator|environment)", errors.__doc__ or "", re.MULTILINE
    )

    classes = {
        name: value
        for name, value in vars(errors).items()
        if isinstance(value, type) and issubclass(value, Exception)
    }
    assert sorted([*documented, "TransportError"]) == sorted(classes) == sorted(errors.__all__)
    assert all(issubclass(value, errors.TransportError) for value in classes.values())
