"""What voice activity detection takes, of a whole process."""

import time
from collections.abc import Callable

from transports.engine import MediaEngine

__all__ = ["TimedHearing"]


class TimedHearing:
    """An engine's clock, as far as voice activity detection wants it, with a stop-watch.

    Attributes:
        seconds: Of processor time that went into what was called after hearing.

    Args:
        engine: Whose clock it is.
    """

    def __init__(self, engine: MediaEngine) -> None:
        self.seconds = 0.0
        self._engine = engine

    def after_hearing(self, then: Callable[[], None]) -> None:
        """Call ``then`` every 20 ms, when all streams have heard, and time it."""

        def timed() -> None:
            begun = time.thread_time()
            then()
            self.seconds += time.thread_time() - begun

        self._engine.after_hearing(timed)
