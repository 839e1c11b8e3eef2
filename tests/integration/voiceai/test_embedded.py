"""The embedded PostgreSQL: adoption, sharing, passwords, and what it leaves untouched."""

import contextlib
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import psutil
import pytest

from tests.support.database import connect
from voiceai.errors import EmbeddedFailed
from voiceai.store.embedded import EmbeddedPostgres

OWNER = """
import asyncio, sys
from pathlib import Path
from voiceai.store.embedded import EmbeddedPostgres
async def main():
    await EmbeddedPostgres(Path(sys.argv[1])).open(owner=True)
    print("open", flush=True)
    await asyncio.sleep(60)
asyncio.run(main())
"""


@contextlib.contextmanager
def owner_in_another_process(data_dir: Path) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", OWNER, str(data_dir)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=project()) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "open\n"
        yield process
        process.kill()


def project() -> Path:
    return Path(__file__).resolve().parents[3]


def postmaster(data_dir: Path) -> int:
    return int((data_dir / "postgres" / "postmaster.pid").read_text().splitlines()[0])


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


async def test_starts_in_a_second_once_it_is_initialised(empty_dir: Path) -> None:
    started = time.monotonic()
    server = EmbeddedPostgres(empty_dir)
    address = await server.open(owner=True)
    connection = await connect(address)
    took = time.monotonic() - started

    await connection.close()
    await server.close()
    assert took < 1


async def test_leaves_the_modes_of_all_parents_as_they_were(data_dir: Path) -> None:
    before = {parent: mode(parent) for parent in data_dir.parents}
    assert before[data_dir.parent] == 0o700

    server = EmbeddedPostgres(data_dir)
    await server.open(owner=True)
    await server.close()

    assert {parent: mode(parent) for parent in data_dir.parents} == before
    assert mode(data_dir) & 0o007 == 0
    assert mode(data_dir / "postgres") == 0o700
    assert mode(data_dir / "postgres-password") == 0o600


async def test_asks_for_the_password_from_the_first_start(data_dir: Path) -> None:
    server = EmbeddedPostgres(data_dir)
    address = await server.open(owner=True)
    try:
        for user in ("voiceai", "postgres"):
            with pytest.raises(asyncpg.InvalidPasswordError):
                await connect(address, user=user, password="wrong")  # noqa: S106
        rules = (data_dir / "postgres" / "pg_hba.conf").read_text().splitlines()
        methods = {line.split()[-1] for line in rules if line.strip() and line[0] != "#"}
        assert methods == {"scram-sha-256"}
    finally:
        await server.close()


async def test_opens_no_port(shared_dir: Path) -> None:
    connections = psutil.Process(postmaster(shared_dir)).net_connections(kind="inet")

    assert [found for found in connections if found.status == psutil.CONN_LISTEN] == []


async def test_does_not_log_in_as_a_superuser(database: asyncpg.Connection) -> None:
    assert await database.fetchval("SELECT current_setting('is_superuser')") == "off"


async def test_does_not_run_as_root(shared_dir: Path) -> None:
    assert psutil.Process(postmaster(shared_dir)).uids().effective != 0


async def test_adopts_the_server_that_a_killed_owner_left(empty_dir: Path) -> None:
    with owner_in_another_process(empty_dir) as process:
        left = postmaster(empty_dir)
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert psutil.pid_exists(left)

    server = EmbeddedPostgres(empty_dir)
    connection = await connect(await server.open(owner=True))
    assert await connection.fetchval("SELECT 1") == 1
    await connection.close()
    assert postmaster(empty_dir) == left
    await server.close()

    assert not (empty_dir / "postgres" / "postmaster.pid").exists()


async def test_a_guest_uses_what_runs_and_leaves_it_running(empty_dir: Path) -> None:
    with owner_in_another_process(empty_dir):
        guest = EmbeddedPostgres(empty_dir)
        connection = await connect(await guest.open(owner=False))
        await connection.close()
        await guest.close()

        assert psutil.pid_exists(postmaster(empty_dir))
    await end(empty_dir)


async def test_a_guest_alone_starts_the_server_and_stops_it(empty_dir: Path) -> None:
    guest = EmbeddedPostgres(empty_dir)
    connection = await connect(await guest.open(owner=False))
    await connection.close()
    await guest.close()

    assert not (empty_dir / "postgres" / "postmaster.pid").exists()


async def test_the_last_of_two_owners_stops_it(empty_dir: Path) -> None:
    first, second = EmbeddedPostgres(empty_dir), EmbeddedPostgres(empty_dir)
    await first.open(owner=True)
    await second.open(owner=True)

    await first.close()
    assert psutil.pid_exists(postmaster(empty_dir))
    await second.close()
    assert not (empty_dir / "postgres" / "postmaster.pid").exists()


async def test_an_owner_who_comes_while_a_guest_is_in_charge_keeps_the_server(
    empty_dir: Path,
) -> None:
    guest, owner = EmbeddedPostgres(empty_dir), EmbeddedPostgres(empty_dir)
    await guest.open(owner=False)
    address = await owner.open(owner=True)

    await guest.close()

    connection = await connect(address)
    await connection.close()
    await owner.close()


async def test_recovers_when_the_whole_server_was_killed(empty_dir: Path) -> None:
    with owner_in_another_process(empty_dir) as process:
        left = postmaster(empty_dir)
        process.send_signal(signal.SIGKILL)
        process.wait()
        family = [psutil.Process(left), *psutil.Process(left).children()]
        for member in family:
            member.kill()
        psutil.wait_procs(family, timeout=5)
    assert (empty_dir / "postgres" / "postmaster.pid").exists()

    server = EmbeddedPostgres(empty_dir)
    connection = await connect(await server.open(owner=True))
    await connection.close()
    await server.close()


async def test_ignores_a_pid_file_whose_number_is_a_stranger_now(empty_dir: Path) -> None:
    server = EmbeddedPostgres(empty_dir)
    await server.open(owner=True)
    pid_file = empty_dir / "postgres" / "postmaster.pid"
    lines = pid_file.read_text().splitlines()
    await server.close()
    pid_file.write_text("\n".join([str(os.getpid()), *lines[1:]]) + "\n")

    await server.open(owner=True)

    assert postmaster(empty_dir) != os.getpid()
    await server.close()


async def test_a_lost_password_file_is_replaced(empty_dir: Path) -> None:
    server = EmbeddedPostgres(empty_dir)
    first = await server.open(owner=True)
    await server.close()
    (empty_dir / "postgres-password").unlink()

    second = await server.open(owner=True)
    connection = await connect(second)
    await connection.close()
    await server.close()

    assert first.password != second.password


async def test_works_in_a_folder_with_a_very_long_name(data_dir: Path) -> None:
    server = EmbeddedPostgres(data_dir / ("x" * 120))
    address = await server.open(owner=True)
    connection = await connect(address)
    await connection.close()
    await server.close()

    assert len(address.host) + len("/.s.PGSQL.5432") <= 100


async def test_refuses_a_folder_of_an_unknown_version(data_dir: Path) -> None:
    (data_dir / "postgres").mkdir(parents=True)
    (data_dir / "postgres" / "PG_VERSION").write_text("9\n")

    with pytest.raises(EmbeddedFailed, match="PostgreSQL 9"):
        await EmbeddedPostgres(data_dir).open(owner=True)


async def end(data_dir: Path) -> None:
    """Stop what a killed owner left."""
    server = EmbeddedPostgres(data_dir)
    await server.open(owner=True)
    await server.close()
