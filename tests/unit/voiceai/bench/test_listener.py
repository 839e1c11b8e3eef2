"""What a caller of the capacity bench hears."""

from transports.audio.g711 import Alaw
from transports.rtp.packet import RtpPacket
from voiceai.bench.listener import PATIENCE_SECONDS, Listener

MS = 1_000_000
LOUD = (3000).to_bytes(2, "little", signed=True) + (-3000).to_bytes(2, "little", signed=True)
SOFT = (60).to_bytes(2, "little", signed=True) * 2


def packet(pattern: bytes = SOFT, *, ms: int = 20, marker: bool = False) -> bytes:
    payload = Alaw().encode(pattern * (ms * 8 // 2))
    return RtpPacket(8, 1, 2, 3, payload, marker=marker).serialize()


def test_a_gap_is_told_for_every_packet_but_the_first() -> None:
    listener = Listener()

    for at in (0, 20, 47, 50):
        listener.heard(packet(), at * MS)

    assert listener.gaps == [0, 7, 0]


def test_longer_packets_cover_longer_intervals() -> None:
    listener = Listener()

    listener.heard(packet(ms=40), 0)
    listener.heard(packet(ms=40), 45 * MS)

    assert listener.gaps == [5]


def test_a_marker_excuses_a_gap_only_where_pauses_are_agreed() -> None:
    strict, lenient = Listener(), Listener(pauses=True)

    for listener in (strict, lenient):
        listener.heard(packet(), 0)
        listener.heard(packet(marker=True), 520 * MS)

    assert (strict.gaps, lenient.gaps) == ([500], [])


def test_a_wait_lasts_from_the_end_of_a_sentence_to_the_first_loud_packet() -> None:
    listener = Listener()

    listener.begins()
    listener.ended(1000 * MS)
    listener.heard(packet(), 1500 * MS)
    listener.heard(packet(LOUD), 1800 * MS)
    listener.heard(packet(LOUD), 1820 * MS)

    assert (listener.waits, listener.missed, listener.early) == ([800], 0, 0)


def test_a_sentence_without_an_answer_before_the_next_is_missed() -> None:
    listener = Listener()

    listener.begins()
    listener.ended(0)
    listener.begins()
    listener.heard(packet(LOUD), 100 * MS)

    assert (listener.waits, listener.missed, listener.early) == ([], 1, 1)


def test_an_answer_that_nobody_would_wait_for_is_overdue() -> None:
    listener = Listener()

    listener.ended(0)

    assert not listener.is_overdue(round(PATIENCE_SECONDS * 1e9))
    assert listener.is_overdue(round(PATIENCE_SECONDS * 1e9) + 1)


def test_what_was_under_way_is_not_counted_afterwards() -> None:
    listener = Listener()

    listener.heard(packet(), 0)
    listener.ended(0)
    listener.forget()
    listener.heard(packet(LOUD), 30 * MS)
    listener.begins()

    assert (listener.gaps, listener.waits, listener.missed) == ([10], [], 0)


def test_what_is_no_such_packet_is_ignored() -> None:
    listener = Listener()

    listener.heard(b"", 0)
    listener.heard(b"\x80\x00" + bytes(200), 0)

    assert listener.gaps == []
