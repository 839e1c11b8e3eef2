"""What is inside packets: who is understood, how long it may be, and on which clock it runs."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from transports.audio.codec import Codec
from transports.audio.g722 import G722Decoder
from transports.rtp.packet import HEADER_BYTES, RtpPacket
from transports.rtp.payload import LONGEST_PACKET, SHORTEST_PACKET, UNLIKE_ANY, PayloadDecoder


def test_both_laws_are_understood_and_nothing_else_unless_told() -> None:
    decoder = PayloadDecoder()

    understood = {number: decoder.codec(number) for number in range(128)}

    assert {number: codec for number, codec in understood.items() if codec} == {
        0: Codec.ULAW,
        8: Codec.ALAW,
    }


@pytest.mark.parametrize("codec", [Codec.ALAW, Codec.ULAW, Codec.SLIN])
def test_packets_that_stand_alone_are_known_by_what_their_datagrams_begin_with(
    codec: Codec,
) -> None:
    payload = codec.encode(bytes(range(200)))
    datagram = RtpPacket(codec.payload_type, 7, 160, 1, payload).serialize()

    usual = PayloadDecoder([codec]).usual(codec, codec.payload_type, len(payload))

    assert usual.length == len(datagram)
    assert usual.start.to_bytes(2) == datagram[:2]
    assert usual.decode(datagram[HEADER_BYTES:]) == codec.decode(payload)


@pytest.mark.parametrize("codec", [Codec.G722, Codec.SLIN16])
def test_packets_that_depend_on_those_before_are_like_no_other(codec: Codec) -> None:
    assert PayloadDecoder([codec]).usual(codec, codec.payload_type, 160) == UNLIKE_ANY


@pytest.mark.parametrize(
    ("codec", "numbers"),
    [(Codec.G722, {9}), (Codec.SLIN, {10, 11}), (Codec.SLIN16, {118})],
)
def test_what_the_peer_was_asked_for_is_understood_too(codec: Codec, numbers: set[int]) -> None:
    decoder = PayloadDecoder([codec])

    assert {number for number in range(128) if decoder.codec(number)} == {0, 8, *numbers}


@pytest.mark.parametrize(
    ("codec", "sample_bytes"),
    [(Codec.ALAW, 1), (Codec.G722, 1), (Codec.SLIN, 2), (Codec.SLIN16, 4)],
)
def test_packets_have_five_to_two_hundred_milliseconds(codec: Codec, sample_bytes: int) -> None:
    decoder = PayloadDecoder([codec])
    fitting = [
        size
        for size in range((LONGEST_PACKET + 2) * sample_bytes)
        if decoder.has_fitting_size(codec, bytes(size))
    ]

    assert fitting == [
        samples * sample_bytes for samples in range(SHORTEST_PACKET, LONGEST_PACKET + 1)
    ]


@given(
    start=st.integers(0, 2**32 - 1),
    steps=st.lists(st.integers(-4000, 4000).map(lambda step: 2 * step), max_size=30),
)
def test_a_clock_of_sixteen_kilohertz_is_halved_across_its_wrap(
    start: int, steps: list[int]
) -> None:
    decoder = PayloadDecoder([Codec.SLIN16])
    first = decoder.timestamp(Codec.SLIN16, start)

    total = 0
    for step in steps:
        total += step
        halved = decoder.timestamp(Codec.SLIN16, (start + total) % 2**32)

        assert 0 <= halved < 2**32
        assert (halved - first) % 2**32 == (total // 2) % 2**32


@pytest.mark.parametrize("codec", [Codec.ALAW, Codec.G722, Codec.SLIN])
def test_other_clocks_stay_as_they_are(codec: Codec) -> None:
    decoder = PayloadDecoder([codec])

    assert [decoder.timestamp(codec, stamp) for stamp in (2**32 - 1, 5)] == [2**32 - 1, 5]


def test_packets_of_one_source_are_one_stream_and_a_new_source_begins_another() -> None:
    pcm = bytes(range(256)) * 5
    decoder, reference = PayloadDecoder([Codec.G722]), Codec.G722.decoder()
    payload = Codec.G722.encode(pcm)
    first, second = payload[:320], payload[320:]

    heard = [decoder.decode(Codec.G722, *part) for part in enumerate((first, second))]
    decoder.restart()
    again = decoder.decode(Codec.G722, 2, first)

    assert heard == [reference.decode(first), reference.decode(second)]
    assert again == Codec.G722.decode(first)
    assert heard[1] != Codec.G722.decode(second)


@pytest.mark.parametrize("codec", [Codec.G722, Codec.SLIN16])
def test_a_packet_that_was_overtaken_sounds_as_if_it_had_not_been(codec: Codec) -> None:
    rng = np.random.default_rng(5)
    said = np.rint(np.convolve(rng.normal(0, 3000, 160 * 60), np.ones(4) / 4, "same"))
    encoder, reference = codec.encoder(), codec.decoder()
    packets = [encoder.encode(part.astype("<i2").tobytes()) for part in np.split(said, 60)]
    expected = [np.frombuffer(reference.decode(packet), "<i2").astype(float) for packet in packets]
    decoder = PayloadDecoder([codec])

    order = [*range(40), 41, 40, *range(42, 60)]
    heard = {
        number: np.frombuffer(decoder.decode(codec, number, packets[number]), "<i2")
        for number in order
    }

    def noise(number: int) -> float:
        error = heard[number] - expected[number]
        ratio = np.mean(error**2) / np.mean(expected[number] ** 2)
        return 10 * float(np.log10(ratio + 1e-12))

    assert max(noise(number) for number in range(40)) < -100
    assert noise(40) < -20
    assert max(noise(number) for number in range(42, 60)) < -20


@pytest.mark.parametrize(("samples", "most"), [(160, 6.0), (1600, 2.0)])
def test_packets_that_are_never_in_order_cost_a_few_times_as_much(
    samples: int, most: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoded = 0

    class Counting(G722Decoder):
        def decode(self, payload: bytes) -> bytes:
            nonlocal decoded
            decoded += len(payload)
            return super().decode(payload)

    monkeypatch.setattr("transports.audio.codec.G722Decoder", Counting)
    decoder = PayloadDecoder([Codec.G722])
    for number in range(100):
        decoder.decode(Codec.G722, number ^ 1, bytes(samples))

    assert decoded <= most * 100 * samples
