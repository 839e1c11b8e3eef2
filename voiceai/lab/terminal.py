"""A conversation in text in a terminal, or with lines from a pipe."""

import asyncio
import contextlib
import queue
import readline  # noqa: F401 - input() edits lines with it
import sys
import termios
import threading
from collections.abc import Iterator
from typing import TextIO

from rich.console import Console
from rich.markup import escape

from pipelines.spec import PipelineSpec
from voiceai.app import make_resources
from voiceai.lab.text_call import TextCall, open_text_call
from voiceai.lab.transcript import LEAVING, ToolUse, Transcript
from voiceai.settings import Settings

__all__ = ["converse"]

QUIT = "/quit"
DIGITS = "/digits"
COMMANDS = {
    f"{DIGITS} 123#": "types digits",
    "/help": "shows this",
    QUIT: "hangs up; so does the end of the input (Ctrl-D)",
}
WELCOME = "one line is one turn; /help shows the commands, Ctrl-D hangs up"
KEYS = frozenset("0123456789*#")
LONGEST_REASON = 120


class _Screen:
    """Shows a conversation as it goes."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._is_open = False
        self._space = ""
        self._turns = self._tools = self._returned = self._failures = 0
        self.call: TextCall | None = None

    def text(self, piece: str) -> None:
        """Show a piece of an answer."""
        if not self._is_open:
            piece = piece.lstrip()
        piece, self._space = self._space + piece.rstrip(), piece[len(piece.rstrip()) :]
        if not piece:
            return
        lead = "" if self._is_open else "[bold]assistant[/]  "
        self._is_open = True
        self._console.print(lead + escape(piece), end="")

    def note(self) -> None:
        """Show what else has happened."""
        if self.call is None:
            return
        notes = self.call.notes
        for failure in notes.failures[self._failures :]:
            instead = f"{failure.instead} takes its place" if failure.instead else "nobody is left"
            reason = shortened(failure.reason)
            self._line(f"{failure.kind} {failure.service} failed: {reason}; {instead}")
        self._failures = len(notes.failures)
        for use in notes.tools[self._tools :]:
            if use.name in LEAVING:
                continue  # it is done behind the last word, and told then
            arguments = ", ".join(f"{name}={value!r}" for name, value in use.arguments.items())
            self._line(f"{use.name}({arguments})")
        self._tools = len(notes.tools)
        done = [use for use in notes.tools if use.took_ms is not None]
        for use in done[self._returned :]:
            self._line(_came_of(use))
        self._returned = len(done)
        for turn in notes.turns[self._turns :]:
            if turn.role == "assistant":
                self._end_of_answer(turn.latency_ms)
        self._turns = len(notes.turns)

    def say(self, text: str) -> None:
        """Show a line of our own."""
        self._line(text)

    def _end_of_answer(self, latency_ms: int | None) -> None:
        self._space = ""
        if self._is_open:
            took = "" if latency_ms is None else f"  [dim]{latency_ms} ms[/]"
            self._console.print(took)
        self._is_open = False

    def _line(self, text: str) -> None:
        self._space = ""
        if self._is_open:
            self._console.print()
        self._is_open = False
        self._console.print(f"[dim]  · {escape(text)}[/]")


async def converse(
    spec: PipelineSpec, settings: Settings, lines: TextIO, console: Console
) -> Transcript:
    """Hold a conversation until either side has had enough.

    Args:
        spec: Who answers.
        settings: Keys and models.
        lines: What the caller says, a turn a line; its end hangs up.
        console: Shows it.

    Raises:
        SpecError: The pipeline cannot be built.
        ServiceUnavailable: A model or a key is missing.
    """
    resources = make_resources(settings)
    screen = _Screen(console)
    try:
        async with open_text_call(
            spec, resources, on_text=screen.text, on_note=screen.note
        ) as call:
            screen.call = call
            typed = lines.isatty()
            if typed:
                screen.say(WELCOME)
            with _terminal_kept(lines):
                reader = _Lines(lines, edits=lines is sys.stdin)
                await _until_over(call, reader, screen, echo=not typed, console=console)
            return _told(call, screen)
    finally:
        await resources.aclose()


async def _until_over(
    call: TextCall, lines: "_Lines", screen: _Screen, *, echo: bool, console: Console
) -> None:
    while True:
        try:
            await call.until_ready()
        except TimeoutError:
            screen.say("no answer came")
        if call.ended.is_set():
            return
        line = await lines.next("" if echo else "you  ")
        if line is None:
            if not echo:
                console.print()
            return
        line = line.strip()
        if echo and line:
            console.print(f"[bold]you[/]  {escape(line)}")
        if line == QUIT:
            return
        if line.startswith("/"):
            await _command(line, call, screen)
        elif line:
            await call.say(line)


async def _command(line: str, call: TextCall, screen: _Screen) -> None:
    name, _, rest = line.partition(" ")
    digits = rest.strip()
    if name != DIGITS:
        if name != "/help":
            screen.say(f"there is no {name}")
        for command, does in COMMANDS.items():
            screen.say(f"{command:<14} {does}")
    elif not digits or set(digits) - KEYS:
        screen.say(f"{DIGITS} takes 0-9, * and #, such as {DIGITS} 123#")
    else:
        await call.press(digits)


def _told(call: TextCall, screen: _Screen) -> Transcript:
    transcript = call.transcript
    if transcript.ending == "transfer":
        screen.say(f"the caller is handed to {transcript.transferred_to}")
    elif transcript.ending == "hangup":
        screen.say("the assistant has hung up")
    return transcript


def _came_of(use: ToolUse) -> str:
    what = "failed: " if use.failed else ""
    return f"{use.name} → {what}{use.result} ({use.took_ms} ms)"


def shortened(reason: str) -> str:
    """Return the first sentence of an error, and not all of that if it is long."""
    first = reason.partition(". ")[0].strip()
    return first if len(first) <= LONGEST_REASON else f"{first[: LONGEST_REASON - 1]}…"


@contextlib.contextmanager
def _terminal_kept(lines: TextIO) -> Iterator[None]:
    """Leave the terminal as it was, which a line that is being edited changes."""
    if not lines.isatty():
        yield
        return
    before = termios.tcgetattr(lines)
    try:
        yield
    finally:
        termios.tcsetattr(lines, termios.TCSADRAIN, before)


class _Lines:
    """Reads lines in a thread of its own, which dies with the process: input cannot be given up.

    Args:
        source: Where they come from.
        edits: Whether a terminal's lines can be edited, and called back with the arrow keys.
    """

    def __init__(self, source: TextIO, *, edits: bool) -> None:
        self._source = source
        self._edits = edits and source.isatty()
        self._loop = asyncio.get_running_loop()
        self._wanted: queue.Queue[str] = queue.Queue()
        self._read: asyncio.Queue[str | None] = asyncio.Queue()
        threading.Thread(target=self._run, name="lines", daemon=True).start()

    async def next(self, prompt: str) -> str | None:
        """Return the next line; None at the end.

        Args:
            prompt: Shown before it.
        """
        self._wanted.put(prompt)
        return await self._read.get()

    def _run(self) -> None:
        while True:
            try:
                line = self._line(self._wanted.get())
            except (OSError, ValueError, EOFError):
                line = ""
            with contextlib.suppress(RuntimeError):  # the loop is closed
                self._loop.call_soon_threadsafe(self._read.put_nowait, line or None)
            if not line:
                return

    def _line(self, prompt: str) -> str:
        """Return a line with its end; empty at the end of the input."""
        if self._edits:
            return input(prompt) + "\n"
        if prompt:
            sys.stdout.write(prompt)
            sys.stdout.flush()
        return self._source.readline()
