"""Messages of Azure's and Edge's websockets, read and written."""

from hypothesis import given
from hypothesis import strategies as st

from voiceai.fakes.microsoft_messages import Message, audio_message, parse, text_message, ticks

IDS = st.text(alphabet="0123456789abcdef", min_size=1, max_size=32)


def test_a_clients_text_message_is_read() -> None:
    """As the SDK 1.53 sent it."""
    text = (
        "X-Timestamp:2026-11-23T02:44:31.329Z\r\nPath:speech.context\r\n"
        'X-RequestId:5b08\r\n\r\n{"audio":{}}'
    )

    message = parse(text)

    assert message == Message("speech.context", "5b08", '{"audio":{}}')
    assert message.json == {"audio": {}}


@given(request_id=IDS, audio=st.binary())
def test_audio_comes_back_as_it_was_written(request_id: str, audio: bytes) -> None:
    written = audio_message(request_id, "STREAM", "audio/mpeg", audio)

    assert parse(written) == Message("audio", request_id, audio)
    assert (b"Content-Type" in written[: -len(audio) or None]) == bool(audio)


@given(request_id=IDS, text=st.text())
def test_text_comes_back_as_it_was_written(request_id: str, text: str) -> None:
    message = parse(text_message("speech.phrase", request_id, {"DisplayText": text}))

    assert (message.path, message.json) == ("speech.phrase", {"DisplayText": text})


@given(data=st.one_of(st.binary(), st.text()))
def test_anything_can_be_read(data: str | bytes) -> None:
    assert isinstance(parse(data), Message)


def test_a_second_has_ten_million_ticks() -> None:
    assert ticks(0.02) == 200_000
