"""The one place that configures logging: loguru, text or JSON, to standard error.

A call's lines carry its id: ``with logger.contextualize(call_id=...)``. The standard library's
loggers are passed on to loguru. Secrets are replaced in every line before it is written.
"""

import json
import logging
import re
import sys
import traceback
from collections.abc import Iterable
from typing import TYPE_CHECKING, Literal, TextIO

from loguru import logger

if TYPE_CHECKING:
    from loguru import Record

MASK = "********"

SHORTEST_SECRET = 4
"""Characters; shorter ones would mask ordinary text."""

NOISE = (
    re.compile(r"VADParams\.stop_secs|VAD stop_secs \("),
    re.compile(r"ᓚᘏᗢ Pipecat"),
    re.compile(r": (?:Generating LLM response|Setting up LLM conversation) \["),
)
"""Lines of Pipecat's that every call or start repeats and that nobody can act upon.

The last ones hold a whole conversation, and with it digits that the caller typed in confidence.
"""

QUIET_LOGGERS = ("aiohttp.access", "asyncio", "websockets", "httpx", "httpcore", "hpack")
"""Loggers of the standard library that say something only from WARNING."""

TEXT = (
    "{time:YYYY-MM-DD HH:mm:ss.SSS!UTC}Z {level: <7} {extra[call_id]: <8.8} {name}: {message}"
    "{extra[_fields]}\n{exception}"
)


class _Redacting:
    """A stream in which no secret is readable."""

    def __init__(self, stream: TextIO, secrets: Iterable[str]) -> None:
        self._stream = stream
        longest_first = sorted(
            {secret for secret in secrets if len(secret) >= SHORTEST_SECRET}, key=len, reverse=True
        )
        escaped = "|".join(map(re.escape, longest_first))
        self._pattern = re.compile(escaped) if escaped else None

    def write(self, text: str) -> None:
        self._stream.write(self._pattern.sub(MASK, text) if self._pattern else text)
        self._stream.flush()


class _StandardLibrary(logging.Handler):
    """Passes the standard library's records on to loguru."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            level: str | int = logger.level(record.levelname).name
        except ValueError:
            level = record.levelno
        patched = logger.patch(lambda target: target.update({"name": record.name}))
        patched.opt(exception=record.exc_info).log(level, "{}", record.getMessage())


def configure_logging(
    form: Literal["text", "json"] = "text",
    level: str = "INFO",
    *,
    secrets: Iterable[str] = (),
    stream: TextIO | None = None,
) -> None:
    """Send every log line to ``stream`` (standard error), and nowhere else.

    Args:
        form: ``text`` for people, ``json`` for one object per line.
        level: Least severe level that is written.
        secrets: Texts that are masked wherever they stand.
        stream: Where to.
    """
    output = _Redacting(stream or sys.stderr, secrets)
    logger.remove()
    logger.configure(extra={"call_id": ""})
    if form == "json":
        logger.add(
            lambda message: output.write(_json_line(message.record)),
            level=level, format="{message}", filter=_worth_writing, backtrace=False, diagnose=False,
        )  # fmt: skip
    else:
        logger.add(
            lambda message: output.write(str(message)),
            level=level, format=_text_format, filter=_worth_writing, backtrace=False,
            diagnose=False, colorize=False,
        )  # fmt: skip
    logging.basicConfig(handlers=[_StandardLibrary()], level=logging.INFO, force=True)
    for name in QUIET_LOGGERS:
        logging.getLogger(name).setLevel(logging.WARNING)


def _worth_writing(record: "Record") -> bool:
    return not any(pattern.search(record["message"]) for pattern in NOISE)


def _text_format(record: "Record") -> str:
    """The line's template; fields follow the message as ``name=value``."""
    fields = {k: v for k, v in record["extra"].items() if k not in {"call_id", "_fields"}}
    record["extra"]["_fields"] = "".join(f" {key}={value}" for key, value in fields.items())
    record["extra"].setdefault("call_id", "")
    return TEXT


def _json_line(record: "Record") -> str:
    """One line of JSON: time, level, logger, event, call_id and the fields."""
    fields = {key: value for key, value in record["extra"].items() if key != "_fields"}
    call_id = fields.pop("call_id", "")
    document = {
        "time": record["time"].isoformat(),
        "level": record["level"].name,
        "logger": record["name"],
        "message": record["message"],
        **({"call_id": call_id} if call_id else {}),
        **{key: value for key, value in fields.items() if key not in {"time", "level", "message"}},
    }
    exception = record["exception"]
    if exception is not None and exception.type is not None:
        lines = traceback.format_exception(exception.type, exception.value, exception.traceback)
        document["exception"] = "".join(lines)
    return json.dumps(document, ensure_ascii=False, default=str) + "\n"
