"""What the keys of a pipeline are made of: texts, names, numbers, and how a wrong one is told."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, StringConstraints
from pydantic_core import PydanticCustomError

Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
Language = Annotated[str, StringConstraints(pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$")]
Text = Annotated[str, StringConstraints(strip_whitespace=True, max_length=20_000)]
Sentence = Annotated[str, StringConstraints(strip_whitespace=True, max_length=1000)]
Digits = Annotated[str, StringConstraints(pattern=r"^[0-9*#A-D]{1,32}$")]
Number = Annotated[str, StringConstraints(pattern=r"^[+0-9A-Za-z*#._@-]{1,64}$")]
Import = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*$", max_length=200)
]
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
