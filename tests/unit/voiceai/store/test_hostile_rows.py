"""Whatever a row holds, it becomes a pipeline or an error of the loader's own."""

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.errors import SpecError
from pipelines.loader import load_shipped
from pipelines.validate import validate
from voiceai.store.rows import Imported, spec_of_row

SHIPPED = load_shipped()
COLUMNS = ("id", "name", "greeting", "systemPrompt", "voice", "language", "pipeline", "overrides")
KEYS = (
    "stt", "llm", "tts", "turn", "idle", "tools", "flow", "processors", "fallback", "service",
    "base_url", "voice", "rules", "when", "say", "tool", "http", "python", "extends", "name",
)  # fmt: skip

plain = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=20),
    st.sampled_from(["azure", "local-de", "de_de", "{", "{}", "[1]", '{"tts": 5}', "tools/x"]),
)
values = st.recursive(
    plain,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(KEYS) | st.text(max_size=5), inner, max_size=4)
    ),
    max_leaves=10,
)
rows = st.fixed_dictionaries(
    {"id": plain, "name": plain},
    optional={column: values | values.map(repr) for column in COLUMNS[2:]},
)


@given(rows, st.none() | st.text(max_size=30) | st.just("name: a\nextends: local-de\n"))
@settings(max_examples=100, deadline=None)
def test_any_row_is_a_pipeline_or_refused(row: dict[str, Any], text: str | None) -> None:
    imported = None if text is None else Imported("a", 1, text)
    with contextlib.suppress(SpecError):
        made = spec_of_row(
            row, imported=imported, known=SHIPPED, default_pipeline=lambda _: "local-de"
        )
        validate(made.spec)
        assert not made.spec.flow
        assert not made.spec.processors
        assert not {tool.kind for tool in made.spec.tools} & {"http", "look_up", "python"}


@pytest.mark.parametrize(
    ("column", "value", "told"),
    [
        ("overrides", "{", "overrides: is not JSON"),
        ("overrides", json.dumps({"prompt": "x" * 2_000_000}), "prompt: is longer than 20000"),
        ("overrides", {"tts": {"service": "azur"}}, ""),
        ("greeting", "x" * 2_000_000, "greeting: is longer than 20000"),
        ("pipeline", "local-dee", "pipeline: there is no pipeline 'local-dee'; did you mean"),
        ("overrides", {"flow": "a.yaml"}, "flow: is not allowed in a database row"),
        ("overrides", {"tools": ["nothing"]}, "tools[0]: there is no tool 'nothing'"),
    ],
)
def test_a_poisoned_row_is_told_with_its_column(column: str, value: object, told: str) -> None:
    row = {"id": "1", "name": "anna", column: value}
    try:
        made = spec_of_row(row, imported=None, known=SHIPPED, default_pipeline=lambda _: "local-de")
    except SpecError as error:
        message = str(error)
    else:
        message = "\n".join(str(finding) for finding in validate(made.spec))

    assert told in message
    assert message
