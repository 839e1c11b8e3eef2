"""RTCP of a stream: what is said, what is understood, and when."""

import random
from dataclasses import dataclass, field

import pytest

from transports.rtp.reports import Reception, Reports, Transmission
from transports.rtp.rtcp import (
    Goodbye,
    ReceiverReport,
    ReportBlock,
    SenderReport,
    SourceDescription,
    parse_compound,
    serialize_compound,
)
from transports.rtp.source import Rejection

OURS, THEIRS = 0xAAAA, 0xBBBB
PEER = ("192.0.2.1", 10000)
PEER_RTCP = ("192.0.2.1", 10001)
WALL_CLOCK = 1_700_000_000.0
SILENT = Transmission(0, 0, 0)


def reports(*, eager: bool = False, ssrc: int = OURS, seed: int = 1) -> Reports:
    made = Reports(
        ssrc=ssrc, random=random.Random(seed), now=100.0, wall_clock=WALL_CLOCK, eager=eager
    )
    made.expect(PEER, 100.0)
    return made


def reception(received: int, expected: int, *, ssrc: int = THEIRS) -> Reception:
    return Reception(ssrc, 0x10000 + expected - 1, expected, received, 0.005)


def report_of(datagram: bytes | None) -> SenderReport | ReceiverReport:
    assert datagram is not None
    report = parse_compound(datagram)[0]
    assert isinstance(report, SenderReport | ReceiverReport)
    return report


def test_jitter_is_told_in_units_of_the_clock_that_it_was_measured_by() -> None:
    reception = Reception(THEIRS, 0x10031, 50, 50, 0.005, clock_rate=16_000)

    report = report_of(reports(eager=True).report(103.5, SILENT, reception))

    assert report.blocks[0].jitter == 80


def test_is_silent_until_the_peer_reports() -> None:
    ours = reports()
    assert not ours.is_due(1e6)

    ours.receive(serialize_compound([ReceiverReport(THEIRS)]), PEER_RTCP, None, 100.0)

    assert not ours.is_due(101.0)
    assert ours.is_due(103.1)


def test_reports_from_the_beginning_when_told() -> None:
    assert reports(eager=True).is_due(103.1)


@pytest.mark.parametrize(("first", "mean"), [(True, 2.5), (False, 5.0)])
def test_intervals_are_spread_by_half_around_their_mean(first: bool, mean: float) -> None:
    intervals = []
    for seed in range(300):
        ours, now = reports(eager=True, seed=seed), 100.0
        if not first:
            ours.report(now, SILENT, None)
        while not ours.is_due(now):
            now += 0.02
        intervals.append((now - 100.0) * 1.21828)

    assert 0.5 * mean <= min(intervals) < 0.53 * mean
    assert 1.47 * mean < max(intervals) <= 1.5 * mean + 0.03
    assert abs(sum(intervals) / len(intervals) - mean) < 0.1 * mean


def test_a_sender_report_says_what_was_sent_and_when() -> None:
    ours = reports(eager=True)

    datagram = ours.report(103.5, Transmission(0x123456789, 50, 8000), None)

    report, description = parse_compound(datagram)
    assert report == SenderReport(
        OURS, int((WALL_CLOCK + 3.5 + 2208988800) * 2**32), 0x23456789, 50, 8000
    )
    assert isinstance(description, SourceDescription)
    assert (description.ssrc, len(description.cname)) == (OURS, 24)


def test_who_sent_nothing_since_reports_as_a_receiver() -> None:
    ours = reports(eager=True)

    assert isinstance(report_of(ours.report(103.0, SILENT, None)), ReceiverReport)
    assert isinstance(report_of(ours.report(108.0, Transmission(0, 1, 160), None)), SenderReport)
    assert isinstance(report_of(ours.report(113.0, Transmission(0, 1, 160), None)), ReceiverReport)


def test_a_block_counts_loss_since_the_last_one_and_since_ever() -> None:
    ours = reports(eager=True)

    first = report_of(ours.report(103.0, SILENT, reception(90, 100))).blocks
    second = report_of(ours.report(108.0, SILENT, reception(165, 200))).blocks
    third = report_of(ours.report(113.0, SILENT, reception(301, 300))).blocks

    assert first == (ReportBlock(THEIRS, 25, 10, 0x10000 + 99, 40),)
    assert (second[0].fraction_lost, second[0].lost) == (64, 35)
    assert (third[0].fraction_lost, third[0].lost) == (0, -1)  # duplicates


def test_a_block_of_a_new_source_counts_anew() -> None:
    ours = reports(eager=True)
    ours.report(103.0, SILENT, reception(1000, 1000))

    other = report_of(ours.report(108.0, SILENT, reception(5, 10, ssrc=7))).blocks[0]
    again = report_of(ours.report(113.0, SILENT, reception(3, 4, ssrc=7))).blocks[0]

    assert (other.fraction_lost, other.lost) == (128, 5)
    assert (again.fraction_lost, again.lost) == (64, 1)


def test_everything_lost_fits_into_the_fraction() -> None:
    ours = reports(eager=True)
    ours.report(103.0, SILENT, reception(10, 10))

    assert report_of(ours.report(108.0, SILENT, reception(10, 20))).blocks[0].fraction_lost == 255


def test_a_block_answers_the_peers_last_report() -> None:
    ours = reports(eager=True)
    ours.receive(
        serialize_compound([SenderReport(THEIRS, 0x1111222233334444, 0, 1, 160)]),
        PEER_RTCP,
        None,
        102.0,
    )

    block = report_of(ours.report(103.5, SILENT, reception(1, 1))).blocks[0]

    assert (block.last_report, block.delay) == (0x22223333, 98304)


@dataclass
class Conversation:
    """Two parties with a delay between them, each way."""

    delay: float
    now: float = 100.0
    alice: Reports = field(default_factory=lambda: reports(eager=True))
    bob: Reports = field(default_factory=lambda: reports(ssrc=THEIRS, seed=2))

    def run(self, seconds: float) -> None:
        underway: list[tuple[float, bytes, Reports, int]] = []
        parties = ((self.alice, self.bob, OURS), (self.bob, self.alice, THEIRS))
        end = self.now + seconds
        while self.now < end:
            for at, datagram, receiver, source in [*underway]:
                if at <= self.now:
                    underway.remove((at, datagram, receiver, source))
                    receiver.receive(datagram, PEER_RTCP, self.heard(source), self.now)
            for party, other, source in parties:
                if party.is_due(self.now):
                    other_source = THEIRS if source == OURS else OURS
                    sent = Transmission(0, int(self.now), 0)
                    datagram = party.report(self.now, sent, self.heard(other_source))
                    underway.append((self.now + self.delay, datagram, other, source))
            self.now += 0.005

    def heard(self, ssrc: int) -> Reception:
        packets = int((self.now - 99) * 50)
        return Reception(ssrc, packets, packets, packets - packets // 10, 0.0125)


@pytest.mark.parametrize("delay", [0.0, 0.01, 0.15, 0.7])
def test_both_measure_the_round_trip_and_learn_what_the_other_hears(delay: float) -> None:
    conversation = Conversation(delay)
    conversation.run(30.0)

    for party in (conversation.alice, conversation.bob):
        assert party.round_trip_s == pytest.approx(2 * delay, abs=0.011)
        assert party.remote_jitter_s == 0.0125
        assert party.remote_lost is not None
        assert party.remote_lost > 100
        assert party.sent > 4
        assert party.received > 4
        assert not party.rejected


@pytest.mark.parametrize("delay", [0x90000000, 0x7FFFFFFF, 0xFFFFFFFF, 10 * 65536])
def test_an_answer_kept_for_longer_than_we_waited_tells_no_round_trip(delay: int) -> None:
    ours = reports(eager=True)
    report = report_of(ours.report(103.0, Transmission(0, 1, 1), None))
    assert isinstance(report, SenderReport)
    block = ReportBlock(OURS, 0, 0, 0, 0, report.ntp >> 16 & 0xFFFFFFFF, delay)

    ours.receive(serialize_compound([ReceiverReport(THEIRS, (block,))]), PEER_RTCP, None, 105.0)

    assert ours.received == 1
    assert ours.round_trip_s is None


def test_only_an_answer_to_a_report_of_ours_tells_the_round_trip() -> None:
    ours = reports(eager=True)
    ours.report(103.0, Transmission(0, 1, 1), None)
    block = ReportBlock(OURS, 0, 3, 0, 80, last_report=12345, delay=0)

    ours.receive(serialize_compound([ReceiverReport(THEIRS, (block,))]), PEER_RTCP, None, 104.0)

    assert ours.round_trip_s is None
    assert (ours.remote_lost, ours.remote_jitter_s) == (3, 0.01)


def test_a_block_about_somebody_else_says_nothing_of_us() -> None:
    ours = reports()
    block = ReportBlock(OURS + 1, 0, 3, 0, 80)

    ours.receive(serialize_compound([ReceiverReport(THEIRS, (block,))]), PEER_RTCP, None, 104.0)

    assert ours.remote_lost is None


def test_says_goodbye_if_it_ever_said_anything() -> None:
    ours = reports(eager=True)
    assert ours.goodbye(101.0, SILENT, None) is None
    ours.report(103.0, SILENT, None)

    farewell = ours.goodbye(104.0, SILENT, None)

    assert farewell is not None
    assert parse_compound(farewell)[-1] == Goodbye((OURS,))
    assert ours.goodbye(104.0, SILENT, None) is None


def test_says_goodbye_to_who_heard_us_though_no_report_was_due_yet() -> None:
    farewell = reports(eager=True).goodbye(100.5, Transmission(0, 25, 4000), None)

    assert isinstance(report_of(farewell), SenderReport)
    assert reports().goodbye(100.5, Transmission(0, 25, 4000), None) is None


def test_a_peer_on_the_highest_port_has_none_for_reports() -> None:
    ours = reports(eager=True)
    ours.expect(("192.0.2.1", 65535), 100.0)

    assert ours.address is None


def test_a_peer_that_leaves_is_not_reported_on_until_it_sends_again() -> None:
    ours = reports(eager=True)
    farewell = serialize_compound([ReceiverReport(THEIRS), Goodbye((THEIRS,))])

    assert ours.receive(farewell, PEER_RTCP, reception(50, 50), 102.0)

    assert report_of(ours.report(103.0, SILENT, reception(50, 50))).blocks == ()
    assert len(report_of(ours.report(108.0, SILENT, reception(51, 51))).blocks) == 1


def test_a_polite_party_says_nothing_more_to_a_peer_that_left() -> None:
    ours = reports()
    ours.receive(serialize_compound([ReceiverReport(THEIRS)]), PEER_RTCP, None, 100.0)
    farewell = serialize_compound([ReceiverReport(THEIRS), Goodbye((THEIRS,))])

    assert ours.receive(farewell, PEER_RTCP, None, 102.0)

    assert not ours.is_due(1e6)


def test_the_farewell_of_somebody_else_means_nothing() -> None:
    farewell = serialize_compound([ReceiverReport(THEIRS), Goodbye((THEIRS + 1,))])

    assert not reports().receive(farewell, PEER_RTCP, reception(50, 50), 102.0)


@pytest.mark.parametrize(
    ("address", "datagram", "reason"),
    [
        (("192.0.2.2", 10001), serialize_compound([ReceiverReport(THEIRS)]), Rejection.ADDRESS),
        (("192.0.2.1", 555), serialize_compound([ReceiverReport(1)]), Rejection.ADDRESS),
        (PEER_RTCP, b"\x80", Rejection.MALFORMED),
        (PEER_RTCP, serialize_compound([ReceiverReport(OURS)]), Rejection.MALFORMED),
    ],
)
def test_drops_what_is_not_the_peers(
    address: tuple[str, int], datagram: bytes, reason: Rejection
) -> None:
    ours = reports()

    assert not ours.receive(datagram, address, reception(1, 1), 100.0)

    assert ours.rejected == {reason: 1}
    assert (ours.received, ours.is_due(1e6)) == (0, False)


def test_drops_everything_before_the_peer_is_known() -> None:
    ours = Reports(ssrc=OURS, random=random.Random(1), now=0.0, wall_clock=0.0, eager=True)

    assert not ours.receive(serialize_compound([ReceiverReport(THEIRS)]), PEER_RTCP, None, 0.0)

    assert (ours.address, ours.rejected) == (None, {Rejection.ADDRESS: 1})


def test_learns_the_port_of_who_knows_the_source() -> None:
    ours = reports()
    assert ours.address == PEER_RTCP

    ours.receive(
        serialize_compound([ReceiverReport(THEIRS)]), (PEER[0], 555), reception(1, 1), 100.0
    )

    assert ours.address == (PEER[0], 555)

    ours.receive(serialize_compound([ReceiverReport(1)]), (PEER[0], 555), None, 100.0)
    ours.receive(serialize_compound([ReceiverReport(1)]), PEER_RTCP, None, 100.0)
    ours.receive(serialize_compound([ReceiverReport(1)]), (PEER[0], 555), None, 100.0)

    assert (ours.address, ours.received) == (PEER_RTCP, 3)


def test_goes_on_with_the_same_peer_and_begins_anew_with_another() -> None:
    ours = reports(eager=True)
    ours.receive(
        serialize_compound([ReceiverReport(THEIRS)]), (PEER[0], 555), reception(1, 1), 100.0
    )

    ours.expect(PEER, 200.0)
    assert ours.address == (PEER[0], 555)
    assert ours.is_due(103.1)

    ours.expect(("192.0.2.9", 4000), 200.0)
    assert ours.address == ("192.0.2.9", 4001)


def test_a_name_of_the_peer_is_read_and_forgotten() -> None:
    ours = reports()
    datagram = serialize_compound(
        [ReceiverReport(THEIRS), SourceDescription(THEIRS, b"x"), ReceiverReport(THEIRS)]
    )

    assert not ours.receive(datagram, PEER_RTCP, None, 100.0)
    assert ours.received == 1


def test_a_flood_is_not_read() -> None:
    ours = reports()
    datagram = serialize_compound([ReceiverReport(THEIRS)])
    for _ in range(100):
        ours.receive(datagram, PEER_RTCP, None, 100.5)
    ours.receive(datagram, PEER_RTCP, None, 101.5)

    assert (ours.received, ours.rejected) == (21, {Rejection.RATE: 80})
