"""What code may not touch where: tasks without an owner, clocks that are read, the environment."""

import ast
from collections.abc import Iterator, Mapping

import pytest

SPOKES = ("transports/", "asterisk/", "pipelines/")

TASKS = frozenset({"asyncio.create_task", "asyncio.ensure_future"})
CLOCKS = frozenset({"time.time", "time.sleep"})
ENVIRONMENT = frozenset({"os.environ", "os.environb", "os.getenv", "os.putenv", "os.unsetenv"})

TASKS_ALLOWED: Mapping[str, str] = {
    "pipelines/fallback/rung.py": "a service that opens, for whoever waits; detach() ends it",
    "transports/process/engine.py": "starts a media process again that ended; close() ends that",
    "voiceai/lab/exchange.py": "the gateway ends with the exchange, whose block opened it",
    "voiceai/lab/text_call.py": "a pipeline that ends in the block that began it",
    "voiceai/calls/session.py": "what a call runs beside itself ends in the block that began it",
}
CLOCKS_ALLOWED: Mapping[str, str] = {
    "transports/inline/report_line.py": "peers are told the time of day (RFC 3550 section 4)",
    "transports/udp/clock.py": "waits for a deadline that a tick came ahead of, up to 2 ms",
    "transports/udp/reading.py": "the kernel stamps datagrams with the time of day",
    "asterisk/process.py": "waits for a program to boot, in a thread and never on the event loop",
}
ENVIRONMENT_ALLOWED: Mapping[str, str] = {
    "voiceai/settings.py": "the one reader of settings",
    "voiceai/store/cluster.py": "where the system keeps sockets is the system's word, no setting",
}
"""By file: why the rule gives way there. An entry that nothing needs any more fails."""


def uses(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Yield line and full name of whatever a module uses of what it imports, aliases undone."""
    aliases: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for name in node.names:
                aliases[name.asname or name.name.split(".")[0]] = (
                    name.name if name.asname else name.name.split(".")[0]
                )
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            for name in node.names:
                aliases[name.asname or name.name] = f"{node.module}.{name.name}"
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and node.id in aliases:
            yield node.lineno, aliases[node.id]
        elif isinstance(node, ast.Attribute):
            head, *rest = ast.unparse(node).split(".")
            if head in aliases:
                yield node.lineno, ".".join([aliases[head], *rest])


def loop_tasks(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Yield line and text of each task that is given to the event loop itself."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr == "create_task":
            owner = ast.unparse(node.value)
            if "loop" in owner:
                yield node.lineno, f"{owner}.create_task"


def places(tree: ast.Module, forbidden: frozenset[str]) -> list[str]:
    found = {f"{line}: {name}" for line, name in uses(tree) if name in forbidden}
    if forbidden is TASKS:
        found |= {f"{line}: {name}" for line, name in loop_tasks(tree)}
    return sorted(found)


def breaches(sources: Mapping[str, ast.Module], forbidden: frozenset[str]) -> dict[str, list[str]]:
    found = {path: places(tree, forbidden) for path, tree in sources.items()}
    return {path: lines for path, lines in found.items() if lines}


def test_every_task_has_an_owner(sources: dict[str, ast.Module]) -> None:
    """A task belongs to a task group or to a class that cancels it and reads its end."""
    found = breaches(sources, TASKS)

    assert {path: found[path] for path in found if path not in TASKS_ALLOWED} == {}
    assert set(TASKS_ALLOWED) <= set(found)


def test_the_spokes_neither_read_the_wall_clock_nor_sleep(sources: dict[str, ast.Module]) -> None:
    spokes = {path: tree for path, tree in sources.items() if path.startswith(SPOKES)}
    found = breaches(spokes, CLOCKS)

    assert {path: found[path] for path in found if path not in CLOCKS_ALLOWED} == {}
    assert set(CLOCKS_ALLOWED) <= set(found)


def test_the_environment_is_read_in_one_place(sources: dict[str, ast.Module]) -> None:
    found = breaches(sources, ENVIRONMENT)

    assert {path: found[path] for path in found if path not in ENVIRONMENT_ALLOWED} == {}
    assert set(ENVIRONMENT_ALLOWED) <= set(found)


@pytest.mark.parametrize(
    ("forbidden", "text"),
    [
        (TASKS, "import asyncio\nasyncio.create_task(f())"),
        (TASKS, "from asyncio import create_task as start\nstart(f())"),
        (TASKS, "asyncio.get_running_loop().create_task(f())"),
        (TASKS, "self._loop.create_task(f())"),
        (CLOCKS, "import time as clock\nclock.time()"),
        (CLOCKS, "from time import sleep\nsleep(1)"),
        (ENVIRONMENT, "import os\nos.environ['X']"),
        (ENVIRONMENT, "from os import getenv\ngetenv('X')"),
    ],
)
def test_a_breach_is_found(forbidden: frozenset[str], text: str) -> None:
    assert places(ast.parse(text), forbidden) != []


@pytest.mark.parametrize(
    ("forbidden", "text"),
    [
        (TASKS, "group.create_task(f())"),
        (CLOCKS, "import time\ntime.monotonic()"),
        (CLOCKS, "import asyncio\nasyncio.sleep(1)"),
    ],
)
def test_what_has_an_owner_or_no_clock_is_left_alone(forbidden: frozenset[str], text: str) -> None:
    assert places(ast.parse(text), forbidden) == []
