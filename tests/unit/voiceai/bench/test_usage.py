"""What a bench counts as its own."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from voiceai.bench.usage import family, memory_bytes, used

BUSY = "import sys; sum(range(3_000_000)); print(flush=True); sys.stdin.read()"


@pytest.fixture
def child() -> Iterator[int]:
    """A process that has done some work, and now waits."""
    command = [sys.executable, "-c", BUSY]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield process.pid
        process.communicate()


def test_a_child_counts(child: int) -> None:
    assert child in {process.pid for process in family()}
    assert used().children > 0


def test_who_generates_the_load_does_not(child: int) -> None:
    others = [process.pid for process in family() if process.pid not in (child, os.getpid())]

    assert [process.pid for process in family([child, *others])] == [os.getpid()]
    assert used([child, *others]).children == 0
    assert memory_bytes([child]) < memory_bytes()


def test_what_the_kernel_did_for_a_process_counts() -> None:
    before = used().kernel
    with Path("/dev/zero").open("rb") as zeros:
        while used().kernel == before:
            zeros.read(1 << 24)

    assert used().kernel > before
