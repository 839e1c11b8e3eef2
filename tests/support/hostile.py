"""Datagrams that nobody wants: as a flood from a process of its own, or one by one.

Run as a script: `hostile.py SOURCE HOST PORT RATE SECONDS` sends valid RTP from an address of this
machine, and prints how many datagrams it sent.
"""

import random
import socket
import struct
import sys
import time
from collections.abc import Iterator

BATCHES_PER_SECOND = 1000
PAYLOAD_TYPE = 8
SAMPLES = 160


def rtp(number: int, ssrc: int, payload: bytes, *, version: int = 2) -> bytes:
    """Return a packet of A-law as anybody may make one (RFC 3550 section 5.1)."""
    timestamp = number * SAMPLES % (1 << 32)
    header = (version << 6, PAYLOAD_TYPE, number % (1 << 16), timestamp, ssrc)
    return struct.pack("!BBHII", *header) + payload


def malformed(seed: int) -> Iterator[bytes]:
    """Return datagrams of every kind of nonsense, for ever."""
    chance = random.Random(seed)
    good = rtp(1, 1, bytes(SAMPLES))
    while True:
        yield b""
        yield chance.randbytes(chance.randrange(1, 400))
        yield good[: chance.randrange(1, 12)]
        yield rtp(chance.randrange(1 << 16), 1, bytes(SAMPLES), version=chance.choice((0, 1, 3)))
        yield bytes([0xBF]) + good[1:20]  # padding, extension and 15 CSRCs that are not there
        yield bytes([0xA0]) + good[1:-1] + b"\xff"  # more padding than packet
        yield chance.randbytes(9000)


def forged(source: tuple[str, int], target: tuple[str, int], payload: bytes) -> bytes:
    """Return a UDP datagram in an IPv4 packet that lies about its source, for a raw socket.

    Source: RFC 791, RFC 768; the kernel fills in length and checksum of the header.
    """
    length = 8 + len(payload)
    addresses = socket.inet_aton(source[0]) + socket.inet_aton(target[0])
    header = struct.pack("!BBHHHBBH", 0x45, 0, 20 + length, 0, 0, 64, socket.IPPROTO_UDP, 0)
    return header + addresses + struct.pack("!HHHH", source[1], target[1], length, 0) + payload


def flood(source: str, target: tuple[str, int], rate: int, seconds: float) -> int:
    """Send so many packets of loud noise a second, in sequence; return how many were sent."""
    chance = random.Random(rate)
    payload = chance.randbytes(SAMPLES)
    number, ssrc = 0, chance.getrandbits(32)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((source, 0))
        started = time.monotonic()
        while (elapsed := time.monotonic() - started) < seconds:
            while number < int(elapsed * rate):
                sock.sendto(rtp(number, ssrc, payload), target)
                number += 1
            time.sleep(1 / BATCHES_PER_SECOND)
    return number


if __name__ == "__main__":
    _, source, host, port, rate, seconds = sys.argv
    sys.stdout.write(f"{flood(source, (host, int(port)), int(rate), float(seconds))}\n")
