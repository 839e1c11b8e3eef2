"""What a language model may give a tool, and the texts that such values are put into."""

import re
from collections.abc import Mapping
from typing import Annotated, Literal, Self

import regex
from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints, model_validator

from pipelines.backtracking import repeats_within_repeats
from pipelines.fields import SNAKE, Spec, wrong

MAX_PARAMETERS = 20

PLACEHOLDER = re.compile(r"\{(\w+)\}")
"""``{name}`` in a template of the tool ``http``."""

SECRET_PREFIX = "VOICEAI_SECRET_"  # noqa: S105 - a variable's prefix
"""A placeholder that begins so is an environment variable, and never a parameter."""


def _plain(value: object) -> object:
    if not isinstance(value, (str, int, float)):
        raise wrong("should be a text, a number, true or false")
    return value


Value = Annotated[str | int | float | bool, BeforeValidator(_plain)]

ParameterName = Annotated[str, StringConstraints(pattern=SNAKE)]
ToolName = Annotated[str, StringConstraints(pattern=SNAKE)]
Description = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=1000)
]


def pattern(text: str) -> str:
    """Return a regular expression that is one, and that repeats nothing within what it repeats.

    Raises:
        PydanticCustomError: It is not.
    """
    try:
        re.compile(text)  # says better what is wrong
        regex.compile(text, regex.IGNORECASE)
        endless = repeats_within_repeats(text)
    except (re.error, regex.error, OverflowError, RecursionError) as error:
        raise wrong(f"not a regular expression: {error}") from error
    if endless:
        fix = r"repeat once, such as [\w ]+ in place of (\w+ ?)+"
        raise wrong("repeats what repeats, which may take for ever", fix=fix)
    return text


Pattern = Annotated[str, StringConstraints(max_length=1000), AfterValidator(pattern)]


class ParameterSpec(Spec):
    """One value that a language model gives a tool; checked before the tool sees it.

    Attributes:
        type: Of the value.
        description: For the language model.
        enum: The values that are allowed; any unless given.
        pattern: Regular expression that the whole of a string has to match.
        required: Whether the language model has to give it.
    """

    type: Literal["string", "integer", "number", "boolean"] = "string"
    description: Description
    enum: Annotated[tuple[Value, ...], Field(min_length=1, max_length=100)] | None = None
    pattern: Pattern | None = None
    required: bool = True

    @model_validator(mode="after")
    def _of_its_type(self) -> Self:
        if self.pattern is not None and self.type != "string":
            raise wrong(f"a pattern is for type: string, not {self.type}", "pattern")
        for index, value in enumerate(self.enum or ()):
            if not self.is_of_type(value):
                raise wrong(f"{value!r} is not of type: {self.type}", "enum", index)
        return self

    def is_of_type(self, value: object) -> bool:
        """Whether a value is of this parameter's type, as JSON has them."""
        if self.type == "boolean" or isinstance(value, bool):
            return self.type == "boolean" and isinstance(value, bool)
        if self.type == "integer":
            return isinstance(value, int)
        return isinstance(value, str if self.type == "string" else (int, float))


def _described(value: object) -> object:
    return {"description": value} if isinstance(value, str) else value


Parameters = Annotated[
    dict[
        ParameterName,
        Annotated[
            ParameterSpec,
            BeforeValidator(_described, json_schema_input_type=ParameterSpec | Description),
        ],
    ],
    Field(max_length=MAX_PARAMETERS),
]
"""By name; a text alone is the description of a string."""


def match_parameters(
    parameters: Mapping[str, ParameterSpec], used: Mapping[str, tuple[str | int, ...]], sign: str
) -> None:
    """Check that every parameter is used and every placeholder is a parameter.

    Args:
        parameters: As declared.
        used: Placeholders, and the path of the text in which each stands.
        sign: How a placeholder is written, with ``name`` for its name.

    Raises:
        PydanticCustomError: One is missing, or of no use.
    """
    for name, at in used.items():
        if name not in parameters:
            written = sign.replace("name", name)
            fix = f"describe '{name}' in parameters"
            raise wrong(f"there is no parameter for {written}", *at, fix=fix)
    for name in parameters:
        if name not in used:
            written = sign.replace("name", name)
            message = f"parameter '{name}' is not used"
            raise wrong(message, "parameters", name, fix=f"write {written} where it belongs")
