"""Session descriptions: what Asterisk and phones write is read, the rest refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transports.audio.codec import Codec
from voiceai.bench.errors import SipError
from voiceai.bench.sdp import AudioDescription, Direction, parse, serialize

FROM_ASTERISK = (
    b"v=0\r\no=- 1 3 IN IP4 127.0.0.3\r\ns=Asterisk\r\nc=IN IP4 127.0.0.3\r\nt=0 0\r\n"
    b"m=audio 20500 RTP/AVP 8 0 9 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\n"
    b"a=rtpmap:9 G722/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\n"
    b"a=ptime:20\r\na=maxptime:140\r\na=sendrecv\r\n"
)


def test_reads_what_asterisk_writes() -> None:
    assert parse(FROM_ASTERISK) == AudioDescription(
        "127.0.0.3", 20500, (Codec.ALAW, Codec.ULAW), 101, "sendrecv"
    )


@pytest.mark.parametrize("codecs", [(Codec.ALAW,), (Codec.ULAW, Codec.ALAW), ()])
@pytest.mark.parametrize("event", [None, 96])
@pytest.mark.parametrize("direction", ["sendrecv", "sendonly", "recvonly", "inactive"])
def test_what_we_write_reads_as_itself(
    codecs: tuple[Codec, ...], event: int | None, direction: Direction
) -> None:
    description = AudioDescription("127.0.0.4", 40000, codecs or (Codec.ALAW,), event, direction)

    assert parse(serialize(description, session_id=7)) == description


def test_the_stream_s_own_address_and_direction_count() -> None:
    body = FROM_ASTERISK.replace(b"a=sendrecv", b"c=IN IP6 ::1\r\na=sendonly")

    description = parse(b"v=0\r\na=inactive\r\n" + body.removeprefix(b"v=0\r\n"))

    assert (description.host, description.direction) == ("::1", "sendonly")


def test_the_first_audio_stream_counts() -> None:
    video = b"m=video 9 RTP/AVP 96\r\na=sendonly\r\n"
    body = FROM_ASTERISK.replace(b"m=audio", video + b"m=audio") + b"m=audio 4 RTP/AVP 0\r\n"

    assert (parse(body).port, parse(body).direction) == (20500, "sendrecv")


def test_an_offer_without_g711_has_no_codec() -> None:
    assert parse(FROM_ASTERISK.replace(b"AVP 8 0 9 101", b"AVP 9 101")).codecs == ()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"v=0", b"v=1"),
        (b"m=audio", b"m=video"),
        (b"20500", b"65536"),
        (b"20500", b"-1"),
        (b"20500", b"\xd9\xa2"),
        (b"8 0 9", b"8 128 9"),
        (b"8 0 9", b"8 x 9"),
        (b"RTP/AVP", b"RTP/SAVP"),
        (b"c=IN IP4 127.0.0.3", b"c=IN IP4 localhost"),
        (b"c=IN IP4 127.0.0.3", b"c=IN IP4"),
        (b"c=IN", b"x=IN"),
        (b"s=Asterisk", b"s=\xff"),
    ],
)
def test_refuses_what_is_no_audio_description(old: bytes, new: bytes) -> None:
    assert old in FROM_ASTERISK

    with pytest.raises(SipError):
        parse(FROM_ASTERISK.replace(old, new))


@given(st.data())
def test_no_bytes_raise_anything_else(data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(FROM_ASTERISK)))
    end = data.draw(st.integers(start, min(start + 20, len(FROM_ASTERISK))))
    body = FROM_ASTERISK[:start] + data.draw(st.binary(max_size=12)) + FROM_ASTERISK[end:]

    for hostile in (body, data.draw(st.binary(max_size=200))):
        try:
            parse(hostile)
        except SipError:
            continue
