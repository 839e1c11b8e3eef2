"""Repeats the caller's words: the simplest check of the whole way."""

from pipelines.rules import Reply
from pipelines.services.entry import Request, ServiceEntry
from pipelines.services.scripted import ResponderService
from pipelines.spec import Spec


class EchoParams(Spec):
    """None."""


class EchoService(ResponderService):
    """Says what it heard, and nothing if it heard nothing."""

    def reply(self, heard: str | None) -> Reply:
        """Return the caller's words."""
        return Reply(heard or "")


def _make(_request: Request) -> EchoService:
    return EchoService(name="echo")


ECHO = ServiceEntry(make=_make, params=EchoParams)
