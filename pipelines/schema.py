"""The JSON Schema of a pipeline's text, for editors: every service with its own parameters."""

import inspect
import re
from collections.abc import Mapping
from typing import Any, Final

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from pipelines.fields import SNAKE
from pipelines.registry import KINDS, REGISTRY, Kind, Registry
from pipelines.spec import PipelineSpec, ServiceSpec
from pipelines.tool_specs import KINDS_OF_TOOL

DRAFT: Final = "https://json-schema.org/draft/2020-12/schema"
REFERENCE: Final = "#/$defs/{model}"

ATTRIBUTE: Final = re.compile(r"^    (\w+): (.+(?:\n {8}.+)*)", re.MULTILINE)
"""One line, and those indented below it, of a docstring's ``Attributes:``."""


def pipeline_schema(registry: Registry = REGISTRY) -> dict[str, Any]:
    """Return the schema of a pipeline as it is written, ``extends`` not yet resolved."""
    schema = _schema_of(PipelineSpec)
    definitions: dict[str, Any] = schema.pop("$defs")
    del definitions["ServiceSpec"]
    properties = schema["properties"]
    for kind in KINDS:
        for name in registry[kind]:
            definitions[f"{kind}.{name}"] = _service(kind, name, registry, definitions)
        services = [_reference(f"{kind}.{name}") for name in registry[kind]]
        definitions[kind] = {"oneOf": services}
        properties[kind] = {
            "description": properties[kind]["description"],
            "oneOf": [*services, _inherited(kind)],
        }
    _open_short_forms(properties, definitions)
    return {
        "$schema": DRAFT,
        "title": "voiceai pipeline",
        **schema,
        "if": {"not": {"required": ["extends"]}},
        "then": {"properties": {kind: {"required": ["service"]} for kind in KINDS}},
        "$defs": dict(sorted(definitions.items())),
    }


def _service(
    kind: Kind, name: str, registry: Registry, definitions: dict[str, Any]
) -> dict[str, Any]:
    """A service with its parameters; what these refer to is defined."""
    own = _schema_of(registry[kind][name].params)
    definitions.update(own.pop("$defs", {}))
    common = _schema_of(ServiceSpec)["properties"]
    return {
        "type": "object",
        "description": own.get("description", ""),
        "properties": {
            "service": {"description": common["service"]["description"], "const": name},
            **own.get("properties", {}),
            "first_byte_ms": common["first_byte_ms"],
            "fallback": _fallback(kind),
        },
        "required": ["service", *own.get("required", [])],
        "additionalProperties": False,
    }


def _fallback(kind: Kind) -> dict[str, Any]:
    about = _schema_of(ServiceSpec)["properties"]["fallback"]
    last = {"allOf": [_reference(kind)], "not": {"required": ["fallback"]}}
    return {**about, "items": last}


def _inherited(kind: Kind) -> dict[str, Any]:
    return {
        "type": "object",
        "description": f"Parameters of the {kind} of the pipeline that is extended.",
        "properties": {"fallback": _fallback(kind)},
        "not": {"required": ["service"]},
    }


def _open_short_forms(properties: dict[str, Any], definitions: dict[str, Any]) -> None:
    """Allow what the loader puts something else in the place of: names of tools, a flow's file."""
    definitions["ToolSpec"] |= {"minProperties": 1, "maxProperties": 1}
    definitions["ToolFile"] = _tool_file(definitions)
    names = {"type": "string", "pattern": SNAKE, "examples": list(KINDS_OF_TOOL)}
    properties["tools"]["items"] = {"anyOf": [_reference("ToolSpec"), names]}
    path = {"type": "string", "description": "Path of a file below the pipeline's folder."}
    properties["flow"] = {
        "description": properties["flow"]["description"],
        "anyOf": [path, _reference("FlowSpec")],
    }


def _tool_file(definitions: Mapping[str, Any]) -> dict[str, Any]:
    """A file of ``tools/``: one tool, whose name is the file's."""
    properties = {}
    for kind, about in definitions["ToolSpec"]["properties"].items():
        model = definitions[about["anyOf"][0]["$ref"].rpartition("/")[2]]
        required = [key for key in model.get("required", []) if key != "name"]
        properties[kind] = {**model, "required": required}
    description = "A tool that pipelines name; its file's name is its own."
    return {**definitions["ToolSpec"], "description": description, "properties": properties}


def _reference(definition: str) -> dict[str, str]:
    return {"$ref": REFERENCE.format(model=definition)}


def _schema_of(model: type[BaseModel]) -> dict[str, Any]:
    schema = model.model_json_schema(schema_generator=_Described, ref_template=REFERENCE)
    if "$ref" in schema:  # a model that holds itself
        schema = {**schema["$defs"].pop(model.__name__), "$defs": schema["$defs"]}
    return schema


class _Described(GenerateJsonSchema):
    """Takes descriptions from docstrings, and leaves out titles that only repeat the key."""

    def model_schema(self, schema: core_schema.ModelSchema) -> JsonSchemaValue:
        """Describe a model and its fields."""
        made = super().model_schema(schema)
        text = inspect.cleandoc(schema["cls"].__doc__ or "")
        made["description"] = _joined(text.partition("\n\n")[0])
        for name, about in _attributes(text).items():
            if name in made.get("properties", {}):
                made["properties"][name]["description"] = about
        made.pop("title", None)
        return made

    def dict_schema(self, schema: core_schema.DictSchema) -> JsonSchemaValue:
        """Allow no names but those of the pattern, if there is one."""
        made = super().dict_schema(schema)
        return {**made, "additionalProperties": False} if "patternProperties" in made else made

    def field_title_should_be_set(self, schema: Any) -> bool:
        """Never: a title is the key once more."""
        del schema
        return False


def _attributes(docstring: str) -> Mapping[str, str]:
    _, _, attributes = docstring.partition("Attributes:\n")
    return {found[1]: _joined(found[2]) for found in ATTRIBUTE.finditer(attributes)}


def _joined(text: str) -> str:
    return " ".join(text.replace("``", "`").split())
