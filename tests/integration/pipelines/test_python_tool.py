"""The tool ``python`` with functions that block."""

import asyncio
import threading
from pathlib import Path

import pytest

from pipelines.resources import Resources
from pipelines.tool_specs import PythonTool
from pipelines.tools.answer import ToolFailed
from pipelines.tools.python import call_function

MANY = 40


async def test_functions_that_hang_leave_the_threads_of_all_others_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "hanging_tools.py").write_text("go_on = None\ndef hangs():\n    go_on.wait()\n")
    monkeypatch.syspath_prepend(tmp_path)
    go_on = threading.Event()
    monkeypatch.setattr("hanging_tools.go_on", go_on)
    tool = PythonTool.model_validate(
        {"use": "hanging_tools:hangs", "name": "hangs", "description": "Hangs", "timeout_ms": 50}
    )
    resources = Resources()
    try:
        calls = [call_function(tool, {}, resources) for _ in range(MANY)]
        given_up = await asyncio.gather(*calls, return_exceptions=True)
        async with asyncio.timeout(2):
            assert await asyncio.to_thread(str, "free") == "free"
    finally:
        go_on.set()
        await resources.aclose()
    assert all(isinstance(each, ToolFailed) for each in given_up)
