"""The tool ``look_up`` as it is written: one SQL query with parameters."""

import re
from typing import Annotated, Self

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from pipelines.fields import Spec, wrong
from pipelines.tool_parameters import Description, Parameters, ToolName, match_parameters

PARAMETER = re.compile(r"(?<![:\w]):([a-z][a-z0-9_]*)")
"""``:name``, and not the type of ``value::type``."""

NOT_CODE = re.compile(
    r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|--[^\n]*|/\*.*?\*/|(\$\w*\$).*?\1", re.DOTALL
)
"""Literals, quoted names and comments of PostgreSQL's SQL."""


def _code(sql: str) -> str:
    """Return the query without what is inside quotes and comments; places stay as they are."""
    return NOT_CODE.sub(lambda found: " " * len(found[0]), sql)


def _query(sql: str) -> str:
    code = _code(sql).strip().rstrip(";")
    if ";" in code:
        raise wrong("is more than one query", fix="write one SELECT")
    if not re.match(r"(select|with)\b", code, re.IGNORECASE):
        raise wrong("is not a query", fix="write one SELECT")
    return sql


class LookUpTool(Spec):
    """Look something up in a database, in a transaction that only reads.

    Attributes:
        name: What the language model calls it by.
        description: What the language model is told of it.
        sql: One query; ``:name`` is a parameter, passed beside the query and never put into it.
        parameters: What the language model gives.
        timeout_ms: After so long the query is given up.
        max_rows: So many rows are told at most.
    """

    name: ToolName
    description: Description
    sql: Annotated[
        str,
        StringConstraints(strip_whitespace=True, min_length=1, max_length=10_000),
        AfterValidator(_query),
    ]
    parameters: Parameters = Field(default_factory=dict)
    timeout_ms: int = Field(default=2000, ge=50, le=30_000)
    max_rows: int = Field(default=20, ge=1, le=200)

    @property
    def statement(self) -> tuple[str, tuple[str, ...]]:
        """The query with ``$1``, ``$2``... for its parameters, and their names in that order."""
        names: list[str] = []
        parts, after = [], 0
        for found in PARAMETER.finditer(_code(self.sql)):
            if found[1] not in names:
                names.append(found[1])
            parts += [self.sql[after : found.start()], f"${names.index(found[1]) + 1}"]
            after = found.end()
        return "".join([*parts, self.sql[after:]]).rstrip("; \n"), tuple(names)

    @model_validator(mode="after")
    def _parameters_match(self) -> Self:
        _, names = self.statement
        match_parameters(self.parameters, dict.fromkeys(names, ("sql",)), ":name")
        return self
