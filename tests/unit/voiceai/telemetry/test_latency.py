"""A turn's latency and its parts."""

import pytest

from voiceai.telemetry.latency import Mark, TurnClock, TurnLatency


def spoken() -> TurnClock:
    clock = TurnClock()
    clock.speech_ended(last_voice_at=10.0, decided_at=10.2)
    return clock


def test_parts_add_up_to_the_total() -> None:
    clock = spoken()
    for mark, at in [
        (Mark.TRANSCRIPT, 10.28),
        (Mark.TURN_ENDED, 10.285),
        (Mark.FIRST_TEXT, 10.29),
        (Mark.FIRST_AUDIO, 10.31),
    ]:
        clock.mark(mark, at)

    latency = clock.first_packet(10.33)

    assert latency is not None
    assert latency.as_dict() == {
        "total": 330.0,
        "endpointing": 200.0,
        "stt": 80.0,
        "turn": 5.0,
        "llm": 5.0,
        "tts": 20.0,
        "queue": 20.0,
    }


def test_the_last_transcript_before_the_answer_counts() -> None:
    clock = spoken()
    clock.mark(Mark.TRANSCRIPT, 10.25)
    clock.mark(Mark.TRANSCRIPT, 10.30)
    clock.mark(Mark.FIRST_TEXT, 10.31)
    clock.mark(Mark.TRANSCRIPT, 10.40)
    clock.mark(Mark.FIRST_AUDIO, 10.41)

    latency = clock.first_packet(10.42)

    assert latency is not None
    assert latency.stt == pytest.approx(100)


def test_the_first_audio_counts() -> None:
    clock = spoken()
    clock.mark(Mark.FIRST_AUDIO, 10.3)
    clock.mark(Mark.FIRST_AUDIO, 10.9)

    latency = clock.first_packet(10.35)

    assert latency is not None
    assert latency.queue == pytest.approx(50)


def test_a_greeting_is_no_turn() -> None:
    clock = TurnClock()
    clock.mark(Mark.FIRST_AUDIO, 1.0)

    assert clock.first_packet(1.1) is None


def test_nothing_is_measured_once_the_caller_speaks_again() -> None:
    clock = spoken()
    clock.mark(Mark.FIRST_AUDIO, 10.3)
    clock.interrupted()

    assert clock.first_packet(10.4) is None


def test_an_answer_is_measured_once() -> None:
    clock = spoken()
    clock.mark(Mark.FIRST_AUDIO, 10.3)

    assert isinstance(clock.first_packet(10.4), TurnLatency)
    assert clock.first_packet(10.5) is None


def test_a_missing_mark_gives_its_time_to_the_next() -> None:
    clock = spoken()
    clock.mark(Mark.FIRST_AUDIO, 10.5)

    latency = clock.first_packet(10.6)

    assert latency is not None
    assert (latency.stt, latency.turn, latency.llm) == (0, 0, 0)
    assert latency.tts == pytest.approx(300)
