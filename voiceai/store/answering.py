"""Rows made into assistants, and who answered which number when the database was last there."""

import contextlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from pipelines.errors import SpecError
from pipelines.spec import PipelineSpec
from voiceai.store.assistants import AssistantRow
from voiceai.store.files import PipelineFiles
from voiceai.store.numbers import normalise_number
from voiceai.store.rows import RowSpec, spec_of_row

MAX_REMEMBERED = 1000
"""Numbers, and rows, that are kept."""


@dataclass(frozen=True, slots=True)
class Assistant:
    """Who answers, and how."""

    id: str
    name: str
    numbers: tuple[str, ...]
    spec: PipelineSpec
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AssistantEntry:
    """An assistant as it is listed; ``spec`` is None when ``problem`` says why."""

    id: str
    name: str
    numbers: tuple[str, ...]
    pipeline: str | None
    version: int | None
    spec: PipelineSpec | None
    problem: str = ""
    warnings: tuple[str, ...] = ()


class Answering:
    """Makes assistants of rows, each only once, and remembers them by number.

    Args:
        files: Pipelines that rows build upon.
        default_pipeline: Name of the base of a row that names none, by language tag or None.
    """

    def __init__(self, files: PipelineFiles, default_pipeline: Callable[[str | None], str]) -> None:
        self._files = files
        self._default_pipeline = default_pipeline
        self._made: dict[str, tuple[object, object, RowSpec]] = {}
        self._remembered: dict[str, Assistant] = {}

    def make(self, row: AssistantRow) -> Assistant:
        """Make the assistant of a row, or take the one made of the same row and files.

        Raises:
            SpecError: The row does not make a pipeline.
        """
        known = self._files.known()
        before, files, made = self._made.get(row.id, (None, None, None))
        if made is None or before != (row.columns, row.imported) or files is not known:
            made = spec_of_row(
                row.columns,
                imported=row.imported,
                known=known,
                default_pipeline=self._default_pipeline,
            )
            if len(self._made) >= MAX_REMEMBERED:
                self._made.clear()
            self._made[row.id] = ((row.columns, row.imported), known, made)
        return Assistant(row.id, row.name, row.numbers, made.spec, made.warnings)

    def entry(self, row: AssistantRow) -> AssistantEntry:
        """The row as it is listed, with what is wrong with it."""
        pipeline = row.columns.get("pipeline") or None
        version = row.imported.version if row.imported else None
        try:
            made = self.make(row)
        except SpecError as exc:
            return AssistantEntry(row.id, row.name, row.numbers, pipeline, version, None, str(exc))
        return AssistantEntry(
            row.id, row.name, row.numbers, pipeline, version, made.spec, warnings=made.warnings
        )

    def learn(self, rows: Iterable[AssistantRow]) -> None:
        """Remember every row's numbers."""
        for row in rows:
            with contextlib.suppress(SpecError):
                assistant = self.make(row)
                for number in row.numbers:
                    self.remember(normalise_number(number), assistant)

    def remember(self, number: str, assistant: Assistant) -> None:
        """Note who answers a normalised number."""
        if len(self._remembered) >= MAX_REMEMBERED and number not in self._remembered:
            self._remembered.pop(next(iter(self._remembered)))
        self._remembered[number] = assistant

    def forget(self, number: str) -> None:
        """Note that nobody answers it."""
        self._remembered.pop(number, None)

    def recall(self, number: str) -> Assistant | None:
        """Who answered it last."""
        return self._remembered.get(number)
