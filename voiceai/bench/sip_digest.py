"""Digest authentication of SIP requests (RFC 3261 section 22, RFC 8760, RFC 7616). Pure."""

import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from voiceai.bench.errors import SipError

__all__ = ["Challenge", "Credentials", "authorization", "choose_challenge"]

_ALGORITHMS: Final[dict[str, Callable[[bytes], str]]] = {
    "MD5": lambda data: hashlib.md5(data, usedforsecurity=False).hexdigest(),
    "SHA-256": lambda data: hashlib.sha256(data).hexdigest(),
}

_FIELD: Final = re.compile(r'([A-Za-z][A-Za-z0-9-]*)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))')


@dataclass(frozen=True, slots=True)
class Credentials:
    """An account."""

    username: str
    password: str


@dataclass(frozen=True, slots=True)
class Challenge:
    """What a server wants to be answered.

    Attributes:
        realm: Shown to a person, and hashed.
        nonce: Hashed; the server's own.
        algorithm: `MD5` or `SHA-256`.
        opaque: Returned as it came; None where none came.
        has_quality: The server offers `qop=auth`.
        header: `WWW-Authenticate` or `Proxy-Authenticate`.
    """

    realm: str
    nonce: str
    algorithm: str
    opaque: str | None
    has_quality: bool
    header: str

    @property
    def answer_header(self) -> str:
        """The header that carries the answer."""
        return "Authorization" if self.header == "WWW-Authenticate" else "Proxy-Authorization"


def choose_challenge(header: str, values: Sequence[str]) -> Challenge:
    """Return the first challenge that we can answer (RFC 8760 section 2.4: the server's order).

    Args:
        header: `WWW-Authenticate` or `Proxy-Authenticate`.
        values: One value for each header line.

    Raises:
        SipError: None is a digest challenge of an algorithm and quality that we know.
    """
    for value in values:
        scheme, _, rest = value.strip().partition(" ")
        found = {key.lower(): quoted or plain for key, quoted, plain in _FIELD.findall(rest)}
        algorithm = found.get("algorithm", "MD5").upper()
        qualities = [part.strip().lower() for part in found.get("qop", "").split(",")]
        if scheme.lower() != "digest" or algorithm not in _ALGORITHMS:
            continue
        if "realm" not in found or "nonce" not in found or qualities == ["auth-int"]:
            continue
        opaque, has_quality = found.get("opaque"), "auth" in qualities
        return Challenge(found["realm"], found["nonce"], algorithm, opaque, has_quality, header)
    raise SipError(f"no digest challenge that we can answer: {[value[:80] for value in values]}")


def authorization(
    challenge: Challenge, credentials: Credentials, *, method: str, uri: str, client_nonce: str
) -> str:
    """Return the value of the header that answers a challenge, for its first use.

    Args:
        challenge: From the server's 401 or 407.
        credentials: The account.
        method: Of the request that carries the answer.
        uri: Its request address.
        client_nonce: Random, without quotes.
    """
    digest = _ALGORITHMS[challenge.algorithm]
    account = f"{credentials.username}:{challenge.realm}:{credentials.password}"
    secret, request = digest(account.encode()), digest(f"{method}:{uri}".encode())
    middle = f"00000001:{client_nonce}:auth:" if challenge.has_quality else ""
    response = digest(f"{secret}:{challenge.nonce}:{middle}{request}".encode())
    fields = [
        f'username="{credentials.username}"',
        f'realm="{challenge.realm}"',
        f'nonce="{challenge.nonce}"',
        f'uri="{uri}"',
        f'response="{response}"',
        f"algorithm={challenge.algorithm}",
    ]
    if challenge.has_quality:
        fields += ["qop=auth", "nc=00000001", f'cnonce="{client_nonce}"']
    if challenge.opaque is not None:
        fields.append(f'opaque="{challenge.opaque}"')
    return "Digest " + ", ".join(fields)
