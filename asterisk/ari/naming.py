"""The ids which we choose for channels and bridges, and how to recognise them later. Pure."""

import re
from dataclasses import dataclass, field
from typing import Final

from asterisk.ari.events import Channel

PREFIX: Final = "voiceai-"
EXTERNAL_MEDIA_TECHNOLOGY: Final = "UnicastRTP/"
TARGET_SUFFIX: Final = "-target"
SUCCESSOR_SUFFIX: Final = "-successor"


@dataclass(frozen=True, slots=True)
class Naming:
    """Ids of one application and instance: ``voiceai-APP-INSTANCE-CALL-ext`` and the like.

    They are the same for every process that runs under this application and instance, so a
    process recognises what one before it left in Asterisk.
    """

    app: str
    instance: str
    _pattern: re.Pattern[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        ours = "ext|bridge|target|successor"
        pattern = rf"{re.escape(self._prefix)}(?P<call_id>[0-9a-f]{{32}})-(?:{ours})"
        object.__setattr__(self, "_pattern", re.compile(pattern))

    @property
    def _prefix(self) -> str:
        return f"{PREFIX}{self.app}-{self.instance}-"

    def external(self, call_id: str) -> str:
        """Id of a call's external media channel."""
        return f"{self._prefix}{call_id}-ext"

    def bridge(self, call_id: str) -> str:
        """Id of a call's bridge."""
        return f"{self._prefix}{call_id}-bridge"

    def target(self, call_id: str) -> str:
        """Id of the channel of whom a call's caller may be put through to."""
        return f"{self._prefix}{call_id}{TARGET_SUFFIX}"

    def successor(self, call_id: str) -> str:
        """Id of the channel of who takes the place of a call's caller."""
        return f"{self._prefix}{call_id}{SUCCESSOR_SUFFIX}"

    def is_successor(self, channel_id: str) -> bool:
        """Whether a channel is of one who takes, or has taken, a caller's place."""
        return channel_id.endswith(SUCCESSOR_SUFFIX) and self.call_id(channel_id) is not None

    def call_id(self, channel_or_bridge_id: str) -> str | None:
        """Return the call that an id belongs to, or None when it is not one of ours."""
        match = self._pattern.fullmatch(channel_or_bridge_id)
        return match["call_id"] if match else None


def is_media(channel: Channel) -> bool:
    """Whether a channel carries media for some application and is never a caller."""
    return channel.id.startswith(PREFIX) or channel.name.startswith(EXTERNAL_MEDIA_TECHNOLOGY)
