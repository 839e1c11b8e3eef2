"""An assistant puts the caller through to somebody else."""

import asyncio
from collections.abc import Callable
from pathlib import Path

from tests.support.brief import newest_record, said
from tests.support.pbx import Pbx
from tests.support.provider import ECHO, NUMBERS, RINGING, Provider
from tests.support.serving import Serving
from tests.support.speech import prompt
from voiceai.bench.sip_call import Call
from voiceai.bench.sip_caller import SipCaller

PIPELINE = f"""\
name: switchboard
extends: local-en
greeting: Hello.
llm:
  service: scripted
  rules:
    - {{when: ["DTMF: 0"], say: "I will put you through.", tool: {{transfer: {{to: "{ECHO}"}}}}}}
    - when: ["DTMF: 1"]
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
    tmp_path: Path,
) -> None:
    file = tmp_path / "switchboard.yaml"
    file.write_text(PIPELINE)
    async with serve_briefly(pbx.params.ari) as serving:
        for arguments in (("import", str(file)), ("assign", NUMBERS[1], "switchboard")):
            code, text = await serving.run("assistants", *arguments)
            assert code == 0, text

        blind = await caller.dial(NUMBERS[1], via=provider.address)
        await blind.wait_for_silence(0.4, 10)
        await blind.press("0#")
        record = await newest_record(serving, 10)
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
        await serving.start()
        await _hears_itself(call)
        pair = pbx.channels()
        await serving.wait_ready()  # what belongs to no call is cleared away by then
        assert pbx.channels() == pair
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
