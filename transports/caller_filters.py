"""The filters of one call, between its media stream and all that listens.

They stand here, and not in the receiver, because both lines that leave a stream need them: what
arrives (the voice detector hears that) and what is played (the recogniser gets that), whose holes
and times differ; so each has filters of its own. Nothing else would know what was sent beside it,
and the media clock, perhaps in another process, keeps clear of foreign libraries.
"""

from collections.abc import Callable, Sequence
from typing import Final

from transports.audio.audio_filter import BLOCK_BYTES, AudioFilter
from transports.audio.echo_reference import EchoCursor, SentLine
from transports.media import MediaStream
from transports.rtp.events import ArrivedAudio, PlayedFrame

__all__ = ["CallerFilters", "FilterMaker"]

FilterMaker = Callable[[], AudioFilter]

SAMPLE_BYTES: Final = 2


class CallerFilters:
    """Filters what a caller says; told of what the caller is sent.

    Args:
        stream: The call's.
        makers: Of the filters, in their order.
    """

    def __init__(self, stream: MediaStream, makers: Sequence[FilterMaker]) -> None:
        self._stream = stream
        self._sent = SentLine()
        self._played_samples = stream.played_samples
        self._ticked = False
        self._lines = tuple(_Line(self._sent, [make() for make in makers]) for _ in range(2))

    def write(self, pcm: bytes) -> None:
        """Take note of what is being written to the stream."""
        self._sent.write(pcm)

    def drop(self, samples: int) -> None:
        """Take note that the last samples written were flushed."""
        self._sent.drop(samples)

    def duck(self, *, ducked: bool) -> None:
        """Take note that what is sent is 12 dB lower, or no longer."""
        self._sent.ducked = ducked

    def arrived(self, audio: ArrivedAudio) -> ArrivedAudio:
        """Return what arrived, filtered: whole pieces of 10 ms, the rest comes with the next."""
        self._tick()
        return ArrivedAudio(self._lines[0].filter(audio.pcm), audio.arrived_at)

    def played(self, frame: PlayedFrame) -> bytes:
        """Return what is played, filtered. To be called for each frame."""
        self._tick()
        self._ticked = False
        return self._lines[1].filter(frame.pcm)

    def close(self) -> None:
        """Free what the libraries hold. Idempotent."""
        for line in self._lines:
            line.close()

    def _tick(self) -> None:
        """Note what has left, once per frame, ahead of the first that hears its echo."""
        if self._ticked:
            return
        self._ticked = True
        played = self._stream.played_samples
        self._sent.tick(played - self._played_samples)
        self._played_samples = played


class _Line:
    """One line of the caller's samples, cut into pieces of 10 ms."""

    def __init__(self, sent: SentLine, filters: Sequence[AudioFilter]) -> None:
        self._cursor = EchoCursor(sent)
        self._filters = filters
        self._rest = b""
        self._closed = False

    def filter(self, pcm: bytes) -> bytes:
        if self._closed:
            return pcm
        pcm = self._rest + pcm
        whole = len(pcm) - len(pcm) % BLOCK_BYTES
        self._rest = pcm[whole:]
        sent = self._cursor.take(whole // SAMPLE_BYTES)
        filtered = bytearray()
        for at in range(0, whole, BLOCK_BYTES):
            piece = pcm[at : at + BLOCK_BYTES]
            beside = sent[at : at + BLOCK_BYTES]
            for each in self._filters:
                piece = each.process(piece, beside)
            filtered += piece
        return bytes(filtered)

    def close(self) -> None:
        self._closed = True
        for each in self._filters:
            each.close()
