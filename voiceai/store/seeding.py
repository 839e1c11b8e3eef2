"""The users' tables and two assistants, in a new embedded database and nowhere else."""

from collections.abc import Mapping
from importlib.resources import files

from loguru import logger

from voiceai.store.assistants import UserTables
from voiceai.store.changes import Changes
from voiceai.store.database import MIGRATION_LOCK, Connection
from voiceai.store.editing import Editor
from voiceai.store.mapping import TableNames
from voiceai.store.table_writer import TableWriter

SEEDS: Mapping[str, str] = {"rezeption-de": "4920189098723", "reception-en": "4920189098720"}
"""Assistants, each a file of ``seed/``, and the number that each answers."""


async def seed(connection: Connection, editor: Editor) -> None:
    """Make tables, which tell us of changes, and assistants unless the tables are there."""
    folder = files("voiceai.store") / "seed"
    async with connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock($1)", MIGRATION_LOCK)
        if await connection.fetchval("""SELECT to_regclass('public."Assistant"')::text"""):
            return
        await connection.execute((folder / "tables.sql").read_text(encoding="utf-8"))
        tables = await UserTables.inspect(connection, TableNames({}), has_schema=True)
        for name, number in SEEDS.items():
            text = (folder / f"{name}.yaml").read_text(encoding="utf-8")
            imported = await editor.write_import(connection, tables, text, source=name)
            await TableWriter(tables).assign(connection, number, imported.id)
        changes = await Changes.inspect(connection, tables, has_schema=True)
        await changes.apply(connection)
    logger.info("database.seeded")
