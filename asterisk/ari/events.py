"""Events of Asterisk's REST interface: JSON text in, typed values out. Pure.

Shapes as in Asterisk 22's ``rest-api/api-docs/events.json``, checked against 22.10. Kinds we have
no use for are kept as :class:`UnknownEvent`; a message that is not an event at all raises
:class:`~asterisk.errors.AriProtocolError` and nothing else.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, TypeAlias, cast

from asterisk.errors import AriProtocolError

Fields: TypeAlias = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Channel:
    """One leg of a call as Asterisk sees it.

    Attributes:
        id: Its name in requests; ours where we chose it.
        name: Technology and peer, as ``PJSIP/trunk-00000001`` or ``UnicastRTP/127.0.0.1:4000-0x7``.
        state: ``Ring`` (rings here, unanswered), ``Up``, ``Down`` ...
        caller_number: Who calls; empty when withheld.
        caller_name: The caller's display name.
        extension: Where in the dialplan it is.
        application: Dialplan application that it is in, ``Stasis`` while we control it.
        application_data: That application's arguments, as ``voice-ai,inbound,4920189098723``.
        variables: Channel variables that came along (``channelvars``).
    """

    id: str
    name: str = ""
    state: str = ""
    caller_number: str = ""
    caller_name: str = ""
    context: str = ""
    extension: str = ""
    application: str = ""
    application_data: str = ""
    variables: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Bridge:
    """A bridge and the ids of the channels in it."""

    id: str
    channels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class StasisStart:
    """A channel entered our application.

    Attributes:
        arguments: Those after the application's name.
        replaces: Channel whose place it has taken in a bridge, by a transfer that Asterisk made
            itself; empty as a rule.
    """

    application: str
    channel: Channel
    arguments: tuple[str, ...] = ()
    replaces: str = ""


@dataclass(frozen=True, slots=True)
class StasisEnd:
    """A channel left our application: it hung up, or it goes on in the dialplan."""

    channel: Channel


@dataclass(frozen=True, slots=True)
class ChannelStateChange:
    """A channel rings, is answered ..."""

    channel: Channel


@dataclass(frozen=True, slots=True)
class ChannelDtmfReceived:
    """A key was pressed and released on a channel; ``duration_ms`` is how long it was held."""

    channel: Channel
    digit: str
    duration_ms: int


SOFTHANGUP_SHUTDOWN: Final = 1 << 2
"""AST_SOFTHANGUP_SHUTDOWN of Asterisk's ``channel.h``."""


@dataclass(frozen=True, slots=True)
class ChannelHangupRequest:
    """A channel is about to hang up.

    Attributes:
        cause: A Q.850 code where Asterisk tells one.
        is_shutdown: Asterisk is being stopped, and hangs up all channels.
    """

    channel: Channel
    cause: int | None = None
    is_shutdown: bool = False


@dataclass(frozen=True, slots=True)
class ChannelDestroyed:
    """A channel is gone; ``cause`` is a Q.850 code."""

    channel: Channel
    cause: int
    cause_text: str = ""


@dataclass(frozen=True, slots=True)
class ChannelEnteredBridge:
    """A channel is in a bridge now."""

    bridge: Bridge
    channel: Channel


@dataclass(frozen=True, slots=True)
class ChannelLeftBridge:
    """A channel is no longer in a bridge."""

    bridge: Bridge
    channel: Channel


@dataclass(frozen=True, slots=True)
class BridgeDestroyed:
    """A bridge is gone."""

    bridge: Bridge


@dataclass(frozen=True, slots=True)
class Dial:
    """Progress of an outgoing channel; ``status`` is empty, then ``ANSWER``, ``BUSY`` ..."""

    peer: Channel
    status: str


@dataclass(frozen=True, slots=True)
class ChannelTransfer:
    """A caller's phone asks that somebody else take its place (SIP's REFER).

    Asterisk sends it again, with ``state``, for each answer that it is given.

    Attributes:
        channel: Of the caller.
        destination: Whom the phone names, as it writes the user of a SIP address.
        is_attended: The phone means a call that it has already (SIP's ``Replaces``).
        connected: Who is at the other end of that call; None where Asterisk does not know.
        state: What the application answered; None in the first event.
    """

    channel: Channel
    destination: str
    is_attended: bool = False
    connected: Channel | None = None
    state: str | None = None


@dataclass(frozen=True, slots=True)
class ApplicationReplaced:
    """Another client took over our application: this connection hears nothing any more."""

    application: str


@dataclass(frozen=True, slots=True)
class UserEvent:
    """An event that a client made up for another (``ChannelUserevent``), about no channel."""

    name: str
    fields: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class UnknownEvent:
    """An event of a kind that we do not read."""

    kind: str
    body: Fields


AriEvent: TypeAlias = (
    StasisStart
    | StasisEnd
    | ChannelStateChange
    | ChannelDtmfReceived
    | ChannelHangupRequest
    | ChannelDestroyed
    | ChannelEnteredBridge
    | ChannelLeftBridge
    | BridgeDestroyed
    | Dial
    | ChannelTransfer
    | ApplicationReplaced
    | UserEvent
    | UnknownEvent
)


def parse_event(text: str | bytes) -> AriEvent:
    """Decode one message of the event websocket.

    Raises:
        AriProtocolError: The text is not JSON, not an object, has no type, or lacks a field
            that its type must have. No other exception escapes, whatever the text.
    """
    try:
        body = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise AriProtocolError(f"not JSON: {error}") from error
    fields = _fields(body, "event")
    kind = _text(fields, "type")
    parse = _PARSERS.get(kind)
    return parse(fields) if parse else UnknownEvent(kind, fields)


def parse_channel(value: object) -> Channel:
    """Decode a channel, from an event or from an answer to a request.

    Raises:
        AriProtocolError: It is not an object, or it has no id.
    """
    fields = _fields(value, "channel")
    caller = _fields(fields.get("caller", {}), "caller")
    dialplan = _fields(fields.get("dialplan", {}), "dialplan")
    variables = _fields(fields.get("channelvars", {}), "channelvars")
    return Channel(
        id=_text(fields, "id"),
        name=_text(fields, "name", ""),
        state=_text(fields, "state", ""),
        caller_number=_text(caller, "number", ""),
        caller_name=_text(caller, "name", ""),
        context=_text(dialplan, "context", ""),
        extension=_text(dialplan, "exten", ""),
        application=_text(dialplan, "app_name", ""),
        application_data=_text(dialplan, "app_data", ""),
        variables={name: value for name, value in variables.items() if isinstance(value, str)},
    )


def parse_bridge(value: object) -> Bridge:
    """Decode a bridge, from an event or from an answer to a request.

    Raises:
        AriProtocolError: It is not an object, or it has no id.
    """
    fields = _fields(value, "bridge")
    return Bridge(id=_text(fields, "id"), channels=_texts(fields, "channels"))


def _fields(value: object, what: str) -> Fields:
    if not isinstance(value, dict):
        raise AriProtocolError(f"{what} is {type(value).__name__}, expected an object")
    return cast("Fields", value)


def _text(fields: Fields, name: str, default: str | None = None) -> str:
    value = fields.get(name, default)
    if not isinstance(value, str):
        raise AriProtocolError(f"{name} is {type(value).__name__}, expected text")
    return value


def _texts(fields: Fields, name: str) -> tuple[str, ...]:
    value = fields.get(name, [])
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise AriProtocolError(f"{name} is not a list of texts")
    return tuple(value)


def _number(fields: Fields, name: str) -> int:
    value = fields.get(name)
    if not isinstance(value, int) or isinstance(value, bool):
        raise AriProtocolError(f"{name} is {type(value).__name__}, expected a whole number")
    return value


def _channel(fields: Fields) -> Channel:
    return parse_channel(fields.get("channel"))


def _bridge(fields: Fields) -> Bridge:
    return parse_bridge(fields.get("bridge"))


def _transfer(fields: Fields) -> ChannelTransfer:
    refer_to = _fields(fields.get("refer_to"), "refer_to")
    asked = _fields(refer_to.get("requested_destination", {}), "requested_destination")
    referred_by = _fields(fields.get("referred_by"), "referred_by")
    connected = refer_to.get("connected_channel")
    return ChannelTransfer(
        channel=parse_channel(referred_by.get("source_channel")),
        destination=_text(asked, "destination", ""),
        is_attended="protocol_id" in asked,
        connected=None if connected is None else parse_channel(connected),
        state=_text(fields, "state") if "state" in fields else None,
    )


def _user_event(fields: Fields) -> UserEvent:
    said = _fields(fields.get("userevent", {}), "userevent")
    texts = {name: value for name, value in said.items() if isinstance(value, str)}
    return UserEvent(_text(fields, "eventname"), texts)


def _hangup_request(fields: Fields) -> ChannelHangupRequest:
    """Take apart what Asterisk calls a cause: its own flags where the request is "soft"."""
    cause = _number(fields, "cause") if "cause" in fields else None
    if fields.get("soft") is True:
        return ChannelHangupRequest(
            _channel(fields), None, is_shutdown=cause == SOFTHANGUP_SHUTDOWN
        )
    return ChannelHangupRequest(_channel(fields), cause)


_PARSERS: Final[Mapping[str, Callable[[Fields], AriEvent]]] = {
    "StasisStart": lambda fields: StasisStart(
        _text(fields, "application"),
        _channel(fields),
        _texts(fields, "args"),
        parse_channel(fields["replace_channel"]).id if "replace_channel" in fields else "",
    ),
    "StasisEnd": lambda fields: StasisEnd(_channel(fields)),
    "ChannelStateChange": lambda fields: ChannelStateChange(_channel(fields)),
    "ChannelDtmfReceived": lambda fields: ChannelDtmfReceived(
        _channel(fields), _text(fields, "digit"), _number(fields, "duration_ms")
    ),
    "ChannelHangupRequest": _hangup_request,
    "ChannelDestroyed": lambda fields: ChannelDestroyed(
        _channel(fields), _number(fields, "cause"), _text(fields, "cause_txt", "")
    ),
    "ChannelEnteredBridge": lambda fields: ChannelEnteredBridge(_bridge(fields), _channel(fields)),
    "ChannelLeftBridge": lambda fields: ChannelLeftBridge(_bridge(fields), _channel(fields)),
    "BridgeDestroyed": lambda fields: BridgeDestroyed(_bridge(fields)),
    "Dial": lambda fields: Dial(parse_channel(fields.get("peer")), _text(fields, "dialstatus", "")),
    "ChannelTransfer": _transfer,
    "ChannelUserevent": _user_event,
    "ApplicationReplaced": lambda fields: ApplicationReplaced(_text(fields, "application", "")),
}
