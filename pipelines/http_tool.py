"""The tool ``http`` as it is written: a request with places for what a language model says."""

import re
from collections.abc import Iterator
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, JsonValue, StringConstraints, model_validator

from pipelines.fields import HEADER, HEADER_VALUE, HOST, POINTER, Spec, wrong
from pipelines.tool_parameters import (
    PLACEHOLDER,
    SECRET_PREFIX,
    Description,
    Parameters,
    ToolName,
    Value,
    match_parameters,
)

Path = tuple[str | int, ...]

WITHOUT_BODY = frozenset({"GET", "DELETE"})

HostName = Annotated[str, StringConstraints(pattern=HOST, to_lower=True)]
HeaderName = Annotated[str, StringConstraints(pattern=HEADER)]
HeaderValue = Annotated[str, StringConstraints(pattern=HEADER_VALUE)]
Pointer = Annotated[str, StringConstraints(pattern=POINTER, max_length=200)]
"""RFC 6901."""


def _url(text: str) -> str:
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise wrong(f"is not an address: {error}") from error
    if parts.scheme not in {"http", "https"} or not host:
        raise wrong("is not an address", fix="such as https://example.org/orders/{number}")
    if PLACEHOLDER.search(parts.netloc) or "{" in parts.netloc:
        raise wrong("the host cannot be a placeholder", fix="only what follows the host can")
    if parts.username is not None or parts.password is not None:
        raise wrong(
            "an address does not hold a password",
            fix=f"use headers: {{Authorization: 'Bearer {{{SECRET_PREFIX}NAME}}'}}",
        )
    if parts.fragment or re.search(r"[\s\x00-\x1f]", text):
        raise wrong("is not an address: it has a space or a '#'")
    return text


class HttpTool(Spec):
    """Ask another system over HTTP.

    ``{name}`` in ``url`` (after the host), ``query`` and ``body`` is a parameter, escaped for
    where it stands. ``{VOICEAI_SECRET_NAME}`` in ``headers``, ``query`` and ``body`` is that
    environment variable.

    Attributes:
        name: What the language model calls it by.
        description: What the language model is told of it.
        method: Of the request.
        url: With a literal host.
        headers: Sent along; hold no parameters.
        query: Added to the address.
        body: Sent as JSON; parameters stand in its strings, and one that is the whole string
            keeps its type.
        parameters: What the language model gives.
        allow_hosts: Where redirections may lead; the address's own host unless given.
        timeout_ms: Of the whole request.
        max_bytes: Of the answer; a longer one is an error.
        result: JSON pointer (RFC 6901) to the part of the answer that the model is told.
    """

    name: ToolName
    description: Description
    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"] = "GET"
    url: Annotated[str, StringConstraints(max_length=2000), AfterValidator(_url)]
    headers: dict[HeaderName, HeaderValue] = Field(default_factory=dict, max_length=30)
    query: dict[str, Value] = Field(default_factory=dict, max_length=30)
    body: JsonValue = None
    parameters: Parameters = Field(default_factory=dict)
    allow_hosts: Annotated[tuple[HostName, ...], Field(min_length=1, max_length=30)] | None = None
    timeout_ms: int = Field(default=5000, ge=100, le=30_000)
    max_bytes: int = Field(default=65_536, ge=1, le=1_000_000)
    result: Pointer | None = None

    @property
    def host(self) -> str:
        """The host of the address, in lower case."""
        return urlsplit(self.url).hostname or ""

    @property
    def hosts(self) -> frozenset[str]:
        """Every host that may be asked."""
        return frozenset(self.allow_hosts or (self.host,))

    @property
    def secrets(self) -> frozenset[str]:
        """Environment variables that it needs."""
        texts = [*_texts(self.headers, ()), *_texts(self.query, ()), *_texts(self.body, ())]
        return frozenset(name for _, text in texts for name in _secrets(text))

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.host not in self.hosts:
            fix = f"add {self.host}"
            raise wrong(f"the address's host {self.host} is missing", "allow_hosts", fix=fix)
        if self.body is not None and self.method in WITHOUT_BODY:
            raise wrong(f"{self.method} has no body", "body", fix="use method: POST")
        self._check_secrets()
        used: dict[str, Path] = {}
        for at, text in self._templates():
            for name in PLACEHOLDER.findall(text):
                if not name.startswith(SECRET_PREFIX):
                    used.setdefault(name, at)
        match_parameters(self.parameters, used, "{name}")
        return self

    def _check_secrets(self) -> None:
        if _secrets(self.url):
            raise wrong("an address is logged and holds no secret", "url", fix="use headers")
        for at, text in _texts(self.headers, ("headers",)):
            for name in PLACEHOLDER.findall(text):
                if not name.startswith(SECRET_PREFIX):
                    fix = f"use query or body; a secret is {{{SECRET_PREFIX}NAME}}"
                    raise wrong("a header holds no parameter", *at, fix=fix)

    def _templates(self) -> Iterator[tuple[Path, str]]:
        yield ("url",), self.url
        yield from _texts(self.query, ("query",))
        yield from _texts(self.body, ("body",))


def _secrets(text: str) -> list[str]:
    return [name for name in PLACEHOLDER.findall(text) if name.startswith(SECRET_PREFIX)]


def _texts(value: object, at: Path) -> Iterator[tuple[Path, str]]:
    """Every string in plain data, and its path."""
    if isinstance(value, str):
        yield at, value
    elif isinstance(value, dict):
        for key, entry in value.items():
            yield from _texts(entry, (*at, key))
    elif isinstance(value, list):
        for index, entry in enumerate(value):
            yield from _texts(entry, (*at, index))
