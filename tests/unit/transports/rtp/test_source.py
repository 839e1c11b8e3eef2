"""Whose packets are accepted."""

import itertools
import random

import pytest

from transports.rtp.packet import RtpPacket
from transports.rtp.source import (
    MAX_DROPOUT,
    MAX_MISORDER,
    PACKET_BURST,
    PORT_SILENT,
    SOURCE_SILENT,
    Address,
    Rejection,
    SourceLock,
    Verdict,
)

PEER = ("192.0.2.1", 20002)
STRANGER = ("192.0.2.66", 20002)
MOVED = (PEER[0], 20004)
OTHER = (PEER[0], 20102)

ACCEPTED, NEW_SOURCE, PROBATION = Verdict.ACCEPTED, Verdict.NEW_SOURCE, Verdict.PROBATION


def packet(number: int, ssrc: int = 1) -> RtpPacket:
    return RtpPacket(8, number % 0x10000, 0, ssrc, b"")


def connected() -> SourceLock:
    lock = SourceLock()
    lock.expect(PEER)
    return lock


def verdicts(lock: SourceLock, *packets: RtpPacket, now: float = 0.0) -> list[Verdict]:
    return [lock.judge(each, PEER, now) for each in packets]


def screened(lock: SourceLock, address: Address, now: float, *, ssrc: int = 1) -> Rejection | None:
    return lock.screen(packet(0, ssrc).serialize(), address, now)


def test_the_peer_is_heard_from_its_first_packet() -> None:
    assert verdicts(connected(), packet(7), packet(8)) == [NEW_SOURCE, ACCEPTED]


@pytest.mark.parametrize("stranger", [STRANGER, (PEER[0], 20004), ("192.0.2.2", PEER[1])])
def test_another_address_or_port_is_turned_away_unseen(stranger: tuple[str, int]) -> None:
    assert screened(connected(), stranger, 0.0) is Rejection.ADDRESS
    assert screened(connected(), PEER, 0.0) is None


def heard(lock: SourceLock, address: Address, now: float, *packets: RtpPacket) -> list[str]:
    """Return what became of packets that came together."""
    return [
        (lock.screen(each.serialize(), address, now) or lock.judge(each, address, now)).name
        for each in packets
    ]


def test_a_peer_that_goes_on_from_another_port_is_followed_and_not_heard_twice() -> None:
    lock = connected()
    heard(lock, PEER, 0.0, packet(6), packet(7))

    assert heard(lock, MOVED, SOURCE_SILENT - 0.001, packet(8)) == ["ADDRESS"]
    assert lock.address == PEER
    assert heard(lock, MOVED, SOURCE_SILENT, packet(9), packet(10)) == ["PROBATION", "ACCEPTED"]
    assert lock.address == MOVED
    assert heard(lock, PEER, 0.1, packet(8)) == ["PROBATION"]  # a straggler
    assert heard(lock, MOVED, 0.1, packet(11)) == ["ACCEPTED"]


def test_who_asks_on_every_tick_whether_the_peer_moved_need_not_compare() -> None:
    lock = connected()
    told = lock.address

    heard(lock, (PEER[0], PEER[1]), 0.0, packet(6), packet(7))
    assert lock.address is told

    again = (PEER[0], PEER[1])
    lock.expect(again)
    assert lock.address is again


def test_a_peer_that_begins_anew_on_another_port_is_followed_after_a_second() -> None:
    lock = connected()
    heard(lock, PEER, 0.0, packet(7))
    anew = (packet(90, ssrc=2), packet(91, ssrc=2), packet(92, ssrc=2))

    assert heard(lock, MOVED, PORT_SILENT - 0.001, *anew) == ["ADDRESS"] * 3
    assert heard(lock, MOVED, PORT_SILENT, *anew) == ["PROBATION", "NEW_SOURCE", "ACCEPTED"]
    assert heard(lock, STRANGER, 9.0, *anew) == ["ADDRESS"] * 3


def test_no_other_port_of_the_host_is_heard_while_the_peer_speaks_or_before_it_did() -> None:
    lock = connected()
    assert heard(lock, MOVED, 99.0, packet(1, ssrc=2), packet(2, ssrc=2)) == ["ADDRESS"] * 2

    for number in range(100):
        now = 100 + 0.02 * number
        assert heard(lock, PEER, now, packet(number))[0] in {"NEW_SOURCE", "ACCEPTED"}
        assert heard(lock, MOVED, now + 0.01, packet(number, ssrc=2)) == ["ADDRESS"]


def test_the_port_that_we_were_told_has_the_first_claim() -> None:
    lock = connected()
    heard(lock, PEER, 0.0, packet(7))
    heard(lock, MOVED, 2.0, packet(90, ssrc=2), packet(91, ssrc=2))
    assert lock.address == MOVED

    assert heard(lock, PEER, 2.01, packet(8), packet(9)) == ["NEW_SOURCE", "ACCEPTED"]
    assert heard(lock, MOVED, 2.02, packet(92, ssrc=2), packet(93, ssrc=2)) == ["ADDRESS"] * 2


@pytest.mark.parametrize("back", [MOVED, (PEER[0], 20006)])
def test_who_speaks_in_a_pause_of_a_peer_that_moved_does_not_shut_it_out(back: Address) -> None:
    lock = connected()
    heard(lock, PEER, 0.0, packet(7))
    heard(lock, MOVED, 2.0, packet(90, ssrc=2), packet(91, ssrc=2))
    heard(lock, MOVED, 3.0, packet(92, ssrc=2))
    heard(lock, OTHER, 4.0, packet(40, ssrc=3), packet(41, ssrc=3))
    assert lock.address == OTHER

    assert heard(lock, back, 4.5, packet(3, ssrc=9)) == ["ADDRESS"]
    assert heard(lock, back, 4.5, packet(93, ssrc=2), packet(94, ssrc=2)) == [
        "NEW_SOURCE",
        "ACCEPTED",
    ]
    assert heard(lock, OTHER, 4.6, packet(42, ssrc=3), packet(43, ssrc=3)) == ["ADDRESS"] * 2
    assert lock.address == back


def test_who_spoke_in_a_pause_of_the_peer_does_not_come_back_once_it_is_heard_elsewhere() -> None:
    lock = connected()
    heard(lock, PEER, 0.0, packet(7))
    heard(lock, OTHER, 2.0, packet(40, ssrc=3), packet(41, ssrc=3))
    heard(lock, OTHER, 2.5, packet(42, ssrc=3))
    heard(lock, MOVED, 4.0, packet(90, ssrc=2), packet(91, ssrc=2))
    heard(lock, MOVED, 4.6, packet(92, ssrc=2))

    assert heard(lock, OTHER, 4.6, packet(43, ssrc=3), packet(44, ssrc=3)) == ["ADDRESS"] * 2


def test_before_the_peer_is_known_two_packets_in_sequence_are_needed() -> None:
    lock = SourceLock()

    assert screened(lock, STRANGER, 0.0) is None
    assert verdicts(lock, packet(7), packet(9), packet(10), packet(11)) == [
        PROBATION,
        PROBATION,
        NEW_SOURCE,
        ACCEPTED,
    ]
    assert screened(lock, STRANGER, 0.0) is Rejection.ADDRESS


def test_two_unknown_addresses_do_not_confirm_each_other() -> None:
    lock = SourceLock()

    assert lock.judge(packet(7), PEER, 0.0) is PROBATION
    assert lock.judge(packet(8), STRANGER, 0.0) is PROBATION


def test_connecting_to_the_latched_address_keeps_the_source() -> None:
    lock = SourceLock()
    verdicts(lock, packet(7), packet(8))

    lock.expect(PEER)

    assert verdicts(lock, packet(9)) == [ACCEPTED]


def test_connecting_elsewhere_drops_the_source_latched_by_guess() -> None:
    lock = SourceLock()
    lock.judge(packet(7), STRANGER, 0.0)
    lock.judge(packet(8), STRANGER, 0.0)

    lock.expect(PEER)

    assert screened(lock, STRANGER, 0.0) is Rejection.ADDRESS
    assert verdicts(lock, packet(500, ssrc=2)) == [NEW_SOURCE]


def test_a_second_ssrc_is_on_probation_once_the_first_is_silent() -> None:
    lock = connected()
    verdicts(lock, packet(0))
    second = (packet(90, ssrc=2), packet(91, ssrc=2), packet(92, ssrc=2))

    assert verdicts(lock, *second, now=SOURCE_SILENT - 0.001) == [PROBATION] * 3
    assert verdicts(lock, *second, now=SOURCE_SILENT) == [PROBATION, NEW_SOURCE, ACCEPTED]


@pytest.mark.parametrize("forged_per_packet", [1, 2, 50])
def test_a_source_that_goes_on_is_not_taken_over(forged_per_packet: int) -> None:
    lock = connected()
    verdicts(lock, packet(0))

    forged = 0
    for step in range(1, 20):
        for _ in range(forged_per_packet):
            forged += 1
            assert verdicts(lock, packet(forged, ssrc=2), now=0.02 * step) == [PROBATION]
        assert verdicts(lock, packet(step), now=0.02 * step) == [ACCEPTED]


@pytest.mark.parametrize("forged_per_packet", [1, 5, 15])
def test_a_flood_of_other_sources_does_not_keep_the_peer_out(forged_per_packet: int) -> None:
    lock = connected()
    forged = iter(range(1000, 2000))
    verdicts(lock, packet(0, ssrc=999))  # came before the peer's first
    said = []
    for number in range(6):
        now = 0.02 * (number + 1)
        for ssrc in itertools.islice(forged, forged_per_packet):
            assert verdicts(lock, packet(7, ssrc=ssrc), now=now) == [PROBATION]
        said += verdicts(lock, packet(number), now=now)

    assert said == [PROBATION] * 3 + [NEW_SOURCE, ACCEPTED, ACCEPTED]


@pytest.mark.parametrize("order", [(1, 3, 2, 5, 4, 7, 6), (1, 4, 3, 6, 5, 8, 7)])
@pytest.mark.parametrize("start", [100, 0xFFFC])
def test_a_path_that_always_swaps_two_packets_keeps_nobody_out(
    start: int, order: tuple[int, ...]
) -> None:
    lock = connected()
    verdicts(lock, packet(0))

    said = verdicts(lock, *[packet(start + each, ssrc=2) for each in order], now=1.0)

    assert said == [PROBATION] * 2 + [NEW_SOURCE] + [ACCEPTED] * 4


def test_after_a_short_hole_of_the_source_a_forger_must_begin_anew() -> None:
    lock = connected()
    verdicts(lock, packet(0))

    assert verdicts(lock, packet(7, ssrc=2), now=1.0) == [PROBATION]
    assert verdicts(lock, packet(1), now=1.0) == [ACCEPTED]
    assert verdicts(lock, packet(8, ssrc=2), packet(9, ssrc=2), now=1.0) == [PROBATION] * 2


def test_probation_across_the_wrap() -> None:
    lock = connected()
    verdicts(lock, packet(0))

    across = (packet(0xFFFF, ssrc=2), packet(0, ssrc=2))
    assert verdicts(lock, *across, now=1.0) == [PROBATION, NEW_SOURCE]


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

    passed = sum(screened(lock, PEER, 100 + step / 10_000) is None for step in range(30_000))

    assert 1240 <= passed <= 1260  # a burst of 500, then 250 a second


def test_ten_millisecond_packets_are_never_cut() -> None:
    lock = connected()

    assert all(screened(lock, PEER, step / 100) is None for step in range(10_000))


def test_a_flood_of_strangers_costs_the_peer_nothing() -> None:
    lock = connected()

    for step in range(5000):
        assert screened(lock, STRANGER, step / 10_000) is Rejection.ADDRESS
    assert all(screened(lock, PEER, 0.5) is None for _ in range(400))


def test_a_flood_with_the_forged_address_of_the_peer_costs_its_source_nothing() -> None:
    lock = connected()
    verdicts(lock, packet(0))

    passed = []
    for step in range(30_000):
        if step % 200 == 0:
            passed.append(screened(lock, PEER, step / 10_000))
        screened(lock, PEER, step / 10_000, ssrc=2)

    assert passed == [None] * 150


@pytest.mark.parametrize("length", range(12))
def test_a_datagram_too_short_for_a_source_is_not_taken_for_the_peers(length: int) -> None:
    lock = connected()
    for _ in range(500):
        assert lock.screen(bytes(length), PEER, 0.0) is None

    assert lock.screen(bytes(length), PEER, 0.0) is Rejection.RATE
    verdicts(lock, packet(0))
    assert screened(lock, PEER, 0.0) is None


def test_large_packets_use_the_allowance_up_sooner() -> None:
    lock = connected()

    passed = sum(
        lock.screen(bytes(12 + 1600), PEER, 100 + step * 0.004) is None for step in range(2500)
    )

    assert passed <= (500 + 250 * 10) / 5


@pytest.mark.parametrize(
    ("ptime", "length"),
    [(0.005, 40), (0.01, 80), (0.02, 160), (0.02, 640), (0.03, 960), (0.06, 480), (0.2, 1600)],
)
def test_what_codecs_send_by_right_is_never_too_much(ptime: float, length: int) -> None:
    lock = connected()

    refused = [
        lock.screen(bytes(12 + length), PEER, 100 + step * ptime)
        for step in range(round(30 / ptime))
    ]

    assert set(refused) == {None}


@pytest.mark.parametrize("seed", range(30))
def test_what_passes_at_once_is_what_two_questions_would_have_let_in(seed: int) -> None:
    rng = random.Random(seed)
    at_once, in_steps = connected(), connected()
    number, ssrc, address, now, passed = 7, 1, PEER, 0.0, 0

    for _ in range(400):
        now += rng.choice([0.02] * 9 + [0.0, 1.5]) * rng.choice([1, 1, 1, 0])
        number += rng.choice([1] * 20 + [0, 2, -1, MAX_DROPOUT - 1, MAX_DROPOUT, -MAX_MISORDER])
        ssrc = rng.choice([ssrc] * 40 + [1, 2])
        address = rng.choice([address] * 40 + [PEER, MOVED, STRANGER])
        each = packet(number, ssrc)._replace(payload=bytes(rng.choice([160, 1600])))
        [expected] = heard(in_steps, address, now, each)

        length = len(each.serialize())
        if at_once.passes(each.ssrc, each.sequence_number, address, length, now):
            passed += 1
            assert expected == "ACCEPTED"
        else:
            assert heard(at_once, address, now, each) == [expected]
        assert (at_once.ssrc, at_once.address) == (in_steps.ssrc, in_steps.address)
    assert passed


def test_what_passes_at_once_ends_the_probation_of_a_jump() -> None:
    lock = connected()
    verdicts(lock, packet(7))
    jump = 7 + 2 * MAX_DROPOUT
    assert verdicts(lock, packet(jump)) == [PROBATION]

    assert lock.passes(1, 8, PEER, 172, 0.02)

    assert verdicts(lock, packet(jump + 1)) == [PROBATION]


def test_no_more_passes_at_once_than_a_peer_may_send() -> None:
    lock = connected()
    verdicts(lock, packet(0))

    passed = sum(lock.passes(1, number, PEER, 172, 0.0) for number in range(1, 1000))

    assert passed == PACKET_BURST
