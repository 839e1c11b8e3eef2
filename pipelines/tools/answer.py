"""What a tool gives back to a language model: plain data of a bounded size, or why not."""

import json
from collections.abc import Mapping
from typing import Any

from pipelines.matching import is_whole
from pipelines.tool_parameters import ParameterSpec

LONGEST_ANSWER = 8000
"""Characters of JSON: a language model pays for each, and the caller waits."""


class ToolFailed(Exception):
    """A tool could not do it; the text is for the language model, in one sentence."""


def checked(
    parameters: Mapping[str, ParameterSpec], arguments: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the arguments of a call once they are what was declared.

    Raises:
        ToolFailed: One is missing, unknown, of another type or not one of those allowed.
    """
    for name in arguments:
        if name not in parameters:
            known = ", ".join(parameters) or "none"
            raise ToolFailed(f"there is no parameter '{name}'; there are: {known}")
    values = {}
    for name, parameter in parameters.items():
        value = arguments.get(name)
        if value is None:
            if parameter.required:
                raise ToolFailed(f"parameter '{name}' is missing: {parameter.description}")
            continue
        values[name] = _checked(name, parameter, value)
    return values


def _checked(name: str, parameter: ParameterSpec, value: object) -> object:
    if not parameter.is_of_type(value):
        raise ToolFailed(f"parameter '{name}' must be of type {parameter.type}")
    if parameter.enum is not None and value not in parameter.enum:
        raise ToolFailed(f"parameter '{name}' must be one of {list(parameter.enum)}")
    if parameter.pattern is not None and not is_whole(parameter.pattern, str(value)):
        raise ToolFailed(f"parameter '{name}' must match {parameter.pattern}")
    return value


def bounded(answer: object) -> object:
    """Return an answer as it is, or its beginning as text when it is too long.

    Raises:
        ToolFailed: It is not plain data.
    """
    try:
        text = json.dumps(answer, ensure_ascii=False, allow_nan=False, default=str)
    except (TypeError, ValueError, RecursionError) as error:
        raise ToolFailed("the answer is not plain data") from error
    if len(text) <= LONGEST_ANSWER:
        return json.loads(text)
    return {"beginning": text[:LONGEST_ANSWER], "note": "the answer was longer"}
