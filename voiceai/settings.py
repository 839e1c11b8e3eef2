"""All configuration: environment variables and ``.env``, checked once at start.

A field's name in capitals is its variable. :func:`load_settings` is the only way in, and the
only place that reads ``os.environ``.
"""

import difflib
import ipaddress
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Self
from urllib.parse import urlsplit

from dotenv import dotenv_values
from pydantic import (
    Field,
    PrivateAttr,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, SettingsConfigDict

from voiceai.errors import SettingsError

SECRET_PREFIX = "VOICEAI_SECRET_"  # noqa: S105 - a variable's prefix
"""Variables that tools in pipelines may refer to by name."""

EXAMPLES: Mapping[str, str] = {
    "ARI_URL": "http://127.0.0.1:8088",
    "RTP_HOST": "192.0.2.10 (numeric; Asterisk sends audio there)",
    "RTP_BIND": "192.0.2.10 (numeric; RTP_HOST when unset)",
    "RTP_PORT": "10000",
    "RTP_PORT_MAX": "20000",
    "RTP_CODEC": "alaw (ulaw, g722, slin)",
    "RTP_RECEIVE": "slin16 (alaw, ulaw, g722, slin; RTP_CODEC when unset)",
    "HTTP_PORT": "8080",
    "DATABASE_URL": "postgresql://user:password@db.example:5432/voiceai",
    "DB_HOST": "db.example",
    "DB_PORT": "5432",
    "DB_USER": "voiceai",
    "DB_NAME": "voiceai",
    "VOICEAI_DEFAULT_LANGUAGE": "de",
    "VOICEAI_PIPELINES": "/etc/voiceai/pipelines",
    "VOICEAI_DB_MAP": "Assistant.greeting=welcome_text,PhoneNumber=phone_numbers",
    "VOICEAI_LOG_FORMAT": "text or json",
    "VOICEAI_LOG_LEVEL": "INFO",
    "VOICEAI_TRANSCRIPT_DAYS": "90",
    "VOICEAI_MAX_CALLS": "100",
    "VOICEAI_MEDIA": "process or inline",
}
"""What a correct value looks like, shown with every complaint."""


def default_data_dir() -> Path:
    """``/var/lib/voiceai`` for root, else the user's data folder (XDG base directories)."""
    if os.geteuid() == 0:
        return Path("/var/lib/voiceai")
    home = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(home) / "voiceai"


class Settings(BaseSettings):
    """Every setting; immutable after start."""

    model_config = SettingsConfigDict(
        env_file=".env",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
    )

    ari_url: str = Field("http://127.0.0.1:8088", description="Asterisk's HTTP server")
    ari_username: str | None = Field(None, description="user of ari.conf")
    ari_password: SecretStr | None = Field(None, description="password of ari.conf")
    ari_app: str = Field("voice-ai", description="Stasis application of the dialplan")

    rtp_host: str = Field("127.0.0.1", description="address we advertise to Asterisk, numeric")
    rtp_bind: str | None = Field(None, description="address we bind; RTP_HOST when unset")
    rtp_port: int = Field(10000, ge=1024, le=65534, description="first UDP port for RTP")
    rtp_port_max: int = Field(20000, ge=1025, le=65535, description="last UDP port for RTP")
    rtp_codec: Literal["alaw", "ulaw", "g722", "slin"] = Field(
        "alaw", description="what Asterisk is sent"
    )
    rtp_receive: Literal["alaw", "ulaw", "g722", "slin", "slin16"] | None = Field(
        None, description="what Asterisk is to send; RTP_CODEC when unset"
    )

    http_host: str = Field("127.0.0.1", description="address of our HTTP server")
    http_port: int = Field(8080, ge=0, le=65535, description="port of our HTTP server; 0: any")
    api_token: SecretStr | None = Field(
        None, description="bearer token; unset: loopback only, one is generated"
    )

    database_url: SecretStr | None = Field(None, description="PostgreSQL; wins over DB_*")
    db_host: str | None = Field(None, description="PostgreSQL host, with DB_USER and DB_NAME")
    db_port: int = Field(5432, ge=1, le=65535, description="PostgreSQL port")
    db_user: str | None = Field(None, description="PostgreSQL user")
    db_password: SecretStr | None = Field(None, description="PostgreSQL password")
    db_name: str | None = Field(None, description="PostgreSQL database")

    azure_speech_key: SecretStr | None = Field(None, description="Azure Speech key")
    azure_speech_region: str | None = Field(None, description="Azure region")
    azure_speech_endpoint: str | None = Field(None, description="Azure endpoint instead of region")
    mistral_api_key: SecretStr | None = Field(None, description="Mistral key")
    mistral_base_url: str | None = Field(None, description="Mistral endpoint")
    openai_api_key: SecretStr | None = Field(
        None, description="key of openai, and of servers that speak as it does"
    )
    openai_base_url: str | None = Field(None, description="address of such a server, ends in /v1")
    voiceai_look_up_url: SecretStr | None = Field(
        None, description="database of the tool look_up, as a role that may only read"
    )
    edge_tts_endpoint: str | None = Field(None, description="Edge-TTS endpoint, such as a fake")

    voiceai_default_pipeline: str | None = Field(
        None, description="azure-mistral-LANG with keys, else local-LANG; LANG is replaced"
    )
    voiceai_default_language: str = Field("de", description="language when nothing else says")
    voiceai_pipelines: Path | None = Field(None, description="folder of pipeline YAML")
    voiceai_data_dir: Path = Field(
        default_factory=default_data_dir, description="embedded database, history, tokens"
    )
    voiceai_db_map: str | None = Field(None, description="other names of the users' tables")
    voiceai_log_format: Literal["text", "json"] = Field("text", description="log lines")
    voiceai_log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO", description="least severe line that is logged"
    )
    voiceai_media: Literal["process", "inline"] = Field(
        "process" if sys.platform == "linux" else "inline",
        description="where audio is sent from: a process of its own, or the calls' own",
    )
    voiceai_transcript_days: int = Field(
        90, ge=0, description="how long transcripts are kept; 0: for ever"
    )
    voiceai_max_calls: int | None = Field(
        None, ge=1, description="calls at once; unset: as many as the machine carries"
    )

    _tool_secrets: Mapping[str, SecretStr] = PrivateAttr(default_factory=dict)

    @property
    def tool_secrets(self) -> Mapping[str, SecretStr]:
        """Variables ``VOICEAI_SECRET_*``, which requests of tools may hold."""
        return self._tool_secrets

    @field_validator("rtp_host", "rtp_bind")
    @classmethod
    def _numeric(cls, value: str | None) -> str | None:
        if value is not None:
            ipaddress.ip_address(value)
        return value

    @field_validator("ari_url")
    @classmethod
    def _http_url(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError("is not an http:// or https:// address")
        return value.rstrip("/")

    @field_validator("database_url", "voiceai_look_up_url")
    @classmethod
    def _postgres_url(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            scheme = urlsplit(value.get_secret_value()).scheme.split("+")[0]
            if scheme not in {"postgres", "postgresql"}:
                raise ValueError("is not a postgresql:// address")
        return value

    @field_validator("voiceai_default_language")
    @classmethod
    def _language(cls, value: str) -> str:
        primary = value.split("-", maxsplit=1)[0]
        if not primary.isalpha() or not 2 <= len(primary) <= 3:
            raise ValueError("is not a language code")
        return value

    @field_validator("voiceai_log_level", mode="before")
    @classmethod
    def _upper(cls, value: object) -> object:
        return value.upper() if isinstance(value, str) else value

    @field_validator("voiceai_pipelines")
    @classmethod
    def _folder(cls, value: Path | None) -> Path | None:
        if value is not None and not value.is_dir():
            raise ValueError("is not a folder")
        return value

    @field_validator("voiceai_data_dir")
    @classmethod
    def _absolute(cls, value: Path) -> Path:
        return value.expanduser().absolute()

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if ipaddress.ip_address(self.rtp_host).is_unspecified:
            raise SettingsError(
                f"RTP_HOST={self.rtp_host} cannot be advertised: Asterisk sends audio to it. "
                "Example: RTP_HOST=192.0.2.10 RTP_BIND=0.0.0.0"
            )
        if self.rtp_port_max <= self.rtp_port:
            raise SettingsError(
                f"RTP_PORT_MAX={self.rtp_port_max} is not above RTP_PORT={self.rtp_port}. "
                "Example: RTP_PORT=10000 RTP_PORT_MAX=20000"
            )
        if self.database_url is None:
            self._check_database_parts()
        return self

    def _check_database_parts(self) -> None:
        """Refuse ``DB_*`` in part.

        Raises:
            SettingsError: One is set, and DB_HOST, DB_USER or DB_NAME is missing.
        """
        given = [f"db_{part}" for part in ("host", "port", "user", "password", "name")]
        if not self.model_fields_set.intersection(given):
            return
        for name in ("db_host", "db_user", "db_name"):
            if getattr(self, name) is None:
                present = ", ".join(n.upper() for n in given if n in self.model_fields_set)
                raise SettingsError(
                    f"{name.upper()} is missing ({present} is set). "
                    "Example: DB_HOST=db.example DB_USER=voiceai DB_PASSWORD=... DB_NAME=voiceai"
                )

    @property
    def has_database(self) -> bool:
        """Whether a PostgreSQL of the user's is configured; else the embedded one is used."""
        return self.database_url is not None or self.db_host is not None

    @property
    def has_azure(self) -> bool:
        """Whether Azure Speech can be reached: a key, and a region or an endpoint."""
        place = self.azure_speech_region or self.azure_speech_endpoint
        return self.azure_speech_key is not None and place is not None

    def default_pipeline(self, language: str | None = None) -> str:
        """Name the pipeline of a row that names none.

        Args:
            language: BCP 47 tag or None for the default language; only its first part counts.
        """
        short = (language or self.voiceai_default_language).split("-")[0].lower()
        if self.voiceai_default_pipeline:
            return self.voiceai_default_pipeline.replace("LANG", short)
        cloud = self.has_azure and self.mistral_api_key is not None
        return f"{'azure-mistral' if cloud else 'local'}-{short}"

    def secret_values(self) -> list[str]:
        """Every secret in clear, for the log to leave out."""
        values = [getattr(self, name) for name in type(self).model_fields]
        values += self._tool_secrets.values()
        return [v.get_secret_value() for v in values if isinstance(v, SecretStr)]


@dataclass(frozen=True, slots=True)
class SettingRow:
    """One setting as ``voiceai settings`` shows it; secrets are masked."""

    name: str
    value: str | None
    default: str | None
    source: Literal["environment", ".env", "default"]
    meaning: str


@dataclass(frozen=True, slots=True)
class LoadedSettings:
    """Settings, where each came from, and what looked misspelt."""

    settings: Settings
    sources: Mapping[str, Literal["environment", ".env", "default"]]
    warnings: tuple[str, ...]

    def describe(self) -> list[SettingRow]:
        """Every setting with value, default and origin, in the order of the documentation."""
        rows = []
        for name, field in Settings.model_fields.items():
            default = field.get_default(call_default_factory=True, validated_data={})
            rows.append(
                SettingRow(
                    name=name.upper(),
                    value=_shown(getattr(self.settings, name)),
                    default=_shown(default),
                    source=self.sources[name.upper()],
                    meaning=field.description or "",
                )
            )
        return rows


def load_settings(env_file: Path | None = Path(".env")) -> LoadedSettings:
    """Read and check the environment and ``env_file``.

    Raises:
        SettingsError: Malformed or incomplete; the message has the variable and an example.
    """
    try:
        settings = Settings(_env_file=env_file)
    except ValidationError as exc:
        raise SettingsError("\n".join(_complaint(error) for error in exc.errors())) from exc
    environment = {k.upper(): v for k, v in os.environ.items() if v}
    file_values: Mapping[str, str | None] = dotenv_values(env_file) if env_file else {}
    dotenv = {k.upper(): v for k, v in file_values.items() if v}
    sources: dict[str, Literal["environment", ".env", "default"]] = {}
    for name in (field.upper() for field in Settings.model_fields):
        inside = ".env" if name in dotenv else "default"
        sources[name] = "environment" if name in environment else inside  # type: ignore[assignment]
    merged = {**dotenv, **environment}
    settings._tool_secrets = {  # noqa: SLF001 - of this module
        name: SecretStr(value) for name, value in merged.items() if name.startswith(SECRET_PREFIX)
    }
    return LoadedSettings(
        settings=settings,
        sources=sources,
        warnings=tuple(_misspelt(merged) + _contradictions(settings)),
    )


def _complaint(error: Mapping[str, object]) -> str:
    location = error["loc"]
    name = str(location[0]).upper() if isinstance(location, tuple) and location else "settings"
    message = str(error["msg"]).removeprefix("Value error, ")
    example = EXAMPLES.get(name)
    return f"{name}: {message}" + (f". Example: {name}={example}" if example else "")


def _misspelt(variables: Mapping[str, str]) -> list[str]:
    """Warnings for ``VOICEAI_*`` we do not know, and for near misses of the other names."""
    known = [name.upper() for name in Settings.model_fields]
    warnings = []
    for name in sorted(variables):
        if name in known or name.startswith(SECRET_PREFIX):
            continue
        ours = name.startswith("VOICEAI_")
        nearest = difflib.get_close_matches(name, known, n=1, cutoff=0.6 if ours else 0.88)
        if ours or nearest:
            hint = f"; did you mean {nearest[0]}?" if nearest else ""
            warnings.append(f"{name} is not a setting{hint}")
    return warnings


def _contradictions(settings: Settings) -> list[str]:
    warnings = []
    if settings.database_url is not None and settings.db_host is not None:
        warnings.append("DATABASE_URL and DB_HOST are both set; DATABASE_URL is used")
    if settings.azure_speech_key is not None and not settings.has_azure:
        warnings.append("AZURE_SPEECH_KEY needs AZURE_SPEECH_REGION, for example westeurope")
    if settings.rtp_port % 2:
        warnings.append(f"RTP_PORT={settings.rtp_port} is odd; audio starts one port above")
    return warnings


def _shown(value: object) -> str | None:
    if value is None:
        return None
    return "********" if isinstance(value, SecretStr) else str(value)
