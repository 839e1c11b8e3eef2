"""Rows made into assistants, each only once, and what is wrong with those that make none."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from pipelines.document import Document
from pipelines.errors import SpecError
from pipelines.findings import Finding
from pipelines.loader import load_pipeline
from pipelines.spec import PipelineSpec
from voiceai.store.assistants import MAX_ROW_CHARACTERS, AssistantRow
from voiceai.store.files import PipelineFiles
from voiceai.store.layers import layered_text
from voiceai.store.rows import RowSpec, builds_upon, spec_of_row
from voiceai.store.versions import Version

MAX_MADE = 20_000
"""Rows whose pipelines are kept."""


@dataclass(frozen=True, slots=True)
class Assistant:
    """Who answers, and how.

    Attributes:
        version: Of the assistant's content; None before it has one.
        canary: Whether it is a version on trial, and not the row's own.
    """

    id: str
    name: str
    numbers: tuple[str, ...]
    spec: PipelineSpec
    warnings: tuple[str, ...] = ()
    version: int | None = None
    canary: bool = False


@dataclass(frozen=True, slots=True)
class AssistantEntry:
    """An assistant as it is listed.

    Attributes:
        spec: None when ``problem`` says why the row makes none.
        problem: Why the row as it is now does not answer; the last good version does.
        version: The newest that was kept.
        canary: Version and percentage of a canary.
    """

    id: str
    name: str
    numbers: tuple[str, ...]
    pipeline: str | None
    version: int | None
    spec: PipelineSpec | None
    problem: str = ""
    warnings: tuple[str, ...] = ()
    canary: tuple[int, float] | None = None


@dataclass(frozen=True, slots=True)
class _Made:
    content: object
    known: Mapping[str, Document]
    made: RowSpec | SpecError


class Answering:
    """Makes assistants of rows.

    Args:
        files: Pipelines that rows build upon.
        default_pipeline: Name of the base of a row that names none, by language tag or None.
    """

    def __init__(self, files: PipelineFiles, default_pipeline: Callable[[str | None], str]) -> None:
        self._files = files
        self._default_pipeline = default_pipeline
        self._made: dict[str, _Made] = {}

    def revision(self) -> int:
        """Look for changed pipeline files; a number that differs when one has changed."""
        self._files.known()
        return self._files.revision

    def make(self, row: AssistantRow) -> Assistant:
        """Make the assistant of a row, or take the one made of the same row and files.

        Raises:
            SpecError: The row does not make a pipeline that can be built.
        """
        made = self._row_spec(row)
        return Assistant(row.id, row.name, row.numbers, made.spec, made.warnings)

    def text(self, row: AssistantRow) -> str:
        """All that the row says, as a pipeline.

        Raises:
            SpecError: As of :meth:`make`.
        """
        made = self._row_spec(row)
        upon = row.imported and row.columns is not None and builds_upon(row.imported, row.columns)
        return layered_text(made, row.imported if upon else None, self._files.known())

    def entry(self, row: AssistantRow) -> AssistantEntry:
        """The row as it is listed, with what is wrong with it."""
        pipeline = (row.columns or {}).get("pipeline") or None
        about = AssistantEntry(row.id, row.name, row.numbers, pipeline, row.version, None)
        try:
            made = self._row_spec(row)
        except SpecError as exc:
            return replace(about, problem=str(exc))
        return replace(about, spec=made.spec, warnings=made.warnings)

    def of_version(self, version: Version) -> Assistant:
        """Make an assistant of a version, whatever became of what it was built upon.

        Raises:
            SpecError: It does not make a pipeline (any more).
        """
        source = f"{version.name}, version {version.number}"
        text, known = version.resolved or version.text, self._files.known()
        spec = load_pipeline(text, source=source, known=known, trusted=False)
        check(spec, source)
        return Assistant(version.assistant_id, version.name, (), spec, version=version.number)

    def _row_spec(self, row: AssistantRow) -> RowSpec:
        known = self._files.known()
        content = (row.columns, row.imported)
        before = self._made.get(row.id)
        if before is None or before.known is not known or before.content != content:
            if len(self._made) >= MAX_MADE:
                self._made.clear()
            before = self._made[row.id] = _Made(content, known, self._make(row, known))
        if isinstance(before.made, SpecError):
            raise before.made
        return before.made

    def _make(self, row: AssistantRow, known: Mapping[str, Document]) -> RowSpec | SpecError:
        source = f'Assistant "{row.name}"'
        if row.columns is None:
            return SpecError(
                Finding(
                    f"the row is longer than {MAX_ROW_CHARACTERS} characters, or nested too deeply",
                    file=source,
                )
            )
        try:
            made = spec_of_row(
                {"id": row.id, **row.columns},
                imported=row.imported,
                known=known,
                default_pipeline=self._default_pipeline,
            )
            check(made.spec, source)
        except SpecError as exc:
            return exc
        return made


def check(spec: PipelineSpec, source: str) -> None:
    """Refuse a pipeline that cannot be built on any machine.

    Raises:
        SpecError: A service or a parameter is wrong.
    """
    from pipelines.validate import validate  # noqa: PLC0415 - it imports every service: 1 s

    wrong = [
        replace(finding, file=source) for finding in validate(spec) if finding.severity == "error"
    ]
    if wrong:
        raise SpecError(*wrong)
