"""Whose packets are accepted."""

import pytest

from transports.rtp.packet import RtpPacket
from transports.rtp.source import MAX_DROPOUT, MAX_MISORDER, Rejection, SourceLock, Verdict

PEER = ("192.0.2.1", 20002)
STRANGER = ("192.0.2.66", 20002)

ACCEPTED, NEW_SOURCE, PROBATION = Verdict.ACCEPTED, Verdict.NEW_SOURCE, Verdict.PROBATION


def packet(number: int, ssrc: int = 1) -> RtpPacket:
    return RtpPacket(8, number % 0x10000, 0, ssrc, b"")


def connected() -> SourceLock:
    lock = SourceLock()
    lock.expect(PEER)
    return lock


def verdicts(lock: SourceLock, *packets: RtpPacket) -> list[Verdict]:
    return [lock.judge(each, PEER) for each in packets]


def test_the_peer_is_heard_from_its_first_packet() -> None:
    assert verdicts(connected(), packet(7), packet(8)) == [NEW_SOURCE, ACCEPTED]


@pytest.mark.parametrize("stranger", [STRANGER, (PEER[0], 20004), ("192.0.2.2", PEER[1])])
def test_another_address_or_port_is_turned_away_unseen(stranger: tuple[str, int]) -> None:
    assert connected().screen(stranger, 0.0) is Rejection.ADDRESS
    assert connected().screen(PEER, 0.0) is None


def test_before_the_peer_is_known_two_packets_in_sequence_are_needed() -> None:
    lock = SourceLock()

    assert lock.screen(STRANGER, 0.0) is None
    assert verdicts(lock, packet(7), packet(9), packet(10), packet(11)) == [
        PROBATION,
        PROBATION,
        NEW_SOURCE,
        ACCEPTED,
    ]
    assert lock.screen(STRANGER, 0.0) is Rejection.ADDRESS


def test_two_unknown_addresses_do_not_confirm_each_other() -> None:
    lock = SourceLock()

    assert lock.judge(packet(7), PEER) is PROBATION
    assert lock.judge(packet(8), STRANGER) is PROBATION


def test_connecting_to_the_latched_address_keeps_the_source() -> None:
    lock = SourceLock()
    verdicts(lock, packet(7), packet(8))

    lock.expect(PEER)

    assert verdicts(lock, packet(9)) == [ACCEPTED]


def test_connecting_elsewhere_drops_the_source_latched_by_guess() -> None:
    lock = SourceLock()
    lock.judge(packet(7), STRANGER)
    lock.judge(packet(8), STRANGER)

    lock.expect(PEER)

    assert lock.screen(STRANGER, 0.0) is Rejection.ADDRESS
    assert verdicts(lock, packet(500, ssrc=2)) == [NEW_SOURCE]


def test_a_second_ssrc_is_on_probation() -> None:
    lock = connected()

    assert verdicts(
        lock, packet(0), packet(90, ssrc=2), packet(91, ssrc=2), packet(92, ssrc=2)
    ) == [
        NEW_SOURCE,
        PROBATION,
        NEW_SOURCE,
        ACCEPTED,
    ]


def test_a_source_that_goes_on_is_not_taken_over() -> None:
    lock = connected()
    verdicts(lock, packet(0))

    for step in range(1, 20):
        assert verdicts(lock, packet(90 + step, ssrc=2), packet(step)) == [PROBATION, ACCEPTED]


def test_probation_across_the_wrap() -> None:
    lock = connected()
    verdicts(lock, packet(0))

    assert verdicts(lock, packet(0xFFFF, ssrc=2), packet(0, ssrc=2)) == [PROBATION, NEW_SOURCE]


@pytest.mark.parametrize("step", [1, 2, MAX_DROPOUT - 1, 0, -1, 1 - MAX_MISORDER])
@pytest.mark.parametrize("start", [0, 30000, 0xFFFF])
def test_loss_and_stragglers_stay_within_the_source(start: int, step: int) -> None:
    assert verdicts(connected(), packet(start), packet(start + step)) == [NEW_SOURCE, ACCEPTED]


@pytest.mark.parametrize("step", [MAX_DROPOUT, 30000, -MAX_MISORDER - 2, -5000])
@pytest.mark.parametrize("start", [0, 30000, 0xFFFF])
def test_a_big_jump_is_a_restart_once_it_is_confirmed(start: int, step: int) -> None:
    lock = connected()

    assert verdicts(
        lock,
        packet(start),
        packet(start + step),
        packet(start + step + 1),
        packet(start + step + 2),
    ) == [NEW_SOURCE, PROBATION, NEW_SOURCE, ACCEPTED]


def test_a_straggler_does_not_move_the_window_back() -> None:
    lock = connected()

    assert verdicts(lock, packet(1000), packet(950), packet(880)) == [
        NEW_SOURCE,
        ACCEPTED,
        PROBATION,
    ]


def test_the_window_moves_on_with_the_source() -> None:
    lock = connected()

    for number in range(0, 200_000, 2500):
        assert verdicts(lock, packet(number))[0] is not PROBATION


def test_a_flood_from_the_peer_is_cut_to_the_allowed_rate() -> None:
    lock = connected()

    passed = sum(lock.screen(PEER, 100 + step / 10_000) is None for step in range(30_000))

    assert 1240 <= passed <= 1260  # a burst of 500, then 250 a second


def test_ten_millisecond_packets_are_never_cut() -> None:
    lock = connected()

    assert all(lock.screen(PEER, step / 100) is None for step in range(10_000))


def test_a_flood_of_strangers_costs_the_peer_nothing() -> None:
    lock = connected()

    for step in range(5000):
        assert lock.screen(STRANGER, step / 10_000) is Rejection.ADDRESS
    assert all(lock.screen(PEER, 0.5) is None for _ in range(400))
