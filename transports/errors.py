"""What can go wrong in ``transports``, sorted by whose fault it is.

::

    TransportError
    ├── PacketError         peer: the datagram is not RTP; counted and dropped
    ├── PortsExhausted      operator: no free port pair; refuse the call, widen the range
    ├── AddressUnavailable  operator: the bind address is not one of this machine
    ├── ModelUnavailable    operator: an optional package is not installed; refuse its pipelines
    ├── FilterUnavailable   operator: likewise, of a filter of the caller's audio
    └── MediaUnavailable    environment: the media process has ended; refuse calls until it is back
"""

__all__ = [
    "AddressUnavailable",
    "FilterUnavailable",
    "MediaUnavailable",
    "ModelUnavailable",
    "PacketError",
    "PortsExhausted",
    "TransportError",
]


class TransportError(Exception):
    """Any failure that this package raises on purpose."""


class PacketError(TransportError):
    """A datagram is not a valid RTP packet."""


class PortsExhausted(TransportError):
    """Every port pair of the configured range is taken."""


class AddressUnavailable(TransportError):
    """The address to bind is not configured on this machine."""


class ModelUnavailable(TransportError):
    """A voice activity model needs packages that are not installed."""


class FilterUnavailable(TransportError):
    """A filter of the caller's audio needs a package that is not installed."""


class MediaUnavailable(TransportError):
    """The media process cannot be reached: it has ended, or is only starting."""
