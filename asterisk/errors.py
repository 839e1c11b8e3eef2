"""What can go wrong between us and Asterisk, by whose fault it is.

::

    AsteriskError
    ├── AriProtocolError    peer: a message is not what the interface documents; drop it, carry on
    ├── AriDisconnected     environment: no connection, or no answer in time; try again later
    ├── AriRefused          operator, or a bug of ours: Asterisk answered with an error status
    └── CallEnded           nobody's: the call was over before the operation could be done
"""

from asterisk.ari.call import LegEnd


class AsteriskError(Exception):
    """Anything below; catch it where a call may fail without taking others along."""


class AriProtocolError(AsteriskError):
    """A message is not what the interface documents."""


class AriDisconnected(AsteriskError):
    """There is no connection to Asterisk, or it gave no answer in time.

    Attributes:
        reason: What was seen.
        fix: What to do about it, or an empty string.
    """

    def __init__(self, reason: str, fix: str = "") -> None:
        super().__init__(f"{reason}. {fix}" if fix else reason)
        self.reason = reason
        self.fix = fix


class AriRefused(AsteriskError):
    """Asterisk answered a request with an error.

    Attributes:
        status: HTTP status.
        reason: What Asterisk said, with the request.
        fix: What to do about it, or an empty string.
    """

    def __init__(self, status: int, reason: str, fix: str = "") -> None:
        super().__init__(f"{reason}. {fix}" if fix else reason)
        self.status = status
        self.reason = reason
        self.fix = fix


class CallEnded(AsteriskError):
    """The call was over before the operation could be done.

    Attributes:
        end: Who ended it and why.
    """

    def __init__(self, end: LegEnd) -> None:
        super().__init__(f"the call has ended: {end}")
        self.end = end
