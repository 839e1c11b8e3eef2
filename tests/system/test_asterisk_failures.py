"""What breaks around a call, and what becomes of it: Asterisk, its account, the link, ourselves."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import pytest
from pydantic import SecretStr

from asterisk.params import AriParams
from asterisk.runtime import Installation
from tests.support.availability import have_or_skip
from tests.support.brief import (
    ANSWER,
    GREETING,
    NUMBER,
    PROMPT,
    answer_to,
    ended_record,
    greeted,
    newest_record,
    said,
)
from tests.support.leftovers import all_in, eventually_no_ports, eventually_nothing_left, ours_in
from tests.support.pbx import PHONE, Pbx
from tests.support.provider import Provider
from tests.support.serving import Serving
from tests.support.speech import Prompt, prompt
from tests.support.tcp_proxy import TcpProxy
from voiceai.bench.sip_call import Call
from voiceai.bench.sip_caller import SipCaller

PHONE_HOST = "127.0.0.4"
PATIENT, IMPATIENT = "4930123456", "4930123457"

MakeServing = Callable[..., Serving]


@pytest.fixture
def own_pbx(installation: Installation, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pbx]:
    """A PBX without a trunk that a test may mistreat; not started."""
    pbx = Pbx(installation, tmp_path_factory.mktemp("own-pbx"), trunk=None)
    with pbx.process:
        yield pbx


@pytest.fixture(scope="module")
def words() -> Prompt:
    """What the caller says."""
    return have_or_skip(lambda: prompt("en", PROMPT))


async def ring(telephone: SipCaller, pbx: Pbx) -> Call:
    """Call the English assistant straight at a PBX."""
    return await telephone.dial(NUMBER, via=pbx.address, from_user=PHONE.username)


@asynccontextmanager
async def started(serving: Serving) -> AsyncIterator[Serving]:
    """Start it without waiting until it is ready."""
    try:
        await serving.start()
        yield serving
    finally:
        await serving.stop()


async def until_reason(serving: Serving, text: str, within: float = 20.0) -> str:
    """Return the reasons of /health/ready once a text is among them."""
    limit = asyncio.get_running_loop().time() + within
    while text not in (told := " ".join((await serving.ready())[1])):
        if asyncio.get_running_loop().time() > limit:
            raise TimeoutError(f"{text!r} is not among the reasons: {told}")
        await asyncio.sleep(0.05)
    return told


def through(proxy: TcpProxy, params: AriParams) -> AriParams:
    return params.model_copy(update={"url": proxy.url})


def proxy_to(pbx: Pbx) -> TcpProxy:
    parts = urlsplit(pbx.params.ari.url)
    assert parts.hostname
    assert parts.port
    return TcpProxy((parts.hostname, parts.port))


async def test_serve_waits_for_asterisk_whose_calls_end_with_it_however_it_ends(
    own_pbx: Pbx, serve_briefly: MakeServing
) -> None:
    async with (
        started(serve_briefly(own_pbx.params.ari)) as serving,
        SipCaller(PHONE_HOST, credentials=PHONE) as telephone,
    ):
        reasons = await until_reason(serving, "nobody listens")
        assert "Start Asterisk" in reasons

        await asyncio.to_thread(own_pbx.start)

        await serving.wait_ready(20)
        for end in (own_pbx.process.kill, own_pbx.process.stop):
            call = await ring(telephone, own_pbx)
            await greeted(call)

            await asyncio.to_thread(end)
            await serving.wait_unready(5)
            await asyncio.to_thread(own_pbx.process.restart)
            call.close()

            await serving.wait_ready(20)
            record = await newest_record(serving)
            assert (record["end_reason"], said(record)) == ("asterisk_lost", [GREETING])
            await eventually_no_ports(serving.process)
            call = await ring(telephone, own_pbx)
            await greeted(call)
            await call.hang_up()
            await eventually_nothing_left(own_pbx.params.ari)
            assert (await newest_record(serving))["end_reason"] == "caller_hung_up"


async def test_a_wrong_password_is_told_with_its_fix_and_calls_go_to_the_fallback(
    own_pbx: Pbx, serve_briefly: MakeServing
) -> None:
    await asyncio.to_thread(own_pbx.start)
    wrong = own_pbx.params.ari.model_copy(update={"password": SecretStr("another;secret")})
    async with started(serve_briefly(wrong)) as serving:
        reasons = await until_reason(serving, "(401)")
        assert "ARI_PASSWORD must match" in reasons
        assert "another;secret" not in reasons + serving.log_path.read_text()
        async with SipCaller(PHONE_HOST, credentials=PHONE) as telephone:
            call = await ring(telephone, own_pbx)
            assert (call.status, call.answered_at) == (503, None)


async def test_a_read_only_account_takes_no_call_into_silence_until_it_may_write(
    own_pbx: Pbx, serve_briefly: MakeServing
) -> None:
    await asyncio.to_thread(own_pbx.start)
    ari_conf = own_pbx.process.configuration / "ari.conf"
    rendered = ari_conf.read_text()
    ari_conf.write_text(rendered.replace("read_only = no", "read_only = yes"))
    own_pbx.process.rx("module reload res_ari.so")
    async with started(serve_briefly(own_pbx.params.ari)) as serving:
        assert "Set read_only=no" in await until_reason(serving, "(403)")
        async with SipCaller(PHONE_HOST, credentials=PHONE) as telephone:
            call = await ring(telephone, own_pbx)
            assert (call.status, call.answered_at) == (503, None)

            ari_conf.write_text(rendered)
            own_pbx.process.rx("module reload res_ari.so")

            await serving.wait_ready(20)
            await greeted(await ring(telephone, own_pbx))


async def test_a_call_outlives_the_loss_of_the_control_connection_and_who_left_meanwhile_is_missed(
    pbx: Pbx, provider: Provider, caller: SipCaller, words: Prompt, serve_briefly: MakeServing
) -> None:
    async with (
        proxy_to(pbx) as proxy,
        serve_briefly(through(proxy, pbx.params.ari)) as serving,
    ):
        call = await caller.dial(NUMBER, via=provider.address, from_user=PATIENT)
        await greeted(call)
        his = set(await ours_in(pbx.params.ari))
        other = await caller.dial(NUMBER, via=provider.address, from_user=IMPATIENT)
        await greeted(other)

        cut_at = asyncio.get_running_loop().time()
        await proxy.cut()
        assert "nobody listens" in await until_reason(serving, "nobody listens")
        await other.hang_up()
        await answer_to(call, words)
        assert call.heard.gaps(since=cut_at).lost == 0
        assert call.heard.gaps(since=cut_at).longest < 1
        assert set(await ours_in(pbx.params.ari)) - his

        await proxy.mend()
        await serving.wait_ready(20)
        record = await ended_record(serving, IMPATIENT)
        assert (record["end_reason"], said(record)) == ("caller_hung_up", [GREETING])
        async with asyncio.timeout(5):
            while set(await ours_in(pbx.params.ari)) != his:  # noqa: ASYNC110 - Asterisk's doing
                await asyncio.sleep(0.05)
        await answer_to(call, words)
        await call.hang_up()
        await eventually_nothing_left(pbx.params.ari)

        record = await ended_record(serving, PATIENT)
        assert record["end_reason"] == "caller_hung_up"
        assert said(record) == [GREETING, "?", ANSWER, "?", ANSWER]
        await eventually_no_ports(serving.process)


async def test_a_killed_serve_leaves_nothing_behind_and_its_caller_is_served_by_the_next(
    pbx: Pbx, provider: Provider, caller: SipCaller, words: Prompt, serve_briefly: MakeServing
) -> None:
    async with serve_briefly(pbx.params.ari) as serving:
        call = await caller.dial(NUMBER, via=provider.address)
        await greeted(call)
        await answer_to(call, words)
        left = await ours_in(pbx.params.ari)
        postgres = postmaster(serving)
        [interrupted] = await serving.get("/calls")

        killed_at = asyncio.get_running_loop().time()
        await serving.kill()
        assert await ours_in(pbx.params.ari) == left
        await serving.start()
        await serving.wait_ready()

        await call.wait_for_speech(5, after=killed_at + 0.5)
        assert not set(await ours_in(pbx.params.ari)) & set(left)
        assert len(await all_in(pbx.params.ari)) == 3  # the caller, and what he has now
        await call.wait_for_silence(0.4, 10)
        await answer_to(call, words)
        await call.hang_up()
        await eventually_nothing_left(pbx.params.ari)

        record = await newest_record(serving)
        assert record["end_reason"] == "caller_hung_up"
        assert said(record) == [GREETING, "?", ANSWER]
        before = await serving.get(f"/calls/{interrupted['id']}")
        assert before["end_reason"] == "interrupted by restart"
        assert before["ended_at"] < record["started_at"]
        assert said(before) == [GREETING, "?", ANSWER]
        assert postmaster(serving) == postgres

        await greeted(await caller.dial(NUMBER, via=provider.address))


def postmaster(serving: Serving) -> str:
    """Return the process id of the embedded database."""
    return (serving.data / "postgres" / "postmaster.pid").read_text().splitlines()[0]
