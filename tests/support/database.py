"""Builders for tests with a real PostgreSQL."""

import shutil
import subprocess
from pathlib import Path
from typing import Any

import asyncpg

from voiceai.settings import Settings
from voiceai.store.embedded import Address, EmbeddedPostgres


def settings_for(data_dir: Path, **values: Any) -> Settings:
    """Settings of one test; no ``.env`` is read."""
    return Settings(_env_file=None, voiceai_data_dir=data_dir, **values)


async def initialise(data_dir: Path) -> None:
    """Make a data folder with an empty embedded database, which does not run."""
    server = EmbeddedPostgres(data_dir)
    await server.open(owner=True)
    await server.close()


def copy_data(data_dir: Path, to: Path) -> None:
    """Copy a data folder whose database does not run, with owners and modes."""
    copy = shutil.which("cp")
    assert copy
    subprocess.run([copy, "-a", str(data_dir), str(to)], check=True)


def address_arguments(address: Address) -> dict[str, Any]:
    """An address as the arguments of ``asyncpg.connect``."""
    fields = ("host", "port", "user", "password", "database")
    return {name: getattr(address, name) for name in fields}


async def connect(address: Address, **changes: Any) -> asyncpg.Connection:
    """Log in as the store does, but for ``changes``."""
    connection: asyncpg.Connection = await asyncpg.connect(
        **{**address_arguments(address), **changes}
    )
    return connection


BARE = """
    CREATE TABLE "Assistant"(id text primary key, name text, greeting text);
    CREATE TABLE "PhoneNumber"(id text primary key, number text, "assignedToAssistantId" text);
"""
"""The two tables as a user's database has them at least."""


def users_settings(data_dir: Path, address: Address, **values: Any) -> Settings:
    """Settings of a database that is the user's own: nothing is seeded there."""
    return settings_for(
        data_dir,
        db_host=address.host,
        db_user=address.user,
        db_password=address.password,
        db_name=address.database,
        **values,
    )
