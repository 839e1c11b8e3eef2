"""A pipeline becomes a row and a row a pipeline, and nothing is lost on the way."""

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.errors import SpecError
from pipelines.loader import load_library, load_pipeline
from pipelines.spec import PipelineSpec
from voiceai.store.layers import difference, layered, layered_text
from voiceai.store.rows import Imported, builds_upon, refuse_lost_greeting, spec_of_row

KNOWN = load_library()

WORDS = st.text(
    st.characters(codec="utf-8", categories=("L", "N", "P", "S", "Zs"), include_characters="\n"),
    max_size=40,
)
NAMES = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,20}", fullmatch=True)
IDLE = st.fixed_dictionaries({"after_ms": st.integers(1000, 9000)}, optional={"say": WORDS})
PIPELINES = st.fixed_dictionaries(
    {"name": NAMES},
    optional={
        "extends": st.sampled_from(["local-de", "local-en", "echo-en"]),
        "language": st.sampled_from(["de-DE", "en-US", "en-us", "de", "fr-FR", "zh-Hans-CN"]),
        "greeting": WORDS,
        "prompt": WORDS,
        "idle": IDLE,
        "turn": st.fixed_dictionaries({"stop": st.sampled_from(["silence", "eager"])}),
        "tts": st.sampled_from(
            [{"service": "azure", "voice": "de-DE-KatjaNeural"}, {"service": "local"}]
        ),
        "tools": st.sampled_from([["hangup"], [{"transfer": {"to": "100"}}]]),
    },
)


def yaml_of(data: Mapping[str, Any]) -> str:
    import yaml

    return str(yaml.safe_dump(dict(data), allow_unicode=True, sort_keys=False))


def default_pipeline(_language: str | None) -> str:
    return "local-de"


def row_of(spec: PipelineSpec) -> dict[str, Any]:
    """What an import writes into the user's columns."""
    return {
        "id": "1",
        "name": spec.name,
        "greeting": spec.greeting,
        "systemPrompt": spec.prompt or None,
        "language": spec.language,
        "voice": spec.tts.params.get("voice"),
        "pipeline": spec.name,
        "overrides": None,
    }


def made_of(row: Mapping[str, Any], imported: Imported | None) -> tuple[PipelineSpec, str]:
    """The spec of a row and the text of its version."""
    made = spec_of_row(row, imported=imported, known=KNOWN, default_pipeline=default_pipeline)
    upon = imported if imported and builds_upon(imported, row) else None
    return made.spec, layered_text(made, upon, KNOWN)


@settings(max_examples=50)
@given(PIPELINES)
def test_an_import_is_the_pipeline_that_was_written(data: dict[str, Any]) -> None:
    text = yaml_of(data)
    spec = load_pipeline(text, source="x", known=KNOWN)

    found, _ = made_of(row_of(spec), Imported(spec.name, 1, text))

    assert found == spec


@settings(max_examples=50)
@given(PIPELINES, st.data())
def test_the_text_of_an_edited_row_loads_as_what_the_row_is(
    data: dict[str, Any], draw: st.DataObject
) -> None:
    text = yaml_of(data)
    row = row_of(load_pipeline(text, source="x", known=KNOWN))
    row["greeting"] = draw.draw(st.one_of(WORDS, st.just("Hallo")))
    row["overrides"] = draw.draw(
        st.sampled_from([None, {"idle": {"times": 1}}, {"llm": {"service": "echo"}}])
    )
    row["pipeline"] = draw.draw(st.sampled_from([None, row["pipeline"], "echo-de"]))

    found, version = made_of(row, Imported(row["name"], 1, text))

    assert load_pipeline(version, source="version", known=KNOWN) == found


def test_the_text_of_a_plain_row_is_what_the_row_says() -> None:
    row = {"id": "1", "name": "Praxis Dr. Sommer", "greeting": "Guten Tag", "systemPrompt": "A\nB"}

    _, text = made_of(row, None)

    assert text == (
        "name: Praxis-Dr.-Sommer\nextends: local-de\ngreeting: Guten Tag\nprompt: |-\n  A\n  B\n"
    )


def test_another_service_starts_afresh_and_the_same_one_is_merged() -> None:
    below = {"tts": {"service": "azure", "voice": "x", "rate": 1}, "tools": ["hangup"]}

    assert layered(below, {"tts": {"voice": "y"}})["tts"] == {
        "service": "azure", "voice": "y", "rate": 1,
    }  # fmt: skip
    assert layered(below, {"tts": {"service": "local"}})["tts"] == {"service": "local"}
    assert layered(below, {"tools": []})["tools"] == []


def test_equal_texts_do_not_differ() -> None:
    assert difference("a\nb\n", "a\nb\n", ("1", "2")) == []
    assert difference("a\n", "b\n", ("1", "2"))[2:] == ["@@ -1 +1 @@", "-a", "+b"]


@pytest.mark.parametrize("greeting", ["", "Moin"])
def test_a_greeting_may_change_and_be_emptied(greeting: str) -> None:
    refuse_lost_greeting({"greeting": "Hallo"}, {"greeting": greeting})
    refuse_lost_greeting({"greeting": None}, {"greeting": None})
    refuse_lost_greeting({"greeting": ""}, {"greeting": None})


def test_a_greeting_that_became_null_is_an_accident() -> None:
    with pytest.raises(SpecError, match="became null; an empty text takes the pipeline's"):
        refuse_lost_greeting({"greeting": "Hallo"}, {"name": "a", "greeting": None})
    with pytest.raises(SpecError, match="the pipeline has none"):
        made_of(
            {"id": "1", "name": "a", "greeting": None, "pipeline": None},
            Imported("a", 1, "name: a\n"),
        )
