"""The HTTP server over loopback."""

import json
import stat
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
import pytest
from prometheus_client import CollectorRegistry, Counter

from tests.support.database import settings_for
from voiceai.errors import StoreUnavailable
from voiceai.http.api import HttpServer
from voiceai.http.token import Access, access_for
from voiceai.store.answering import AssistantEntry
from voiceai.store.erasure import Erased
from voiceai.store.records import CallHistory, CallRecord, Turn

CALL = CallRecord("c1", "49201", datetime(2026, 11, 22, tzinfo=UTC))


class Calls:
    """A history of one call that can be away."""

    away = False
    file: Path | None = None
    ended_at: datetime | None = None

    async def calls(self, limit: int = 50) -> list[CallRecord]:
        if self.away:
            raise StoreUnavailable("the database is away")
        return [CALL][:limit]

    async def call(self, call_id: str) -> CallHistory | None:
        call = replace(CALL, ended_at=self.ended_at)
        return CallHistory(call, (Turn(1, "caller", "Hallo"),)) if call_id == "c1" else None

    async def recording(self, call_id: str) -> Path | None:
        return self.file if call_id == "c1" else None

    async def delete_recording(self, call_id: str) -> bool:
        deleted = await self.recording(call_id) is not None
        self.file = None
        return deleted

    async def erase(self, number: str) -> Erased:
        return Erased(2, 5, 1, 0, 1) if number == "+49 170" else Erased()

    async def assistants(self) -> list[AssistantEntry]:
        problem = "greeting: became null"
        return [AssistantEntry("a1", "anna", ("4930",), "local-de", 7, None, problem)]


class Rig:
    """A server, what it serves, and a client with the token."""

    def __init__(self) -> None:
        self.reasons: list[str] = []
        self.warnings: list[str] = []
        self.calls = Calls()
        registry = CollectorRegistry()
        Counter("voiceai_calls", "Calls.", registry=registry).inc()
        self.server = HttpServer(
            Access("secret", "127.0.0.1"),
            0,
            readiness=lambda: self.reasons,
            warnings=lambda: self.warnings,
            registry=registry,
            history=self.calls,
        )

    async def get(self, path: str, token: str | None = "secret") -> tuple[int, str]:  # noqa: S107
        return await self.ask("GET", path, token)

    async def ask(self, method: str, path: str, token: str | None) -> tuple[int, str]:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        url = f"http://127.0.0.1:{self.server.port}{path}"
        async with (
            aiohttp.ClientSession() as client,
            client.request(method, url, headers=headers) as response,
        ):
            return response.status, await response.text()


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    found = Rig()
    await found.server.start()
    yield found
    await found.server.close()


async def test_is_alive_whatever_else_is_wrong(rig: Rig) -> None:
    rig.reasons = ["Asterisk refuses us"]

    assert (await rig.get("/health/live", token=None))[0] == 200


async def test_is_ready_or_says_why_not(rig: Rig) -> None:
    assert (await rig.get("/health/ready", token=None))[0] == 200

    rig.reasons = ["Asterisk refuses us"]
    status, body = await rig.get("/health/ready", token=None)

    assert status == 503
    assert "Asterisk refuses us" in body


async def test_a_warning_is_told_and_keeps_nobody_from_calling(rig: Rig) -> None:
    rig.warnings = ["our audio ports overlap Asterisk's"]

    status, body = await rig.get("/health/ready", token=None)

    assert status == 200
    assert json.loads(body)["warnings"] == rig.warnings


async def test_metrics_are_served(rig: Rig) -> None:
    status, body = await rig.get("/metrics", token=None)

    assert status == 200
    assert "voiceai_calls_total 1.0" in body


@pytest.mark.parametrize("token", [None, "wrong", "", "secre", "sécret"])
@pytest.mark.parametrize("path", ["/calls", "/calls/c1", "/nothing"])
async def test_calls_are_for_holders_of_the_token(rig: Rig, path: str, token: str | None) -> None:
    assert (await rig.get(path, token=token))[0] == 401


async def test_calls_are_served_in_the_shape_of_the_command_line(rig: Rig) -> None:
    status, body = await rig.get("/calls")
    assert status == 200
    assert '"end_reason": null' in body
    status, body = await rig.get("/calls/c1")
    assert status == 200
    assert '"turns": [{"n": 1, "role": "caller", "text": "Hallo"' in body


@pytest.mark.parametrize(
    ("path", "status"),
    [("/calls/c2", 404), ("/nothing", 404), ("/calls?limit=x", 400), ("/calls?limit=0", 400)],
)
async def test_errors_are_json(rig: Rig, path: str, status: int) -> None:
    found, body = await rig.get(path)

    assert found == status
    assert body.startswith('{"error": ')


async def test_a_recording_is_served_whole_and_in_parts_to_who_has_the_token(
    rig: Rig, tmp_path: Path
) -> None:
    rig.calls.file = tmp_path / "c1_30d.wav"
    rig.calls.file.write_bytes(bytes(range(200)))
    url = f"http://127.0.0.1:{rig.server.port}/calls/c1/recording"
    headers = {"Authorization": "Bearer secret"}

    async with aiohttp.ClientSession(headers=headers) as client:
        async with client.get(url) as whole:
            assert await whole.read() == bytes(range(200))
            assert whole.content_type == "audio/wav"
            assert whole.headers["Cache-Control"] == "no-store"
            assert 'filename="c1_30d.wav"' in whole.headers["Content-Disposition"]
        async with client.get(url, headers={"Range": "bytes=50-59"}) as part:
            assert (part.status, await part.read()) == (206, bytes(range(50, 60)))
    assert (await rig.get("/calls/c1/recording", token=None))[0] == 401


async def test_a_recording_is_deleted_once_its_call_is_over(rig: Rig, tmp_path: Path) -> None:
    rig.calls.file = tmp_path / "c1_30d.wav"
    assert (await rig.ask("DELETE", "/calls/c1/recording", "secret"))[0] == 409

    rig.calls.ended_at = datetime(2026, 11, 22, tzinfo=UTC)
    assert (await rig.ask("DELETE", "/calls/c1/recording", None))[0] == 401
    assert (await rig.ask("DELETE", "/calls/c1/recording", "secret"))[0] == 204
    assert (await rig.ask("DELETE", "/calls/c1/recording", "secret"))[0] == 404


async def test_a_call_that_was_not_recorded_has_no_recording(rig: Rig) -> None:
    assert (await rig.get("/calls/c1/recording"))[0] == 404
    assert (await rig.get("/calls/c2/recording"))[0] == 404


async def test_assistants_are_served_with_what_is_wrong_with_them(rig: Rig) -> None:
    status, body = await rig.get("/assistants")
    assert status == 200
    [anna] = json.loads(body)
    assert (anna["name"], anna["version"], anna["problem"]) == ("anna", 7, "greeting: became null")

    assert json.loads((await rig.get("/assistants/a1"))[1])["name"] == "anna"
    assert (await rig.get("/assistants/berta"))[0] == 404


async def test_a_caller_is_erased_and_the_answer_counts_what_is_gone(rig: Rig) -> None:
    status, body = await rig.ask("DELETE", "/callers/+49%20170", "secret")

    assert status == 200
    assert json.loads(body) == {
        "calls": 2,
        "turns": 5,
        "messages": 1,
        "waiting": 0,
        "recordings": 1,
    }
    assert (await rig.ask("DELETE", "/callers/everybody", "secret"))[0] == 400
    assert (await rig.ask("DELETE", "/callers/+49170", None))[0] == 401


async def test_an_absent_database_is_an_answer(rig: Rig) -> None:
    rig.calls.away = True

    assert (await rig.get("/calls"))[0] == 503


def test_without_a_token_of_the_operators_one_is_made_and_only_loopback_is_served(
    tmp_path: Path,
) -> None:
    settings = settings_for(tmp_path / "data", http_host="0.0.0.0")  # noqa: S104

    first, second = access_for(settings), access_for(settings)

    assert first.host == "127.0.0.1"
    assert first == second
    assert len(first.token) >= 32
    assert first.file is not None
    assert stat.S_IMODE(first.file.stat().st_mode) == 0o600


def test_an_empty_file_is_no_token(tmp_path: Path) -> None:
    """A process that was killed while it wrote left one, and then any bearer was let in."""
    (tmp_path / "api-token").touch(mode=0o600)

    made = access_for(settings_for(tmp_path))

    assert len(made.token) >= 32
    assert access_for(settings_for(tmp_path)) == made


def test_with_a_token_of_the_operators_the_host_is_his(tmp_path: Path) -> None:
    settings = settings_for(tmp_path, http_host="0.0.0.0", api_token="t")  # noqa: S104, S106

    assert access_for(settings) == Access("t", "0.0.0.0")  # noqa: S104
