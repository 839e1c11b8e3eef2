"""Voice activity detection for every call of a process, ahead of playout.

::

    stream.listen(detector.put)             each packet's audio, as it arrives
    engine.after_hearing(activity.run)      every 20 ms: all full windows, scored together
    detector.on_hearing(hearing)            from within run(): what each window decided
"""

import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt
from loguru import logger

from transports.audio.endpointing import Endpointer, EndpointingParams, Hearing
from transports.audio.level import levels_dbfs
from transports.rtp.events import FRAME_BYTES, ArrivedAudio, new

__all__ = ["Scorer", "VoiceActivity", "VoiceDetector"]

WINDOW = 256
"""Samples: 32 ms at 8 kHz."""
WINDOW_BYTES = 2 * WINDOW
WAITING_LIMIT = 64
"""Windows (2 s) of a call that may wait for a loop that stands still; older ones are dropped."""
STARVED_TICKS = 7
"""After so many ticks (140 ms) without audio, a caller who was speaking is taken for silent."""
SILENCE = bytes(FRAME_BYTES)
FULL_SCALE = 32768.0

Samples = npt.NDArray[np.float32]
Window = tuple[bytearray, float | None]


class Scorer(Protocol):
    """Tells how probable speech is, of windows of many calls; keeps their state in rows."""

    def open(self, params: EndpointingParams) -> int:
        """Return a row for a new call."""
        ...

    def close(self, row: int) -> None:
        """Give a row back."""
        ...

    def score(
        self,
        rows: Sequence[int],
        speaking: Sequence[bool],
        samples: Samples,
        levels: Sequence[float],
    ) -> list[float]:
        """Score one window of each of some calls.

        Args:
            rows: Of the calls; each once.
            speaking: Whether their callers are taken to speak.
            samples: ``(n, WINDOW)`` in -1..1.
            levels: Of the windows, in dBFS.

        Returns:
            The probabilities of speech, 0..1; 0 where no probability would begin speech.
        """
        ...


class VoiceDetector:
    """One call's ear. Open it with :meth:`VoiceActivity.open`.

    Attributes:
        params: When speech begins and ends.
        on_hearing: Called with every window of speech, and of quiet until that is known for its
            end, in the tick in which the window became full; of the quiet after that nothing is
            told. If it raises, the next :meth:`put` does, which fails the call's stream and no
            other.
        veto: Asked about each window of speech; true takes it for quiet. For echoes.
        dropped: Windows that waited too long for the loop.
        endpointer: What the windows so far decided.
        windows: Those that are full and wait, the oldest first, each with when its last packet
            came; for :class:`VoiceActivity`.
    """

    __slots__ = (
        "_arrived_at",
        "_closed",
        "_confidence",
        "_error",
        "_on_close",
        "_on_full",
        "_pending",
        "_starved_ticks",
        "dropped",
        "endpointer",
        "on_hearing",
        "params",
        "row",
        "scorer",
        "veto",
        "windows",
    )

    def __init__(
        self,
        params: EndpointingParams,
        scorer: Scorer,
        *,
        on_full: Callable[["VoiceDetector"], None],
        on_close: Callable[["VoiceDetector"], None],
    ) -> None:
        self.params = params
        self.on_hearing: Callable[[Hearing], None] = _ignore
        self.veto: Callable[[], bool] | None = None
        self.dropped = 0
        self.scorer = scorer
        self.row = scorer.open(params)
        self.endpointer = Endpointer(params)
        self._confidence = params.confidence
        self.windows: deque[Window] = deque()
        self._on_full = on_full
        self._on_close = on_close
        self._pending = bytearray()
        self._arrived_at: float | None = None
        self._starved_ticks = 0
        self._error: Exception | None = None
        self._closed = False

    @property
    def speaking(self) -> bool:
        """Whether the caller is speaking now."""
        return self.endpointer.speaking

    def put(self, audio: ArrivedAudio) -> None:
        """Hear the next audio of any length; it is judged in the next :meth:`VoiceActivity.run`.

        A call's stream may outlive its ear: what comes after :meth:`close` is ignored.

        Raises:
            Exception: Whatever :attr:`on_hearing` raised.
        """
        if self._closed:
            return
        if self._error is not None:
            raise self._error
        self._starved_ticks = 0
        if audio.arrived_at is not None:
            self._arrived_at = audio.arrived_at
        self._pending += audio.pcm
        if len(self._pending) >= WINDOW_BYTES:
            self._cut()

    def close(self) -> None:
        """Hear nothing more. Idempotent."""
        if not self._closed:
            self._closed = True
            self.windows.clear()
            self.scorer.close(self.row)
            self._on_close(self)

    def pass_tick(self) -> None:
        """Let 20 ms pass: a caller whose packets stopped in the middle of speech is silent."""
        self._starved_ticks += 1
        if self._starved_ticks > STARVED_TICKS and self.endpointer.undecided:
            self._pending += SILENCE
            self._cut()

    def judge(self, probability: float, level: float, arrived_at: float | None) -> None:
        """Take the score of a window that was taken from :attr:`windows`."""
        if self._closed or self._error is not None:
            return
        endpointer = self.endpointer
        try:
            voiced = probability >= self._confidence
            if not voiced and not endpointer.undecided:
                return
            if voiced and self.veto is not None and self.veto():
                probability, voiced = 0.0, False
            verdict = endpointer.put(probability, level)
            heard = (verdict, endpointer.speaking, voiced, level, arrived_at)
            self.on_hearing(new(Hearing, heard))
        except Exception as error:  # noqa: BLE001 - a broken call must not stop the others
            logger.opt(exception=error).error("vad.listener_failed")
            self._error = error

    def _cut(self) -> None:
        """Make windows of what has come."""
        pending = self._pending
        while len(pending) >= WINDOW_BYTES:
            if not self.windows:
                self._on_full(self)
            elif len(self.windows) >= WAITING_LIMIT:
                self.windows.popleft()
                self.dropped += 1
            self.windows.append((pending[:WINDOW_BYTES], self._arrived_at))
            del pending[:WINDOW_BYTES]


class VoiceActivity:
    """The ears of all calls.

    Args:
        scorers: By the name under which calls choose one; each is loaded when it is first needed.

    Attributes:
        windows: How many windows were scored.
        batches: In how many runs.
    """

    def __init__(self, scorers: Mapping[str, Callable[[], Scorer]]) -> None:
        self.windows = 0
        self.batches = 0
        self._loaders = dict(scorers)
        self._scorers: dict[str, Scorer] = {}
        self._loading = threading.Lock()
        self._detectors: dict[VoiceDetector, None] = {}
        self._full: dict[VoiceDetector, None] = {}

    def load(self, model: str) -> Scorer:
        """Return a scorer; the first time it is loaded, which blocks: any thread may do it.

        Raises:
            KeyError: There is no such scorer.
            ModelUnavailable: It cannot be loaded on this machine.
        """
        with self._loading:
            scorer = self._scorers.get(model)
            if scorer is None:
                scorer = self._scorers[model] = self._loaders[model]()
            return scorer

    def open(self, params: EndpointingParams, *, model: str = "silero") -> VoiceDetector:
        """Return a new call's ear.

        Args:
            params: When speech begins and ends.
            model: One of the scorers' names.

        Raises:
            KeyError: There is no such scorer.
            ModelUnavailable: It cannot be loaded on this machine.
        """
        detector = VoiceDetector(
            params,
            self.load(model),
            on_full=self._full.setdefault,
            on_close=self._detectors.pop,
        )
        self._detectors[detector] = None
        return detector

    def run(self) -> None:
        """Judge all windows that became full. Call it every 20 ms, after all calls were heard.

        Raises:
            Exception: Whatever a scorer raised. The windows that it was given are lost; the others
                are judged the next time.
        """
        for detector in self._detectors:
            detector.pass_tick()
        while full := [detector for detector in self._full if detector.windows]:
            self._judge(full)
        self._full.clear()

    def _judge(self, full: list[VoiceDetector]) -> None:
        """Judge one window of each."""
        if len(self._scorers) == 1:
            self._score_in_turn(full[0].scorer, full)
        else:
            for scorer in {id(each.scorer): each.scorer for each in full}.values():
                group = [detector for detector in full if detector.scorer is scorer]
                self._score_in_turn(scorer, group)

    def _score_in_turn(self, scorer: Scorer, detectors: list[VoiceDetector]) -> None:
        """Judge first what may hold an assistant, then what may lower one: packets leave soon.

        The others are many, and a caller who was silent for long takes longest to be scored.
        """
        urgent, silent, speaking = [], [], []
        for detector in detectors:
            endpointer = detector.endpointer
            if endpointer.speaking:
                speaking.append(detector)
            elif endpointer.almost_speaking:
                urgent.append(detector)
            else:
                silent.append(detector)
        for group in (urgent, silent + speaking):
            still_open = [detector for detector in group if detector.windows]
            if still_open:
                self._score(scorer, still_open)

    def _score(self, scorer: Scorer, detectors: list[VoiceDetector]) -> None:
        windows = [detector.windows.popleft() for detector in detectors]
        pcm = b"".join([window for window, _ in windows])
        samples = np.frombuffer(pcm, "<i2").reshape(-1, WINDOW).astype(np.float32)
        samples /= FULL_SCALE
        levels = levels_dbfs(samples)
        rows = [detector.row for detector in detectors]
        speaking = [detector.endpointer.speaking for detector in detectors]
        probabilities = scorer.score(rows, speaking, samples, levels)
        self.windows += len(rows)
        self.batches += 1
        judged = zip(detectors, probabilities, levels, windows, strict=True)
        for detector, probability, level, (_, arrived_at) in judged:
            detector.judge(probability, level, arrived_at)


def _ignore(_hearing: Hearing) -> None:
    return None
