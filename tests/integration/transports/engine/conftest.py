"""An engine of each placement, and a stream that is connected to the telephone."""

import sys
from collections.abc import AsyncIterator

import pytest

from tests.support.streams import Phone
from transports import MediaEngine, MediaStream, RtpParams, make_engine

PARAMS = RtpParams(port_min=19800, port_max=19841)
PLACEMENTS = ("inline", "process") if sys.platform == "linux" else ("inline",)


@pytest.fixture(params=PLACEMENTS)
def params(request: pytest.FixtureRequest) -> RtpParams:
    """The same for each placement."""
    return PARAMS.model_copy(update={"placement": request.param})


@pytest.fixture
async def engine(params: RtpParams) -> AsyncIterator[MediaEngine]:
    engine = make_engine(params)
    await engine.start()
    yield engine
    await engine.close()


@pytest.fixture
async def stream(engine: MediaEngine, phone: Phone) -> MediaStream:
    """A stream that is connected to the phone."""
    stream = await engine.open_stream()
    stream.connect(phone.address)
    return stream
