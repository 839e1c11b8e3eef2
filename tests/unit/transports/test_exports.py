"""The public names of the package are pinned: others build on them."""

import transports


def test_exports_what_it_says_and_nothing_else() -> None:
    assert sorted(transports.__all__) == [
        "AddressUnavailable",
        "Codec",
        "MediaEngine",
        "MediaStream",
        "PacketError",
        "PlayedFrame",
        "PortsExhausted",
        "RtpParams",
        "StreamOptions",
        "StreamStats",
        "TransportError",
        "make_engine",
    ]
    assert all(hasattr(transports, name) for name in transports.__all__)
