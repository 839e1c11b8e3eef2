"""Errors of ``pipelines``, sorted by whose fault they are.

::

    PipelineError
    ├── SpecError            operator: the text of a pipeline is wrong
    ├── ServiceUnavailable   environment: a model, program or key is missing
    ├── RecognitionFailed    environment: a recogniser's model broke on a piece of speech
    └── LookUpFailed         environment: a tool's query was refused, or took too long
"""

from pipelines.findings import Finding


class PipelineError(Exception):
    """Anything this package raises on purpose."""


class SpecError(PipelineError):
    """A pipeline's text is wrong; every finding names file, line, column and key.

    Attributes:
        findings: What is wrong, in the order of the text; never empty.
    """

    def __init__(self, *findings: Finding) -> None:
        super().__init__("\n".join(str(finding) for finding in findings))
        self.findings = findings

    @property
    def file(self) -> str:
        """Where the first finding is."""
        return self.findings[0].file

    @property
    def line(self) -> int:
        """Line of the first finding, from 1; 0 if there is none."""
        return self.findings[0].line

    @property
    def column(self) -> int:
        """Column of the first finding, from 1; 0 if there is none."""
        return self.findings[0].column

    @property
    def path(self) -> str:
        """Key path of the first finding, such as ``stt.service``."""
        return self.findings[0].path

    @property
    def message(self) -> str:
        """What is wrong, of the first finding."""
        return self.findings[0].message

    @property
    def nearest(self) -> str | None:
        """The valid name nearest to the wrong one of the first finding."""
        return self.findings[0].nearest


class ServiceUnavailable(PipelineError):
    """A service cannot work on this machine; the finding names the fix."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(str(finding))
        self.finding = finding


class RecognitionFailed(PipelineError):
    """A recogniser's model raised something; the cause is what it raised."""


class LookUpFailed(PipelineError):
    """A query of the tool ``look_up`` cannot be done; the text is for a language model."""
