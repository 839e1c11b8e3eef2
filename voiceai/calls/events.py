"""What happens in the calls of this process, for whoever watches: demo, log, dashboard."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from voiceai.calls.outcome import EndReason
from voiceai.telemetry.latency import TurnLatency

Role = Literal["caller", "assistant"]


@dataclass(frozen=True, slots=True)
class CallStarted:
    """A call entered the application; nobody has answered yet."""

    call_id: str
    number: str
    caller: str


@dataclass(frozen=True, slots=True)
class CallAnswered:
    """The caller and the assistant are connected.

    Attributes:
        call_id: The call.
        assistant: The assistant's name.
        setup_seconds: From the call's entry to the connection.
    """

    call_id: str
    assistant: str
    setup_seconds: float


@dataclass(frozen=True, slots=True)
class GreetingStarted:
    """The first packet of the greeting has left.

    Attributes:
        call_id: The call.
        after_seconds: Since the call entered the application.
    """

    call_id: str
    after_seconds: float


@dataclass(frozen=True, slots=True)
class TurnSpoken:
    """Somebody has said something.

    Attributes:
        call_id: The call.
        n: Number of the turn in its call, from 1.
        role: Who spoke.
        text: The recognised words, or those of the assistant's that were played.
        interrupted: Whether the caller cut the assistant short.
    """

    call_id: str
    n: int
    role: Role
    text: str
    interrupted: bool


@dataclass(frozen=True, slots=True)
class TurnAnswered:
    """The first packet of an answer has left."""

    call_id: str
    latency: TurnLatency


@dataclass(frozen=True, slots=True)
class ServiceFailed:
    """A provider errs, hangs or is silent.

    Attributes:
        call_id: The call.
        kind: ``stt``, ``llm`` or ``tts``.
        service: Name in the registry.
        instead: Who takes its place; None if nobody is left.
    """

    call_id: str
    kind: str
    service: str
    instead: str | None


@dataclass(frozen=True, slots=True)
class CallEnded:
    """The call is over and nothing of it is left in Asterisk."""

    call_id: str
    reason: EndReason
    seconds: float


CallEvent = (
    CallStarted
    | CallAnswered
    | GreetingStarted
    | TurnSpoken
    | TurnAnswered
    | ServiceFailed
    | CallEnded
)
Watcher = Callable[[CallEvent], None]
