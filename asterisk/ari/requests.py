"""Operations of Asterisk's REST interface as values: method, path, query, body. Pure.

Paths are below ``/ari``. Sources: Asterisk 22's ``rest-api/api-docs``; SIP statuses as seen on
Asterisk 22.10.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Literal, TypeAlias
from urllib.parse import quote

from asterisk.params import FormatName

Method: TypeAlias = Literal["GET", "POST", "DELETE"]

TransferState: TypeAlias = Literal[
    "channel_progress", "channel_answered", "channel_unavailable", "channel_declined"
]
"""A phone is told 100, 200, 503, 603."""


@dataclass(frozen=True, slots=True)
class Request:
    """One request.

    Attributes:
        path: Below ``/ari``, ids in it percent-encoded.
        query: Names and values, not encoded.
        body: Becomes JSON.
    """

    method: Method
    path: str
    query: tuple[tuple[str, str], ...] = ()
    body: Mapping[str, object] | None = None

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


class HangupCause(IntEnum):
    """Why we hang up, as a Q.850 code; an unanswered caller gets the SIP status on the right."""

    NOT_FOUND = 1  # 404
    NORMAL = 16  # 603, BYE when answered
    BUSY = 17  # 486
    TIMEOUT = 18  # 408
    UNAVAILABLE = 19  # 480
    FORBIDDEN = 21  # 403
    GONE = 22  # 410
    OVERLOADED = 34  # 503
    FAILURE = 38  # 500
    NOT_ACCEPTABLE = 58  # 488


def _path(*parts: str) -> str:
    return "".join("/" + quote(part, safe="") for part in parts)


def answer(channel_id: str) -> Request:
    """Answer an incoming channel."""
    return Request("POST", _path("channels", channel_id, "answer"))


def ring(channel_id: str) -> Request:
    """Let an incoming channel hear that it rings: a 180, or the tone once it is answered."""
    return Request("POST", _path("channels", channel_id, "ring"))


def stop_ringing(channel_id: str) -> Request:
    """End what :func:`ring` began."""
    return Request("DELETE", _path("channels", channel_id, "ring"))


def originate(
    channel_id: str,
    endpoint: str,
    *,
    app: str,
    originator: str,
    caller: str,
    ring_seconds: int,
    arguments: Sequence[str] = ("target",),
    variables: Mapping[str, str] | None = None,
) -> Request:
    """Call somebody, who enters an application on answering.

    Args:
        channel_id: Chosen by us.
        endpoint: As ``Local/100@context/n``; one that cannot be called is answered with 500.
        app: Application that the channel enters.
        originator: Channel for which it is: the new one speaks its codecs. Without, a Local
            channel speaks the widest that Asterisk knows, 192 kHz.
        caller: Number that is shown; empty for none.
        ring_seconds: After so long Asterisk gives up, with cause 19.
        arguments: What the application is told on entering.
        variables: Of the new channel.
    """
    query = (
        ("endpoint", endpoint),
        ("app", app),
        ("appArgs", ",".join(arguments)),
        ("originator", originator),
        ("timeout", str(ring_seconds)),
    )
    shown = (("callerId", caller),) if caller else ()
    body = {"variables": dict(variables)} if variables else None
    return Request("POST", _path("channels", channel_id), (*query, *shown), body)


def create_channel(channel_id: str, endpoint: str, *, app: str, limit_seconds: int) -> Request:
    """Make a channel that enters an application without calling anybody.

    Args:
        channel_id: Chosen by us.
        endpoint: Whom it could call.
        app: Application that it enters; it is gone at once where nobody has registered that.
        limit_seconds: Asterisk itself hangs it up after this time.
    """
    query = (("endpoint", endpoint), ("app", app), ("channelId", channel_id))
    body = {"variables": {"TIMEOUT(absolute)": str(limit_seconds)}}
    return Request("POST", _path("channels", "create"), query, body)


def hang_up(channel_id: str, cause: HangupCause = HangupCause.NORMAL) -> Request:
    """Hang up a channel; refuse it when it is not answered yet."""
    return Request("DELETE", _path("channels", channel_id), (("reason_code", str(int(cause))),))


def external_media(
    channel_id: str, *, app: str, host: str, port: int, codec: FormatName, limit_seconds: int
) -> Request:
    """Open a channel which exchanges RTP with ``host:port``.

    Args:
        channel_id: Chosen by us; one that exists already is answered with 500.
        app: Application that the channel enters; one that is not registered is answered with
            200 and the channel vanishes.
        host: Numeric address: a name is answered with 500.
        port: Where our RTP socket listens.
        codec: What Asterisk sends us; back it takes any with a static payload type, and no other.
        limit_seconds: Asterisk itself hangs the channel up after this time.
    """
    address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    return Request(
        "POST",
        _path("channels", "externalMedia"),
        (
            ("app", app),
            ("channelId", channel_id),
            ("external_host", address),
            ("format", codec),
            ("direction", "both"),
        ),
        {"variables": {"TIMEOUT(absolute)": str(limit_seconds)}},
    )


def create_bridge(bridge_id: str) -> Request:
    """Create a bridge that mixes the channels in it."""
    return Request("POST", _path("bridges", bridge_id), (("type", "mixing"), ("name", bridge_id)))


def delete_bridge(bridge_id: str) -> Request:
    """Delete a bridge; the channels in it stay."""
    return Request("DELETE", _path("bridges", bridge_id))


def add_channels(bridge_id: str, channel_ids: Sequence[str], *, mute: bool = False) -> Request:
    """Put channels into a bridge; each must be in the application (422 otherwise).

    Args:
        bridge_id: Of the bridge.
        channel_ids: Of the channels.
        mute: Whether the others hear nothing of them.
    """
    muted = (("mute", "true"),) if mute else ()
    return Request(
        "POST",
        _path("bridges", bridge_id, "addChannel"),
        (("channel", ",".join(channel_ids)), *muted),
    )


def remove_channel(bridge_id: str, channel_id: str) -> Request:
    """Take a channel out of a bridge; it stays in the application."""
    return Request("POST", _path("bridges", bridge_id, "removeChannel"), (("channel", channel_id),))


def send_dtmf(channel_id: str, digits: str) -> Request:
    """Play digits to a channel, 100 ms each with 100 ms between."""
    return Request("POST", _path("channels", channel_id, "dtmf"), (("dtmf", digits),))


def continue_in_dialplan(
    channel_id: str,
    context: str | None = None,
    extension: str | None = None,
    priority: int | None = None,
) -> Request:
    """Give a channel back to the dialplan, behind its ``Stasis()`` when no place is named."""
    places = (
        ("context", context),
        ("extension", extension),
        ("priority", None if priority is None else str(priority)),
    )
    query = tuple((name, value) for name, value in places if value is not None)
    return Request("POST", _path("channels", channel_id, "continue"), query)


def transfer_progress(channel_id: str, state: TransferState) -> Request:
    """Tell a phone that sent a REFER what has come of it, in a NOTIFY of SIP."""
    return Request("POST", _path("channels", channel_id, "transfer_progress"), (("states", state),))


def get_variable(channel_id: str, variable: str) -> Request:
    """Read a channel variable: ``{"value": ...}``, 404 when it is not set."""
    return Request("GET", _path("channels", channel_id, "variable"), (("variable", variable),))


def set_variable(channel_id: str, variable: str, value: str) -> Request:
    """Set a channel variable."""
    return Request(
        "POST",
        _path("channels", channel_id, "variable"),
        (("variable", variable), ("value", value)),
    )


def rtp_statistics(channel_id: str) -> Request:
    """Read loss, jitter and round trip of a SIP channel; an external channel has none (404)."""
    return Request("GET", _path("channels", channel_id, "rtp_statistics"))


def get_channel(channel_id: str) -> Request:
    """Read one channel; 404 when it is gone."""
    return Request("GET", _path("channels", channel_id))


def list_channels() -> Request:
    """Read all channels of this Asterisk, ours or not."""
    return Request("GET", "/channels")


def list_bridges() -> Request:
    """Read all bridges of this Asterisk."""
    return Request("GET", "/bridges")


def get_application(app: str) -> Request:
    """Read an application's subscriptions; 404 when nobody ever registered it."""
    return Request("GET", _path("applications", app))


def user_event(name: str, *, app: str, fields: Mapping[str, str]) -> Request:
    """Send an event of one's own to whoever listens to an application; 404 where it is unknown."""
    query = (("application", app),)
    return Request("POST", _path("events", "user", name), query, {"variables": dict(fields)})


def subscribe(app: str, channel_id: str) -> Request:
    """Have the events of a channel sent to an application."""
    return Request(
        "POST",
        _path("applications", app, "subscription"),
        (("eventSource", f"channel:{channel_id}"),),
    )


def asterisk_info() -> Request:
    """Read version and start-up time."""
    return Request("GET", "/asterisk/info")


def list_endpoints(technology: str) -> Request:
    """List the endpoints of a technology, such as ``PJSIP``."""
    return Request("GET", _path("endpoints", technology))


def endpoint_settings(name: str) -> Request:
    """Read what an endpoint of ``PJSIP`` is set to, wherever that is written; no passwords."""
    return Request("GET", _path("asterisk", "config", "dynamic", "res_pjsip", "endpoint", name))


def module(name: str) -> Request:
    """Read whether a module runs; 404 when it does not."""
    return Request("GET", _path("asterisk", "modules", f"{name}.so"))
