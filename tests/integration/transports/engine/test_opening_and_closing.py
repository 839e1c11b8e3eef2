"""Engines and streams open and close: their ports, their counters, and what fails."""

import asyncio
import errno
import socket

import pytest

from tests.support.streams import FRAME, Phone, loud, until_sent
from tests.support.waiting import until
from transports import (
    AddressUnavailable,
    MediaEngine,
    MediaStream,
    PortsExhausted,
    RtpParams,
    make_engine,
)
from transports.errors import MediaUnavailable
from transports.rtp.reports import Reports


async def test_what_was_counted_outlives_the_stream(
    engine: MediaEngine, stream: MediaStream, phone: Phone
) -> None:
    phone.send(stream, loud(FRAME))
    await until(lambda: stream.stats.received == 1)
    while_open = engine.totals.counts["received"]

    stream.close()

    assert (while_open, engine.totals.counts["received"]) == (1, 1)


async def test_closing_gives_the_ports_back_and_ends_writers(
    engine: MediaEngine, stream: MediaStream
) -> None:
    writing = asyncio.ensure_future(stream.write(loud(50 * FRAME)))
    draining = asyncio.ensure_future(stream.drained())
    await until_sent(stream, 1)

    stream.close()
    stream.close()

    assert await writing is False
    async with asyncio.timeout(1):
        await draining
    assert await stream.write(loud(FRAME)) is False
    assert engine.streams == ()
    assert stream.stats.sent >= 1

    def is_free() -> bool:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            try:
                probe.bind((stream.host, stream.port))
            except OSError:
                return False
            return True

    await until(is_free)


async def test_the_range_limits_the_streams(engine: MediaEngine) -> None:
    streams = [await engine.open_stream() for _ in range(21)]
    assert len({stream.port for stream in streams}) == 21
    assert all(stream.port % 2 == 0 for stream in streams)

    with pytest.raises(PortsExhausted):
        await engine.open_stream()

    streams[7].close()
    assert (await engine.open_stream()).port == streams[7].port


async def test_closing_the_engine_closes_its_streams(params: RtpParams, phone: Phone) -> None:
    engine = make_engine(params)
    await engine.start()
    stream = await engine.open_stream()
    stream.connect(phone.address)

    await engine.close()
    await engine.close()

    assert engine.streams == ()
    phone.received()
    await asyncio.sleep(0.06)
    assert phone.received() == []


@pytest.mark.parametrize("params", ["inline"], indirect=True)
async def test_a_stream_that_the_system_refuses_gives_its_ports_back(
    engine: MediaEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(**_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("transports.inline.engine.InlineStream", refused)
        for _ in range(21):
            with pytest.raises(MediaUnavailable, match="No space left on device"):
                await engine.open_stream()

    assert (await engine.open_stream()).port
    assert len(engine.streams) == 1


async def test_opens_no_stream_after_it_was_closed(params: RtpParams) -> None:
    engine = make_engine(params)
    await engine.start()
    await engine.close()

    with pytest.raises(MediaUnavailable, match="the media engine does not run"):
        await engine.open_stream()


@pytest.mark.parametrize("params", ["inline"], indirect=True)
async def test_a_stream_that_fails_to_say_goodbye_gives_its_ports_back(
    engine: MediaEngine, stream: MediaStream, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ValueError

    monkeypatch.setattr(Reports, "goodbye", broken)

    stream.close()

    assert engine.streams == ()
    for port in (stream.port, stream.port + 1):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind((stream.host, port))


async def test_does_not_start_at_an_address_of_another_machine(params: RtpParams) -> None:
    engine = make_engine(params.model_copy(update={"host": "192.0.2.7"}))

    with pytest.raises(AddressUnavailable, match=r"192\.0\.2\.7"):
        await engine.start()


async def test_holds_no_port_before_a_stream_is_opened(params: RtpParams) -> None:
    engine = make_engine(params.model_copy(update={"port_max": 19801}))
    await engine.start()

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", 19800))
    await engine.close()
