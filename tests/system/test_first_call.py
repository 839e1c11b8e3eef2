"""A caller dials a number at the provider and hears an assistant."""

from tests.support.provider import NUMBERS, Provider
from tests.support.serving import Serving
from voiceai.bench.sip_caller import SipCaller


async def test_the_greeting_is_heard_within_a_second_of_the_answer(
    provider: Provider, serving: Serving, caller: SipCaller
) -> None:
    call = await caller.dial(NUMBERS[0], via=provider.address)

    assert call.answered_at is not None
    greeted_at = await call.wait_for_speech(5, after=call.answered_at)
    await call.wait_for_silence(0.7, 10)
    await call.hang_up()

    record = await serving.last_call()
    assert greeted_at - call.answered_at < 1
    assert (record["number"], record["assistant"]) == (NUMBERS[0], "reception-en")
    assert record["end_reason"] == "caller_hung_up"
    assert [turn["role"] for turn in record["turns"]] == ["assistant"]
