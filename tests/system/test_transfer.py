"""An assistant puts the caller through to somebody else."""

import asyncio
from collections.abc import Callable
from pathlib import Path

from tests.support.pbx import Pbx
from tests.support.provider import ECHO, NUMBERS, Provider
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
