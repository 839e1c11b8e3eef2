"""An assistant puts the caller through to somebody else."""

import asyncio
from collections.abc import Callable
from pathlib import Path

from tests.support.pbx import Pbx
from tests.support.provider import ECHO, NUMBERS, RINGING, Provider
from tests.support.serving import Serving
from tests.support.speech import prompt
from voiceai.bench.sip_caller import SipCaller

PIPELINE = f"""\
name: switchboard
extends: local-en
greeting: Press zero for a colleague.
llm:
  service: scripted
  rules:
    - {{when: ["DTMF: 0"], say: "I will put you through.", tool: {{transfer: {{to: "{ECHO}"}}}}}}
  otherwise: ["Please press zero."]
"""


async def test_the_caller_is_put_through_after_it_was_announced(
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
        call = await caller.dial(NUMBERS[1], via=provider.address)
        await call.wait_for_silence(0.6, 10)

        pressed = await call.press("0#")
        await call.wait_for_speech(5, after=pressed.ended_at)
        await call.wait_for_silence(1.0, 10)
        spoken = await call.play(prompt("en", "transfer").pcm)
        echo = await call.wait_for_speech(5, after=spoken.started_at)

        assert call.is_answered
        assert echo - (spoken.speech_started_at or 0) < 1
        record = await serving.last_call()
        assert record["end_reason"] == "transferred"
        assert record["turns"][-1]["text"] == "I will put you through."
        await asyncio.wait_for(call.hang_up(), 5)


ATTENDED = f"""\
name: reception
extends: local-en
greeting: Hello.
llm:
  service: scripted
  rules:
    - when: ["DTMF: 0"]
      say: One moment.
      tool: {{transfer: {{to: "{ECHO}", mode: attended, announce: A caller for you.}}}}
    - when: ["DTMF: 1"]
      say: I will try.
      tool:
        transfer:
          {{to: "{RINGING}", mode: attended, ring_seconds: 5, when_unanswered: Nobody is there.}}
  otherwise: ["Please press zero."]
"""


async def test_the_caller_is_put_through_to_one_who_was_asked_first_and_stays_so_without_us(
    provider: Provider,
    pbx: Pbx,
    serve_briefly: Callable[..., Serving],
    caller: SipCaller,
    tmp_path: Path,
) -> None:
    file = tmp_path / "reception.yaml"
    file.write_text(ATTENDED)
    async with serve_briefly(pbx.params.ari) as serving:
        for arguments in (("import", str(file)), ("assign", NUMBERS[1], "reception")):
            code, text = await serving.run("assistants", *arguments)
            assert code == 0, text
        call = await caller.dial(NUMBERS[1], via=provider.address)
        await call.wait_for_silence(0.6, 10)

        pressed = await call.press("1#")
        said_at = await call.wait_for_speech(5, after=pressed.ended_at)
        tone_at = await call.wait_for_speech(5, after=said_at + 1.5)
        assert len(targets := [name for name in pbx.channels() if name.startswith("Local/")]) == 2
        await call.wait_for_speech(8, after=tone_at + 4)
        await call.wait_for_silence(0.6, 10)
        assert not set(targets) & set(pbx.channels())

        await call.press("0#")
        record = await serving.last_call(10)
        said = [turn["text"] for turn in record["turns"] if turn["role"] == "assistant"]
        tools = [message["content"] for message in record["messages"]]
        assert record["end_reason"] == "transferred"
        assert said == ["Hello.", "I will try.", "Nobody is there.", "One moment."]
        assert [(tool["arguments"]["to"], tool["result"]) for tool in tools] == [
            (RINGING, "no answer"),
            (ECHO, "answered"),
        ]

        await serving.kill()
        await serving.start()
        await serving.wait_ready()
        spoken = await call.play(prompt("en", "transfer").pcm)
        echo = await call.wait_for_speech(5, after=spoken.started_at)
        assert echo - (spoken.speech_started_at or 0) < 1
        await asyncio.wait_for(call.hang_up(), 5)
        async with asyncio.timeout(3):
            while True:
                if not pbx.channels():
                    break
                await asyncio.sleep(0.02)
