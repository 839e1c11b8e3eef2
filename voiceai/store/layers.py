"""The text of a version: everything that a row says, laid over what was imported. Pure."""

import difflib
from collections.abc import Mapping
from typing import Any

import yaml

from pipelines.document import Document
from pipelines.errors import SpecError
from pipelines.loader import dump_pipeline, load_pipeline
from pipelines.spec import PipelineSpec
from pipelines.trust import holds_closed
from voiceai.store.rows import Imported, RowSpec

WIDTH = 100
"""Columns of a dumped line."""


class _Dumper(yaml.SafeDumper):
    """Long texts as blocks."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)


def layered_text(made: RowSpec, imported: Imported | None, known: Mapping[str, Document]) -> str:
    """Write a row as one pipeline that loads as its spec.

    The pipeline that the row builds upon is named, what was imported for it is merged in. Where
    the merged text would not load as the same spec, the spec itself is written.

    Args:
        made: Of the row.
        imported: What was imported for the row, if it builds upon that.
        known: Pipelines by name.
    """
    layer: dict[str, Any] = dict(made.layer)
    if imported is not None:
        layer.pop("extends", None)
        layer = layered(imported.document.data, layer)
    ordered: dict[str, Any] = {key: layer[key] for key in ("name", "extends") if key in layer}
    text = yaml.dump(
        {**ordered, **layer}, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=WIDTH
    )
    try:
        same = load_pipeline(text, source="row", known=known) == made.spec
    except SpecError:
        same = False
    return text if same else resolved_text(made.spec, text)


def resolved_text(spec: PipelineSpec, text: str) -> str:
    """Write a spec with all that it inherits, for the time when that is gone.

    Args:
        spec: What ``text`` became.
        text: Is kept instead if the spec has inherited what only a file may say: that stays
            where it is, and the text goes on referring to it.
    """
    return text if holds_closed(spec) else dump_pipeline(spec)


def layered(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Lay ``above`` over ``below``: maps merge, all else replaces; a new service starts afresh."""
    result = dict(below)
    for key, value in above.items():
        old = result.get(key)
        if isinstance(old, Mapping) and isinstance(value, Mapping) and _same_service(old, value):
            result[key] = layered(old, value)
        else:
            result[key] = value
    return result


def difference(before: str, after: str, names: tuple[str, str]) -> list[str]:
    """Return the lines of a unified diff of two texts; none if they are the same."""
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), *names, lineterm="")
    return list(lines)


def _same_service(old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    return bool(old.get("service") == new.get("service", old.get("service")))
