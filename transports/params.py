"""What can be set about RTP: by an operator for all calls, and by the product for one stream."""

import ipaddress
from dataclasses import dataclass
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from transports.audio.codec import Codec
from transports.rtp.spread import PlayoutRange

__all__ = ["RtpParams", "StreamOptions"]

RESERVED_PAYLOAD_TYPES = frozenset({*range(35), *range(72, 77)})
"""Those of codecs, and those that look like RTCP (RFC 3551 section 6)."""


@dataclass(frozen=True, slots=True)
class StreamOptions:
    """What one stream does differently from the rest; agreed on with its peer.

    Attributes:
        codec: What is sent; the configured codec unless given.
        receive: What the peer was asked to send, if it is not the same.
        telephone_event: Payload type of RFC 4733 events, in both directions; ``None`` without.
        inband_dtmf: Listen for keys in the audio too, for peers that send them as tones.
        rtcp: Send reports from the beginning; otherwise only to a peer that sends some.

    Raises:
        ValueError: The payload type is not 0..127, or has another meaning already; or the codec
            to be sent has no static one.
    """

    codec: Codec | None = None
    receive: Codec | None = None
    telephone_event: int | None = None
    inband_dtmf: bool = False
    rtcp: bool = False

    def __post_init__(self) -> None:
        if self.codec is not None and not self.codec.is_static:
            raise ValueError(f"{self.codec.value} can be received, not sent")
        event = self.telephone_event
        if event is not None and (not 0 <= event < 128 or event in RESERVED_PAYLOAD_TYPES):
            raise ValueError(f"payload type {event} cannot be that of telephone events, e.g. 101")


class RtpParams(BaseModel):
    """Addresses, ports, codec and playout delay of the media engine."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    host: str = "127.0.0.1"
    """The numeric address that peers are told to send to (Asterisk refuses names)."""

    bind: str | None = None
    """The numeric address to bind; ``None`` binds ``host``."""

    port_min: int = Field(default=10000, ge=1024, le=65534)
    """The lowest port; audio uses the even ports, RTCP the odd one above each."""

    port_max: int = Field(default=20000, ge=1025, le=65535)
    """The highest port."""

    codec: Codec = Codec.ALAW
    """What is sent: one with a static payload type, since Asterisk drops any other silently."""

    receive: Codec | None = None
    """What the peer is asked to send; ``codec`` unless given. G.711 is understood besides."""

    placement: Literal["inline", "process"] = "inline"
    """Where the engine runs: on the loop of whoever starts it, or in a process of its own."""

    playout_min_ms: int = Field(default=20, ge=0, le=200)
    """How long received audio waits for its stragglers on a good line, in milliseconds."""

    playout_max_ms: int = Field(default=80, ge=0, le=200)
    """And on a bad one; the same as ``playout_min_ms`` for a fixed delay."""

    @field_validator("host", "bind")
    @classmethod
    def _numeric(cls, value: str | None) -> str | None:
        if value is None:
            return None
        try:
            return str(ipaddress.ip_address(value))
        except ValueError as error:
            raise ValueError(f"{value!r} is not a numeric IP address, e.g. 192.0.2.10") from error

    @field_validator("codec")
    @classmethod
    def _static(cls, codec: Codec) -> Codec:
        if not codec.is_static:
            raise ValueError(f"{codec.value!r} can be received, not sent, e.g. 'g722'")
        return codec

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.port_max - self.port_min - self.port_min % 2 < 1:
            raise ValueError(
                f"ports {self.port_min}..{self.port_max} hold no pair of an even port and the "
                "odd one above it, e.g. port_min=10000 port_max=20000"
            )
        if self.playout_min_ms > self.playout_max_ms:
            raise ValueError(
                f"the delay of {self.playout_min_ms}..{self.playout_max_ms} ms is an empty range, "
                "e.g. playout_min_ms=20 playout_max_ms=80"
            )
        host, bind = ipaddress.ip_address(self.host), ipaddress.ip_address(self.bind_host)
        if host.version != bind.version:
            raise ValueError(f"host {host} and bind {bind} are not of the same IP version")
        return self

    @property
    def bind_host(self) -> str:
        """The address that sockets are bound to."""
        return self.bind or self.host

    @property
    def playout_delay(self) -> PlayoutRange:
        """The range of the playout delay in seconds."""
        return PlayoutRange(self.playout_min_ms / 1000, self.playout_max_ms / 1000)

    def codecs(self, options: StreamOptions) -> tuple[Codec, Codec]:
        """Return what a stream sends, and what its peer is asked to send."""
        send = options.codec or self.codec
        return send, options.receive or options.codec or self.receive or send
