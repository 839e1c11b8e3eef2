"""Parts of a bench in processes of their own, so that they do not share a loop with the measured.

They speak JSON, a document per line, over the child's standard input and output; a closed input
ends the child. Standard error is the parent's.
"""

import asyncio
import contextlib
import json
import sys
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Final, Self

from voiceai.bench.errors import BenchUnavailable

__all__ = ["Companion", "read_message", "tell"]

LINE_BYTES: Final = 1 << 26
"""A companion's result may be every arrival of 50 streams."""

STOP_SECONDS: Final = 15.0
"""How long a companion may take to end by itself."""

BOOT: Final = (
    "import json, runpy, sys; sys.path[:] = json.loads(sys.argv[1]); "
    "runpy.run_module(sys.argv[2], run_name='__main__')"
)
"""As `python -m`, but finds modules where the parent does."""

Message = dict[str, Any]


class Companion:
    """A module that runs as a process of its own. A context manager.

    Args:
        module: Run as by ``python -m``; it speaks through `read_message` and `tell`.
        greeting: The first message to it.
    """

    def __init__(self, module: str, greeting: Mapping[str, Any]) -> None:
        self._module = module
        self._greeting = greeting
        self._process: asyncio.subprocess.Process | None = None
        self._kept: list[Message] = []

    async def __aenter__(self) -> Self:
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-c", BOOT, json.dumps(sys.path), self._module),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=LINE_BYTES,
        )
        await self.tell(self._greeting)
        return self

    async def __aexit__(
        self,
        _: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        process = self._process
        if process is None or process.stdin is None:
            return
        process.stdin.close()
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()

    @property
    def pid(self) -> int:
        """Of the process; only inside the context."""
        assert self._process is not None  # noqa: S101 - only inside the context
        return self._process.pid

    async def tell(self, message: Mapping[str, Any]) -> None:
        """Send a message."""
        assert self._process is not None  # noqa: S101 - only inside the context
        assert self._process.stdin is not None  # noqa: S101 - as started
        self._process.stdin.write(json.dumps(message).encode() + b"\n")
        await self._process.stdin.drain()

    async def hear(self, kind: str, within: float) -> Message:
        """Return the next message of a kind; others are kept for later.

        Args:
            kind: Value of its key ``kind``.
            within: Seconds to wait.

        Raises:
            BenchUnavailable: The companion ended.
            TimeoutError: It said nothing of that kind.
        """
        for at, message in enumerate(self._kept):
            if message["kind"] == kind:
                return self._kept.pop(at)
        try:
            async with asyncio.timeout(within):
                while (message := await self._read())["kind"] != kind:
                    self._kept.append(message)
        except TimeoutError as error:
            raise TimeoutError(f"{self._module} said no {kind!r} in {within:g} s") from error
        return message

    async def gather(self, kind: str, seconds: float) -> list[Message]:
        """Return every message of a kind that was kept or comes within so many seconds."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while True:
                    self._kept.append(await self._read())
        found = [message for message in self._kept if message["kind"] == kind]
        self.forget(kind)
        return found

    def forget(self, kind: str) -> None:
        """Drop messages of a kind that were kept for later."""
        self._kept = [message for message in self._kept if message["kind"] != kind]

    async def _read(self) -> Message:
        assert self._process is not None  # noqa: S101 - only inside the context
        assert self._process.stdout is not None  # noqa: S101 - as started
        line = await self._process.stdout.readline()
        if not line:
            code = await self._process.wait()
            raise BenchUnavailable(f"{self._module} ended with exit code {code}")
        message: Message = json.loads(line)
        return message


def read_message() -> Message | None:
    """Return the parent's next message, None when there will be no more. Blocks; for the child."""
    line = sys.stdin.readline()
    return json.loads(line) if line else None


def tell(kind: str, **values: Any) -> None:
    """Send a message to the parent; for the child."""
    sys.stdout.write(json.dumps({"kind": kind, **values}) + "\n")
    sys.stdout.flush()
