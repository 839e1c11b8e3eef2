"""The bearer token, and which address may be served without one of the operator's."""

import ipaddress
import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from loguru import logger

from voiceai.settings import Settings


@dataclass(frozen=True, slots=True)
class Access:
    """Who may ask, and where we listen; ``file`` holds a generated token."""

    token: str
    host: str
    file: Path | None = None


def access_for(settings: Settings) -> Access:
    """Use ``API_TOKEN``, or generate a token and listen on the loopback address only."""
    if settings.api_token is not None:
        return Access(settings.api_token.get_secret_value(), settings.http_host)
    file = settings.voiceai_data_dir / "api-token"
    host = settings.http_host
    if not _is_loopback(host):
        logger.warning(
            "http.loopback_only: API_TOKEN is not set, so HTTP_HOST={} is not used", host
        )
        host = "127.0.0.1"
    logger.info("http.token: the bearer token is in {}", file)
    return Access(_stored_token(file), host, file)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _stored_token(file: Path) -> str:
    """The token in ``file``, generated if there is none; readable by its owner only."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return file.read_text(encoding="ascii").strip()
    token = secrets.token_urlsafe(32)
    with os.fdopen(descriptor, "w", encoding="ascii") as stream:
        stream.write(token + "\n")
    return token
