"""The tool ``look_up``: one query with parameters, in a transaction that only reads."""

from collections.abc import Mapping
from typing import Any

from pipelines.errors import LookUpFailed
from pipelines.look_up_tool import LookUpTool
from pipelines.resources import Resources
from pipelines.tools.answer import ToolFailed


async def look_up(tool: LookUpTool, values: Mapping[str, Any], resources: Resources) -> object:
    """Run a query.

    Args:
        tool: As written in a file.
        values: Checked arguments of the language model; passed beside the query.
        resources: Know the database.

    Returns:
        The rows, each a mapping of its columns.

    Raises:
        ToolFailed: There is no database for it, or the query fails.
    """
    if resources.look_up is None:
        raise ToolFailed("the operator has not set this tool up")
    query, names = tool.statement
    try:
        rows = await resources.look_up(
            query,
            [values.get(name) for name in names],
            timeout_seconds=tool.timeout_ms / 1000,
            max_rows=tool.max_rows,
        )
    except LookUpFailed as error:
        raise ToolFailed(str(error)) from error
    return {"rows": rows}
