"""The bearer token, and which address may be served without one of the operator's."""

import fcntl
import ipaddress
import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from loguru import logger

from voiceai.errors import SettingsError
from voiceai.settings import Settings


@dataclass(frozen=True, slots=True)
class Access:
    """Who may ask, and where we listen; ``file`` holds a generated token."""

    token: str
    host: str
    file: Path | None = None


def access_for(settings: Settings) -> Access:
    """Use ``API_TOKEN``, or generate a token and listen on the loopback address only.

    Raises:
        SettingsError: A generated token cannot be kept in the data folder.
    """
    if settings.api_token is not None:
        return Access(settings.api_token.get_secret_value(), settings.http_host)
    file = settings.voiceai_data_dir / "api-token"
    host = settings.http_host
    if not _is_loopback(host):
        logger.warning(
            "http.loopback_only: API_TOKEN is not set, so HTTP_HOST={} is not used", host
        )
        host = "127.0.0.1"
    try:
        token = _stored_token(file)
    except OSError as error:
        raise SettingsError(
            f"VOICEAI_DATA_DIR={settings.voiceai_data_dir} cannot be used: {error}. "
            "Example: VOICEAI_DATA_DIR=/var/lib/voiceai"
        ) from error
    logger.info("http.token: the bearer token is in {}", file)
    return Access(token, host, file)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _stored_token(file: Path) -> str:
    """The token in ``file``, generated if there is none; readable by its owner only."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
    with os.fdopen(descriptor, "r+", encoding="ascii") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        token = stream.read().strip()
        if not token:  # new, or left empty by a process that was killed
            token = secrets.token_urlsafe(32)
            stream.write(token + "\n")
    return token
