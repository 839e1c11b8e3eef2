"""What an operator does to assistants: import, assign, diff, rollback, canary, watch.

Only ``import``, ``assign`` and ``rollback`` write the users' tables; ``watch`` with ``--apply``
puts triggers on them.
"""

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

from pipelines.errors import SpecError
from pipelines.loader import load_pipeline
from pipelines.spec import PipelineSpec
from voiceai.errors import ImportRefused, UnknownAssistant
from voiceai.store import versions
from voiceai.store.access import TableAccess
from voiceai.store.answering import Answering, check
from voiceai.store.assistants import UserTables
from voiceai.store.changes import Changes
from voiceai.store.database import Connection, Database
from voiceai.store.files import PipelineFiles
from voiceai.store.layers import resolved_text
from voiceai.store.numbers import normalise_number
from voiceai.store.rows import Imported
from voiceai.store.table_writer import TableWriter, assistant_id
from voiceai.store.versions import Draft, Version, importer


@dataclass(frozen=True, slots=True)
class ImportResult:
    """What an import did; ``keeps_overrides``: the row has some, and they lie over the file."""

    id: str
    name: str
    version: int
    created: bool
    keeps_overrides: bool


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two versions of one assistant, the older one first unless asked otherwise."""

    name: str
    before: Version
    after: Version


class Editor:
    """Edits the assistants of one database.

    Args:
        database: Where they are.
        access: To the users' tables.
        answering: Makes assistants of rows.
        files: Pipelines that may be built upon.
    """

    def __init__(
        self, database: Database, access: TableAccess, answering: Answering, files: PipelineFiles
    ) -> None:
        self._database = database
        self._access = access
        self._answering = answering
        self._files = files

    async def import_text(self, text: str, *, source: str, stage: bool = False) -> ImportResult:
        """Make a pipeline YAML the assistant of its name.

        Args:
            text: YAML.
            source: Where it is from, for messages.
            stage: Only keep it as a version of an assistant that exists, for a canary.

        Raises:
            SpecError: The text is wrong.
            UnknownAssistant: There is none to stage it for.
            ImportRefused: The users' table or the database's rights do not allow it.
        """
        spec = self._load(text, source)
        check(spec, source)
        self._need_schema()
        async with self._access.writing() as (connection, tables):
            if not stage:
                return await self.write_import(connection, tables, text, source=source)
            found = await assistant_id(tables, connection, spec.name)
            draft = Draft(
                found, spec.name, text, "import", importer(), 0, None, resolved_text(spec, text),
                live=False,
            )  # fmt: skip
            number = await versions.keep(connection, draft)
            return ImportResult(found, spec.name, number, created=False, keeps_overrides=False)

    async def write_import(
        self, connection: Connection, tables: UserTables, text: str, *, source: str
    ) -> ImportResult:
        """Write a pipeline into its row and keep it as a version.

        Raises:
            SpecError: The text is wrong, or what is in the row already does not go with it.
            ImportRefused: The users' table cannot take it.
        """
        spec = self._load(text, source)
        check(spec, source)
        found, created = await TableWriter(tables).put(connection, spec)
        [row] = await tables.rows(connection, [found])
        imported = Imported(spec.name, (row.version or 0) + 1, text)
        effective = self._answering.make(replace(row, imported=imported)).spec
        draft = Draft(
            found,
            spec.name,
            text,
            "import",
            importer(),
            0,
            row.columns,
            resolved_text(effective, text),
        )
        number = await versions.keep(connection, draft)
        kept = bool(row.columns and row.columns.get("overrides"))
        return ImportResult(found, row.name, number, created, kept)

    async def assign(self, number: str, name: str) -> str:
        """Point a number to the assistant ``name``; returns the number as it is stored.

        Raises:
            UnknownAssistant: Nobody, or several, have the name.
            ImportRefused: The users' table does not allow it, or the number is empty.
        """
        if not normalise_number(number):
            raise ImportRefused(f"{number!r} is not a telephone number")
        async with self._access.writing() as (connection, tables):
            found = await assistant_id(tables, connection, name)
            return await TableWriter(tables).assign(connection, number, found)

    async def versions(self, name: str) -> list[Version]:
        """Every version of an assistant, newest first.

        Raises:
            UnknownAssistant: Nobody has the name.
            ImportRefused: There is no schema of ours, and so no versions.
        """
        self._need_schema()
        async with self._database.connection() as connection:
            tables = await self._access.inspect(connection)
            found = await assistant_id(tables, connection, name)
            return await versions.of_assistant(connection, found)

    async def compare(self, name: str, before: int | None, after: int | None) -> Comparison:
        """Find two versions: the newest and the one before unless given.

        Raises:
            UnknownAssistant: Nobody has the name, or a version is not there.
        """
        found = await self.versions(name)
        live = [version for version in found if version.live]
        new = _version(found, after, name) if after is not None else next(iter(live), None)
        if before is not None:
            old: Version | None = _version(found, before, name)
        else:
            old = next((version for version in live if new and version.number < new.number), None)
        if old is None or new is None:
            raise UnknownAssistant(f"{name} has {len(live) or 'no'} version to compare")
        return Comparison(name, old, new)

    async def text(self, name: str) -> str:
        """What the assistant says now as a pipeline; an import that was not edited as it was.

        Raises:
            UnknownAssistant: Nobody has the name.
            SpecError: The row does not make a pipeline.
        """
        async with self._database.connection() as connection:
            tables = await self._access.inspect(connection)
            found = await assistant_id(tables, connection, name)
            [row] = await tables.rows(connection, [found])
            newest = (
                await versions.newest_live(connection, found) if self._database.has_schema else None
            )
        spec = self._answering.make(row).spec
        if newest and newest.columns == row.columns:
            with contextlib.suppress(SpecError):
                text = self._load(newest.text, name)
                if text.model_copy(update={"name": spec.name}) == spec:
                    return newest.text
        return self._answering.text(row)

    async def rollback(self, name: str, number: int | None) -> tuple[Version, int]:
        """Write a row as it was in a version, the one before the newest unless given.

        Returns:
            The version that was restored, and the number that it has now.

        Raises:
            UnknownAssistant: Nobody has the name, or the version is not there.
            SpecError: The version does not make a pipeline any more.
            ImportRefused: The users' table does not allow it.
        """
        wanted = (await self.compare(name, None, None)).before if number is None else None
        self._need_schema()
        async with self._access.writing() as (connection, tables):
            found = await assistant_id(tables, connection, name)
            if wanted is None and number is not None:
                wanted = _version(await versions.of_assistant(connection, found), number, name)
            assert wanted is not None  # noqa: S101 - one of the two
            canary = (await versions.canaries(connection)).get(found)
            if canary and canary.version == wanted.number:
                await versions.end_canary(connection, found)
            if wanted.columns is None:  # only staged, or from before columns were kept
                source = f"{wanted.name}, version {wanted.number}"
                result = await self.write_import(connection, tables, wanted.text, source=source)
                return wanted, result.version
            await TableWriter(tables).restore(connection, found, wanted.columns)
            [row] = await tables.rows(connection, [found])
            base = await versions.get(connection, found, wanted.base) if wanted.base else None
            imported = Imported(base.name, base.number, base.text) if base else None
            spec = self._answering.make(replace(row, imported=imported)).spec
            draft = Draft(
                found, row.name, wanted.text, "rollback", importer(), wanted.base, row.columns,
                resolved_text(spec, wanted.text),
            )  # fmt: skip
            return wanted, await versions.keep(connection, draft)

    async def set_canary(self, name: str, number: int, percent: float) -> None:
        """Give a version a share of the assistant's calls.

        Raises:
            UnknownAssistant: Nobody has the name, or the version is not there.
            SpecError: The version does not make a pipeline any more.
        """
        found = _version(await self.versions(name), number, name)
        self._answering.of_version(found)
        async with self._database.connection() as connection:
            await versions.set_canary(connection, found.assistant_id, number, percent, importer())

    async def end_canary(self, name: str) -> bool:
        """Give all calls to the row again; False if there was no canary.

        Raises:
            UnknownAssistant: Nobody has the name.
        """
        self._need_schema()
        async with self._database.connection() as connection:
            tables = await self._access.inspect(connection)
            found = await assistant_id(tables, connection, name)
            return await versions.end_canary(connection, found)

    async def watch(self, *, apply: bool | None) -> int:
        """Put triggers on the users' tables, take them away, or only count them.

        Args:
            apply: None leaves everything as it is.

        Returns:
            How many of the two tables tell us of changes.

        Raises:
            ImportRefused: We may not; has the SQL to run.
        """
        self._need_schema()
        async with self._database.connection() as connection:
            tables = await self._access.inspect(connection)
            changes = await Changes.inspect(connection, tables, has_schema=True)
            if apply is not None:
                await (changes.apply(connection) if apply else changes.remove(connection))
            return (await changes.fingerprint(connection)).triggers

    def _load(self, text: str, source: str) -> PipelineSpec:
        """Load a text that is, or will be, in the database: it says nothing that is a file's."""
        return load_pipeline(text, source=source, known=self._files.known(), trusted=False)

    def _need_schema(self) -> None:
        if not self._database.has_schema:
            raise ImportRefused(f"the database has no schema voiceai; run: {self._database.advice}")


def _version(found: Sequence[Version], number: int, name: str) -> Version:
    for version in found:
        if version.number == number:
            return version
    numbers = [version.number for version in found]
    shown = f"; it has {min(numbers)} to {max(numbers)}" if numbers else "; it has none"
    raise UnknownAssistant(f"{name} has no version {number}{shown}")
