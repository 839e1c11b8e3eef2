"""A media process, its engine, and a stream that is connected to the telephone."""

from collections.abc import AsyncIterator

import pytest

from tests.support.media_process import PARAMS
from tests.support.streams import Phone
from transports.process.child import MediaProcess
from transports.process.engine import ProcessEngine
from transports.process.stream import ProcessStream


@pytest.fixture
def media() -> MediaProcess:
    return MediaProcess(PARAMS)


@pytest.fixture
async def engine(media: MediaProcess) -> AsyncIterator[ProcessEngine]:
    engine = ProcessEngine(media, slots=32)
    await engine.start()
    yield engine
    await engine.close()


@pytest.fixture
async def stream(engine: ProcessEngine, phone: Phone) -> ProcessStream:
    stream = await engine.open_stream()
    stream.connect(("127.0.0.1", phone.port))
    return stream
