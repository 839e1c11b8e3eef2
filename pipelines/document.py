"""YAML text to plain data, with the place of every key and value (YAML 1.2's core types)."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from pipelines.errors import SpecError
from pipelines.findings import Finding

MAX_CHARACTERS = 262_144
"""A longer text is refused before it is parsed; the longest shipped pipeline has 2,000."""

KeyPath = tuple[str | int, ...]

YAML_FIXES = {
    "mapping values are not allowed": "write a text that has ': ' in quotes",
    "expected <block end>": "indent it as what it belongs to",
    "'\\t'": "indent with spaces",
    "expected ',' or": "close what begins at {began}",
    "unexpected end of stream": "close what begins at {began}",
    "could not find expected ':'": "write it as 'key: value'",
    "found unknown escape character": "write a backslash twice, or use single quotes",
    "cannot start any token": "write the text in quotes",
}
"""What to do about it, by words of PyYAML's."""

CORE_TAGS = frozenset(
    f"tag:yaml.org,2002:{name}" for name in ("str", "int", "float", "bool", "null", "map", "seq")
)


@dataclass(frozen=True, slots=True)
class Mark:
    """A place in a text: file, line and column, both from 1."""

    file: str
    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Document:
    """One YAML mapping.

    Attributes:
        file: Where it came from, for messages.
        data: What it says.
        keys: Where each key stands.
        values: Where each value starts.
        trusted: Whether it may hold what runs code, or reaches files and other systems.
        folder: Where files that it names are, and none outside; None if it is no file itself.
    """

    file: str
    data: Mapping[str, Any]
    keys: Mapping[KeyPath, Mark]
    values: Mapping[KeyPath, Mark]
    trusted: bool = True
    folder: Path | None = None

    def locate(self, path: KeyPath, *, key: bool = False) -> Mark:
        """Return where ``path`` is, or the nearest thing above it that has a place."""
        for length in range(len(path), -1, -1):
            place = path[:length]
            is_key = key and length == len(path)
            first, second = (self.keys, self.values) if is_key else (self.values, self.keys)
            mark = first.get(place) or second.get(place)
            if mark:
                return mark
        return Mark(self.file, 0, 0)


class _Loader(yaml.SafeLoader):
    """Without dates (a date is text); a plain text in ``{}`` or ``[]`` may have a question mark.

    PyYAML ends a plain scalar in a flow collection at ``?``; YAML 1.2 section 7.3.3 does not,
    and ``{say: Are you there?, times: 2}`` is what people write.
    """

    _in_plain = False

    def scan_plain(self) -> yaml.ScalarToken:
        """Scan a plain scalar; the characters themselves are taken by ``prefix``."""
        self._in_plain = True
        try:
            return super().scan_plain()
        finally:
            self._in_plain = False

    def peek(self, index: int = 0) -> str:
        """Return the character that decides where a token ends."""
        character = super().peek(index)
        return "x" if self._in_plain and character == "?" else character


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag in CORE_TAGS]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def parse_document(
    text: str, *, file: str, trusted: bool = True, folder: Path | None = None
) -> Document:
    """Parse one YAML mapping.

    Args:
        text: YAML.
        file: Where it came from, for messages.
        trusted: As in :class:`Document`.
        folder: Likewise.

    Raises:
        SpecError: It is not YAML, not one mapping, has a key twice, or uses what
            pipelines do not need (anchors, aliases, tags). Nothing else is raised,
            whatever the text.
    """
    if len(text) > MAX_CHARACTERS:
        raise SpecError(Finding(f"longer than {MAX_CHARACTERS} characters", file=file))
    try:
        return replace(_parse(text, file), trusted=trusted, folder=folder)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (0, 0)
        raise SpecError(_not_yaml(error).at(file, line, column)) from error
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        column = error.position - text.rfind("\n", 0, error.position)
        finding = Finding(f"not YAML: {error.reason}")
        raise SpecError(finding.at(file, line, column)) from error
    except RecursionError as error:
        raise SpecError(Finding("nested too deeply", file=file)) from error
    except (yaml.YAMLError, ValueError, LookupError) as error:
        raise SpecError(Finding(f"not YAML: {error}", file=file)) from error


def _parse(text: str, file: str) -> Document:
    for event in yaml.parse(text, Loader=_Loader):
        mark = event.start_mark
        if mark and (isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None)):
            finding = Finding("anchors and aliases are not used here", fix="use 'extends'")
            raise SpecError(finding.at(file, mark.line + 1, mark.column + 1))
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
        if not isinstance(node, yaml.MappingNode):
            raise SpecError(Finding("must be a mapping of keys to values").at(file, 1, 1))
        walk = _Walk(file)
        walk.visit(node, ())
        if walk.findings:
            raise SpecError(*walk.findings)
        data = loader.construct_document(node)
    finally:
        loader.dispose()
    return Document(file, data, walk.keys, walk.values)


def _not_yaml(error: yaml.MarkedYAMLError) -> Finding:
    problem = error.problem or error.context or "cannot be read"
    fix = next((fix for words, fix in YAML_FIXES.items() if words in problem), "")
    began = error.context_mark
    if began and fix and "{began}" in fix:
        fix = fix.format(began=f"{began.line + 1}:{began.column + 1}")
    return Finding(f"not YAML: {problem}", fix=fix)


class _Walk:
    """Collects the places of everything below a node, and what is wrong with it."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.keys: dict[KeyPath, Mark] = {}
        self.values: dict[KeyPath, Mark] = {}
        self.findings: list[Finding] = []

    def visit(self, node: yaml.Node, path: KeyPath) -> None:
        mark = self._mark(node)
        self.values[path] = mark
        if node.tag not in CORE_TAGS:
            self._report(f"tag {node.tag.rpartition(':')[2]} is not used here", path, mark)
        if isinstance(node, yaml.MappingNode):
            self._visit_mapping(node, path)
        elif isinstance(node, yaml.SequenceNode):
            for index, child in enumerate(node.value):
                self.visit(child, (*path, index))

    def _visit_mapping(self, node: yaml.MappingNode, path: KeyPath) -> None:
        for key, value in node.value:
            mark = self._mark(key)
            if key.tag != "tag:yaml.org,2002:str":
                fix = "write it in quotes"
                self._report(f"key {getattr(key, 'value', '')!r} must be text", path, mark, fix)
                continue
            place = (*path, key.value)
            if place in self.keys:
                first = self.keys[place]
                self._report(f"given twice, first in line {first.line}", place, mark)
                continue
            self.keys[place] = mark
            self.visit(value, place)

    def _mark(self, node: yaml.Node) -> Mark:
        start = node.start_mark
        return Mark(self.file, start.line + 1, start.column + 1)

    def _report(self, message: str, path: KeyPath, mark: Mark, fix: str = "") -> None:
        finding = Finding(message, path=show_path(path), fix=fix)
        self.findings.append(finding.at(mark.file, mark.line, mark.column))


def show_path(path: KeyPath) -> str:
    """Write a key path as a reader would: ``llm.rules[0].when``."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text
