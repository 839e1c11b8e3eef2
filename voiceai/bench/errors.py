"""What the bench and its telephone can meet, by whose fault it is.

::

    SipError          peer: a datagram, header or body is not what SIP or SDP says; dropped
    CallOver          peer: the call ended while something in it was waited for
    BenchUnavailable  environment: this machine cannot run the bench; says what is missing
"""

from voiceai.errors import VoiceaiError

__all__ = ["BenchUnavailable", "CallOver", "SipError"]


class SipError(Exception):
    """Bytes of a peer are not valid SIP or SDP, or ask for what we do not speak."""


class CallOver(Exception):
    """The call ended before what was waited for happened."""


class BenchUnavailable(VoiceaiError):
    """A bench cannot run here; the message says why and what mends it."""
