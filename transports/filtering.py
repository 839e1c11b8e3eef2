"""Which filters of the caller's audio there are."""

from functools import partial
from typing import Literal

from transports.caller_filters import CallerFilters, FilterMaker
from transports.filters.speex_echo import SpeexEchoCanceller
from transports.filters.webrtc_noise import WebrtcNoiseSuppressor
from transports.media import MediaStream

__all__ = ["NoiseLevel", "make_caller_filters"]

NoiseLevel = Literal["off", "low", "moderate", "high"]


def make_caller_filters(
    stream: MediaStream, *, echo_cancellation: bool, noise_suppression: NoiseLevel
) -> CallerFilters | None:
    """Return the filters of a call, ``None`` without any; echoes go first, then noise.

    Raises:
        FilterUnavailable: The package of one is not installed.
    """
    makers: list[FilterMaker] = []
    if echo_cancellation:
        makers.append(SpeexEchoCanceller)
    if noise_suppression != "off":
        makers.append(partial(WebrtcNoiseSuppressor, noise_suppression))
    return CallerFilters(stream, makers) if makers else None
