"""How a call can end, and what the caller's network is told when it is refused."""

import enum

from asterisk.ari.requests import HangupCause


class EndReason(enum.StrEnum):
    """Why a call is over; stored as ``end_reason``."""

    CALLER_HUNG_UP = "caller_hung_up"
    ASSISTANT_HUNG_UP = "assistant_hung_up"
    TRANSFERRED = "transferred"
    CALLER_SILENT = "caller_silent"
    TIME_LIMIT = "time_limit"
    UNKNOWN_NUMBER = "unknown_number"
    PIPELINE_INVALID = "pipeline_invalid"
    SERVICE_UNAVAILABLE = "service_unavailable"
    SERVER_FULL = "server_full"
    MEDIA_FAILED = "media_failed"
    ASTERISK_LOST = "asterisk_lost"
    SHUTDOWN = "shutdown"
    ERROR = "error"


class Refusal(Exception):  # an outcome, not an error
    """A call that is turned away.

    Args:
        reason: What the record says.
        cause: What Asterisk tells the caller's network (Q.850).
        why: One line for the log, with the fix.
    """

    def __init__(self, reason: EndReason, cause: HangupCause, why: str) -> None:
        super().__init__(why)
        self.reason = reason
        self.cause = cause
