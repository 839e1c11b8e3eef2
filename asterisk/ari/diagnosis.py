"""From what a failed connection looks like to what is wrong and how to mend it. Pure.

Each case was produced on Asterisk 22.10 by breaking its configuration.
"""

from dataclasses import dataclass
from typing import Literal, TypeAlias

ConnectionState: TypeAlias = Literal[
    "connecting", "connected", "unreachable", "refused", "occupied", "replaced", "closed"
]


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What is wrong with a connection.

    Attributes:
        state: ``unreachable`` (nobody answers) or ``refused`` (Asterisk says no).
        reason: What was seen.
        fix: What to do about it.
    """

    state: ConnectionState
    reason: str
    fix: str


def nobody_listens(url: str) -> Diagnosis:
    """Connection refused."""
    return Diagnosis(
        "unreachable",
        f"nobody listens at {url}",
        "Start Asterisk; in http.conf set enabled=yes, bindaddr and bindport (many packages ship "
        "it disabled); `asterisk -rx 'http show status'` shows the address. Is ARI_URL right?",
    )


def no_route(url: str, error: str) -> Diagnosis:
    """The name does not resolve, the network is down, TLS fails."""
    return Diagnosis(
        "unreachable", f"no connection to {url}: {error}", "Check ARI_URL, name service, firewall."
    )


def no_answer(url: str, seconds: float) -> Diagnosis:
    """Connected, but silence."""
    return Diagnosis(
        "unreachable",
        f"{url} gave no answer within {seconds:g} s",
        "Asterisk hangs, or something else listens there: try `asterisk -rx 'core show uptime'`.",
    )


def connection_lost(detail: str) -> Diagnosis:
    """The event websocket was open and is closed now."""
    return Diagnosis(
        "unreachable",
        f"Asterisk closed the event connection ({detail})",
        "It comes back by itself when Asterisk does; calls in progress keep their audio.",
    )


def occupied(app: str, owner: str) -> Diagnosis:
    """Another process of ours has the application already."""
    return Diagnosis(
        "occupied",
        f"another voiceai, {owner}, has the application {app!r} and gets its calls",
        "Stop that one, and this one takes over; or give this one an ARI_APP of its own, which the "
        "dialplan's Stasis() names as well.",
    )


def replaced(app: str, retry_seconds: float) -> Diagnosis:
    """Another client registered the same application."""
    return Diagnosis(
        "replaced",
        f"another client took over the application {app!r}, which gets all new calls now",
        "Stop the other one, or give it an ARI_APP of its own. "
        f"This one tries again in {retry_seconds:.0f} s.",
    )


def refused(status: int, path: str, *, is_json: bool, message: str, username: str) -> Diagnosis:
    """An HTTP error, from the websocket handshake or from a request.

    Args:
        status: HTTP status.
        path: What was asked for, below the base address.
        is_json: Whether the answer was JSON: Asterisk's own interface answers in JSON, its bare
            web server in HTML.
        message: Asterisk's message, or the HTTP reason.
        username: Account that we used.
    """
    match status:
        case 401:
            return Diagnosis(
                "refused",
                f"user name or password of {username!r} is wrong (401)",
                f"ARI_USERNAME and ARI_PASSWORD must match the section [{username}] (type=user) "
                "of ari.conf; then `asterisk -rx 'module reload res_ari.so'`.",
            )
        case 403:
            return Diagnosis(
                "refused",
                f"the account {username!r} may read but not write (403)",
                f"Set read_only=no in the section [{username}] of ari.conf; calls would stay "
                "silent otherwise.",
            )
        case 404 if path.endswith("/events"):
            return Diagnosis(
                "refused",
                "Asterisk has no event connection (404)",
                "Load res_http_websocket.so and res_ari_events.so: "
                "`asterisk -rx 'module show like websocket'`.",
            )
        case 404 if not is_json:
            return Diagnosis(
                "refused",
                "the web server answers, but ARI is not there (404)",
                "Set enabled=yes in ari.conf and load res_ari.so, which needs "
                "res_http_websocket.so and res_websocket_client.so: `asterisk -rx 'ari show "
                "status'`. Is ARI_URL right?",
            )
        case 404:
            return Diagnosis(
                "refused",
                f"Asterisk does not know {path} (404: {message})",
                "Load the module that serves it, such as res_ari_bridges.so or "
                "res_ari_channels.so: `asterisk -rx 'module show like res_ari'`.",
            )
        case _:
            return Diagnosis(
                "refused",
                f"Asterisk answered {path} with {status}: {message}",
                "Look into Asterisk's log, usually /var/log/asterisk/messages.log.",
            )
