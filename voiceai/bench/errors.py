"""What the bench telephone can meet, by whose fault it is.

::

    SipError    peer: a datagram, header or body is not what SIP or SDP says; counted and dropped
    CallOver    peer: the call ended while something in it was waited for
"""

__all__ = ["CallOver", "SipError"]


class SipError(Exception):
    """Bytes of a peer are not valid SIP or SDP, or ask for what we do not speak."""


class CallOver(Exception):
    """The call ended before what was waited for happened."""
