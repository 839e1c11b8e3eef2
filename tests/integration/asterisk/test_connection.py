"""Each way of not being connected is told with its reason, and mended when it goes away."""

import asyncio
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from asterisk.ari import requests
from asterisk.ari.client import AriClient
from asterisk.config.check import CONTEXTS, startup_checks
from asterisk.config.finding import Finding
from asterisk.errors import AriDisconnected, AriProtocolError, AriRefused
from asterisk.gateway import Gateway
from asterisk.params import AriParams, FormatName
from asterisk.simulator import AsteriskSimulator
from tests.support.gateways import Connect
from tests.support.waiting import until

WRONG = "wrong"
QUICK = {"backoff_first": 0.01, "backoff_limit": 0.05, "request_timeout": 0.3}


@pytest.fixture
async def asterisk() -> AsyncIterator[AsteriskSimulator]:
    async with AsteriskSimulator() as running:
        yield running


@pytest.fixture
async def connecting() -> AsyncIterator[Connect]:
    """Return a function that starts a gateway and waits until it is in a state."""
    started = []

    async def start(params: AriParams, state: str) -> Gateway:
        gateway = Gateway(params, on_call=lambda leg: leg.hangup())
        started.append((gateway, asyncio.create_task(gateway.run())))
        await until(lambda: gateway.status.state == state)
        return gateway

    yield start
    for gateway, task in started:
        await gateway.close()
        await task


async def test_nobody_listening_is_told(connecting: Connect) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]

    gateway = await connecting(AriParams(url=f"http://127.0.0.1:{port}", **QUICK), "unreachable")

    assert "nobody listens" in gateway.status.reason
    assert "http.conf" in gateway.status.reason


async def test_a_silent_peer_is_told(connecting: Connect) -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        port = mute.getsockname()[1]
        gateway = await connecting(
            AriParams(url=f"http://127.0.0.1:{port}", **QUICK), "unreachable"
        )

        assert "no answer within 0.3 s" in gateway.status.reason


async def test_a_wrong_password_is_told(asterisk: AsteriskSimulator, connecting: Connect) -> None:
    gateway = await connecting(asterisk.params(password=WRONG, **QUICK), "refused")

    assert "(401)" in gateway.status.reason
    assert "ARI_PASSWORD" in gateway.status.reason


async def test_a_read_only_account_takes_no_calls(
    asterisk: AsteriskSimulator, connecting: Connect
) -> None:
    asterisk.read_only = True

    gateway = await connecting(asterisk.params(**QUICK), "refused")

    assert "read_only=no" in gateway.status.reason
    assert (await asterisk.new_call("1").ended).who == "fallback"


async def test_a_web_server_without_ari_is_told(
    asterisk: AsteriskSimulator, connecting: Connect
) -> None:
    asterisk.ari_enabled = False

    gateway = await connecting(asterisk.params(**QUICK), "refused")

    assert "ari.conf" in gateway.status.reason


async def test_a_connection_is_made_once_the_reason_is_gone(
    asterisk: AsteriskSimulator, connecting: Connect
) -> None:
    asterisk.read_only = True
    gateway = await connecting(asterisk.params(**QUICK), "refused")

    asterisk.read_only = False

    await until(lambda: gateway.status.state == "connected")
    assert gateway.status.reason == ""


async def test_an_asterisk_that_starts_late_is_found(
    asterisk: AsteriskSimulator, connecting: Connect
) -> None:
    await asterisk.stop()
    gateway = await connecting(asterisk.params(**QUICK), "unreachable")

    await asterisk.start()

    async with asyncio.timeout(5):
        await gateway.wait_ready()
    assert gateway.status.state == "connected"


async def test_a_hung_asterisk_is_noticed_by_its_missing_pong(
    asterisk: AsteriskSimulator, connecting: Connect
) -> None:
    """A relay that swallows everything looks like an Asterisk which was stopped."""
    port = int(asterisk.url.rsplit(":", 1)[1])
    silent = asyncio.Event()
    relays: set[asyncio.Task[Any]] = set()

    async def copy(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        while data := await source.read(65536):
            if not silent.is_set():
                sink.write(data)
        sink.close()

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        relays.add(task)
        upstream, downstream = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(copy(reader, downstream), copy(upstream, writer))

    async with await asyncio.start_server(relay, "127.0.0.1", 0) as server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        gateway = await connecting(asterisk.params(url=url, heartbeat=0.2, **QUICK), "connected")

        silent.set()

        await until(lambda: gateway.status.state == "unreachable")
        await gateway.close()
        await asterisk.stop()
        await asyncio.gather(*relays)


async def test_an_address_that_is_no_asterisk_raises_only_its_error() -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server, AriClient(AriParams(url=url)) as client:
        with pytest.raises(AriProtocolError):
            await client.send(requests.list_channels())


async def test_a_host_that_does_not_resolve_is_told() -> None:
    async with AriClient(AriParams(url="http://nowhere.invalid:8088")) as client:
        with pytest.raises(AriDisconnected, match="no connection to"):
            await client.send(requests.list_channels())


async def test_an_error_of_asterisk_carries_its_message(asterisk: AsteriskSimulator) -> None:
    async with AriClient(asterisk.params()) as client:
        with pytest.raises(AriRefused, match="Channel not found") as refused:
            await client.send(requests.answer("nobody"))

    assert refused.value.status == 404


async def test_a_closed_client_is_disconnected(asterisk: AsteriskSimulator) -> None:
    with pytest.raises(AriDisconnected):
        await AriClient(asterisk.params()).send(requests.list_channels())


async def findings(asterisk: AsteriskSimulator, **changes: Any) -> dict[str, Finding]:
    params = asterisk.params(**changes)
    async with AriClient(params) as client:
        return {
            finding.check: finding
            for finding in await startup_checks(client, params, rtp_ports=(10_000, 20_000))
        }


async def test_a_sound_asterisk_has_no_failure(asterisk: AsteriskSimulator) -> None:
    found = await findings(asterisk)

    assert {check: finding.level for check, finding in found.items()} == {
        "ari": "ok",
        "version": "ok",
        "write": "ok",
        "modules": "ok",
        "application": "warn",
        "trunks": "ok",
        "dialplan": "ok",
        "rtp": "ok",
    }


async def test_a_dialplan_without_a_context_is_told_and_the_look_leaves_nothing_behind(
    asterisk: AsteriskSimulator,
) -> None:
    asterisk.functions = {
        f"DIALPLAN_EXISTS({name})": str(int(name != "voiceai-attended")) for name in CONTEXTS
    }

    finding = (await findings(asterisk))["dialplan"]

    assert finding.level == "warn"
    assert "voiceai-attended" in finding.message
    assert asterisk.simulation.channels == {}
    assert asterisk.targets.called == []


async def test_a_trunk_that_may_transfer_calls_is_told(asterisk: AsteriskSimulator) -> None:
    asterisk.endpoints = {
        "desk": {"allow_transfer": "true", "auth": "desk", "outbound_auth": ""},
        "provider": {"allow_transfer": "true", "auth": "", "outbound_auth": "provider"},
    }

    finding = (await findings(asterisk))["trunks"]

    assert finding.level == "warn"
    assert "provider" in finding.message
    assert "desk" not in finding.message


async def test_endpoints_that_cannot_be_listed_are_no_fault(asterisk: AsteriskSimulator) -> None:
    asterisk.missing_modules = {"res_ari_endpoints"}

    finding = (await findings(asterisk))["trunks"]

    assert finding.level == "ok"
    assert "res_ari_endpoints.so" in finding.fix


async def test_a_missing_module_is_named_with_its_fix(asterisk: AsteriskSimulator) -> None:
    asterisk.missing_modules = {"chan_rtp"}

    finding = (await findings(asterisk))["modules"]

    assert finding.level == "fail"
    assert "chan_rtp.so" in finding.message
    assert "module load chan_rtp.so" in finding.fix


async def test_a_module_that_another_can_replace_is_a_warning(asterisk: AsteriskSimulator) -> None:
    asterisk.missing_modules = {"bridge_simple"}

    assert (await findings(asterisk))["modules"].level == "warn"


async def test_another_release_is_a_warning(asterisk: AsteriskSimulator) -> None:
    asterisk.version = "20.9.0"

    assert (await findings(asterisk))["version"].level == "warn"


async def test_a_read_only_account_is_a_failure(asterisk: AsteriskSimulator) -> None:
    asterisk.read_only = True

    assert (await findings(asterisk))["write"].level == "fail"


async def test_a_wrong_password_ends_the_checks(asterisk: AsteriskSimulator) -> None:
    found = await findings(asterisk, password=WRONG)

    assert list(found) == ["ari"]
    assert found["ari"].level == "fail"


@pytest.mark.parametrize("request_name", ["POST /bridges", "GET /asterisk/modules/chan_rtp.so"])
async def test_an_asterisk_that_goes_away_meanwhile_is_not_one_that_lacks_modules(
    asterisk: AsteriskSimulator, request_name: str
) -> None:
    async def go_away(name: str) -> None:
        if name.startswith(request_name):
            await asterisk.stop()

    asterisk.before_request = go_away

    found = await findings(asterisk)

    assert found["ari"].level == "fail"
    assert "modules" not in found


@pytest.mark.parametrize(
    ("format_", "module"), [("g722", "codec_g722"), ("slin16", "codec_resample")]
)
async def test_a_format_that_asterisk_cannot_convert_to_is_a_failure(
    asterisk: AsteriskSimulator, format_: FormatName, module: str
) -> None:
    asterisk.missing_modules = {module}

    async with AriClient(asterisk.params()) as client:
        plain = await startup_checks(client, asterisk.params(), formats=["alaw"])
        wide = await startup_checks(client, asterisk.params(), formats=["alaw", format_])

    assert {finding.level for finding in plain if finding.check == "modules"} == {"ok"}
    failed = [finding.message for finding in wide if finding.check == "modules"]
    assert failed == [f"{module}.so is not loaded"]


async def test_audio_ports_in_asterisks_range_are_reported(
    asterisk: AsteriskSimulator, tmp_path: Path
) -> None:
    rtp_conf = tmp_path / "rtp.conf"
    rtp_conf.write_text("[general]\nrtpstart=19000\nrtpend=29000\n", encoding="utf-8")
    async with AriClient(asterisk.params()) as client:
        found = await startup_checks(
            client, asterisk.params(), rtp_ports=(10_000, 20_000), rtp_conf=rtp_conf
        )

    assert found[-1].level == "warn"
    assert "19000..29000" in found[-1].message
