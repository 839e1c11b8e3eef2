"""The tool ``http`` against a server on this machine."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import quote

import pytest
from aiohttp import web
from loguru import logger

from pipelines.http_tool import HttpTool
from pipelines.resources import Resources
from pipelines.tools.answer import ToolFailed
from pipelines.tools.http import request

SECRET = "s3cret-of-the-shop"  # noqa: S105 - of the test


class Shop:
    """What was asked, and what is answered next."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, dict[str, str], bytes]] = []
        self.answer: dict[str, Any] = {"text": '{"order": {"state": "sent", "items": ["a", "b"]}}'}
        self.delay = 0.0
        self.address = ""

    async def handle(self, asked: web.Request) -> web.StreamResponse:
        headers = {name.lower(): value for name, value in asked.headers.items()}
        self.asked.append((asked.method, asked.raw_path, headers, await asked.read()))
        await asyncio.sleep(self.delay)
        if asked.path.startswith("/elsewhere"):
            return web.Response(status=302, headers={"Location": asked.query["to"]})
        return web.Response(**self.answer)


@asynccontextmanager
async def shop() -> AsyncIterator[Shop]:
    one, app = Shop(), web.Application()
    app.router.add_route("*", r"/{path:[\s\S]*}", one.handle)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    one.address = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield one
    finally:
        await runner.cleanup()


async def ask(one: Shop, values: dict[str, Any], **given: Any) -> object:
    """Use a tool with a parameter for each value."""
    given["url"] = one.address + given.get("url", "/orders/{number}")
    tool = HttpTool.model_validate(
        {
            "name": "order",
            "description": "An order",
            "parameters": {
                name: {"description": "A value", "type": _type(value)}
                for name, value in values.items()
            },
            **given,
        }
    )
    resources = Resources()
    resources.tool_secrets = {"VOICEAI_SECRET_SHOP": SECRET}
    try:
        return await request(tool, values, resources)
    finally:
        await resources.aclose()


def _type(value: object) -> str:
    return {bool: "boolean", int: "integer", float: "number"}.get(type(value), "string")


async def test_the_answer_is_plain_data_or_the_part_that_was_asked_for() -> None:
    async with shop() as one:
        whole = await ask(one, {"number": "7"})
        part = await ask(one, {"number": "7"}, result="/order/items/1")
    assert whole == {"order": {"state": "sent", "items": ["a", "b"]}}
    assert part == "b"
    assert [path for _, path, _, _ in one.asked] == ["/orders/7", "/orders/7"]


@pytest.mark.parametrize(
    ("number", "path"),
    [
        ("../admin", "/orders/..%2Fadmin"),
        ("..", "/orders/%2E%2E"),
        ("7?all=1#x", "/orders/7%3Fall%3D1%23x"),
        ("{VOICEAI_SECRET_SHOP}", "/orders/%7BVOICEAI_SECRET_SHOP%7D"),
        ("Müller & Söhne", "/orders/M%C3%BCller%20%26%20S%C3%B6hne"),
        ("7\r\nHost: evil", "/orders/7%0D%0AHost%3A%20evil"),
    ],
)
async def test_a_value_stays_one_piece_of_the_path(number: str, path: str) -> None:
    async with shop() as one:
        await ask(one, {"number": number})
    assert one.asked[0][1] == path


async def test_values_and_secrets_are_put_where_they_belong() -> None:
    async with shop() as one:
        await ask(
            one,
            {"number": "7", "note": 'a "b" {c}', "count": 2, "gift": True},
            url="/orders",
            method="POST",
            headers={"Authorization": "Bearer {VOICEAI_SECRET_SHOP}"},
            query={"q": "{number}&x=1", "page": 3},
            body={"note": "Note: {note}", "count": "{count}", "gift": ["{gift}"], "from": "phone"},
        )
    method, path, headers, body = one.asked[0]
    assert method == "POST"
    assert path == "/orders?q=7%26x%3D1&page=3"
    assert headers["authorization"] == f"Bearer {SECRET}"
    assert body == (b'{"note": "Note: a \\"b\\" {c}", "count": 2, "gift": [true], "from": "phone"}')


async def test_redirections_stay_with_the_hosts_that_are_allowed() -> None:
    async with shop() as one, shop() as other:
        found = await ask(one, {}, url=f"/elsewhere?to={one.address}/orders/9")
        assert found == {"order": {"state": "sent", "items": ["a", "b"]}}
        with pytest.raises(ToolFailed, match="the host localhost is not allowed"):
            await ask(one, {}, url="/elsewhere?to=http://localhost:1/")
        with pytest.raises(ToolFailed, match="in circles"):
            await ask(
                one,
                {},
                url="/elsewhere?to=/elsewhere%3Fto%3D/elsewhere%253Fto%253D/elsewhere%25253Fto%25253D/x",
            )
        await ask(
            one,
            {},
            url=f"/elsewhere?to={other.address}/orders",
            headers={"Authorization": "Bearer {VOICEAI_SECRET_SHOP}"},
        )
    assert "authorization" not in other.asked[0][2]


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ({"status": 404}, "answered with status 404"),
        ({"status": 500}, "answered with status 500"),
        ({"body": b"x" * 200}, "longer than 100 bytes"),
    ],
)
async def test_trouble_is_told_in_words(answer: dict[str, Any], why: str) -> None:
    async with shop() as one:
        one.answer = answer
        with pytest.raises(ToolFailed, match=why):
            await ask(one, {"number": "7"}, max_bytes=100)


async def test_a_server_that_hangs_or_is_not_there_is_told() -> None:
    async with shop() as one:
        one.delay = 1.0
        with pytest.raises(ToolFailed, match="no answer within 100 ms"):
            await ask(one, {"number": "7"}, timeout_ms=100)
    with pytest.raises(ToolFailed, match="cannot be reached"):
        await ask(one, {"number": "7"})


@pytest.mark.parametrize("where", ["mailto:boss@example.org", "http://[::1/", "http://h:x/"])
async def test_a_redirection_to_no_address_is_told(where: str) -> None:
    async with shop() as one:
        with pytest.raises(ToolFailed, match="sent us elsewhere"):
            await ask(one, {}, url=f"/elsewhere?to={quote(where, safe='')}")


async def test_an_encoding_that_nobody_knows_is_read_as_far_as_possible() -> None:
    async with shop() as one:
        one.answer = {"body": b'"yes"', "headers": {"Content-Type": "text/plain; charset=x-own"}}
        assert await ask(one, {"number": "7"}) == "yes"


async def test_a_server_that_speaks_no_http_is_told_without_our_secrets() -> None:
    async def answer(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail is here\r\n\r\n")
        writer.close()

    written: list[str] = []
    sink = logger.add(lambda line: written.append(str(line)))
    one = Shop()
    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        one.address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        with pytest.raises(ToolFailed, match="cannot be reached"):
            await ask(one, {}, url="/", headers={"X-Key": "{VOICEAI_SECRET_SHOP}"})
    logger.remove(sink)
    assert "tool.http" in written[-1]
    assert SECRET not in "".join(written)


async def test_text_is_told_as_text_and_a_missing_part_as_such() -> None:
    async with shop() as one:
        one.answer = {"text": "in two days"}
        assert await ask(one, {"number": "7"}) == "in two days"
        with pytest.raises(ToolFailed, match="does not hold"):
            await ask(one, {"number": "7"}, result="/state")


async def test_a_secret_that_is_not_set_is_the_operators_business() -> None:
    async with shop() as one:
        with pytest.raises(ToolFailed, match="not set this tool up"):
            await ask(one, {"number": "7"}, headers={"X-Key": "{VOICEAI_SECRET_OTHER}"})
    assert one.asked == []
