"""People call through the provider and talk: recorded speech is understood and answered by rule.

One `voiceai serve` for all calls. Its assistants are imported and assigned while it runs.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from statistics import median
from typing import Final

import pytest
import pytest_asyncio

from pipelines.services.moonshine import Moonshine
from tests.support.availability import have_or_skip
from tests.support.brief import greeted, newest_record
from tests.support.exchanges import (
    MISHEARD,
    Exchange,
    assert_understood,
    assign,
    pipeline,
    talk,
)
from tests.support.leftovers import eventually_no_ports, eventually_nothing_left
from tests.support.listening import words_heard
from tests.support.pbx import Pbx
from tests.support.provider import NUMBERS, Provider
from tests.support.recordings import places, read_wav
from tests.support.serving import Serving
from tests.support.speech import prompt
from tests.support.standstill import Sleepers, Standstill, longest_wait
from tests.support.word_errors import word_error_rate
from transports.audio.level import level_dbfs
from voiceai.bench.sip_call import Call
from voiceai.bench.sip_caller import SipCaller

pytestmark = pytest.mark.asyncio(loop_scope="module")

PACKET_SECONDS: Final = 0.02
LONGEST_GAP_SECONDS: Final = 0.04
ON_THE_WAY_SECONDS: Final = 0.2
"""Through Asterisk, playout and a busy machine, one way."""
RECORDING_SECONDS: Final = 5.0
"""From the end of a call until all of its recording is on disk."""
GREETING_SECONDS: Final = 1.0

ENGLISH: Final = (
    Exchange("conf-full", "full", "I will find you a bigger room."),
    Exchange("number-not-answering", "number is not", "We can send them a letter."),
    Exchange("confbridge-invalid", "invalid option", "Which options are there?"),
    Exchange("queue-thankyou", "patience", "You are very welcome."),
    Exchange("conf-locked", "locked", "Then we need to find the key."),
    Exchange("conf-leaderhasleft", "leader", "Then we can go home now."),
)

GERMAN: Final = (
    Exchange("conf-locked", "konferenz", "Dann brauchen wir einen Schlüssel."),
    Exchange("queue-thankyou", "geduld", "Sehr gerne."),
    Exchange("vm-passchanged", "passwort", "Das merke ich mir."),
)


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def serving(pbx: Pbx, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Serving]:
    """`voiceai serve` as it comes: a new database, the assistants of the seed."""
    async with Serving(pbx.params.ari, tmp_path_factory.mktemp("conversation")) as serving:
        yield serving


@pytest_asyncio.fixture(loop_scope="module")
async def caller() -> AsyncIterator[SipCaller]:
    async with SipCaller("127.0.0.4") as caller:
        yield caller


def assert_even(
    request: pytest.FixtureRequest, call: Call, standstills: Sequence[Standstill]
) -> None:
    """From the answer to the end, a packet came every 20 ms, give or take 40 ms."""
    gaps = call.heard.gaps(since=call.answered_at or 0.0)
    counted = longest_wait(call.heard.packets, standstills) - PACKET_SECONDS
    halted = sum(end - start for start, end in standstills)
    request.node.user_properties.append(("gap", round(counted, 3)))
    request.node.user_properties.append(("longest wait", round(gaps.longest, 3)))
    request.node.user_properties.append(("machine halted", round(halted, 3)))
    assert gaps.lost == 0
    assert counted <= LONGEST_GAP_SECONDS, gaps


async def test_the_greeting_is_heard_within_a_second_of_the_answer(
    provider: Provider, serving: Serving, caller: SipCaller
) -> None:
    call = await caller.dial(NUMBERS[0], via=provider.address)

    assert call.answered_at is not None
    greeted_at = await call.wait_for_speech(5, after=call.answered_at)
    await call.wait_for_silence(0.7, 10)
    await call.hang_up()

    record = await serving.last_call()
    assert greeted_at - call.answered_at < GREETING_SECONDS
    assert (record["number"], record["assistant"]) == (NUMBERS[0], "reception-en")
    assert record["end_reason"] == "caller_hung_up"
    assert [turn["role"] for turn in record["turns"]] == ["assistant"]


@pytest.mark.timeout(120)
async def test_six_recorded_sentences_are_understood_and_each_is_answered_by_its_rule(
    *,
    provider: Provider,
    pbx: Pbx,
    serving: Serving,
    caller: SipCaller,
    request: pytest.FixtureRequest,
) -> None:
    recordings = have_or_skip(lambda: [prompt("en", each.prompt) for each in ENGLISH])
    moonshine = have_or_skip(Moonshine)
    text = pipeline("six", "local-en", "Hello, I am listening.", ENGLISH)
    await assign(serving, NUMBERS[1], text + "recording: {enabled: true}\n")

    async with Sleepers() as sleepers:
        call = await caller.dial(NUMBERS[1], via=provider.address)
        assert call.answered_at is not None
        greeted_at = await call.wait_for_speech(5, after=call.answered_at)
        await greeted(call)
        answers = await talk(call, recordings)
        await call.hang_up()
        standstills = await sleepers.end()

    record = await newest_record(serving)
    heard = [words_heard(moonshine, call.heard, *times) for times in answers]
    moonshine.close()
    request.node.user_properties.append(("greeted after", greeted_at - call.answered_at))
    assert greeted_at - call.answered_at < GREETING_SECONDS
    assert (record["number"], record["assistant"]) == (NUMBERS[1], "six")
    assert_understood(record["turns"], recordings, ENGLISH)
    said = " ".join(exchange.say for exchange in ENGLISH)
    assert word_error_rate(said, " ".join(heard)) <= MISHEARD, heard
    assert_even(request, call, standstills)
    await assert_recorded(request, call, serving, record["id"])
    await eventually_nothing_left(pbx.params.ari)
    await eventually_no_ports(serving.process)


async def assert_recorded(
    request: pytest.FixtureRequest, call: Call, serving: Serving, call_id: str
) -> None:
    """Both sides are what was on the wire, each in its channel, in time with the other."""
    async with asyncio.timeout(RECORDING_SECONDS):
        while True:
            record = await serving.get(f"/calls/{call_id}")
            if record["recording"]["complete"]:
                break
            await asyncio.sleep(0.05)
    recorded = read_wav(await serving.download(f"/calls/{call_id}/recording"))
    theirs, ours = recorded.channels
    heard, spoken = places(call.heard, ours), places(call.spoken, theirs)
    began = median(heard)
    late = [began_too - began for began_too in (min(spoken), max(spoken))]
    request.node.user_properties.append(("recorded behind the caller", late))
    assert call.answered_at is not None
    assert len(heard) > 50
    assert len(spoken) > 50
    assert max(heard) - min(heard) < ON_THE_WAY_SECONDS
    assert abs(began - call.answered_at) < ON_THE_WAY_SECONDS
    assert -ON_THE_WAY_SECONDS < late[0] <= late[1] < 0
    assert record["recording"]["missing_seconds"] == 0
    assert recorded.seconds == pytest.approx(record["recording"]["seconds"], abs=0.01)
    for turn in record["turns"]:
        said = slice(16 * turn["started_ms"] // 2 * 2, 16 * turn["ended_ms"] // 2 * 2)
        side, other = (theirs, ours) if turn["role"] == "caller" else (ours, theirs)
        assert level_dbfs(side[said]) > level_dbfs(other[said]) + 10, turn


@pytest.mark.timeout(120)
async def test_three_german_recordings_are_understood_and_each_is_answered_by_its_rule(
    *,
    provider: Provider,
    pbx: Pbx,
    serving: Serving,
    caller: SipCaller,
    request: pytest.FixtureRequest,
) -> None:
    recordings = have_or_skip(lambda: [prompt("de", each.prompt) for each in GERMAN])
    text = pipeline("drei", "local-de", "Guten Tag.", GERMAN)
    await assign(serving, NUMBERS[1], text)

    async with Sleepers() as sleepers:
        call = await caller.dial(NUMBERS[1], via=provider.address)
        assert call.answered_at is not None
        greeted_at = await call.wait_for_speech(5, after=call.answered_at)
        await greeted(call)
        await talk(call, recordings)
        await call.hang_up()
        standstills = await sleepers.end()

    record = await newest_record(serving)
    request.node.user_properties.append(("greeted after", greeted_at - call.answered_at))
    assert greeted_at - call.answered_at < GREETING_SECONDS
    assert (record["number"], record["assistant"]) == (NUMBERS[1], "drei")
    assert_understood(record["turns"], recordings, GERMAN)
    assert_even(request, call, standstills)
    await eventually_nothing_left(pbx.params.ari)
    await eventually_no_ports(serving.process)
