"""Pipelines from YAML files: the shipped ones, and a folder that is re-read when it changes."""

import sys
from collections.abc import Mapping
from pathlib import Path

from loguru import logger

from pipelines.document import Document
from pipelines.errors import SpecError
from pipelines.loader import load_folder, load_shipped, load_tools

WATCHED = ("*.yaml", "*.yml", "*/*.yaml", "*/*.yml")
"""Pipelines, and what is in folders beside them: tools, flows."""


class PipelineFiles:
    """Every pipeline that a row may name, and every tool, as ``tools/NAME``.

    Raises:
        SpecError: From the constructor, with the findings of all files of ``folder``.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._library = load_shipped()
        self._stamp: tuple[tuple[str, int], ...] = ()
        self._known: Mapping[str, Document] = self._library
        self.revision = 0
        if folder:
            find_modules_in(folder)
            self._stamp = _stamp(folder)
            self._known = {**self._library, **_load(folder)}

    def known(self) -> Mapping[str, Document]:
        """Pipelines by name, the same object until a file changes.

        A folder that has become wrong keeps its last good state.
        """
        if self._folder:
            stamp = _stamp(self._folder)
            if stamp != self._stamp:
                self._stamp = stamp
                try:
                    self._known = {**self._library, **_load(self._folder)}
                    self.revision += 1
                except SpecError as error:
                    logger.bind(folder=str(self._folder)).error("pipelines.kept: {}", error)
        return self._known


def find_modules_in(folder: Path) -> None:
    """Find the operator's own modules beside the pipelines; an installed one of the name wins."""
    if str(folder) not in sys.path:
        sys.path.append(str(folder))


def _load(folder: Path) -> dict[str, Document]:
    """Read a folder and check that what it names exists.

    Raises:
        SpecError: With the findings of all files.
    """
    from pipelines.validate import validate  # noqa: PLC0415 - it imports every service: 1 s

    pipelines = load_folder(folder)
    wrong = [
        finding
        for pipeline in pipelines.values()
        for finding in validate(pipeline)
        if finding.severity == "error"
    ]
    if wrong:
        raise SpecError(*wrong)
    documents = {name: loaded.document for name, loaded in pipelines.items()}
    return {**documents, **load_tools(folder)}


def _stamp(folder: Path) -> tuple[tuple[str, int], ...]:
    """Path and modification time of each file, tools and flows too, but for removed ones."""
    found = []
    for path in sorted(path for glob in WATCHED for path in folder.glob(glob)):
        try:
            found.append((str(path), path.stat().st_mtime_ns))
        except FileNotFoundError:
            continue
    return tuple(found)
