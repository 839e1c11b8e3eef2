"""A part of a bench in a process of its own."""

from pathlib import Path

import pytest

from voiceai.bench.companion import Companion
from voiceai.bench.errors import BenchUnavailable

ECHO = """
from voiceai.bench.companion import read_message, tell
while (message := read_message()) is not None:
    tell("noise")
    tell("echo", was=message)
"""


@pytest.fixture
def echo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A module that repeats what it is told."""
    (tmp_path / "echoing.py").write_text(ECHO)
    monkeypatch.syspath_prepend(tmp_path)
    return "echoing"


async def test_messages_are_heard_by_kind_and_others_are_kept(echo: str) -> None:
    async with Companion(echo, {"a": 1}) as companion:
        assert await companion.hear("echo", 10) == {"kind": "echo", "was": {"a": 1}}
        await companion.tell({"b": [2, 3]})
        assert (await companion.hear("echo", 10))["was"] == {"b": [2, 3]}
        assert await companion.hear("noise", 0.01) == {"kind": "noise"}


async def test_what_is_not_said_is_waited_for_and_named(echo: str) -> None:
    async with Companion(echo, {}) as companion:
        with pytest.raises(TimeoutError, match="echoing said no 'result'"):
            await companion.hear("result", 0.3)


async def test_the_end_of_a_companion_is_an_error_that_names_it() -> None:
    async with Companion("voiceai.bench.no_such_module", {}) as companion:
        with pytest.raises(BenchUnavailable, match="no_such_module ended with exit code 1"):
            await companion.hear("result", 10)
