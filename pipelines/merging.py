"""A document laid over another, with the places of both (pure)."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pipelines.document import Document, KeyPath, Mark


def merge(parent: Document, child: Document) -> Document:
    """Lay a child over its parent: maps merge, all else replaces; another service starts afresh.

    So does another flow. The name is the child's own. The result is trusted: its parts were
    checked one by one.
    """
    places = _Places(parent)
    inherited = {key: value for key, value in parent.data.items() if key != "name"}
    places.forget(("name",))
    data = places.lay(inherited, child.data, ())
    data.pop("extends", None)
    keys, values = {**places.keys, **child.keys}, {**places.values, **child.values}
    return Document(child.file, data, keys, values)


def put(document: Document, path: KeyPath, part: Document, data: Any) -> Document:
    """Put ``data``, which stands in another document, at a path; its places are that one's."""
    places = _Places(document)
    places.forget(path)
    keys = {**places.keys, **{(*path, *place): mark for place, mark in part.keys.items()}}
    inner = {(*path, *place): mark for place, mark in part.values.items() if place}
    values = {**places.values, path: document.locate(path), **inner}
    return replace(document, data=_put(document.data, path, data), keys=keys, values=values)


class _Places:
    """Where a document's keys and values stand, without those that were replaced."""

    def __init__(self, document: Document) -> None:
        self.keys: dict[KeyPath, Mark] = dict(document.keys)
        self.values: dict[KeyPath, Mark] = dict(document.values)

    def forget(self, path: KeyPath) -> None:
        for marks in (self.keys, self.values):
            for place in [place for place in marks if place[: len(path)] == path]:
                del marks[place]

    def lay(self, old: Mapping[str, Any], new: Mapping[str, Any], path: KeyPath) -> dict[str, Any]:
        result = dict(old)
        for key, value in new.items():
            place = (*path, key)
            before = old.get(key)
            if isinstance(before, dict) and isinstance(value, dict) and _same(before, value):
                result[key] = self.lay(before, value, place)
            else:
                self.forget(place)
                result[key] = value
        return result


def _same(old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    """Tell whether two maps are about the same service or flow, or about none."""
    return all(old.get(key) == new.get(key, old.get(key)) for key in ("service", "name"))


def _put(whole: Any, path: KeyPath, data: Any) -> Any:
    if not path:
        return data
    first, rest = path[0], path[1:]
    if isinstance(whole, list):
        return [_put(each, rest, data) if n == first else each for n, each in enumerate(whole)]
    return {**whole, first: _put(whole.get(first), rest, data)}
