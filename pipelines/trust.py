"""What only a file may say: a document of another origin that says it is refused (pure).

What runs code, queries a database, reads files or reaches other systems is in the hands of
whoever may write files on this machine. A database's row, or a text that was imported into one,
refers to it by name: ``extends: NAME``, ``tools: [NAME]``.
"""

from pipelines.document import Document, KeyPath, show_path
from pipelines.errors import SpecError
from pipelines.findings import Finding
from pipelines.mistakes import place
from pipelines.spec import PipelineSpec

CLOSED_KEYS = ("flow", "processors")
CLOSED_TOOLS = ("http", "look_up", "python")


def refuse_closed(document: Document) -> None:
    """Check a document by itself, before it is laid over one that may say more.

    Raises:
        SpecError: It is not from a file, and says what only a file may.
    """
    if document.trusted:
        return
    findings = []
    for path, fix in _closed(document):
        mark = document.locate(path, key=True)
        finding = Finding("is allowed in files only", path=show_path(path), fix=fix)
        findings.append(place(finding, mark))
    if findings:
        raise SpecError(*findings)


def holds_closed(spec: PipelineSpec) -> bool:
    """Whether a spec holds what only a file may say, so that its dump is trusted nowhere else."""
    tools = any(tool.kind in CLOSED_TOOLS for tool in spec.tools)
    return tools or spec.flow is not None or bool(spec.processors)


def _closed(document: Document) -> list[tuple[KeyPath, str]]:
    fix = "put it in a pipeline under VOICEAI_PIPELINES and extend that"
    keys = [key for key in CLOSED_KEYS if key in document.data]
    found: list[tuple[KeyPath, str]] = [((key,), fix) for key in keys]
    tools = document.data.get("tools")
    for index, tool in enumerate(tools if isinstance(tools, list) else []):
        for key in tool if isinstance(tool, dict) else []:
            if key in CLOSED_TOOLS:
                fix = "put it in tools/NAME.yaml under VOICEAI_PIPELINES and write its name here"
                found.append((("tools", index, key), fix))
    return found
