"""What is kept of what was said and typed, and when it was."""

import asyncio
import contextlib
from datetime import UTC, datetime
from pathlib import Path

import pytest

from asterisk.simulator import AsteriskSimulator
from pipelines.params import ModelParams, Secrets
from pipelines.resources import Resources
from tests.support.calls import IMPATIENT, NUMBER, Records, Serve, discreet, reason
from tests.support.fakes import KEY, mistral_fake
from tests.support.recordings import read_recording
from transports.audio.codec import Codec
from transports.engine import make_engine
from transports.params import RtpParams
from transports.pipecat_transport import SpeechMarks
from voiceai.calls.journal import CallJournal
from voiceai.fakes.chat import ToolCall
from voiceai.recording.track import MASK_AFTER_SECONDS
from voiceai.store.records import CallRecord
from voiceai.store.repository import Assistant

THANKS = "Thank you, I have that now."
"""It is spoken for longer than the mask goes on."""


async def test_the_caller_is_not_recorded_while_a_model_asks_for_digits(
    *,
    asterisk: AsteriskSimulator,
    serve: Serve,
    records: Records,
    tmp_path: Path,
) -> None:
    """Nobody speaks: what is recorded is noise, and the digits' time is zeros."""
    async with mistral_fake(strict=False) as fake:
        fake.expect([ToolCall("customer")], [THANKS])
        keys = Secrets.model_validate({"mistral_api_key": KEY, "mistral_base_url": fake.url})
        resources = Resources(keys, ModelParams(cache_dir=tmp_path))
        async with (
            contextlib.aclosing(resources),
            serve(discreet, resources=resources) as gateway,
        ):
            call = asterisk.new_call(NUMBER)
            await asyncio.wait_for(call.joined, 5)
            call.press("1")
            call.press("#")
            await records.noted(1)
            for digit in "4711":
                call.press(digit)
            await records.said(THANKS)
            call.hang_up()
            assert await reason(gateway, records, call) == "caller_hung_up"

    [recording] = records.recordings.values()
    [theirs] = read_recording(tmp_path / recording["path"]).channels
    ticks = range(0, len(theirs), 320)
    is_silent = [theirs[at : at + 320] == Codec.ALAW.decode(b"\xd5") * 160 for at in ticks]
    assert sum(is_silent) * 0.02 > MASK_AFTER_SECONDS
    assert not any(is_silent[-5:]), "the mask ended before the call did"
    assert records.results() == [{"digits": "••••", "entry": "complete"}]


@pytest.mark.parametrize(("heard", "detected"), [(1.0, 1.1), (3.0, 1.1)])
async def test_a_turn_began_with_its_first_words_though_there_was_a_pause_in_it(
    records: Records, heard: float, detected: float
) -> None:
    """It was said to have begun with what was said after the pause."""
    engine = make_engine(RtpParams())
    await engine.start()
    record = CallRecord("c", NUMBER, datetime.now(UTC))
    journal = CallJournal(record, records, lambda _event: None)
    answered_at = asyncio.get_running_loop().time()
    journal.answered(Assistant("1", "impatient", (NUMBER,), IMPATIENT))
    marks = SpeechMarks(started_at=answered_at + heard, last_voice_at=answered_at + 4)
    journal.listen(await engine.open_stream(), marks)

    journal.caller_turn("Hello. It is me.", started_at=answered_at + detected)

    await engine.close()
    [turn] = records.turns
    assert turn.started_ms == pytest.approx(1000 * min(heard, detected), abs=20)
    assert turn.ended_ms == pytest.approx(4000, abs=20)
