"""An assistant puts the caller through to somebody else; a caller's phone hands the call over."""

import asyncio
from collections.abc import Callable

from tests.support.brief import newest_record, said
from tests.support.exchanges import assign
from tests.support.pbx import PHONE, Pbx
from tests.support.provider import BUSY, ECHO, HOST, KEYS, NUMBERS, RINGING, Provider
from tests.support.serving import Serving
from tests.support.speech import prompt
from tests.support.stasis import StasisReader
from tests.support.waiting import until
from voiceai.bench.sip_call import Call
from voiceai.bench.sip_caller import SipCaller
from voiceai.bench.sip_refer import refer, wait_for_outcome

PHONE_HOST = "127.0.0.4"

PIPELINE = f"""\
name: switchboard
extends: local-en
greeting: Hello.
llm:
  service: scripted
  rules:
    - {{when: ["DTMF: 0"], say: "I will put you through.", tool: {{transfer: {{to: "{ECHO}"}}}}}}
    - when: ["DTMF: 1#"]
      say: I will try.
      tool:
        transfer:
          {{to: "{RINGING}", mode: attended, ring_seconds: 5, when_unanswered: Nobody is there.}}
    - when: ["DTMF: 2"]
      say: One moment.
      tool: {{transfer: {{to: "{ECHO}", mode: attended, announce: A caller for you.}}}}
  otherwise: ["Please press zero."]
"""


async def test_a_caller_is_put_through_at_once_or_to_one_who_was_asked_and_stays_so_without_us(
    provider: Provider,
    pbx: Pbx,
    serve_briefly: Callable[..., Serving],
    caller: SipCaller,
) -> None:
    async with serve_briefly(pbx.params.ari) as serving:
        await assign(serving, NUMBERS[1], PIPELINE)

        await _hand_over(serving, pbx, provider)

        blind = await caller.dial(NUMBERS[1], via=provider.address)
        await blind.wait_for_silence(0.4, 10)
        await blind.press("0#")
        record = await newest_record(serving, 10)
        assert await _time_limits(pbx) == {"0"}
        assert record["end_reason"] == "transferred"
        assert said(record)[-1] == "I will put you through."
        await _hears_itself(blind)
        await asyncio.wait_for(blind.hang_up(), 5)

        call = await caller.dial(NUMBERS[1], via=provider.address)
        await call.wait_for_silence(0.4, 10)
        await _try_one_who_does_not_answer(call, pbx)
        await call.press("2#")
        record = await newest_record(serving, 10)
        tools = [message["content"] for message in record["messages"]]
        assert record["end_reason"] == "transferred"
        assert said(record) == [
            "Hello.",
            "?",
            "I will try.",
            "Nobody is there.",
            "?",
            "One moment.",
        ]
        assert [(tool["arguments"]["to"], tool["result"]) for tool in tools] == [
            (RINGING, "no answer"),
            (ECHO, "answered"),
        ]

        await serving.kill()
        joined = {name for name in pbx.channels() if ECHO in name or name.startswith("PJSIP/")}
        assert len(joined) == 4
        await serving.start()
        await _hears_itself(call)
        await serving.wait_ready()  # what belongs to no call is cleared away by then
        assert joined <= set(pbx.channels())
        await asyncio.wait_for(call.hang_up(), 5)
        async with asyncio.timeout(3):
            while True:
                if not pbx.channels():
                    break
                await asyncio.sleep(0.02)


async def _try_one_who_does_not_answer(call: Call, pbx: Pbx) -> None:
    """Hear ringing for five seconds, then that nobody is there."""
    pressed = await call.press("1#")
    said_at = await call.wait_for_speech(5, after=pressed.ended_at)
    tone_at = await call.wait_for_speech(5, after=said_at + 1.5)
    targets = {name for name in pbx.channels() if name.startswith("Local/")}
    assert len(targets) == 2
    await call.wait_for_speech(8, after=tone_at + 4)
    await call.wait_for_silence(0.4, 10)
    assert not targets & set(pbx.channels())


async def _hears_itself(call: Call) -> None:
    """Say something to one who echoes it."""
    await call.wait_for_silence(0.5, 10)
    spoken = await call.play(prompt("en", "transfer").pcm)
    echo = await call.wait_for_speech(5, after=spoken.started_at)
    assert echo - (spoken.speech_started_at or 0) < 1


async def _time_limits(pbx: Pbx) -> set[str]:
    """Return what Asterisk says of the seconds that the callers' channels have left."""
    async with StasisReader(pbx.params.ari.model_copy(update={"app": "onlooker"})) as reader:
        channels = await reader.request("GET", "channels")
        return {
            (
                await reader.request(
                    "GET", f"channels/{channel['id']}/variable", variable="TIMEOUT(absolute)"
                )
            )["value"]
            for channel in channels
        }


async def _hand_over(serving: Serving, pbx: Pbx, provider: Provider) -> None:
    """Have telephones ask that others take their place: a stranger's, and those of the house."""
    of_pbx = f"{pbx.address[0]}:{pbx.address[1]}"
    async with SipCaller(HOST) as stranger, SipCaller(PHONE_HOST, credentials=PHONE) as phone:
        calls = await asyncio.gather(
            stranger.dial(provider.contact(), via=pbx.address, to_uri=f"sip:{NUMBERS[1]}@{HOST}"),
            *(phone.dial(NUMBERS[1], via=pbx.address, from_user="phone") for _ in range(3)),
        )
        await asyncio.gather(*(call.wait_for_silence(0.4, 10) for call in calls))
        strangers, blind, attended, other = calls

        deadly = [("Refer-Sub", "false")]  # for an Asterisk 22.10 that asks the application
        assert await refer(strangers, f"sip:{ECHO}@{of_pbx}", headers=deadly) == 603
        await _goes_on(strangers)
        await strangers.hang_up()

        assert await _outcome(attended, f"sip:1@{of_pbx}", replaces=other) == 603  # an assistant
        await other.press("0#")
        await until(lambda: " basic " in pbx.process.rx("bridge show all"))
        assert await _outcome(attended, f"sip:1@{of_pbx}", replaces=other) == 200
        assert (await asyncio.wait_for(other.ended, 5)).by == "callee"
        await attended.hang_up()

        assert await _outcome(blind, f"sip:{BUSY}@{of_pbx}") == 503
        await _goes_on(blind)
        assert await _outcome(blind, f"sip:{KEYS}@{of_pbx}") == 200
        await blind.hang_up()
        await until(lambda: KEYS not in pbx.process.rx("core show channels concise"))
        [echo] = [name for name in pbx.channels() if name.startswith("PJSIP/")]
        pbx.process.rx(f"channel request hangup {echo}")
        await until(lambda: not pbx.channels())

    records = [await serving.get(f"/calls/{call['id']}") for call in await serving.get("/calls")]
    ended = [record for record in records if record["end_reason"] == "caller_hung_up"]
    came_of = {
        tuple((m["content"]["to"], m["content"]["result"]) for m in record["messages"]): record
        for record in ended
    }
    to_echo, to_keys = (("1", "refused"), (ECHO, "accepted")), ((BUSY, "busy"), (KEYS, "accepted"))
    assert set(came_of) == {(), to_echo, to_keys}
    assert said(came_of[to_echo])[:2] == ["Hello.", "Hello."]  # the second hears who speaks
    assert came_of[to_keys]["turns"][-1]["text"] == "DTMF: 159#"


async def _goes_on(call: Call) -> None:
    """Press a key, and hear what the assistant says to it."""
    pressed = await call.press("9#")
    await call.wait_for_speech(5, after=pressed.ended_at)


async def _outcome(call: Call, to: str, *, replaces: Call | None = None) -> int:
    """Have a telephone ask that another take its place, and return what it is told in the end."""
    assert await refer(call, to, replaces=replaces) == 202
    return await wait_for_outcome(call, 5)
