"""What only a file may say: a document of another origin that says it is refused (pure).

What runs code, queries a database, reads files or reaches other systems is in the hands of
whoever may write files on this machine. A database's row, or a text that was imported into one,
refers to it by name: ``extends: NAME``, ``tools: [NAME]``. Addresses of services are of this kind:
the operator's key is sent to them, and all that callers say.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from pipelines.document import Document, KeyPath, show_path
from pipelines.errors import SpecError
from pipelines.findings import Finding
from pipelines.mistakes import place
from pipelines.spec import PipelineSpec

CLOSED_KEYS = ("flow", "processors")
CLOSED_TOOLS = ("http", "look_up", "python")
SERVICES = ("stt", "llm", "tts")

CLOSED_WORDS = frozenset(
    "url uri endpoint host hosts port proxy path file files folder dir directory command module "  # noqa: SIM905
    "class use sql key token secret password header headers region".split()
)
"""Parameters of services whose names say that they reach out of the process."""

CLOSED_VALUES = re.compile(r"^\s*(/|\.{1,2}/|~|[A-Za-z]:\\)|://|(^|/)\.\.(/|$)")
"""Values that are paths or addresses."""

SPEECH = frozenset({"say", "otherwise", "when"})
"""What is said and heard may look like an address."""


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
    services = {name: getattr(spec, name).model_dump(mode="json") for name in SERVICES}
    reaching = any(True for _ in closed_parameters(services))
    return tools or reaching or spec.flow is not None or bool(spec.processors)


def closed_parameters(data: Mapping[str, Any]) -> Iterator[KeyPath]:
    """Where a pipeline's services are given addresses, files or keys, in fallbacks too."""
    for name in SERVICES:
        if name in data:
            yield from _reaching((name,), data[name])


def _reaching(path: KeyPath, value: Any) -> Iterator[KeyPath]:
    if isinstance(value, dict):
        for key, entry in value.items():
            words = {word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+", str(key))}
            if words & CLOSED_WORDS and entry is not None:
                yield (*path, str(key))
            else:
                yield from _reaching((*path, str(key)), entry)
    elif isinstance(value, list):
        for index, entry in enumerate(value):
            yield from _reaching((*path, index), entry)
    elif isinstance(value, str) and CLOSED_VALUES.search(value) and not SPEECH & set(path):
        yield path


def _closed(document: Document) -> list[tuple[KeyPath, str]]:
    fix = "put it in a pipeline under VOICEAI_PIPELINES and extend that"
    keys = [key for key in CLOSED_KEYS if key in document.data]
    found: list[tuple[KeyPath, str]] = [((key,), fix) for key in keys]
    found += [(path, fix) for path in closed_parameters(document.data)]
    tools = document.data.get("tools")
    for index, tool in enumerate(tools if isinstance(tools, list) else []):
        for key in tool if isinstance(tool, dict) else []:
            if key in CLOSED_TOOLS:
                fix = "put it in tools/NAME.yaml under VOICEAI_PIPELINES and write its name here"
                found.append((("tools", index, key), fix))
    return found
