"""The caller's telephone: what comes in may come over a bad network too."""

from typing import Any

from voiceai.bench.rtp_line import Impairment, RtpLine

__all__ = ["LabLine"]


class LabLine(RtpLine):
    """An :class:`RtpLine` that notes what arrives.

    Attributes:
        incoming: What a bad network does to what we are sent; None for a good one.
        arrivals: When a datagram came, in seconds on the loop's clock, and itself.
    """

    def __init__(self, *, noise_dbfs: float | None) -> None:
        super().__init__(noise_dbfs=noise_dbfs)
        self.incoming: Impairment | None = None
        self.arrivals: list[tuple[float, bytes]] = []

    def datagram_received(self, data: bytes, address: tuple[str | Any, int]) -> None:
        """Let a datagram arrive when the network says (called by asyncio)."""
        if self.incoming is None:
            self._arrive(data, address)
            return
        for delay, changed in self.incoming(data, self._loop.time()):
            if delay > 0:
                self._loop.call_later(delay, self._arrive, changed, address)
            else:
                self._arrive(changed, address)

    def _arrive(self, data: bytes, address: tuple[str | Any, int]) -> None:
        self.arrivals.append((self._loop.time(), data))
        super().datagram_received(data, address)
