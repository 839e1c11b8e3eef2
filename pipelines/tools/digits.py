"""The tool ``collect_digits``: what the caller types, until it is whole."""

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, Literal

from pipecat.frames.frames import (
    BotStartedSpeakingFrame,
    BotStoppedSpeakingFrame,
    Frame,
    InputDTMFFrame,
    TranscriptionFrame,
)
from pipecat.processors.aggregators.dtmf_aggregator import DTMFAggregator
from pipecat.processors.frame_processor import FrameDirection

from pipelines.tool_specs import CollectDigitsTool
from pipelines.tools.answer import ToolFailed

Ending = Literal["complete", "too_few", "nothing"]


@dataclass(slots=True)
class DigitEntry:
    """One entry on the keypad, without a clock of its own.

    Attributes:
        tool: How long it may be, and may take.
        began_at: When the caller could begin: seconds, monotonic.
        digits: So far, without the terminator.
        interrupted: Whether its tool was: then time runs on, whoever speaks.
        words: Whether the caller said something meanwhile.
    """

    tool: CollectDigitsTool
    began_at: float
    digits: str = ""
    ended: bool = False
    interrupted: bool = False
    words: bool = False
    _pressed_at: float | None = field(default=None)

    def press(self, digit: str, now: float) -> None:
        """Take a digit; whatever comes after the end is ignored."""
        if self.ended:
            return
        if digit == self.tool.terminator:
            self.ended = True
            return
        self.digits += digit
        self._pressed_at = now
        self.ended = len(self.digits) >= self.tool.max

    def spoken(self, now: float) -> None:
        """Let the time run from here: the caller was being spoken to."""
        if self._pressed_at is None:
            self.began_at = now

    def deadline(self) -> float:
        """Return when the entry is over, unless a digit comes."""
        whole = self.began_at + self.tool.within_ms / 1000
        if self._pressed_at is None:
            return whole
        return min(whole, self._pressed_at + self.tool.between_ms / 1000)

    def ending(self) -> Ending:
        """Say what became of it."""
        if not self.digits:
            return "nothing"
        return "complete" if len(self.digits) >= self.tool.min else "too_few"


class EntryDropped(Exception):
    """An entry whose tool was interrupted, and that nobody waits for any more."""


class DigitCollector(DTMFAggregator):
    """Puts what the caller types into the conversation, but for what a tool asked for.

    A caller who makes a noise while typing interrupts the tool (Pipecat cancels it). The entry
    stays open then, and as secret as it was, until it is over or another is asked for; what was
    typed is still the tool's (:meth:`outlives`).

    Args:
        timeout: Seconds after the last digit at which they are one entry, without a tool.
        on_secret: Told when an entry begins that nobody is to hear, and when it is over.
    """

    def __init__(self, timeout: float, on_secret: Callable[[bool], None] | None = None) -> None:
        super().__init__(timeout=timeout)
        self._on_secret = on_secret
        self._entry: DigitEntry | None = None
        self._changed = asyncio.Event()
        self._bot_speaks = False
        self._is_secret = False
        self._tools: set[asyncio.Task[None]] = set()
        self._alone: set[asyncio.Task[None]] = set()  # of those, the interrupted ones

    async def cleanup(self) -> None:
        """End an entry that was left open: the call is over."""
        for task in list(self._tools):
            await self.cancel_task(task)
        await super().cleanup()

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """Take digits while an entry is open; pass on everything else."""
        entry = self._entry
        if isinstance(frame, BotStartedSpeakingFrame | BotStoppedSpeakingFrame):
            self._bot_speaks = isinstance(frame, BotStartedSpeakingFrame)
            if entry and not entry.interrupted:
                entry.spoken(self._now())
            self._changed.set()
        elif isinstance(frame, TranscriptionFrame) and entry and frame.text.strip():
            entry.words = True
        elif isinstance(frame, InputDTMFFrame) and entry:
            entry.press(frame.button.value, self._now())
            self._changed.set()
            return
        await super().process_frame(frame, direction)

    async def collect(self, tool: CollectDigitsTool) -> dict[str, Any]:
        """Wait for an entry; one that was interrupted is dropped then.

        Returns:
            ``digits``, and how it ended.

        Raises:
            ToolFailed: Another entry is open.
            EntryDropped: This one was interrupted, and then either another was asked for, or the
                caller spoke and typed nothing.
        """
        if self._entry is not None and not self._entry.interrupted:
            raise ToolFailed("the caller is already asked for digits")
        is_alone = asyncio.current_task() in self._alone
        entry = self._entry = DigitEntry(tool, self._now(), interrupted=is_alone)
        self._changed.set()
        self._tell(secret=tool.masked)
        try:
            await self._typed(entry)
        finally:
            if self._entry is entry:
                self._entry = None
                self._tell(secret=False)
        return {"digits": entry.digits, "entry": entry.ending()}

    async def outlives(
        self, tool: Coroutine[Any, Any, None], on_interruption: Callable[[], None]
    ) -> None:
        """Carry a tool that collects digits out to its end, even when its caller is cancelled.

        Args:
            tool: Ends with the call at the latest.
            on_interruption: Called when it goes on alone.
        """
        task = self.create_task(tool, "collect_digits")
        self._tools.add(task)
        task.add_done_callback(self._tools.discard)
        task.add_done_callback(self._alone.discard)
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            on_interruption()
            self._alone.add(task)
            if self._entry:
                self._entry.interrupted = True
                if self._bot_speaks:
                    self._entry.spoken(self._now())
                self._changed.set()
            raise

    async def _typed(self, entry: DigitEntry) -> None:
        while not entry.ended and self._entry is entry:
            waits = self._bot_speaks and not entry.interrupted
            if not waits and entry.deadline() <= self._now():
                break
            changed = self._changed = asyncio.Event()
            wait = None if waits else entry.deadline() - self._now()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await changed.wait()
        nobody_waits = entry.words and not entry.digits
        if self._entry is not entry or (entry.interrupted and nobody_waits):
            raise EntryDropped

    def _tell(self, *, secret: bool) -> None:
        if secret != self._is_secret:
            self._is_secret = secret
            if self._on_secret:
                self._on_secret(secret)

    def _now(self) -> float:
        return asyncio.get_running_loop().time()
