"""What is wrong with the tools of a pipeline beyond their shape."""

from pipelines.document import Document, KeyPath
from pipelines.errors import SpecError
from pipelines.findings import Finding
from pipelines.mistakes import place
from pipelines.resources import Resources
from pipelines.spec import PipelineSpec, ToolSpec
from pipelines.tools.python import find_function


def check_tools(
    spec: PipelineSpec, document: Document, resources: Resources | None
) -> list[Finding]:
    """Return what is wrong with a pipeline's tools; imports the modules of functions.

    Args:
        spec: Of the pipeline.
        document: Where it was written.
        resources: Also say which variables and which database are missing.
    """
    findings: list[Finding] = []
    for index, tool in enumerate(spec.tools):
        path: KeyPath = ("tools", index, tool.kind)
        if tool.python:
            try:
                find_function(tool.python, path)
            except SpecError as error:
                finding = error.findings[0]
                key = "parameters" if finding.path.endswith("parameters") else "use"
                findings.append(place(finding, document.locate((*path, key))))
        if resources:
            findings += [
                place(finding, document.locate(path)) for finding in _missing(tool, resources)
            ]
    return findings


def _missing(tool: ToolSpec, resources: Resources) -> list[Finding]:
    if tool.http:
        names = sorted(tool.http.secrets - set(resources.tool_secrets))
        return [
            Finding(f"{name} is not set", path=f"tools.{tool.name}", fix=f"set {name}")
            for name in names
        ]
    if tool.look_up and resources.look_up is None:
        fix = "set VOICEAI_LOOK_UP_URL to a database and a role that may only read"
        return [Finding("there is no database to look up in", path=f"tools.{tool.name}", fix=fix)]
    return []
