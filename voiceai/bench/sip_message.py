"""SIP messages on the wire (RFC 3261 sections 7 and 25). Pure: bytes in, values out."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from voiceai.bench.errors import SipError

__all__ = [
    "Headers",
    "Request",
    "Response",
    "address_of",
    "parameter",
    "parse",
    "tag_of",
    "uri_of",
    "user_of",
]

MAX_MESSAGE_BYTES: Final = 65_535
"""A UDP datagram; precedent: RFC 3261 section 18.1.1."""

MAX_HEADERS: Final = 200
"""Precedents: Asterisk sends about 20; aiohttp stops at 128."""

COMPACT_NAMES: Final = {
    "c": "Content-Type",
    "e": "Content-Encoding",
    "f": "From",
    "i": "Call-ID",
    "k": "Supported",
    "l": "Content-Length",
    "m": "Contact",
    "s": "Subject",
    "t": "To",
    "v": "Via",
}
"""RFC 3261 section 20."""

_TOKEN: Final = re.compile(r"[A-Za-z0-9\-.!%*_+`'~]+")
_REQUEST_LINE: Final = re.compile(r"([A-Za-z0-9\-.!%*_+`'~]+) (\S+) SIP/2\.0")
_SCHEME: Final = re.compile(r"\s*(?:sips?:)?", re.IGNORECASE)
_STATUS_LINE: Final = re.compile(r"SIP/2\.0 ([1-6][0-9]{2})(?: (.*))?")
_ADDRESS: Final = re.compile(r"(?:[^@]*@)?(\[[^\]]+\]|[^\[\]:;?>\s]+)(?::([0-9]{1,5}))?")


@dataclass(frozen=True, slots=True)
class Headers:
    """Header fields in their order; names compare without case, compact forms are spelled out."""

    fields: tuple[tuple[str, str], ...] = ()

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter(self.fields)

    def get(self, name: str) -> str:
        """Return the first value of a name, empty when there is none."""
        return next((value for key, value in self.fields if key.lower() == name.lower()), "")

    def all(self, name: str) -> tuple[str, ...]:
        """Return every value of a name; values that commas join in one line come apart."""
        lines = (value for key, value in self.fields if key.lower() == name.lower())
        return tuple(part for line in lines for part in _split(line))


@dataclass(frozen=True, slots=True)
class Request:
    """A request; see :func:`parse` for what holds of a parsed one."""

    method: str
    uri: str
    headers: Headers
    body: bytes = b""

    def serialize(self) -> bytes:
        """Encode for sending; Content-Length is added here."""
        return _serialize(f"{self.method} {self.uri} SIP/2.0", self.headers, self.body)


@dataclass(frozen=True, slots=True)
class Response:
    """A response; see :func:`parse` for what holds of a parsed one."""

    status: int
    reason: str
    headers: Headers
    body: bytes = b""

    def serialize(self) -> bytes:
        """Encode for sending; Content-Length is added here."""
        return _serialize(f"SIP/2.0 {self.status} {self.reason}", self.headers, self.body)


@dataclass(slots=True)
class _Reading:
    fields: list[tuple[str, str]] = field(default_factory=list)

    def add(self, line: str) -> None:
        if line[0] in " \t":
            if not self.fields:
                raise SipError("the first header line is a continuation")
            name, value = self.fields[-1]
            self.fields[-1] = (name, f"{value} {line.strip()}")
            return
        name, colon, value = line.partition(":")
        name = name.rstrip(" \t")
        if not colon or not _TOKEN.fullmatch(name):
            raise SipError(f"not a header line: {line[:60]!r}")
        if len(self.fields) == MAX_HEADERS:
            raise SipError(f"more than {MAX_HEADERS} header lines")
        self.fields.append((COMPACT_NAMES.get(name.lower(), name), value.strip()))


def parse(data: bytes) -> Request | Response:
    """Decode one datagram.

    Returns:
        A message that has From, To, Call-ID, Via and a CSeq of number and method (which in a
        request is the request's); its body is cut to Content-Length.

    Raises:
        SipError: It is not SIP/2.0. No other exception escapes, whatever the bytes.
    """
    if len(data) > MAX_MESSAGE_BYTES:
        raise SipError(f"{len(data)} bytes are more than a datagram holds")
    head, blank, body = data.partition(b"\r\n\r\n")
    if not blank:
        raise SipError("no blank line after the headers")
    try:
        first, *lines = head.decode("utf-8").split("\r\n")
    except UnicodeDecodeError as error:
        raise SipError(f"headers are not UTF-8: {error.reason}") from error
    reading = _Reading()
    for line in lines:
        if not line or any(ord(c) < 0x20 and c != "\t" for c in line):
            raise SipError(f"control character in {line[:60]!r}")
        reading.add(line)
    headers = Headers(tuple(reading.fields))
    method = _check(headers)
    body = _cut(headers, body)
    if status_line := _STATUS_LINE.fullmatch(first):
        return Response(int(status_line[1]), status_line[2] or "", headers, body)
    if request_line := _REQUEST_LINE.fullmatch(first):
        if request_line[1] != method:
            raise SipError(f"CSeq says {method}, the request line {request_line[1]}")
        return Request(request_line[1], request_line[2], headers, body)
    raise SipError(f"neither request nor status line: {first[:60]!r}")


def parameter(value: str, name: str) -> str | None:
    """Return a ``;name=value`` of a header field, without quotes; empty for a bare ``;name``."""
    _, _, after = value.rpartition(">")
    for part in after.split(";")[1:] if after or ">" in value else value.split(";")[1:]:
        key, _, content = part.partition("=")
        if key.strip().lower() == name.lower():
            return content.strip().strip('"')
    return None


def tag_of(value: str) -> str:
    """Return the tag of a From or To, empty when there is none."""
    return parameter(value, "tag") or ""


def uri_of(value: str) -> str:
    """Return the address of ``"Name" <uri>;parameters`` or of ``uri;parameters``."""
    before, bracket, after = _without_quotes(value).partition("<")
    if bracket:
        return after.partition(">")[0].strip()
    return before.partition(";")[0].strip()


def user_of(uri: str) -> str:
    """Return the user part of a SIP or tel address, empty when there is none."""
    scheme, colon, rest = uri.partition(":")
    if not colon:
        return ""
    if scheme.lower() == "tel":
        return rest.partition(";")[0]
    user, at, _ = rest.partition("@")
    return user.partition(";")[0].partition(":")[0] if at else ""


def address_of(uri: str) -> tuple[str, int]:
    """Return host and port of a SIP address; the port is 5060 where none is written.

    Raises:
        SipError: There is no host in it, or the port is none.
    """
    found = _ADDRESS.match(_SCHEME.sub("", uri, count=1))
    port = int(found[2] or 5060) if found else 0
    if not found or not 0 < port < 65536:
        raise SipError(f"no host and port in {uri[:60]!r}")
    return found[1].strip("[]"), port


def _check(headers: Headers) -> str:
    for name in ("From", "To", "Call-ID", "Via"):
        if not headers.get(name):
            raise SipError(f"no {name}")
    number, _, method = headers.get("CSeq").partition(" ")
    if not (re.fullmatch(r"[0-9]{1,10}", number) and _TOKEN.fullmatch(method.strip())):
        raise SipError(f"CSeq {headers.get('CSeq')[:40]!r} is not a number and a method")
    return method.strip()


def _cut(headers: Headers, body: bytes) -> bytes:
    length = headers.get("Content-Length")
    if not length:
        return body
    if not re.fullmatch(r"[0-9]{1,6}", length) or int(length) > len(body):
        raise SipError(f"Content-Length {length[:20]!r}, but {len(body)} bytes follow")
    return body[: int(length)]


def _serialize(first: str, headers: Headers, body: bytes) -> bytes:
    lines = [first, *(f"{name}: {value}" for name, value in headers)]
    if any(any(ord(c) < 0x20 for c in line) for line in lines):
        raise ValueError(f"a line break in {first!r} or its headers")
    lines.append(f"Content-Length: {len(body)}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


def _without_quotes(value: str) -> str:
    return re.sub(r'"(?:[^"\\]|\\.)*"', "", value)


def _split(line: str) -> Iterator[str]:
    """Split at commas that are neither quoted nor within angle brackets."""
    pattern = r'(?:"(?:[^"\\]|\\.)*"|<[^>]*>|[^,"<]|["<])+'
    return (part.strip() for part in re.findall(pattern, line) if part.strip())
