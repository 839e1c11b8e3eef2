"""The bench telephone against an Asterisk: it calls as telephones do and tells what was heard."""

import asyncio
import wave
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest

from tests.support.provider import BUSY, ECHO, KEYS, RINGING, SUBSCRIBER, Provider
from tests.support.waiting import until
from transports.audio.codec import Codec
from voiceai.bench.errors import CallOver
from voiceai.bench.sip_caller import SipCaller
from voiceai.bench.sip_digest import Credentials

TONE = (8000 * np.sin(2 * np.pi * 440 * np.arange(8000) / 8000)).astype("<i2").tobytes()
"""One second at 440 Hz, 16-bit at 8 kHz."""

ROUND_TRIP_SECONDS = 0.1
"""Asterisk's echo takes 1 ms; the rest is for a busy machine."""


async def test_what_is_played_is_heard_back_at_once_and_whole(
    provider: Provider, caller: SipCaller, tmp_path: Path
) -> None:
    call = await caller.dial(ECHO, via=provider.address)
    assert (call.status, call.is_answered) == (200, True)

    played = await call.play(TONE)
    quiet_at = await call.wait_for_silence(0.3, 3)

    assert played.packets == 50
    assert played.speech_started_at == played.started_at
    assert played.ended_at - played.started_at == pytest.approx(49 * 0.02, abs=ROUND_TRIP_SECONDS)
    started_at = call.heard.first_speech_after(played.started_at)
    assert started_at == pytest.approx(played.started_at, abs=ROUND_TRIP_SECONDS)
    assert quiet_at == pytest.approx(played.ended_at, abs=ROUND_TRIP_SECONDS)
    assert call.heard.gaps().lost == 0
    assert TONE_HEARD in call.heard.pcm()
    start = call.save_wav(tmp_path / "call.wav")
    with wave.open(str(tmp_path / "call.wav")) as file:
        stereo = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, 2)
    begin = round((played.started_at - start) * 8000)
    for side in stereo.T:
        assert np.abs(side[begin + 800 : begin + 7200]).max() > 7000
        assert np.abs(side[: begin - 80]).max() < 200


TONE_HEARD = Codec.ALAW.decode(Codec.ALAW.encode(TONE))


async def test_keys_are_heard_as_pressed(provider: Provider, caller: SipCaller) -> None:
    call = await caller.dial(ECHO, via=provider.address)

    await call.press("12*#")

    await until(lambda: call.heard_digits == "12*#", within=2)


async def test_the_other_side_presses_keys_and_hangs_up(
    provider: Provider, caller: SipCaller
) -> None:
    call = await caller.dial(KEYS, via=provider.address)

    end = await asyncio.wait_for(call.ended, 5)

    assert call.heard_digits == "159#"
    assert (end.by, end.status) == ("callee", 200)
    assert not (await call.play(TONE)).is_complete
    with pytest.raises(CallOver):
        await call.wait_for_speech(5)


async def test_hanging_up_while_it_rings_cancels(provider: Provider, caller: SipCaller) -> None:
    call = await caller.invite(RINGING, via=provider.address)
    await call.ringing()
    assert call.status == 180

    end = await call.hang_up()

    assert (end.by, end.status, await call.final()) == ("cancelled", 487, 487)


async def test_dialling_in_vain_cancels_and_says_how_far_it_came(
    provider: Provider, caller: SipCaller
) -> None:
    with pytest.raises(TimeoutError, match="the last status was 180"):
        await caller.dial(RINGING, via=provider.address, within=0.3)

    (call,) = caller.calls.values()
    assert (await asyncio.wait_for(call.ended, 2)).by == "cancelled"


async def test_a_busy_number_refuses(provider: Provider, caller: SipCaller) -> None:
    call = await caller.dial(BUSY, via=provider.address)

    assert (call.status, call.is_answered) == (486, False)
    assert (await call.ended).by == "refused"
    assert (await call.ended).reason.startswith("Q.850")


async def test_a_sha_256_challenge_is_answered_and_another_codec_taken(provider: Provider) -> None:
    async with SipCaller("127.0.0.4", credentials=SUBSCRIBER) as caller:
        call = await caller.dial(ECHO, via=provider.address, from_user="subscriber")

        assert [status for _, status in call.progress] == [401, 100, 200]
        await call.play(TONE)
        assert {packet.payload_type for packet in call.spoken.packets} == {0}


@pytest.mark.parametrize("credentials", [None, Credentials("subscriber", "wrong")])
async def test_without_the_right_password_the_call_is_refused(
    provider: Provider, credentials: Credentials | None
) -> None:
    async with SipCaller("127.0.0.4", credentials=credentials) as caller:
        call = await caller.dial(ECHO, via=provider.address, from_user="subscriber")

    assert call.status == 401


async def test_a_bad_network_loses_what_it_is_told_to(
    provider: Provider, caller: SipCaller
) -> None:
    sent = 0

    def lose_every_fifth(datagram: bytes, _: float) -> Iterable[tuple[float, bytes]]:
        nonlocal sent
        sent += 1
        return [] if sent % 5 == 0 else [(0.03, datagram)]

    call = await caller.dial(ECHO, via=provider.address)
    call.impairment = lose_every_fifth

    played = await call.play(TONE)
    await call.wait_for_silence(0.3, 3)

    first = call.heard.first_speech_after(played.started_at)
    assert first is not None
    assert first - played.started_at == pytest.approx(0.03, abs=0.02)
    assert len([packet for packet in call.heard.packets if packet.is_speech]) == 40


async def test_a_telephone_that_stops_sending_is_silent(
    provider: Provider, caller: SipCaller
) -> None:
    call = await caller.dial(ECHO, via=provider.address)
    await call.play(TONE[:1600])

    call.line.stop_sending()
    stopped_at = call.spoken.packets[-1].at
    await call.play(TONE[:3200])
    call.line.resume_sending()
    await call.play(TONE[:1600])

    gap = call.spoken.gaps().longest
    assert gap == pytest.approx(11 * 0.02, abs=0.04)
    assert call.spoken.first_speech_after(stopped_at + 0.001) is not None
    assert call.spoken.gaps().lost == 0


async def test_closing_the_telephone_hangs_up(provider: Provider) -> None:
    async with SipCaller("127.0.0.4") as caller:
        calls = [await caller.dial(ECHO, via=provider.address) for _ in range(3)]

    assert [call.ended.result().by for call in calls] == ["caller"] * 3
    await until(lambda: "0 active calls" in provider.process.rx("core show calls"), within=2)
