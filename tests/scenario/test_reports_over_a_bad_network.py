"""What RTCP tells both ends of a bad network, beside what the network did."""

import random
from dataclasses import dataclass

import pytest

from transports.audio.codec import Codec
from transports.netem import Impairments, Network
from transports.rtp.reports import Reports
from transports.rtp.session import RtpSession

TICK = 0.02
WALL_CLOCK = 1_700_000_000.0


@dataclass
class Party:
    """One end, and the ways that its packets go."""

    address: tuple[str, int]
    session: RtpSession
    reports: Reports
    audio: Network
    control: Network

    @classmethod
    def at(cls, host: str, impairments: Impairments, *, seed: int, eager: bool) -> "Party":
        rng = random.Random(seed)
        session = RtpSession(codec=Codec.ALAW, playout_delay=0.06, random=rng)
        reports = Reports(
            ssrc=session.sender.ssrc,
            random=rng,
            now=1000.0 + seed,
            wall_clock=WALL_CLOCK,  # each has its own idea of the time of day
            eager=eager,
        )
        return cls((host, 10000), session, reports, *(Network(impairments, rng) for _ in range(2)))

    def meet(self, other: "Party", now: float) -> None:
        self.session.connect(other.address)
        self.reports.expect(other.address, now)

    def send(self, now: float) -> None:
        self.audio.send(self.session.next_packet().datagram, now)
        if self.reports.is_due(now):
            sent = self.session.transmission(now, now + TICK)
            self.control.send(self.reports.report(now, sent, self.session.reception), now)

    def receive(self, other: "Party", now: float) -> None:
        for at, datagram in other.audio.receive(now):
            self.session.receive(datagram, other.address, at)
        for at, datagram in other.control.receive(now):
            address = (other.address[0], other.address[1] + 1)
            self.reports.receive(datagram, address, self.session.reception, at)
        self.session.arrived(now)
        self.session.frame(now)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    ("loss", "delay", "jitter"), [(0.0, 0.0, 0.0), (0.02, 0.05, 0.01), (0.1, 0.2, 0.04)]
)
def test_reports_tell_what_the_network_does(
    seed: int, loss: float, delay: float, jitter: float
) -> None:
    path = Impairments(loss=loss, delay=delay, jitter=jitter)
    alice = Party.at("192.0.2.1", path, seed=seed, eager=True)
    bob = Party.at("192.0.2.2", path, seed=seed + 100, eager=False)
    alice.meet(bob, 1000.0)
    bob.meet(alice, 1000.0)
    for tick in range(90 * 50):
        now = 1000.0 + tick * TICK
        for party, other in ((alice, bob), (bob, alice)):
            party.send(now)
            party.receive(other, now + TICK / 2)

    for party in (alice, bob):
        reports = party.reports
        assert reports.round_trip_s is not None
        assert reports.round_trip_s == pytest.approx(2 * delay, abs=2 * jitter + 0.001)
        assert reports.remote_lost is not None
        unreported = 500 * loss * 2 + 20 * (loss > 0)  # of the last ten seconds, and underway
        assert abs(reports.remote_lost - party.audio.dropped) <= unreported
        assert reports.remote_jitter_s is not None
        assert reports.remote_jitter_s == pytest.approx(2 * jitter / 3, rel=0.6, abs=1e-4)
        assert 14 <= reports.sent <= 32
        assert not reports.rejected
