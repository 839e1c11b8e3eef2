"""The laws as the rest of the package uses them; the tables are checked in conformance."""

import pytest

from transports.audio.g711 import CODEC_OF_PAYLOAD_TYPE, Codec


def test_names_are_asterisks_and_payload_types_are_static() -> None:
    assert [(codec.value, codec.payload_type) for codec in Codec] == [("alaw", 8), ("ulaw", 0)]
    assert CODEC_OF_PAYLOAD_TYPE == {8: Codec.ALAW, 0: Codec.ULAW}


@pytest.mark.parametrize("codec", list(Codec))
def test_a_packet_is_half_its_samples_in_bytes(codec: Codec) -> None:
    assert len(codec.encode(bytes(320))) == 160
    assert len(codec.decode(bytes(160))) == 320
    assert codec.encode(b"") == codec.decode(b"") == b""


def test_refuses_half_a_sample() -> None:
    with pytest.raises(ValueError, match="multiple of element size"):
        Codec.ALAW.encode(bytes(321))


def test_silence_has_its_well_known_codes() -> None:
    assert Codec.ALAW.encode(bytes(2)) == b"\xd5"
    assert Codec.ULAW.encode(bytes(2)) == b"\xff"
