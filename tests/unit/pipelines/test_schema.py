"""The JSON Schema for editors: as the code has it, and with every service in it."""

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from pipelines.document import parse_document
from pipelines.loader import LIBRARY
from pipelines.registry import KINDS, REGISTRY
from pipelines.schema import pipeline_schema

COMMITTED = LIBRARY.parent / "pipeline.schema.json"
MAKE = "python -m voiceai pipelines schema > pipelines/pipeline.schema.json"

SERVICES = [(kind, name) for kind in KINDS for name in REGISTRY[kind]]


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    return pipeline_schema()


def test_what_is_committed_is_what_the_code_says(schema: dict[str, Any]) -> None:
    assert json.loads(COMMITTED.read_text(encoding="utf-8")) == json.loads(json.dumps(schema)), MAKE


@pytest.mark.parametrize(("kind", "name"), SERVICES, ids=[".".join(each) for each in SERVICES])
def test_every_service_is_there_with_its_own_parameters(
    schema: dict[str, Any], kind: Any, name: str
) -> None:
    described = schema["$defs"][f"{kind}.{name}"]

    assert {"$ref": f"#/$defs/{kind}.{name}"} in schema["properties"][kind]["oneOf"]
    assert described["properties"]["service"]["const"] == name
    assert set(REGISTRY[kind][name].params.model_fields) <= set(described["properties"])
    assert described["additionalProperties"] is False


def test_every_reference_leads_somewhere(schema: dict[str, Any]) -> None:
    references = set(re.findall(r'"#/\$defs/([^"]+)"', json.dumps(schema)))

    assert references <= set(schema["$defs"])


def test_the_file_of_a_tool_needs_no_name(schema: dict[str, Any]) -> None:
    ask = schema["$defs"]["ToolFile"]["properties"]["http"]

    assert (ask["required"], schema["$defs"]["HttpTool"]["required"]) == (
        ["description", "url"],
        ["name", "description", "url"],
    )


def test_every_key_of_a_pipeline_is_described(schema: dict[str, Any]) -> None:
    silent = [name for name, about in schema["properties"].items() if not about.get("description")]

    assert silent == []


@pytest.mark.parametrize("path", sorted(LIBRARY.glob("*.yaml")), ids=lambda path: path.stem)
def test_what_is_shipped_names_the_schema_for_editors(path: Path) -> None:
    first = path.read_text(encoding="utf-8").splitlines()[0]

    assert first == "# yaml-language-server: $schema=../pipeline.schema.json"
    assert (path.parent / first.partition("=")[2]).resolve() == COMMITTED.resolve()


@pytest.mark.parametrize(
    "path",
    [*sorted(LIBRARY.glob("*.yaml")), *sorted(LIBRARY.parents[1].glob("examples/*/*.yaml"))],
    ids=lambda path: path.name,
)
def test_a_validator_of_schemas_accepts_what_we_ship(schema: dict[str, Any], path: Path) -> None:
    document = parse_document(path.read_text(encoding="utf-8"), file=path.name)

    found = list(jsonschema.Draft202012Validator(schema).iter_errors(dict(document.data)))

    assert found == []


FLOWS = sorted(LIBRARY.parents[1].glob("examples/*/flows/*.yaml"))


@pytest.mark.parametrize("path", FLOWS, ids=lambda path: path.name)
def test_a_file_of_a_flow_has_a_schema_of_its_own(schema: dict[str, Any], path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    document = parse_document(text, file=path.name)
    named, _, within = text.splitlines()[0].partition("$schema=")[2].partition("#")
    validator = jsonschema.Draft202012Validator({"$ref": f"#{within}", "$defs": schema["$defs"]})

    assert (path.parent / named).resolve() == COMMITTED.resolve()
    assert list(validator.iter_errors(dict(document.data))) == []
    assert not validator.is_valid({**document.data, "begin": "day"})


def test_a_validator_of_schemas_refuses_a_misspelt_key(schema: dict[str, Any]) -> None:
    validator = jsonschema.Draft202012Validator(schema)

    assert not validator.is_valid({"name": "a", "greting": "Hello."})
    assert not validator.is_valid({"name": "a", "tts": {"service": "azure", "voise": "x"}})
