"""How Mistral says no: bodies of its errors, and what it does not take. Pure."""

import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

__all__ = ["Refusal", "check_chat", "refusal"]

CALL_ID: Final = re.compile(r"^[A-Za-z0-9]{9}$")
ROLES: Final = ("system", "user", "assistant", "tool")

Refusal = tuple[int, dict[str, Any]]
"""A status and its JSON."""

_USUAL: Final[Mapping[int, tuple[str, str, str]]] = {
    400: ("Invalid request", "invalid_request_error", "3000"),
    404: ("Invalid model: unknown", "invalid_model", "1500"),
    429: ("Rate limit exceeded", "rate_limited", "1300"),
    500: ("Internal server error", "internal_server_error", "3000"),
    503: ("Service unavailable.", "unreachable_backend", "1100"),
}
"""Message, type and code by status."""


def refusal(status: int, message: str = "") -> Refusal:
    """Return an error with the body that Mistral gives it.

    Args:
        status: Of HTTP.
        message: Instead of the usual one.
    """
    if status == HTTPStatus.UNAUTHORIZED:
        return status, {"detail": message or "Unauthorized"}
    usual, kind, code = _USUAL.get(status, _USUAL[400 if status < 500 else 500])
    return status, {
        "object": "error",
        "message": message or usual,
        "type": kind,
        "param": None,
        "code": code,
    }


def check_chat(body: Mapping[str, Any]) -> Refusal | None:
    """Return how Mistral refuses a conversation that OpenAI might take, or None.

    It knows no role ``developer``, wants ids of tool calls of nine letters and digits, and
    answers a user or a tool only.
    """
    messages = body.get("messages") or []
    for index, turn in enumerate(messages):
        if turn.get("role") not in ROLES:
            return _invalid(index, turn.get("role"))
        for call_id in _call_ids(turn):
            if not CALL_ID.match(call_id):
                return refusal(
                    400,
                    f"Tool call id was {call_id} but must be a-z, A-Z, 0-9, with a length of 9.",
                )
    if not messages:
        return refusal(400, "Expected at least one message")
    last = messages[-1]
    if last.get("role") in ("user", "tool") or last.get("prefix"):
        return None
    return refusal(
        400,
        "Expected last role User or Tool (or Assistant with prefix True) for serving but got "
        f"{last.get('role')}",
    )


def _call_ids(turn: Mapping[str, Any]) -> list[str]:
    ids = [str(call.get("id")) for call in turn.get("tool_calls") or ()]
    return [*ids, str(turn.get("tool_call_id"))] if turn.get("role") == "tool" else ids


def _invalid(index: int, role: object) -> Refusal:
    detail = {
        "type": "union_tag_invalid",
        "loc": ["body", "messages", index],
        "msg": f"Input tag '{role}' found using 'role' does not match any of the expected tags: "
        + ", ".join(f"'{each}'" for each in ROLES),
        "input": {"role": role},
    }
    return 422, {"detail": [detail]}
