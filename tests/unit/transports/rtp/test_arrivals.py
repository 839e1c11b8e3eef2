"""The line of what arrives: whole, in order, and never longer than time."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transports.audio.comfort_noise import ComfortNoise
from transports.audio.level import level_dbfs
from transports.rtp.arrivals import LONGEST_NOISE, ArrivalLine
from transports.rtp.events import ArrivedAudio

TICK = 0.02
FRAME = 160
FIRST = 1 << 32


def pcm(number: int, samples: int = FRAME) -> bytes:
    """Return loud samples that say which packet they are of."""
    return (8000 + number).to_bytes(2, "little") * samples


class Ear:
    """A line with its clock: packets of 20 ms, and a look every 20 ms."""

    def __init__(self, samples: int = FRAME) -> None:
        self.line = ArrivalLine(ComfortNoise())
        self.now = 100.0
        self.samples = samples
        self.jump = 0
        self.told: list[ArrivedAudio] = []

    def put(self, *numbers: int) -> None:
        for number in numbers:
            timestamp = FIRST + self.samples * number + self.jump
            self.line.put(0x10000 + number, timestamp, pcm(number, self.samples), self.now)

    def look(self, ticks: int = 1, *, spread: float = 0.02) -> list[int | None]:
        """Return the packets that were told of; ``None`` for what was filled."""
        new = []
        for _ in range(ticks):
            new += self.line.take(self.now, spread=spread)
            self.now += TICK
        self.told += new
        return [
            None if piece.arrived_at is None else int.from_bytes(piece.pcm[:2], "little") - 8000
            for piece in new
        ]

    def talk(self, numbers: range) -> list[int | None]:
        told = []
        for number in numbers:
            self.put(number)
            told += self.look()
        return told

    @property
    def samples_told(self) -> int:
        return sum(len(piece.pcm) // 2 for piece in self.told)


def test_nothing_is_told_of_a_peer_that_never_spoke() -> None:
    assert Ear().look(100) == []


def test_packets_in_order_are_told_at_once_and_untouched() -> None:
    ear = Ear()

    assert ear.talk(range(50)) == list(range(50))
    assert [piece.pcm for piece in ear.told] == [pcm(number) for number in range(50)]
    assert [piece.arrived_at for piece in ear.told] == pytest.approx(
        [100 + number * TICK for number in range(50)]
    )


def test_a_hole_is_filled_when_the_next_packet_but_one_comes() -> None:
    ear = Ear()
    ear.talk(range(5))
    ear.look()

    assert ear.talk(range(6, 10)) == [None, 6, 7, 8, 9]
    assert ear.samples_told == 10 * FRAME


def test_a_packet_behind_a_hole_waits_no_longer_than_30_ms() -> None:
    ear = Ear()
    ear.talk(range(5))
    ear.put(6)
    assert ear.look() == []

    assert ear.look() == [None, 6]


def test_a_packet_that_was_overtaken_by_one_takes_its_place() -> None:
    ear = Ear()
    ear.talk(range(5))

    ear.put(6, 5)

    assert ear.look() == [5, 6]
    assert ear.talk(range(7, 9)) == [7, 8]


def test_a_packet_whose_time_was_filled_is_left_out() -> None:
    ear = Ear()
    ear.talk(range(5))
    ear.put(6)
    ear.look(2)

    ear.put(5, 7)

    assert ear.look() == [7]


def test_on_a_path_that_overtakes_often_it_waits_longer() -> None:
    ear = Ear()
    ear.talk(range(5))
    for number in range(5, 400, 3):  # each third comes 50 ms late
        ear.put(number + 1)
        ear.look()
        ear.put(number + 2)
        ear.look()
        ear.put(number)
        told = ear.look()

    assert told == [number, number + 1, number + 2]


def test_a_short_hole_repeats_what_was_before_it_and_a_long_one_ends_in_noise() -> None:
    ear = Ear()
    ear.talk(range(5))
    ear.put(10)
    ear.look(2)

    filled = ear.told[-2]
    assert filled.arrived_at is None
    assert len(filled.pcm) == 2 * 5 * FRAME
    assert filled.pcm[: 4 * FRAME] == pcm(4) * 2
    assert level_dbfs(filled.pcm[4 * FRAME :]) < -60


@pytest.mark.parametrize("jump", [1000, 8000, -1700, -1_000_000, 1 << 31])
def test_a_jump_of_the_timestamp_adds_nothing(jump: int) -> None:
    ear = Ear()
    ear.talk(range(5))
    ear.jump = jump

    assert ear.talk(range(5, 10)) == [5, 6, 7, 8, 9]


def test_loss_that_was_renumbered_is_filled_at_once() -> None:
    ear = Ear()
    ear.talk(range(5))
    ear.jump = FRAME

    ear.put(5)

    assert ear.look() == [None, 5]


@pytest.mark.parametrize(("spread", "patience"), [(0.02, 0.04), (0.08, 0.1)])
def test_when_nothing_comes_the_line_goes_on_in_noise(spread: float, patience: float) -> None:
    ear = Ear()
    ear.talk(range(5))
    last = ear.now - TICK

    while not ear.look(spread=spread):
        pass

    assert patience - 0.001 <= ear.now - TICK - last <= patience + TICK
    ear.look(500, spread=spread)
    assert {level_dbfs(piece.pcm) < -60 for piece in ear.told[5:]} == {True}
    behind = (ear.now - TICK - last) - (ear.samples_told / 8000 - 0.1)
    assert behind == pytest.approx(patience - 0.02, abs=0.021)


def test_speech_that_resumes_fits_on_what_was_filled() -> None:
    ear = Ear()
    ear.talk(range(5))
    ear.look(45)

    assert ear.talk(range(50, 60))[-10:] == list(range(50, 60))
    assert ear.samples_told == 60 * FRAME


def test_a_pause_in_which_two_clocks_part_costs_no_word() -> None:
    """In ten minutes 300 ms: more than a packet can be late."""
    ear = Ear()
    ear.talk(range(5))
    ear.look(30_000)
    ear.jump = -2400

    assert [told for told in ear.talk(range(30_005, 30_010)) if told is not None] == list(
        range(30_005, 30_010)
    )


def test_packets_of_60_ms_are_not_missed_in_between() -> None:
    ear = Ear(samples=480)
    for number in range(20):
        ear.put(number)
        assert ear.look(3) == [number]


def test_our_own_stall_is_not_taken_for_a_pause() -> None:
    ear = Ear()
    ear.talk(range(5))
    ear.now += 0.5

    assert ear.look() == []
    ear.put(*range(5, 31))
    assert ear.look() == list(range(5, 31))


def test_a_new_source_goes_on_without_a_gap_and_forgets_nothing_held() -> None:
    ear = Ear()
    ear.talk(range(5))
    ear.put(6)

    ear.line.restart()
    ear.jump = 1_000_000
    ear.put(0)

    assert ear.look() == [None, 6, 0]


def test_a_new_source_that_begins_in_a_pause_does_not_stop_the_line() -> None:
    ear = Ear()
    ear.talk(range(50))
    ear.line.restart()
    ear.look(100)

    assert ear.samples_told == pytest.approx(150 * FRAME, abs=FRAME * 3)
    ear.jump = -123_456
    assert ear.talk(range(300, 310)) == list(range(300, 310))


def test_more_audio_than_time_is_left_out_and_counted() -> None:
    """A second of audio every 20 ms, as a peer might that means harm."""
    ear = Ear(samples=1600)
    for number in range(500):
        ear.put(*range(number * 5, number * 5 + 5))
        ear.look()

    assert ear.line.overrun > 0
    assert ear.samples_told <= 8000 * (2 + 1.25 * 500 * TICK)


def test_who_pauses_between_two_floods_gets_no_more_than_who_does_not() -> None:
    ear, numbers = Ear(), itertools.count()
    for _ in range(10):
        ear.put(*itertools.islice(numbers, 100))
        ear.look(50)

    assert 10 * 8000 <= ear.samples_told <= (2 + 1.25 * 10) * 8000


def test_noise_comes_in_bounded_pieces() -> None:
    ear = Ear()
    ear.talk(range(5))
    ear.now += 0.05
    ear.look(100, spread=3600.0)

    assert max(len(piece.pcm) // 2 for piece in ear.told) <= LONGEST_NOISE


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["put", "put", "put", "late", "lost", "look", "jump", "restart"]),
            st.integers(-3000, 3000),
            st.floats(0, 0.05),
        ),
        max_size=120,
    )
)
def test_whatever_comes_nothing_is_told_twice_and_the_line_keeps_to_time(
    steps: list[tuple[str, int, float]],
) -> None:
    ear = Ear()
    number = itertools.count()
    late: list[int] = []
    told: list[int | None] = []
    first = ear.now
    for what, jump, pause in steps:
        ear.now += pause
        match what:
            case "put":
                ear.put(next(number))
            case "late":
                late.append(next(number))
            case "lost":
                next(number)
            case "jump":
                ear.jump += jump
                ear.put(*late)
                late.clear()
            case "restart":
                ear.line.restart()
            case _:
                told += ear.look()
    told += ear.look(60)

    real = [each for each in told if each is not None]
    assert len(real) == len(set(real))
    assert ear.samples_told / 8000 <= 2 + 1.25 * (ear.now - first) + 1.25
