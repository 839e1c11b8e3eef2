"""SQL that tells cheaply whether the users' tables changed, and which rows did.

A table is told by the count of its rows and the sum of ``xmin``: a change gives a row the number
of its transaction, which is higher than what it had, so neither an update nor a row that takes
another's place leaves both as they were, in whatever order transactions commit. What has no
``xmin``, such as a view, is told by a hash of its rows.
"""

from dataclasses import dataclass

import asyncpg

from voiceai.errors import ImportRefused
from voiceai.store.assistants import PhoneHint, UserTables
from voiceai.store.database import Connection
from voiceai.store.numbers import normalise_number

TRIGGER = "voiceai_changed"
CHANNEL = "voiceai_assistants"

HAS_TRANSACTIONS = "SELECT relkind IN ('r', 'p', 'm') FROM pg_class WHERE oid = to_regclass($1)"
"""Tables, partitioned tables, materialised views."""

BATCH = 500
"""Rows that are gone through before others on the event loop get their turn."""


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What differs when something differs; compare it, and look no deeper.

    Attributes:
        triggers: How many of the two tables tell us of changes.
    """

    assistants: str
    phones: str
    columns: str
    canaries: str
    triggers: int


class Changes:
    """Asks two tables for changes. Make one with :meth:`inspect`."""

    def __init__(
        self, tables: UserTables, *, assistant_xmin: bool, phone_xmin: bool, has_schema: bool
    ) -> None:
        self._tables = tables
        self._phone_xmin = phone_xmin
        own = f"a.{tables.quoted('Assistant', 'id')}::text"
        self._stamp = "a.xmin::text" if assistant_xmin else "hashtextextended(a::text, 0)::text"
        canaries = """(SELECT coalesce(string_agg(concat_ws(':', assistant_id, version, percent),
                                                  ',' ORDER BY assistant_id), '')
                       FROM voiceai.canaries)"""
        self._fingerprint = f"""
            SELECT {_total("a", tables.assistant, xmin=assistant_xmin)} AS assistants,
                   {_total("p", tables.phone, xmin=phone_xmin)} AS phones,
                   (SELECT coalesce(string_agg(concat_ws(':', attname, atttypid), ','
                                               ORDER BY attrelid, attnum), '')
                    FROM pg_attribute WHERE attrelid IN (to_regclass($1), to_regclass($2))
                      AND attnum > 0 AND NOT attisdropped) AS columns,
                   {canaries if has_schema else "''"} AS canaries,
                   (SELECT count(*)::integer FROM pg_trigger WHERE tgname = '{TRIGGER}'
                      AND tgrelid IN (to_regclass($1), to_regclass($2)) AND tgenabled IN ('O', 'A'))
                       AS triggers"""  # noqa: S608 - quoted identifiers
        self._stamps = f"SELECT {own} AS id, {self._stamp} AS stamp FROM {tables.assistant} a"  # noqa: S608

    @classmethod
    async def inspect(
        cls, connection: Connection, tables: UserTables, *, has_schema: bool
    ) -> "Changes":
        """Find out how the tables can be asked."""
        return cls(
            tables,
            assistant_xmin=bool(await connection.fetchval(HAS_TRANSACTIONS, tables.assistant)),
            phone_xmin=bool(await connection.fetchval(HAS_TRANSACTIONS, tables.phone)),
            has_schema=has_schema,
        )

    async def fingerprint(self, connection: Connection) -> Fingerprint:
        """What the tables are now, in one query."""
        row = await connection.fetchrow(
            self._fingerprint, self._tables.assistant, self._tables.phone
        )
        assert row is not None  # noqa: S101 - a query without FROM
        return Fingerprint(**row)

    async def stamps(self, connection: Connection) -> dict[str, str]:
        """What tells each row's states apart, by the assistants' ids."""
        return {row["id"]: row["stamp"] for row in await connection.fetch(self._stamps)}

    async def phones(self, connection: Connection) -> dict[str, PhoneHint]:
        """Where each normalised number is that has an assistant."""
        column = f"p.{self._tables.quoted('PhoneNumber', 'number')}::text"
        link = self._tables.quoted("PhoneNumber", "assignedToAssistantId")
        place = "p.ctid::text" if self._phone_xmin else "NULL::text"
        query = f"""SELECT {column} AS number, {place} AS place, p.{link}::text AS link
                    FROM {self._tables.phone} p
                    WHERE p.{link} IS NOT NULL"""  # noqa: S608 - quoted identifiers
        found: dict[str, PhoneHint] = {}
        async with connection.transaction():
            cursor = await connection.cursor(query)
            while rows := await cursor.fetch(BATCH):
                for row in rows:
                    normal = normalise_number(row["number"] or "")
                    hint = PhoneHint(row["place"], row["number"], row["link"])
                    if normal and (normal not in found or _is_plain(hint.stored, normal)):
                        found[normal] = hint
        return found

    async def apply(self, connection: Connection) -> None:
        """Have both tables tell us of changes.

        Raises:
            ImportRefused: We may not; has the SQL to run.
        """
        script = "\n".join(
            f"DROP TRIGGER IF EXISTS {TRIGGER} ON {table};\n"
            f"CREATE TRIGGER {TRIGGER} AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE "
            f"ON {table} FOR EACH STATEMENT EXECUTE FUNCTION voiceai.assistants_changed();"
            for table in (self._tables.assistant, self._tables.phone)
        )
        await _run(connection, script)

    async def remove(self, connection: Connection) -> None:
        """Take away what :meth:`apply` made.

        Raises:
            ImportRefused: We may not; has the SQL to run.
        """
        script = "\n".join(
            f"DROP TRIGGER IF EXISTS {TRIGGER} ON {table};"
            for table in (self._tables.assistant, self._tables.phone)
        )
        await _run(connection, script)


def _total(alias: str, table: str, *, xmin: bool) -> str:
    each = f"{alias}.xmin::text::bigint" if xmin else f"hashtextextended({alias}::text, 0)"
    return f"(SELECT concat_ws(':', count(*), coalesce(sum({each}), 0)) FROM {table} {alias})"  # noqa: S608


def _is_plain(stored: str, normal: str) -> bool:
    return stored.removeprefix("+").removeprefix("00") == normal


async def _run(connection: Connection, script: str) -> None:
    try:
        async with connection.transaction():
            await connection.execute(script)
    except (asyncpg.InsufficientPrivilegeError, asyncpg.WrongObjectTypeError) as exc:
        raise ImportRefused(f"the database refuses: {exc}. Let its owner run:\n{script}") from exc
