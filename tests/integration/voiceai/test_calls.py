"""Calls from a simulated Asterisk through supervisor and session, with the local models."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest.mock import AsyncMock

import pytest
from aiohttp import web
from loguru import logger

from asterisk.gateway import Gateway
from asterisk.simulated_call import SimulatedCall
from asterisk.simulated_target import SimulatedTarget
from asterisk.simulator import AsteriskSimulator
from pipelines.errors import ServiceUnavailable
from pipelines.loader import load_pipeline
from pipelines.params import ModelParams, Secrets
from pipelines.resources import Resources
from pipelines.warm import warm
from tests.support.availability import have_or_skip
from tests.support.fakes import KEY, mistral_fake
from tests.support.recordings import read_recording
from transports.audio.codec import Codec
from transports.audio.level import level_dbfs
from transports.engine import make_engine
from transports.errors import AddressUnavailable
from transports.hearing import make_voice_activity
from transports.params import RtpParams
from transports.pipecat_transport import SpeechMarks
from voiceai.calls.journal import CallJournal
from voiceai.calls.session import CallServices
from voiceai.calls.supervisor import CallSupervisor
from voiceai.errors import SchemaMismatch
from voiceai.fakes.chat import ToolCall
from voiceai.recording.folder import RecordingFolder
from voiceai.recording.track import MASK_AFTER_SECONDS
from voiceai.recording.writer import RecordingWriter
from voiceai.store.records import CallRecord, Message, Turn
from voiceai.store.repository import Assistant

NUMBER = "4920189098720"
IMPATIENT = load_pipeline(
    """
name: impatient
extends: local-en
greeting: Hello.
idle: {after_ms: 1000, times: 0}
recording: {enabled: true, announce: This call is recorded., keep_days: 7}
""",
    source="impatient",
)
"""Hangs up on a caller who says nothing."""

SWITCHBOARD = load_pipeline(
    """
name: switchboard
extends: local-en
greeting: Hello.
llm:
  service: scripted
  rules: [{when: ["DTMF: 0"], say: "One moment.", tool: {transfer: {to: "100"}}}]
  otherwise: ["Please press zero."]
""",
    source="switchboard",
)
"""Transfers a caller who presses zero."""

RECEPTION = load_pipeline(
    """
name: reception
extends: local-en
greeting: Hello.
llm:
  service: scripted
  rules:
    - when: ["DTMF: 0"]
      tool:
        transfer:
          {to: "100", mode: attended, announce: A caller.}
    - when: ["DTMF: 1"]
      tool:
        transfer:
          to: "100"
          mode: attended
          announce: >-
            A caller would like to speak with you about an order that was made a long time ago and
            has not arrived until today although it was sent by express mail in the morning.
          when_unanswered: Nobody is there.
  otherwise: ["Please press zero."]
""",
    source="reception",
)
"""Asks another first: at length for a caller who presses one."""


DISCREET = load_pipeline(
    """
name: discreet
language: de-DE
stt: {service: mistral}
llm: {service: mistral, model: m}
tts: {service: mistral, voice: voice_481}
turn: {stop: silence}
tools: [{collect_digits: {name: customer, description: The number, max: 4}}]
recording: {enabled: true, channels: caller}
""",
    source="discreet",
)
"""Asks for digits that nobody else is to know."""


class Records:
    """Keeps what was said and why calls ended.

    Attributes:
        ended: By call, the reason of its end.
        turns: Of all calls.
        messages: Of all calls, by number.
        recordings: By call, the latest news of it.
    """

    def __init__(self) -> None:
        self.messages: dict[int, Message] = {}
        self.recordings: dict[str, Mapping[str, Any]] = {}
        self._spoken = asyncio.Event()
        self.ended: dict[str, str] = {}
        self.turns: list[Turn] = []

    def begin_call(self, call: CallRecord) -> None:
        pass

    def answer_call(
        self, call_id: str, answered_at: datetime, assistant: Assistant | None = None
    ) -> None:
        pass

    def add_turn(self, call_id: str, turn: Turn) -> None:
        self.turns.append(turn)
        self._spoken.set()

    def add_message(self, call_id: str, message: Message) -> None:
        self.messages[message.n] = message
        self._spoken.set()

    def add_recording(self, call_id: str, recording: Mapping[str, Any]) -> None:
        self.recordings[call_id] = recording

    def results(self) -> list[object]:
        """What came of the tools."""
        return [message.content.get("result") for message in self.messages.values()]

    async def noted(self, messages: int) -> None:
        """Wait until so many messages were added."""
        async with asyncio.timeout(5):
            while len(self.messages) < messages:
                self._spoken.clear()
                await self._spoken.wait()

    async def said(self, text: str) -> None:
        """Wait until it was said."""
        async with asyncio.timeout(5):
            while text not in [turn.text for turn in self.turns]:
                self._spoken.clear()
                await self._spoken.wait()

    def end_call(
        self,
        call_id: str,
        ended_at: datetime,
        reason: str,
        details: Mapping[str, Any] | None = None,
    ) -> None:
        self.ended[call_id] = reason


@pytest.fixture(scope="module")
def resources(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Resources]:
    resources = Resources(params=ModelParams(cache_dir=tmp_path_factory.mktemp("cache")))

    def load() -> None:
        for findings in asyncio.run(warm(resources, [IMPATIENT, SWITCHBOARD])).values():
            raise ServiceUnavailable(findings[0])

    have_or_skip(load)
    yield resources
    resources.close()


Serve = Callable[..., AbstractAsyncContextManager[Gateway]]


@pytest.fixture
async def asterisk() -> AsyncIterator[AsteriskSimulator]:
    async with AsteriskSimulator() as simulator:
        yield simulator


@pytest.fixture
def records() -> Records:
    return Records()


async def impatient(number: str, _call_id: str) -> Assistant | None:
    """Who answers any number."""
    return Assistant("1", "impatient", (number,), IMPATIENT)


async def switchboard(number: str, _call_id: str) -> Assistant | None:
    """Who answers any number."""
    return Assistant("2", "switchboard", (number,), SWITCHBOARD)


async def discreet(number: str, _call_id: str) -> Assistant | None:
    """Who answers any number."""
    return Assistant("4", "discreet", (number,), DISCREET)


async def reception(number: str, _call_id: str) -> Assistant | None:
    """Who answers any number."""
    return Assistant("3", "reception", (number,), RECEPTION)


async def dialled(
    asterisk: AsteriskSimulator, digit: str = "0"
) -> tuple[SimulatedCall, SimulatedTarget]:
    """A caller who wants to be put through, and who is called for it."""
    call = asterisk.new_call(NUMBER)
    async with asyncio.timeout(5):
        await call.joined
        call.press(digit)
        call.press("#")
        return call, await asterisk.targets.next()


@pytest.fixture
def serve(
    asterisk: AsteriskSimulator,
    records: Records,
    resources: Resources,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> Serve:
    @asynccontextmanager
    async def serving(
        find_assistant: Callable[[str, str], Any] = impatient,
        address_lost: str = "",
        resources: Resources = resources,
        **patience: float,
    ) -> AsyncIterator[Gateway]:
        engine = make_engine(RtpParams())
        await engine.start()
        if address_lost:  # after the start, which tries it
            lost = AddressUnavailable(f"{address_lost} is not an address of this machine")
            monkeypatch.setattr(engine, "open_stream", AsyncMock(side_effect=lost))
        recordings = RecordingWriter(RecordingFolder(tmp_path))
        ears = make_voice_activity(engine)
        services = CallServices(engine, resources, ears, recordings=recordings)
        supervisor = CallSupervisor(services, find_assistant, records, limit=5)
        gateway = Gateway(asterisk.params(**patience), on_call=supervisor.take)
        running = asyncio.create_task(gateway.run())
        try:
            await asyncio.wait_for(gateway.wait_ready(), 5)
            yield gateway
        finally:
            await gateway.close()
            await running
            await recordings.close()
            await engine.close()

    return serving


async def reason(gateway: Gateway, records: Records, call: SimulatedCall) -> str:
    """Return what the record says, once the call is over."""
    await asyncio.wait_for(call.ended, 10)
    async with asyncio.timeout(5):
        while gateway.legs:  # noqa: ASYNC110 - there is no event for it
            await asyncio.sleep(0.005)
    [recorded] = records.ended.values()
    return recorded


def refuse(name: str) -> Callable[[str], Any]:
    """Make an Asterisk that answers one request with an error of its own."""

    async def before_request(request: str) -> None:
        if name in request:
            raise web.HTTPInternalServerError

    return before_request


async def test_an_assistant_that_hangs_up_is_recorded_as_such_however_slowly_asterisk_answers(
    asterisk: AsteriskSimulator, serve: Serve, records: Records, tmp_path: Path
) -> None:
    """Channel and bridge were given back first, and the call was taken for ended by shutdown.

    What it said is in the recording, from where the transcript has it.
    """
    async with serve() as gateway:
        call = asterisk.new_call(NUMBER)
        caller = f"DELETE /channels/{call.channel.id}"
        given_back = asyncio.Event()
        hang_ups: list[str] = []

        async def before_request(request: str) -> None:
            hang_ups.extend([request] * (request == caller))
            if hang_ups == [caller] and request == caller:
                await given_back.wait()
            elif request.startswith("DELETE /bridges"):
                asyncio.get_running_loop().call_later(0.2, given_back.set)

        asterisk.before_request = before_request

        assert await reason(gateway, records, call) == "caller_silent"

    [greeting] = records.turns
    [recording] = records.recordings.values()
    assert greeting.text.endswith("This call is recorded. Hello.")
    assert (recording["complete"], recording["missing_seconds"]) == (True, 0)
    assert recording["path"].endswith("_7d.wav")
    theirs, ours = read_recording(tmp_path / recording["path"]).channels
    spoken = [1000 * at for at in loud_seconds(ours)]
    assert greeting.started_ms is not None
    assert greeting.ended_ms is not None
    assert greeting.started_ms - 20 <= spoken[0] <= greeting.started_ms + 400
    assert spoken[0] + 1000 < spoken[-1] <= greeting.ended_ms + 20
    assert loud_seconds(theirs) == []


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


def loud_seconds(pcm: bytes) -> list[float]:
    """When there is more than noise, from the beginning."""
    frames = range(0, len(pcm), 320)
    return [at / 16_000 for at in frames if level_dbfs(pcm[at : at + 320]) > -40]


async def test_a_caller_whose_transfer_asterisk_refuses_is_not_left_in_silence(
    asterisk: AsteriskSimulator, serve: Serve, records: Records
) -> None:
    async with serve(switchboard) as gateway:
        call = asterisk.new_call(NUMBER)
        await asyncio.wait_for(call.joined, 5)
        asterisk.before_request = refuse("/continue")
        call.press("0")
        call.press("#")

        assert await reason(gateway, records, call) == "error"

    assert not call.handed_over
    assert call.ended.result().who == "application"


async def test_a_call_whose_media_asterisk_refuses_fails_with_a_cause_that_says_so(
    asterisk: AsteriskSimulator, serve: Serve, records: Records
) -> None:
    """Without one the caller's network was told that the call had ended normally."""
    async with serve() as gateway:
        asterisk.before_request = refuse("externalMedia")
        call = asterisk.new_call(NUMBER)

        assert await reason(gateway, records, call) == "error"

    assert not call.answered.done()
    assert call.ended.result().sip_status == 500


async def test_an_audio_address_that_this_machine_has_lost_refuses_the_call(
    asterisk: AsteriskSimulator, serve: Serve, records: Records
) -> None:
    async with serve(address_lost="192.0.2.7") as gateway:
        call = asterisk.new_call(NUMBER)

        assert await reason(gateway, records, call) == "media_failed"

    assert call.ended.result().sip_status == 500


async def test_a_database_without_our_tables_refuses_the_call(
    asterisk: AsteriskSimulator, serve: Serve, records: Records
) -> None:
    async def nobody_knows(_number: str, _call_id: str) -> Assistant | None:
        raise SchemaMismatch('there is no table "Assistant"')

    async with serve(nobody_knows) as gateway:
        call = asterisk.new_call(NUMBER)

        assert await reason(gateway, records, call) == "service_unavailable"

    assert call.ended.result().sip_status == 500


async def test_an_assistant_of_a_service_that_does_not_exist_refuses_the_call_as_invalid(
    asterisk: AsteriskSimulator, serve: Serve, records: Records
) -> None:
    """Not as one that lacks a model, which an operator would install in vain."""
    spec = load_pipeline("{name: wrong, stt: {service: mooonshine}}", source="wrong")

    async def wrong(number: str, _call_id: str) -> Assistant | None:
        return Assistant("3", "wrong", (number,), spec)

    async with serve(wrong) as gateway:
        call = asterisk.new_call(NUMBER)

        assert await reason(gateway, records, call) == "pipeline_invalid"

    assert call.ended.result().sip_status == 500


class BrokenVoice:
    """A voice whose file is of another version."""

    def synthesize(self, text: str) -> None:
        raise RuntimeError("unsupported version")


@pytest.mark.usefixtures("resources")  # or the models are not installed
async def test_a_model_that_breaks_while_it_is_loaded_takes_no_other_along(
    records: Records,
) -> None:
    """The process ended: a broken file of one assistant silenced all."""
    resources = Resources()
    resources.engine("hibari 1.0", BrokenVoice)
    other = load_pipeline(
        "{name: other, extends: local-en, tts: {service: hibari, speed: 1.1}}", source="other"
    )
    engine = make_engine(RtpParams())
    services = CallServices(engine, resources, make_voice_activity(engine))
    supervisor = CallSupervisor(services, impatient, records, limit=1)
    lines: list[str] = []
    told_of = "{message} {extra[pipeline]}"
    sink = logger.add(lines.append, format=told_of, level="INFO", backtrace=False)
    try:
        broken = await supervisor.warm(Assistant("1", "impatient", (), IMPATIENT))
        works = await supervisor.warm(Assistant("2", "other", (), other))
    finally:
        logger.remove(sink)
        await resources.aclose()

    told = [line.splitlines()[0] for line in lines]
    assert told == [
        "pipeline.disabled impatient",
        "pipeline.ready other",
    ]
    assert "unsupported version" in lines[0]
    assert (broken, works) == ("RuntimeError: unsupported version", "")


async def test_a_call_that_is_cut_short_at_the_end_of_the_process_has_its_record(
    asterisk: AsteriskSimulator, serve: Serve, records: Records
) -> None:
    asked = asyncio.Event()

    async def never(_number: str, _call_id: str) -> Assistant | None:
        asked.set()
        await asyncio.get_running_loop().create_future()
        return None

    async with serve(never, close_timeout=0.05):
        asterisk.new_call(NUMBER)
        await asked.wait()

    assert list(records.ended.values()) == ["shutdown"]


async def test_a_call_that_is_up_is_hung_up_at_the_end_of_the_process(
    asterisk: AsteriskSimulator, serve: Serve, records: Records
) -> None:
    async with serve():
        call = asterisk.new_call(NUMBER)
        await asyncio.wait_for(call.joined, 5)

    assert call.ended.result().who == "application"
    assert list(records.ended.values()) == ["shutdown"]
    assert [each["complete"] for each in records.recordings.values()] == [True]


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


async def test_a_caller_who_leaves_before_it_rings_has_hung_up(
    asterisk: AsteriskSimulator, serve: Serve, records: Records
) -> None:
    async def sought(number: str, call_id: str) -> Assistant | None:
        call.hang_up()
        return await impatient(number, call_id)

    async with serve(sought) as gateway:
        call = asterisk.new_call(NUMBER)

        assert await reason(gateway, records, call) == "caller_hung_up"


async def test_a_caller_hears_of_one_who_hung_up_on_the_announcement_and_the_call_goes_on(
    asterisk: AsteriskSimulator, serve: Serve, records: Records
) -> None:
    async with serve(reception) as gateway:
        call, target = await dialled(asterisk, "1")
        assert call.hears_ringing
        target.answer()
        async with asyncio.timeout(5):
            while target.channel.bridge_id is None:  # noqa: ASYNC110 - there is no event for it
                await asyncio.sleep(0.005)
        target.hang_up()
        await records.said("Nobody is there.")
        assert call.channel.bridge_id is not None
        call.hang_up()

        assert await reason(gateway, records, call) == "caller_hung_up"
    assert not asterisk.simulation.channels
    assert records.results() == ["hung up before the caller was put through"]


async def test_a_caller_is_connected_when_the_announcement_was_heard(
    asterisk: AsteriskSimulator, serve: Serve, records: Records
) -> None:
    async with serve(reception) as gateway:
        call, target = await dialled(asterisk)
        target.answer()

        assert await reason(gateway, records, call) == "transferred"
        assert list(asterisk.simulation.channels) == [target.channel.id]
    assert target.connected
    assert records.results() == ["answered"]


async def test_a_target_stops_ringing_when_its_caller_leaves(
    asterisk: AsteriskSimulator, serve: Serve, records: Records
) -> None:
    async with serve(reception) as gateway:
        call, target = await dialled(asterisk)
        call.hang_up()
        await asyncio.wait_for(target.ended, 5)

        assert await reason(gateway, records, call) == "caller_hung_up"
    assert not asterisk.simulation.channels


async def test_a_caller_whom_asterisk_will_not_give_back_is_not_left_with_the_ringing(
    asterisk: AsteriskSimulator, serve: Serve, records: Records
) -> None:
    async with serve(reception) as gateway:
        call, target = await dialled(asterisk)
        asterisk.before_request = refuse("/addChannel")
        target.hang_up(17)

        assert await reason(gateway, records, call) == "error"
    assert call.ended.result().who == "application"
