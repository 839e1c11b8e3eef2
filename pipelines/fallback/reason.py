"""Why a service failed, in one line that may stand in a log and in a call's record."""

from typing import Any

LONGEST = 200


def reason_of(error: BaseException) -> str:
    """Return what an exception says, without addresses, headers and keys of its request."""
    status: Any = getattr(error, "status", None) or getattr(error, "status_code", None)
    if isinstance(status, int):
        return f"HTTP {status}"
    name = type(error).__name__
    return one_line(f"{name}: {error}") if str(error) else name


def one_line(text: str) -> str:
    """Return a text as one line of a bounded length."""
    return " ".join(text.split())[:LONGEST]
