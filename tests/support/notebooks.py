"""Runs a notebook's code cells one after the other, as a kernel does, in this process."""

import ast
import asyncio
import inspect
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

__all__ = ["Ran", "run_notebook"]

RICH = ("_repr_html_", "_repr_svg_")


@dataclass
class Ran:
    """A notebook that ran to its end.

    Attributes:
        names: Its variables.
        shown: What its cells displayed.
    """

    names: dict[str, Any] = field(default_factory=dict)
    shown: list[Any] = field(default_factory=list)

    @property
    def pictures(self) -> list[str]:
        """The markup of what was displayed: SVG and HTML."""
        methods = (getattr(each, name, None) for each in self.shown for name in RICH)
        return [method() for method in methods if method]


async def run_notebook(path: Path, overrides: Mapping[str, Any]) -> Ran:
    """Run a notebook.

    Args:
        path: An ``.ipynb``.
        overrides: Variables that are set after the cell with the tag ``parameters``.

    Raises:
        Exception: Whatever a cell raises.
    """
    ran = Ran()
    ran.names["display"] = ran.shown.append
    text = await asyncio.to_thread(path.read_text, encoding="utf-8")
    cells = json.loads(text)["cells"]
    for number, cell in enumerate(cells):
        if cell["cell_type"] != "code":
            continue
        await _run("".join(cell["source"]), f"{path.name}[{number}]", ran)
        if "parameters" in cell["metadata"].get("tags", ()):
            ran.names.update(overrides)
    return ran


async def _run(source: str, name: str, ran: Ran) -> None:
    tree = ast.parse(source, name)
    last = tree.body[-1]
    if isinstance(last, ast.Expr):
        target = ast.Name("_", ast.Store())
        tree.body[-1] = ast.copy_location(ast.Assign([target], last.value), last)
        ast.fix_missing_locations(tree)
    code = compile(tree, name, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    awaited = eval(code, ran.names)  # noqa: S307 - the cells are ours
    if inspect.isawaitable(awaited):
        await awaited
    if isinstance(last, ast.Expr) and ran.names["_"] is not None:
        ran.shown.append(ran.names["_"])
