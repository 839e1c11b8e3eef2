"""Calls from a simulated Asterisk through supervisor and session, with the local models."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from unittest.mock import AsyncMock

import pytest

from asterisk.gateway import Gateway
from asterisk.simulator import AsteriskSimulator
from pipelines.errors import ServiceUnavailable
from pipelines.params import ModelParams
from pipelines.resources import Resources
from pipelines.warm import warm
from tests.support.availability import have_or_skip
from tests.support.calls import IMPATIENT, SWITCHBOARD, Records, Serve, impatient
from transports.engine import make_engine
from transports.errors import AddressUnavailable
from transports.hearing import make_voice_activity
from transports.params import RtpParams
from voiceai.calls.session import CallServices
from voiceai.calls.supervisor import CallSupervisor
from voiceai.recording.folder import RecordingFolder
from voiceai.recording.writer import RecordingWriter


@pytest.fixture(scope="session")
def resources(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Resources]:
    resources = Resources(params=ModelParams(cache_dir=tmp_path_factory.mktemp("cache")))

    def load() -> None:
        for findings in asyncio.run(warm(resources, [IMPATIENT, SWITCHBOARD])).values():
            raise ServiceUnavailable(findings[0])

    have_or_skip(load)
    yield resources
    resources.close()


@pytest.fixture
async def asterisk() -> AsyncIterator[AsteriskSimulator]:
    async with AsteriskSimulator() as simulator:
        yield simulator


@pytest.fixture
def records() -> Records:
    return Records()


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
