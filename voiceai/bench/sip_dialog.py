"""A SIP dialogue from the calling side: the requests and responses it consists of. Pure.

Source: RFC 3261 sections 8.1 (requests), 9.1 (CANCEL), 12 (dialogues), 13.2 and 17.1.1.3 (ACK).
"""

from collections.abc import Iterable
from typing import Final

from voiceai.bench.errors import SipError
from voiceai.bench.sip_message import Headers, Request, Response, address_of, tag_of, uri_of

__all__ = ["Dialog", "answer", "cancel_of", "refusal_ack"]

USER_AGENT: Final = "voiceai-bench"

ALLOW: Final = "INVITE, ACK, CANCEL, BYE, OPTIONS, UPDATE, INFO, REFER, NOTIFY"

_TRANSACTION_HEADERS: Final = ("Via", "From", "To", "Call-ID", "CSeq")


class Dialog:
    """What both sides call this dialogue, and the counter of our requests.

    Attributes:
        call_id: Its Call-ID.
        target: Address of the next request: the dialled one, later the other side's Contact.
    """

    def __init__(
        self, *, call_id: str, local: str, remote: str, target: str, contact: str, sent_by: str
    ) -> None:
        """Begin with what the first request needs.

        Args:
            call_id: Unique.
            local: Our From, with its tag.
            remote: The To, without a tag yet.
            target: The request address.
            contact: Our Contact, in angle brackets.
            sent_by: Host and port of our socket, for Via.
        """
        self.call_id = call_id
        self.target = target
        self._local, self._remote = local, remote
        self._contact, self._sent_by = contact, sent_by
        self._routes: tuple[str, ...] = ()
        self._sequence_number = 0

    @property
    def replaces(self) -> str:
        """By what the other side knows this dialogue (RFC 3891): its own tag, then ours."""
        ours, theirs = tag_of(self._local), tag_of(self._remote)
        return f"{self.call_id};to-tag={theirs};from-tag={ours}"

    def request(
        self,
        method: str,
        *,
        branch: str,
        body: bytes = b"",
        headers: Iterable[tuple[str, str]] = (),
    ) -> Request:
        """Return the next request; each counts."""
        self._sequence_number += 1
        return self._build(method, self._sequence_number, branch, body, headers)

    def ack(self, invite: Request, *, branch: str) -> Request:
        """Return the ACK of a 200 (a request of its own, to the Contact)."""
        number = int(invite.headers.get("CSeq").partition(" ")[0])
        return self._build("ACK", number, branch, b"", ())

    def learn(self, response: Response) -> None:
        """Take the other side's tag, Contact and route from a response that makes the dialogue."""
        if tag_of(response.headers.get("To")):
            self._remote = response.headers.get("To")
        self._routes = tuple(reversed(response.headers.all("Record-Route")))
        self.learn_contact(response.headers)

    def learn_contact(self, headers: Headers) -> None:
        """Take the other side's Contact from a message that refreshes it; keep it without one."""
        contact = uri_of(headers.get("Contact"))
        if contact:
            address_of(contact)
            self.target = contact

    def _build(
        self,
        method: str,
        number: int,
        branch: str,
        body: bytes,
        further: Iterable[tuple[str, str]],
    ) -> Request:
        fields = [
            ("Via", f"SIP/2.0/UDP {self._sent_by};branch={branch};rport"),
            ("Max-Forwards", "70"),
            *(("Route", route) for route in self._routes),
            ("From", self._local),
            ("To", self._remote),
            ("Call-ID", self.call_id),
            ("CSeq", f"{number} {method}"),
            ("Contact", self._contact),
            ("Allow", ALLOW),
            ("User-Agent", USER_AGENT),
            *([("Content-Type", "application/sdp")] if body else []),
            *further,
        ]
        return Request(method, self.target, Headers(tuple(fields)), body)


def answer(
    request: Request,
    status: int,
    reason: str,
    *,
    tag: str = "",
    contact: str = "",
    body: bytes = b"",
) -> Response:
    """Return a response to a request.

    Args:
        request: What it answers.
        status: 100..699.
        reason: In words.
        tag: Ours, added to To where it has none.
        contact: Ours, in angle brackets; needed in a 200 to INVITE and UPDATE.
        body: A session description.
    """
    fields = [
        (name, value)
        for name, value in request.headers
        if name.lower() in ("via", "from", "call-id", "cseq", "record-route")
    ]
    to = request.headers.get("To")
    fields.append(("To", to if tag_of(to) or not tag else f"{to};tag={tag}"))
    if contact:
        fields.append(("Contact", contact))
    fields += [("Allow", ALLOW), ("User-Agent", USER_AGENT)]
    if body:
        fields.append(("Content-Type", "application/sdp"))
    return Response(status, reason, Headers(tuple(fields)), body)


def cancel_of(invite: Request) -> Request:
    """Return the CANCEL of an INVITE, within the same transaction."""
    return _same_transaction(invite, "CANCEL", invite.headers.get("To"))


def refusal_ack(invite: Request, response: Response) -> Request:
    """Return the ACK of a response from 300 on, within the same transaction."""
    return _same_transaction(invite, "ACK", response.headers.get("To"))


def _same_transaction(invite: Request, method: str, to: str) -> Request:
    number = invite.headers.get("CSeq").partition(" ")[0]
    if not number:
        raise SipError("INVITE without CSeq")
    kept = {name: invite.headers.get(name) for name in _TRANSACTION_HEADERS}
    kept |= {"To": to, "CSeq": f"{number} {method}"}
    fields = [*kept.items(), ("Max-Forwards", "70"), ("User-Agent", USER_AGENT)]
    return Request(method, invite.uri, Headers(tuple(fields)))
