"""Session descriptions of a telephone: one audio stream of G.711 with digits. Pure.

Source: RFC 8866 (SDP), RFC 3264 (offer and answer), RFC 3551 (payload types), RFC 4733 (digits).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final, Literal

from transports.audio.codec import LAW_OF_PAYLOAD_TYPE, Codec
from voiceai.bench.errors import SipError

__all__ = ["AudioDescription", "Direction", "parse", "serialize"]

Direction = Literal["sendrecv", "sendonly", "recvonly", "inactive"]

DEFAULT_EVENT_PAYLOAD_TYPE: Final = 101
"""Precedents: Asterisk, pjsua and most phones."""

_DIRECTIONS: Final[dict[str, Direction]] = {
    "sendrecv": "sendrecv",
    "sendonly": "sendonly",
    "recvonly": "recvonly",
    "inactive": "inactive",
}
_NUMBER: Final = re.compile(r"[0-9]{1,5}")
_RTPMAP: Final = re.compile(r"rtpmap:([0-9]{1,3}) ([^/\s]+)/([0-9]{1,6})(?:/[0-9]+)?")


@dataclass(frozen=True, slots=True)
class AudioDescription:
    """Where one side wants its audio, and in which forms.

    Attributes:
        host: Numeric address.
        port: RTP port; 0 refuses the stream.
        codecs: In the order of preference; empty when none of G.711 is among them.
        event_payload_type: Of telephone-event (RFC 4733); None without.
        direction: From that side's point of view.
    """

    host: str
    port: int
    codecs: tuple[Codec, ...]
    event_payload_type: int | None = DEFAULT_EVENT_PAYLOAD_TYPE
    direction: Direction = "sendrecv"


def parse(body: bytes) -> AudioDescription:
    """Decode an offer or an answer; the first audio stream counts.

    Raises:
        SipError: It is no session description with an audio stream over RTP at a numeric address.
            No other exception escapes, whatever the bytes.
    """
    try:
        lines = body.decode("utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise SipError(f"session description is not UTF-8: {error.reason}") from error
    if not lines or lines[0] != "v=0":
        raise SipError("session description does not begin with v=0")
    common, audio = _sections(lines)
    port, payload_types = _media(audio[0])
    names = dict(_payload_names([*common, *audio]))
    events = [number for number in payload_types if names.get(number) == "telephone-event"]
    return AudioDescription(
        _host([*common, *audio]),
        port,
        tuple(
            dict.fromkeys(
                LAW_OF_PAYLOAD_TYPE[number]
                for number in payload_types
                if number in LAW_OF_PAYLOAD_TYPE
            )
        ),
        events[0] if events else None,
        _direction([*common, *audio]),
    )


def serialize(description: AudioDescription, *, session_id: int, version: int = 1) -> bytes:
    """Encode an offer or an answer.

    Args:
        description: Our side.
        session_id: Random, of one call.
        version: Counts up with every change in a call.
    """
    host = description.host
    family = f"IP{ip_address(host).version}"
    types = [str(codec.payload_type) for codec in description.codecs]
    lines = [
        "v=0",
        f"o=- {session_id} {version} IN {family} {host}",
        "s=call",
        f"c=IN {family} {host}",
        "t=0 0",
    ]
    attributes = [
        f"a=rtpmap:{codec.payload_type} {'PCMA' if codec is Codec.ALAW else 'PCMU'}/8000"
        for codec in description.codecs
    ]
    if (event := description.event_payload_type) is not None:
        types.append(str(event))
        attributes += [f"a=rtpmap:{event} telephone-event/8000", f"a=fmtp:{event} 0-16"]
    media = f"m=audio {description.port} RTP/AVP {' '.join(types)}"
    lines += [media, *attributes, "a=ptime:20", f"a={description.direction}"]
    return ("\r\n".join(lines) + "\r\n").encode()


def _sections(lines: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the lines before the first stream, and those of the first audio stream."""
    common: list[str] = []
    streams: list[list[str]] = []
    for line in lines:
        if line.startswith("m="):
            streams.append([line])
        else:
            (streams[-1] if streams else common).append(line)
    audio = next((stream for stream in streams if stream[0].startswith("m=audio ")), None)
    if audio is None:
        raise SipError("session description without an audio stream")
    return common, audio


def _media(line: str) -> tuple[int, list[int]]:
    words = line.split()
    if len(words) < 4 or words[2] not in ("RTP/AVP", "RTP/AVPF"):
        raise SipError(f"not an RTP audio stream: {line[:60]!r}")
    numbers = [words[1].partition("/")[0], *words[3:]]
    if not all(_NUMBER.fullmatch(number) for number in numbers):
        raise SipError(f"port or payload type is no number: {line[:60]!r}")
    port, *payload_types = (int(number) for number in numbers)
    if port > 65535 or any(number > 127 for number in payload_types):
        raise SipError(f"port or payload type is out of range: {line[:60]!r}")
    return port, payload_types


def _payload_names(lines: Sequence[str]) -> list[tuple[int, str]]:
    found = (_RTPMAP.fullmatch(line[2:].strip()) for line in lines if line.startswith("a="))
    return [(int(match[1]), match[2].lower()) for match in found if match]


def _host(lines: Sequence[str]) -> str:
    words = [line.split() for line in lines if line.startswith("c=")]
    if not words or len(words[-1]) != 3:
        raise SipError("no connection address (c=)")
    try:
        return str(ip_address(words[-1][2].partition("/")[0]))
    except ValueError as error:
        raise SipError(f"connection address {words[-1][2][:60]!r} is not numeric") from error


def _direction(lines: Sequence[str]) -> Direction:
    attributes = [line[2:].strip() for line in lines if line.startswith("a=")]
    found = [_DIRECTIONS[name] for name in attributes if name in _DIRECTIONS]
    return found[-1] if found else "sendrecv"
