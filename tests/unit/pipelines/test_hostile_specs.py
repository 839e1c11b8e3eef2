"""Whatever is written in a file or a row, nothing but the loader's own error comes of it."""

import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.document import Document, parse_document
from pipelines.errors import SpecError
from pipelines.loader import load_mapping, load_shipped, resolve
from pipelines.validate import validate

DATA = Path(__file__).parent / "data"
COMPLETE = (DATA / "complete.yaml").read_text(encoding="utf-8")
DOCUMENT = parse_document(COMPLETE, file="t.yaml")
SHIPPED = load_shipped()

PLACES = [path for path in DOCUMENT.values if path]
WORDS = sorted(
    {str(part) for path in PLACES for part in path} | {"say", "use", "flow", "processors", "[key]"}
)

plain = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=30),
    st.sampled_from(["hangup", "azure", "echo-de", "{a}", ":a", "(", "os:getcwd", "https://[::1"]),
    st.text(alphabet="(){}[]?*+|\\^$.:/#'\"ab1 \n", max_size=12),
)
values = st.recursive(
    plain,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(WORDS) | st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=12,
)


def replaced(whole: Any, path: tuple[str | int, ...], value: Any) -> Any:
    if not path:
        return value
    if isinstance(whole, list):
        return [
            replaced(each, path[1:], value) if index == path[0] else each
            for index, each in enumerate(whole)
        ]
    return {**whole, path[0]: replaced(whole[path[0]], path[1:], value)}


def survives(data: Mapping[str, Any], *, trusted: bool) -> None:
    document = Document("t.yaml", data, DOCUMENT.keys, DOCUMENT.values, trusted=trusted)
    with contextlib.suppress(SpecError):
        loaded = resolve(document, SHIPPED)
        assert all(str(finding) for finding in validate(loaded))


@given(st.sampled_from(PLACES), values)
@settings(max_examples=150, deadline=None)
def test_any_value_in_any_place_of_a_complete_pipeline(
    path: tuple[str | int, ...], value: object
) -> None:
    survives(replaced(DOCUMENT.data, path, value), trusted=True)


@given(st.dictionaries(st.sampled_from(WORDS) | st.text(max_size=8), values, max_size=8))
@settings(max_examples=80, deadline=None)
def test_any_row(row: dict[str, Any]) -> None:
    with contextlib.suppress(SpecError):
        spec = load_mapping({"name": "a", **row}, source="row", known=SHIPPED)
        assert not spec.flow
        assert not spec.processors
        assert not {tool.kind for tool in spec.tools} & {"http", "look_up", "python"}


@given(st.dictionaries(st.integers() | st.none() | st.text(max_size=3), plain, max_size=3))
@settings(max_examples=50, deadline=None)
def test_a_row_whose_keys_are_no_text(row: dict[Any, Any]) -> None:
    with contextlib.suppress(SpecError):
        load_mapping({"name": "a", "tools": [row], "idle": row}, source="row", known=SHIPPED)


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_a_complete_pipeline_with_pieces_of_its_text_moved(data: st.DataObject) -> None:
    """Pieces cut out, and put in anywhere."""
    text = COMPLETE
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(text)))
        piece = text[start : start + data.draw(st.integers(0, 40))]
        text = text[:start] + text[start + len(piece) :]
        at = data.draw(st.integers(0, len(text)))
        put = data.draw(st.sampled_from([piece, "", "\t", "{", "&a ", "- ", "\n", "\x07", "'"]))
        text = text[:at] + put + text[at:]
    with contextlib.suppress(SpecError):
        validate(resolve(parse_document(text, file="t.yaml"), SHIPPED))


@pytest.mark.parametrize("depth", [200, 5000])
def test_a_value_that_is_nested_deeply(depth: int) -> None:
    nested: Any = []
    for _ in range(depth):
        nested = [nested]
    survives({"name": "a", "tools": nested}, trusted=True)
    survives({"name": "a", "llm": {"service": "scripted", "rules": nested}}, trusted=True)
