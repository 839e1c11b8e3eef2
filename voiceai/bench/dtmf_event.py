"""Digits of the bench telephone as RTP events (RFC 4733 section 2). Pure."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from transports.errors import PacketError
from transports.rtp.telephone_event import KEYS, TelephoneEvent
from voiceai.bench.track import TrackPacket

__all__ = ["DigitPayload", "digit_payloads", "digits_in"]


@dataclass(frozen=True, slots=True)
class DigitPayload:
    """What one 20 ms slot of a pressed key sends.

    Attributes:
        payload: Four bytes.
        age: Samples since the key went down; the packet's timestamp is that of its beginning.
        copies: How often it is sent: three times at the end (RFC 4733 section 2.5.1.4).
    """

    payload: bytes
    age: int
    copies: int = 1


def digit_payloads(key: str, *, slots: int, slot_samples: int = 160) -> Iterator[DigitPayload]:
    """Return the payloads of one key that is held for a number of 20 ms slots.

    Raises:
        ValueError: It is no key of a telephone.
    """
    if len(key) != 1 or key.upper() not in KEYS:
        raise ValueError(f"{key!r} is none of the keys {KEYS}")
    code = KEYS.index(key.upper())
    for slot in range(slots):
        is_last = slot == slots - 1
        event = TelephoneEvent(code, (slot + 1) * slot_samples, is_end=is_last)
        yield DigitPayload(event.serialize(), slot * slot_samples, 3 if is_last else 1)


def digits_in(packets: Iterable[TrackPacket], payload_type: int) -> str:
    """Return the keys in a track; each event counts once, however many packets tell of it."""
    events: dict[tuple[int, int], str] = {}
    for packet in packets:
        if packet.payload_type != payload_type:
            continue
        try:
            code = TelephoneEvent.parse(packet.payload)[0].event
        except PacketError:
            continue
        if code < len(KEYS):
            events[packet.ssrc, packet.timestamp] = KEYS[code]
    return "".join(events.values())
