"""What the keys of a pipeline are made of: texts, names, numbers, and how a wrong one is told."""

from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, StringConstraints
from pydantic_core import PydanticCustomError

NAME: Final = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"
LANGUAGE: Final = r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$"
DIGITS: Final = r"^[0-9*#A-D]{1,32}$"
NUMBER: Final = r"^[+0-9A-Za-z*#._@-]{1,64}$"
IMPORT: Final = r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*$"
SNAKE: Final = r"^[a-z][a-z0-9_]{0,63}$"
HOST: Final = r"^[A-Za-z0-9_.-]{1,253}$|^[0-9A-Fa-f:.]{2,45}$"
HEADER: Final = r"^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}$"
HEADER_VALUE: Final = r"^[\x20-\x7e]{0,2000}$"
POINTER: Final = r"^(/([^~/]|~0|~1)*)*$"

FORMS: Final = {
    NAME: "letters, digits, '.', '_' and '-', such as reception-de",
    LANGUAGE: "such as de-DE",
    DIGITS: "of 0-9, *, # and A-D, such as 12#",
    NUMBER: "an extension or a number, such as +4930123456",
    IMPORT: "such as my_package.module:Name",
    SNAKE: "small letters, digits and '_', such as order_status",
    HOST: "a host without scheme, port and path, such as api.example.org",
    HEADER: "a header's name, such as Accept",
    HEADER_VALUE: "one line of ASCII",
    POINTER: "a JSON pointer, such as /order/status",
}
"""What a text that does not match should look like."""

Name = Annotated[str, StringConstraints(pattern=NAME)]
Language = Annotated[str, StringConstraints(pattern=LANGUAGE)]
Text = Annotated[str, StringConstraints(strip_whitespace=True, max_length=20_000)]
Sentence = Annotated[str, StringConstraints(strip_whitespace=True, max_length=1000)]
Digits = Annotated[str, StringConstraints(pattern=DIGITS)]
Number = Annotated[str, StringConstraints(pattern=NUMBER)]
Import = Annotated[str, StringConstraints(pattern=IMPORT, max_length=200)]
"""``package.module:Name``, as entry points of Python are written."""


class Spec(BaseModel):
    """Base of everything written in a pipeline's text: frozen, unknown keys refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def wrong(message: str, *at: str | int, fix: str = "") -> PydanticCustomError:
    """Return an error for a validator to raise.

    Args:
        message: What is wrong.
        at: Path of the key that is wrong, below what is validated.
        fix: What to do about it.
    """
    context = {"message": message, "at": at, "fix": fix}
    return PydanticCustomError("pipeline", "{message}", context)
