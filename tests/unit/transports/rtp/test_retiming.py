"""When the delay is corrected, and that nobody hears it."""

import numpy as np
import pytest

from transports.rtp.retiming import Retiming, lengthened, shortened

FRAME = 160
QUIET = np.random.default_rng(1).normal(0, 20, FRAME).astype(np.int16).tobytes()


def speech(loudness: float = 8000) -> bytes:
    return (loudness * np.sin(np.arange(FRAME) / 5)).astype(np.int16).tobytes()


def waited(surplus: int, frames: list[bytes]) -> int | None:
    """Return at which frame it was corrected."""
    retiming = Retiming()
    for number, frame in enumerate(frames):
        if retiming.samples(surplus, frame):
            return number
    return None


def test_in_a_pause_at_once() -> None:
    assert waited(FRAME, [QUIET]) == waited(-FRAME, [QUIET]) == 0


@pytest.mark.parametrize(
    ("surplus", "frames"), [(FRAME, 49), (2 * FRAME, 49), (3 * FRAME, 4), (-FRAME, 9)]
)
def test_in_speech_the_sooner_the_more_it_costs(surplus: int, frames: int) -> None:
    assert waited(surplus, [speech()] * 100) == frames


def test_a_pause_ends_the_wait() -> None:
    assert waited(FRAME, [speech()] * 20 + [QUIET]) == 20


def test_on_a_loud_line_a_pause_is_what_is_quiet_for_it() -> None:
    assert waited(FRAME, [speech()] * 20 + [speech(500)]) == 20


def test_one_correction_is_a_frame_less_or_half_a_frame_more() -> None:
    assert Retiming().samples(5 * FRAME, QUIET) == FRAME
    assert Retiming().samples(-5 * FRAME, QUIET) == -FRAME // 2


def test_the_wait_begins_anew_after_a_correction() -> None:
    retiming = Retiming()
    for _ in range(50):
        samples = retiming.samples(FRAME, speech())
    assert samples == FRAME

    retiming.done()

    assert retiming.samples(FRAME, speech()) == 0


def tone(start: int, samples: int, hertz: float = 110.0) -> bytes:
    at = np.arange(start, start + samples)
    return (8000 * np.sin(2 * np.pi * hertz * at / 8000)).astype(np.int16).tobytes()


def largest_step(*pieces: bytes) -> int:
    return int(np.abs(np.diff(np.frombuffer(b"".join(pieces), np.int16).astype(int))).max())


NATURAL = largest_step(tone(0, 8000))


@pytest.mark.parametrize("samples", [FRAME, FRAME + 1, FRAME + 40, 2 * FRAME])
def test_what_is_shortened_goes_on_where_it_began_and_ends_where_it_ended(samples: int) -> None:
    before, middle, after = tone(0, FRAME), tone(FRAME, samples), tone(FRAME + samples, FRAME)

    short = shortened(middle)

    assert len(short) == 2 * FRAME
    assert largest_step(before, short, after) <= 1.3 * NATURAL


@pytest.mark.parametrize("samples", [FRAME - 1, FRAME - 40, FRAME // 2])
def test_what_is_lengthened_goes_on_where_it_began_and_ends_where_it_ended(samples: int) -> None:
    before, middle, after = tone(0, FRAME), tone(FRAME, samples), tone(FRAME + samples, FRAME)

    long = lengthened(before, middle)

    assert len(long) == 2 * FRAME
    assert largest_step(before, long, after) <= 1.3 * NATURAL
