"""Call after call, and many at once: nothing is left in Asterisk, in the ports, in the memory."""

import asyncio
from collections.abc import Callable
from typing import Final

import pytest

from tests.support.availability import have_or_skip
from tests.support.brief import (
    ANSWER,
    GREETING,
    NUMBER,
    PROMPT,
    all_records,
    answer_to,
    greeted,
    said,
)
from tests.support.leftovers import eventually_no_ports, eventually_nothing_left, memory_bytes
from tests.support.pbx import Pbx
from tests.support.provider import Provider
from tests.support.serving import Serving
from tests.support.speech import Prompt, prompt
from voiceai.bench.sip_caller import SipCaller

MEMORY_BYTES: Final = 5_000_000
"""What fifty calls may cost: more would be a gigabyte in ten thousand."""

MakeServing = Callable[..., Serving]


@pytest.fixture(scope="module")
def words() -> Prompt:
    """What the caller says."""
    return have_or_skip(lambda: prompt("en", PROMPT))


A_WORD_SECONDS: Final = 0.2
"""A word that has only just begun when the caller hangs up need not be in the record."""

LINES: Final = 5
"""So many people call at a time where they call one after the other."""


class Callers:
    """People who call, one after the other or together.

    Attributes:
        expected: By caller's number, what the record should have of the call's turns.
    """

    def __init__(self, telephone: SipCaller, provider: Provider, words: Prompt) -> None:
        self.expected: dict[str, list[str]] = {}
        self._telephone = telephone
        self._provider = provider
        self._words = words

    async def call(self, *, speaks: bool) -> None:
        """Call, hear the greeting begin, say something or not, hang up."""
        number = str(4930_000_000 + len(self.expected))
        self.expected[number] = [GREETING, "?", ANSWER] if speaks else [GREETING]
        call = await self._telephone.dial(NUMBER, via=self._provider.address, from_user=number)
        assert call.answered_at is not None, f"refused with {call.status}"
        if speaks:
            await greeted(call)
            await answer_to(call, self._words)
        else:
            await call.wait_for_speech(5, after=call.answered_at)
            await asyncio.sleep(A_WORD_SECONDS)
        await call.hang_up()

    async def one_after_the_other(self, count: int) -> None:
        """Call on a few lines, on each again as soon as it is free; every tenth says something."""
        numbers = iter(range(count))

        async def line() -> None:
            for number in numbers:
                await self.call(speaks=number % 10 == 9)

        await asyncio.gather(*(line() for _ in range(LINES)))

    async def at_once(self, count: int) -> None:
        """Two of them say something."""
        await asyncio.gather(*(self.call(speaks=number < 2) for number in range(count)))


@pytest.mark.timeout(180)
async def test_a_hundred_calls_leave_nothing_behind_and_cost_no_memory(
    pbx: Pbx, provider: Provider, caller: SipCaller, words: Prompt, serve_briefly: MakeServing
) -> None:
    async with serve_briefly(pbx.params.ari) as serving:
        callers = Callers(caller, provider, words)
        await callers.one_after_the_other(50)
        await callers.at_once(10)
        before = await memory_without_calls(pbx, serving)

        await callers.one_after_the_other(50)

        grown = await memory_without_calls(pbx, serving) - before
        records = await all_records(serving, len(callers.expected))
        assert {record["caller"]: said(record) for record in records} == callers.expected
        assert {record["end_reason"] for record in records} == {"caller_hung_up"}
        assert len(records) == 110
        assert grown < MEMORY_BYTES


async def memory_without_calls(pbx: Pbx, serving: Serving) -> int:
    """Return the memory of the process once no call is left, in bytes."""
    await eventually_nothing_left(pbx.params.ari)
    await eventually_no_ports(serving.process)
    return memory_bytes(serving.process)
