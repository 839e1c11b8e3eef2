"""The tool ``collect_digits``: what the caller types, until it is whole."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from pipecat.frames.frames import (
    BotStartedSpeakingFrame,
    BotStoppedSpeakingFrame,
    Frame,
    InputDTMFFrame,
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
    """

    tool: CollectDigitsTool
    began_at: float
    digits: str = ""
    ended: bool = False
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


class DigitCollector(DTMFAggregator):
    """Puts what the caller types into the conversation, but for what a tool asked for.

    A caller who makes a noise while typing interrupts the tool (Pipecat cancels it). What nobody is
    to hear stays secret then: the entry is left open without the tool, and swallows what is typed
    until its time is over, another is asked for, or the call ends.

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
        self._is_abandoned = False
        self._is_over = False
        self._expiry: asyncio.TimerHandle | None = None

    async def cleanup(self) -> None:
        """End an entry that was left open: the call is over."""
        self._is_over = True
        if self._is_abandoned:
            self._close()
        await super().cleanup()

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """Take digits while an entry is open; pass on everything else."""
        if isinstance(frame, BotStartedSpeakingFrame | BotStoppedSpeakingFrame):
            self._bot_speaks = isinstance(frame, BotStartedSpeakingFrame)
            if self._entry and not self._is_abandoned:
                self._entry.spoken(self._now())
            self._changed.set()
        elif isinstance(frame, InputDTMFFrame) and self._entry:
            self._entry.press(frame.button.value, self._now())
            self._changed.set()
            if self._is_abandoned:
                self._swallow(self._entry)
            return
        await super().process_frame(frame, direction)

    async def collect(self, tool: CollectDigitsTool) -> dict[str, Any]:
        """Wait for an entry; one that was left open is over then.

        Returns:
            ``digits``, and how it ended.

        Raises:
            ToolFailed: Another entry is open.
        """
        if self._entry is not None and not self._is_abandoned:
            raise ToolFailed("the caller is already asked for digits")
        self._take_over()
        entry = self._entry = DigitEntry(tool, self._now())
        self._tell(secret=tool.masked)
        try:
            await self._typed(entry)
        except asyncio.CancelledError:
            self._is_abandoned = tool.masked and not self._is_over
            raise
        finally:
            if self._is_abandoned:
                self._abandon(entry)
            else:
                self._close()
        return {"digits": entry.digits, "entry": entry.ending()}

    async def _typed(self, entry: DigitEntry) -> None:
        while not entry.ended and (self._bot_speaks or entry.deadline() > self._now()):
            self._changed.clear()
            wait = None if self._bot_speaks else entry.deadline() - self._now()
            try:
                async with asyncio.timeout(wait):
                    await self._changed.wait()
            except TimeoutError:
                break

    def _abandon(self, entry: DigitEntry) -> None:
        if self._bot_speaks:
            entry.spoken(self._now())
        self._swallow(entry)

    def _swallow(self, entry: DigitEntry) -> None:
        """Close an abandoned entry that is over, or when it will be."""
        if self._expiry:
            self._expiry.cancel()
        if entry.ended:
            self._close()
        else:
            loop = asyncio.get_running_loop()
            self._expiry = loop.call_at(entry.deadline(), self._close)

    def _take_over(self) -> None:
        self._entry, self._is_abandoned = None, False
        if self._expiry:
            self._expiry.cancel()
            self._expiry = None

    def _close(self) -> None:
        self._take_over()
        self._tell(secret=False)

    def _tell(self, *, secret: bool) -> None:
        if secret != self._is_secret:
            self._is_secret = secret
            if self._on_secret:
                self._on_secret(secret)

    def _now(self) -> float:
        return asyncio.get_running_loop().time()
