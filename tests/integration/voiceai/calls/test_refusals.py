"""Calls that are refused, and why."""

import pytest
from loguru import logger

from asterisk.simulator import AsteriskSimulator
from pipelines.loader import load_pipeline
from pipelines.resources import Resources
from tests.support.calls import IMPATIENT, NUMBER, Records, Serve, impatient, reason, refuse
from transports.engine import make_engine
from transports.hearing import make_voice_activity
from transports.params import RtpParams
from voiceai.calls.session import CallServices
from voiceai.calls.supervisor import CallSupervisor
from voiceai.errors import SchemaMismatch
from voiceai.store.repository import Assistant


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
