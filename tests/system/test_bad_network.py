"""A caller on a bad network: what he says arrives late, twice, in another order, or never.

Asterisk has no jitter buffer between him and us: our receiver has to make speech of it.
"""

import re
from collections.abc import Callable
from typing import Final

import numpy as np
import pytest

from tests.support.availability import have_or_skip
from tests.support.bad_network import BAD, Path
from tests.support.brief import greeted, newest_record
from tests.support.exchanges import (
    Exchange,
    assert_understood,
    assign,
    joined,
    pipeline,
    talk,
)
from tests.support.pbx import Pbx
from tests.support.provider import NUMBERS, Provider
from tests.support.serving import Serving
from tests.support.speech import prompt
from tests.support.standstill import Sleepers, deviations, longest_wait
from voiceai.bench.sip_caller import SipCaller

SEEDS: Final = (3, 8)
"""Of the network in each half of the call."""

SAID: Final = (
    Exchange("dir-welcome", "directory", "Thanks."),
    Exchange("check-number-dial-again", "dial again", "I will."),
    Exchange("please-try-call-later", "later", "Tomorrow."),
    Exchange("conf-kicked", "kicked", "Really?"),
    Exchange("vm-dialout", "connect", "I can wait."),
    Exchange("cannot-complete-as-dialed", "completed", "Why not?"),
)

REACHED: Final = 0.97
"""Of what the network let through; the rest came before Asterisk had joined us with the caller."""

TAKEN_FOR_TWO: Final = 1
"""Sentences at most: "You have been kicked" could be one, and a pause comes behind it."""

PACKET_SECONDS: Final = 0.02
LONGEST_GAP_SECONDS: Final = 0.04
P99_SECONDS: Final = 0.01


SEEN: Final = ("received", "lost", "late", "duplicate", "reordered")


async def packets_of(serving: Serving) -> dict[str, int]:
    """Return what became of the packets that all callers sent, as the metrics tell it."""
    text = await serving.get("/metrics")
    pattern = rf"^voiceai_rtp_packets_({'|'.join(SEEN)})_total (\S+)$"
    return {name: int(float(count)) for name, count in re.findall(pattern, text, re.MULTILINE)}


@pytest.mark.timeout(90)
async def test_six_turns_over_a_bad_network_are_understood_and_answered_in_even_packets(
    *,
    provider: Provider,
    pbx: Pbx,
    caller: SipCaller,
    serve_briefly: Callable[..., Serving],
    request: pytest.FixtureRequest,
) -> None:
    recordings = have_or_skip(lambda: [prompt("en", each.prompt) for each in SAID])
    half = len(recordings) // 2
    first, second = (Path(BAD, seed=seed) for seed in SEEDS)
    async with serve_briefly(pbx.params.ari) as serving:
        await assign(serving, NUMBERS[1], pipeline("bad", "local-en", "Hello.", SAID))
        async with Sleepers() as sleepers:
            call = await caller.dial(NUMBERS[1], via=provider.address)
            call.impairment = first
            await greeted(call)
            await talk(call, recordings[:half])
            call.impairment = second
            await talk(call, recordings[half:])
            await call.hang_up()
            standstills = await sleepers.end()
        record = await newest_record(serving)
        seen = await packets_of(serving)

    packets = call.heard.packets
    gap = longest_wait(packets, standstills) - PACKET_SECONDS
    p99 = float(np.quantile(deviations(packets, standstills), 0.99))
    request.node.user_properties += [*seen.items(), ("gap", gap), ("p99", p99)]
    request.node.user_properties.append(("late", call.line.late_seconds))
    passed = sum(path.network.sent - path.network.dropped for path in (first, second))
    assert seen["received"] > REACHED * passed, (seen, passed)
    assert seen["lost"] > 0.01 * seen["received"], seen
    assert min(seen["duplicate"], seen["reordered"]) > 0, seen
    turns = joined(record["turns"])
    assert len(record["turns"]) - len(turns) <= TAKEN_FOR_TWO, record["turns"]
    assert_understood(turns, recordings, SAID)
    assert call.heard.gaps().lost == 0
    assert gap <= LONGEST_GAP_SECONDS
    assert p99 <= P99_SECONDS
