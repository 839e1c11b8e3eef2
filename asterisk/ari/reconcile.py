"""Our calls against the channels and bridges that Asterisk has: what differs. Pure.

Events are lost while there is no event connection, and a process that was killed leaves channels
behind; both show as differences here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from asterisk.ari.events import Bridge, Channel
from asterisk.ari.naming import TARGET_SUFFIX, Naming, is_media

STASIS: Final = "Stasis"
"""Dialplan application that a channel is in while an application of ours controls it."""


@dataclass(frozen=True, slots=True)
class Known:
    """A call of ours, as known before Asterisk was asked.

    Attributes:
        caller_id: Channel of the caller.
        media_id: External channel, when it was up already.
    """

    call_id: str
    caller_id: str
    media_id: str | None


@dataclass(frozen=True, slots=True)
class Differences:
    """What is not as it should be.

    Attributes:
        callers_gone: Calls whose caller is no longer in our application.
        media_gone: Calls whose external channel is gone.
        orphan_channels: Channels with our name that belong to no call known, but for targets
            that talk with a caller who was put through to them.
        orphan_bridges: Bridges likewise.
        waiting: Callers in our application with nobody: they belong to no call known, and are
            in no bridge but one that an earlier process of ours left. A caller in somebody
            else's bridge is talking there. One who took a caller's place is a caller.
    """

    callers_gone: tuple[str, ...]
    media_gone: tuple[str, ...]
    orphan_channels: tuple[str, ...]
    orphan_bridges: tuple[str, ...]
    waiting: tuple[Channel, ...]


def compare(
    channels: Sequence[Channel],
    bridges: Sequence[Bridge],
    *,
    known: Sequence[Known],
    naming: Naming,
) -> Differences:
    """Find the differences between ``known`` and what Asterisk listed."""
    present = {channel.id: channel for channel in channels}
    calls = {call.call_id for call in known}
    callers = {call.caller_id for call in known}
    elsewhere = {
        channel_id
        for bridge in bridges
        if naming.call_id(bridge.id) is None
        for channel_id in bridge.channels
    }

    def is_orphan(name: str) -> bool:
        call_id = naming.call_id(name)
        return call_id is not None and call_id not in calls

    def waits(channel: Channel) -> bool:
        return (
            (not is_media(channel) or naming.is_successor(channel.id))
            and channel.id not in callers
            and channel.id not in elsewhere
            and channel.application == STASIS
            and stasis_arguments(channel)[0] == naming.app
        )

    return Differences(
        callers_gone=tuple(
            call.call_id
            for call in known
            if call.caller_id not in present or present[call.caller_id].application != STASIS
        ),
        media_gone=tuple(
            call.call_id for call in known if call.media_id and call.media_id not in present
        ),
        orphan_channels=tuple(
            channel.id
            for channel in channels
            if is_orphan(channel.id) and not _is_put_through(channel) and not waits(channel)
        ),
        orphan_bridges=tuple(bridge.id for bridge in bridges if is_orphan(bridge.id)),
        waiting=tuple(channel for channel in channels if waits(channel)),
    )


def _is_put_through(channel: Channel) -> bool:
    """Whether a target has answered, and the dialplan has it: seen on Asterisk 22.10."""
    answered = channel.id.endswith(TARGET_SUFFIX) and channel.state == "Up"
    return answered and channel.application != STASIS


def stasis_arguments(channel: Channel) -> tuple[str, ...]:
    """Return the arguments of the ``Stasis(app,...)`` that a channel is in, the app first."""
    return tuple(channel.application_data.split(","))
