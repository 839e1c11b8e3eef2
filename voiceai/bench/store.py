"""``bench store``: from a changed row to the call that it answers, and the look-up of a number."""

import asyncio
import contextlib
import random
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Final

import asyncpg
from loguru import logger

from voiceai.bench.errors import BenchUnavailable
from voiceai.bench.machine import describe_machine
from voiceai.bench.report import Budget, Measure, Report
from voiceai.errors import StoreUnavailable
from voiceai.settings import Settings
from voiceai.store.embedded import Address, EmbeddedPostgres
from voiceai.store.repository import Store

__all__ = ["run_store"]

START_SECONDS: Final = 60.0
CHANGE_SECONDS: Final = 30.0
LIMIT: Final = Budget("max", 1000)
"""A change reaches the next call in under a second."""

NUMBER: Final = "4930{:07}"
ASSISTANT: Final = "bench"
PAUSE_SECONDS: Final = (0.0, 0.6)
"""Between two changes, at random: a poll is met at any point of its interval."""

NOTES: Final = (
    "no models are loaded: a changed voice or model takes its own time on top",
    "told: by our triggers; asked: a cheap query each half a second, less often in huge tables",
    "found without a call: a bad row is counted as such, which takes the same way as a good one",
)


async def run_store(settings: Settings, *, changes: int = 30, numbers: int = 10_000) -> Report:
    """Change rows of an embedded database of our own, and look numbers up in it.

    Args:
        settings: All but their database is used.
        changes: Of each kind.
        numbers: In the table of numbers, all of one assistant.

    Raises:
        BenchUnavailable: The database did not start.
    """
    measures: list[Measure] = []
    with tempfile.TemporaryDirectory() as folder, _quiet():
        async with _running(settings, Path(folder)) as (store, rows):
            await _fill(rows, numbers)
            await _until(lambda: _knows(store, NUMBER.format(numbers - 1)))
            for told in (True, False):
                await store.editor.watch(apply=told)
                name = "told" if told else "asked"
                used = [await _used(store, rows, step) for step in range(changes)]
                found = [await _found(store, rows) for _ in range(changes)]
                measures += [
                    Measure(f"changed row -> answers a call, {name}", "ms", tuple(used), LIMIT),
                    Measure(
                        f"changed row -> found without a call, {name}", "ms", tuple(found), LIMIT
                    ),
                ]
            chance = random.Random(1)  # noqa: S311 - no secret
            known = [NUMBER.format(chance.randrange(numbers)) for _ in range(10 * changes)]
            looked_up = [await _timed(store.assistant_for(number)) for number in known]
            nobody = [await _timed(store.assistant_for(f"49{step}")) for step in range(changes)]
    return Report(
        bench="store",
        machine=describe_machine(),
        parameters={"changes": changes, "numbers": numbers},
        measures=(
            *measures,
            Measure("look-up of a number", "ms", tuple(looked_up)),
            Measure("look-up of nobody's number", "ms", tuple(nobody)),
        ),
        notes=NOTES,
    )


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """What is bad on purpose is not told."""
    logger.disable("voiceai.store")
    try:
        yield
    finally:
        logger.enable("voiceai.store")


@contextlib.asynccontextmanager
async def _running(
    settings: Settings, folder: Path
) -> AsyncIterator[tuple[Store, asyncpg.Connection]]:
    """A store as `serve` has it, and what changes its rows from outside."""
    own = {
        "voiceai_data_dir": folder / "data",
        "database_url": None,
        "db_host": None,
        "voiceai_db_map": None,
    }
    store = Store(settings.model_copy(update=own), owner=True)
    guest = EmbeddedPostgres(folder / "data")
    problem: Exception | None = None
    try:
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(store.run(), name="store")
            try:
                async with asyncio.timeout(START_SECONDS):
                    await store.settled()
                rows = await _connect(await guest.open(owner=False))
            except (TimeoutError, StoreUnavailable) as error:
                problem = error
            else:
                yield store, rows
                await rows.close()
            running.cancel()
        if problem is not None:
            raise BenchUnavailable(f"the database did not start: {problem}") from problem
    finally:
        await guest.close()
        await store.close()


async def _connect(address: Address) -> asyncpg.Connection:
    return await asyncpg.connect(
        host=address.host,
        port=address.port,
        user=address.user,
        password=address.password,
        database=address.database,
    )


async def _fill(rows: asyncpg.Connection, numbers: int) -> None:
    await rows.execute(
        """INSERT INTO "Assistant" (id, name, greeting, pipeline)
           VALUES ($1, $1, '', 'local-de')""",
        ASSISTANT,
    )
    await rows.executemany(
        'INSERT INTO "PhoneNumber" (number, "assignedToAssistantId") VALUES ($1, $2)',
        [("+" + NUMBER.format(each), ASSISTANT) for each in range(numbers)],
    )
    await rows.execute('ANALYZE "PhoneNumber"')


async def _knows(store: Store, number: str) -> bool:
    return await store.assistant_for(number) is not None


async def _used(store: Store, rows: asyncpg.Connection, step: int) -> float:
    """Change a greeting; return after how many milliseconds a call would say it."""
    await asyncio.sleep(random.uniform(*PAUSE_SECONDS))  # noqa: S311 - no secret
    greeting = f"{step} {time.monotonic()}"

    async def says_it() -> bool:
        found = await store.assistant_for(NUMBER.format(0))
        return found is not None and found.spec.greeting == greeting

    update = 'UPDATE "Assistant" SET greeting = $1, overrides = NULL WHERE id = $2'
    await rows.execute(update, greeting, ASSISTANT)
    return await _timed(_until(says_it))


async def _found(store: Store, rows: asyncpg.Connection) -> float:
    """Make a row bad; return after how many milliseconds that is known. Mends it."""
    await asyncio.sleep(random.uniform(*PAUSE_SECONDS))  # noqa: S311 - no secret
    update = 'UPDATE "Assistant" SET overrides = $1 WHERE id = $2'

    async def invalid(count: int) -> bool:
        return store.invalid_assistants == count

    await rows.execute(update, '{"stt": {"service": "none"}}', ASSISTANT)
    milliseconds = await _timed(_until(lambda: invalid(1)))
    await rows.execute(update, None, ASSISTANT)
    await _until(lambda: invalid(0))
    return milliseconds


async def _until(holds: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(CHANGE_SECONDS):
        while not await holds():  # noqa: ASYNC110 - what a call or a command sees
            await asyncio.sleep(0.001)


async def _timed(work: Awaitable[object]) -> float:
    began = time.perf_counter()
    await work
    return 1000 * (time.perf_counter() - began)
