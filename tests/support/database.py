"""Builders for tests with a real PostgreSQL."""

from pathlib import Path
from typing import Any

import asyncpg

from voiceai.settings import Settings
from voiceai.store.embedded import Address


def settings_for(data_dir: Path, **values: Any) -> Settings:
    """Settings of one test; no ``.env`` is read."""
    return Settings(_env_file=None, voiceai_data_dir=data_dir, **values)


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
