"""The users' tables as they are found, and what an operator is told when they are not right."""

import contextlib
from collections.abc import AsyncIterator, Iterator

import asyncpg

from voiceai.errors import ImportRefused, SchemaMismatch
from voiceai.store.assistants import AssistantRow, PhoneHint, UserTables
from voiceai.store.database import UNAVAILABLE, Connection, Database
from voiceai.store.mapping import TableNames


class TableAccess:
    """Looks at the tables again when they have changed under us.

    Args:
        database: Where they are.
        names: What they are called there.

    Attributes:
        problem: Why they cannot be read; empty when they can.
    """

    def __init__(self, database: Database, names: TableNames) -> None:
        self._database = database
        self._names = names
        self._tables: UserTables | None = None
        self.problem = ""

    async def inspect(self, connection: Connection) -> UserTables:
        """Look which tables and columns there are.

        Raises:
            SchemaMismatch: One that we cannot do without is missing.
        """
        try:
            self._tables = await UserTables.inspect(
                connection, self._names, has_schema=self._database.has_schema
            )
        except SchemaMismatch as exc:
            self.problem = str(exc)
            raise
        self.problem = ""
        return self._tables

    async def find(
        self, connection: Connection, number: str, hint: PhoneHint | None
    ) -> AssistantRow | None:
        """The row that answers a number.

        Raises:
            SchemaMismatch: The tables are not as we need them.
        """
        with self.reading():
            if self._tables is not None:
                try:
                    return await self._tables.find(connection, number, hint)
                except (asyncpg.UndefinedColumnError, asyncpg.UndefinedTableError):
                    self._tables = None
            return await (await self.inspect(connection)).find(connection, number)

    @contextlib.contextmanager
    def reading(self) -> Iterator[None]:
        """Read the users' tables.

        Raises:
            SchemaMismatch: The database is there, but does not let us, or cannot.
        """
        try:
            yield
        except UNAVAILABLE:
            raise
        except asyncpg.PostgresError as exc:
            self.problem = f"the assistants cannot be read: {exc}"
            if isinstance(exc, asyncpg.InsufficientPrivilegeError):
                self.problem += (
                    ". Give our user of the database the right: GRANT SELECT ON ... TO ..."
                )
            raise SchemaMismatch(self.problem) from exc

    @contextlib.asynccontextmanager
    async def writing(self) -> AsyncIterator[tuple[Connection, UserTables]]:
        """A transaction on the users' tables.

        Raises:
            ImportRefused: A constraint or a missing right of theirs.
        """
        try:
            async with self._database.connection() as connection, connection.transaction():
                yield connection, await self.inspect(connection)
        except (asyncpg.IntegrityConstraintViolationError, asyncpg.DataError) as exc:
            raise ImportRefused(f"the database refuses: {exc}") from exc
        except asyncpg.InsufficientPrivilegeError as exc:
            raise ImportRefused(f"the database user may not write: {exc}") from exc
