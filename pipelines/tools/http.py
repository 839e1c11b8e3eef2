"""The tool ``http``: one request to a host that the operator allowed."""

import asyncio
import json
import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

import aiohttp
from loguru import logger
from yarl import URL

from pipelines.fallback.reason import reason_of
from pipelines.http_tool import HttpTool
from pipelines.resources import Resources
from pipelines.tool_parameters import PLACEHOLDER, SECRET_PREFIX
from pipelines.tools.answer import ToolFailed

MAX_REDIRECTIONS = 3
REDIRECTIONS = frozenset({301, 302, 303, 307, 308})
DOTS = re.compile(r"^\.{1,2}$")

Values = Mapping[str, Any]


async def request(tool: HttpTool, values: Values, resources: Resources) -> object:
    """Carry out a request.

    Args:
        tool: As written in a file.
        values: Checked arguments of the language model.
        resources: Have the connections, and the secrets of tools.

    Returns:
        The JSON of the answer, or its text; only the part that the tool asks for.

    Raises:
        ToolFailed: The other side refuses, hangs, says too much or sends elsewhere.
    """
    text, status = "", 0
    try:
        async with asyncio.timeout(tool.timeout_ms / 1000):
            status, text = await _follow(tool, values, resources)
    except TimeoutError:
        raise ToolFailed(f"no answer within {tool.timeout_ms} ms") from None
    except aiohttp.ClientError as error:
        why = f"{type(error).__name__}: {reason_of(error)}"  # its own text has the headers
        logger.bind(tool=tool.name).warning("tool.http: {}", why)
        raise ToolFailed("the other system cannot be reached") from error
    if not 200 <= status < 300:
        raise ToolFailed(f"the other system answered with status {status}")
    try:
        data = json.loads(text) if text.strip() else None
    except (ValueError, RecursionError):
        data = text
    return data if tool.result is None else _part(data, tool.result)


async def _follow(tool: HttpTool, values: Values, resources: Resources) -> tuple[int, str]:
    secrets = _secrets(tool, resources)
    address = _address(tool, values, secrets)
    headers = {name: _filled(text, {}, secrets) for name, text in tool.headers.items()}
    method, body = tool.method, _body(tool.body, values, secrets)
    for _ in range(MAX_REDIRECTIONS + 1):
        if (address.host or "").lower() not in tool.hosts:
            raise ToolFailed(f"the host {address.host} is not allowed")
        async with _connections(resources).request(
            method,
            address,
            headers=headers,
            json=body if tool.body is not None and method == tool.method else None,
            allow_redirects=False,
        ) as response:
            where = response.headers.get("Location")
            if response.status not in REDIRECTIONS or where is None:
                return response.status, await _text(response, tool.max_bytes)
            following = _following(address, where)
            if following.origin() != address.origin():
                headers = {}  # what they hold was meant for the first host
            if response.status == 303 or (response.status in {301, 302} and method == "POST"):
                method = "GET"
            address = following
    raise ToolFailed("the other system sent us around in circles")


def _following(address: URL, where: str) -> URL:
    try:
        following = address.join(URL(where))
        if following.scheme in {"http", "https"} and following.host and following.port:
            return following
    except ValueError:  # of no address at all
        pass
    raise ToolFailed("the other system sent us elsewhere")


async def _text(response: aiohttp.ClientResponse, max_bytes: int) -> str:
    data = bytearray()
    async for piece in response.content.iter_chunked(16_384):
        data += piece
        if len(data) > max_bytes:
            raise ToolFailed(f"the answer is longer than {max_bytes} bytes")
    try:
        return data.decode(response.charset or "utf-8", errors="replace")
    except LookupError:  # of an encoding that nobody knows
        return data.decode("utf-8", errors="replace")


def _address(tool: HttpTool, values: Values, secrets: Mapping[str, str]) -> URL:
    """Put values into the path and the query, each escaped for where it stands."""
    filled = _replace(tool.url, lambda name: _segment(_text_of(values.get(name))))
    address = URL(filled, encoded=True)
    query = {
        name: _filled(text, values, secrets) if isinstance(text, str) else _text_of(text)
        for name, text in tool.query.items()
    }
    return address.extend_query(query) if query else address


def _segment(text: str) -> str:
    """Escape a value so that it can add no slash, no query and no step upwards."""
    return quote(text, safe="") if not DOTS.match(text) else text.replace(".", "%2E")


def _body(template: object, values: Values, secrets: Mapping[str, str]) -> object:
    if isinstance(template, dict):
        return {key: _body(entry, values, secrets) for key, entry in template.items()}
    if isinstance(template, list):
        return [_body(entry, values, secrets) for entry in template]
    if not isinstance(template, str):
        return template
    alone = PLACEHOLDER.fullmatch(template)
    if alone and not alone[1].startswith(SECRET_PREFIX):
        return values.get(alone[1])
    return _filled(template, values, secrets)


def _filled(text: str, values: Values, secrets: Mapping[str, str]) -> str:
    def value(name: str) -> str:
        return secrets[name] if name.startswith(SECRET_PREFIX) else _text_of(values.get(name))

    return _replace(text, value)


def _replace(text: str, value: Callable[[str], str]) -> str:
    """Put values in once: what a value holds is no placeholder."""
    return PLACEHOLDER.sub(lambda found: value(found[1]), text)


def _text_of(value: object) -> str:
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _secrets(tool: HttpTool, resources: Resources) -> Mapping[str, str]:
    missing = sorted(tool.secrets - set(resources.tool_secrets))
    if missing:
        logger.bind(tool=tool.name).error("tool.http: {} is not set", ", ".join(missing))
        raise ToolFailed("the operator has not set this tool up")
    return resources.tool_secrets


def _part(data: object, pointer: str) -> object:
    """Follow a JSON pointer (RFC 6901).

    Raises:
        ToolFailed: The answer has no such part.
    """
    for token in pointer.split("/")[1:]:
        key = token.replace("~1", "/").replace("~0", "~")
        if isinstance(data, dict) and key in data:
            data = data[key]
        elif isinstance(data, list) and key.isdecimal() and int(key) < len(data):
            data = data[int(key)]
        else:
            raise ToolFailed("the answer does not hold what was asked for")
    return data


def _connections(resources: Resources) -> aiohttp.ClientSession:
    """Return the connections of all conversations; no cookies, no proxy of the environment."""

    def make() -> aiohttp.ClientSession:
        client = aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar(), trust_env=False)
        resources.on_aclose(client.close)
        return client

    return resources.engine("http tool", make)
