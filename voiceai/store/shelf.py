"""Every pipeline that a command can name: shipped ones, those of a folder, and files."""

from pathlib import Path

from pydantic import ValidationError

from pipelines.document import Document
from pipelines.errors import SpecError
from pipelines.findings import Finding, nearest_name
from pipelines.flows.spec import FlowSpec
from pipelines.loader import load_library, load_shipped, load_tools, read_folder
from pipelines.mistakes import findings_of
from pipelines.parts import read_document
from voiceai.store.files import find_modules_in


def tool_findings(path: Path) -> list[Finding]:
    """Return what is wrong with the file of a tool."""
    try:
        load_tools(path.parent.parent)
    except SpecError as error:
        return [finding for finding in error.findings if Path(finding.file) == path]
    return []


def flow_findings(path: Path) -> list[Finding]:
    """Return what is wrong with the file of a flow by itself, whatever pipeline takes it."""
    try:
        document = read_document(path)
        FlowSpec.model_validate(document.data)
    except SpecError as error:
        return list(error.findings)
    except ValidationError as error:
        return findings_of(error, FlowSpec, document)
    return []


class Shelf:
    """Every pipeline that has a name here: the shipped ones and those of a folder.

    Attributes:
        pipelines: By name; the operator's own win.
        known: The same, and tools.
        findings: What could not be read.

    Args:
        folder: ``VOICEAI_PIPELINES``.
    """

    def __init__(self, folder: Path | None) -> None:
        self.pipelines: dict[str, Document] = load_library()
        self.known = load_shipped()
        self.findings: list[Finding] = []
        if folder:
            own, self.findings = self.add(folder)
            self.pipelines |= own

    def add(self, folder: Path) -> tuple[dict[str, Document], list[Finding]]:
        """Let pipelines refer to those of a folder, and to its tools and modules.

        Returns:
            The pipelines, and what could not be read.
        """
        find_modules_in(folder)
        read = read_folder(folder)
        self.known |= {**read.pipelines, **read.tools}
        return read.pipelines, read.findings

    def find(self, name: str) -> Document:
        """Return the pipeline of a name or a file; that one may refer to those beside it.

        Raises:
            SpecError: There is none, or it cannot be read.
        """
        path = Path(name)
        if not path.is_file() and name in self.pipelines:
            return self.pipelines[name]
        if path.is_file():
            beside, _ = self.add(path.parent)
            same = (each for each in beside.values() if Path(each.file) == path)
            return next(same, None) or read_document(path)
        nearest = nearest_name(name, self.pipelines)
        raise SpecError(Finding(f"there is no pipeline '{name}'", nearest=nearest))
