"""The laws as the rest of the package uses them; the tables are checked in conformance."""

import pytest

from transports.audio.codec import LAW_OF_PAYLOAD_TYPE, LAWS, Codec


def test_names_are_asterisks_and_payload_types_are_static() -> None:
    assert [(law.value, law.payload_type) for law in LAWS] == [("alaw", 8), ("ulaw", 0)]
    assert LAW_OF_PAYLOAD_TYPE == {8: Codec.ALAW, 0: Codec.ULAW}


@pytest.mark.parametrize("law", LAWS)
def test_a_packet_is_half_its_samples_in_bytes(law: Codec) -> None:
    assert len(law.encode(bytes(320))) == 160
    assert len(law.decode(bytes(160))) == 320
    assert law.encode(b"") == law.decode(b"") == b""


@pytest.mark.parametrize("law", LAWS)
def test_refuses_half_a_sample(law: Codec) -> None:
    with pytest.raises(ValueError, match="321 bytes are not whole 16-bit samples"):
        law.encode(bytes(321))


def test_silence_has_its_well_known_codes() -> None:
    assert Codec.ALAW.encode(bytes(2)) == b"\xd5"
    assert Codec.ULAW.encode(bytes(2)) == b"\xff"
