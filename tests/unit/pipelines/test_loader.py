"""Pipelines from YAML: every error names its place, and what is dumped loads again."""

from pathlib import Path

import pytest

from pipelines.errors import SpecError
from pipelines.loader import (
    dump_pipeline,
    load_folder,
    load_library,
    load_mapping,
    load_pipeline,
    resolve,
)

WRONG = {
    "name: a\nlangage: de\n": (
        "t.yaml:2:1: langage: unknown key 'langage'; did you mean 'language'?"
    ),
    "name: a\nturn:\n  vad: {start: 5}\n": (
        "t.yaml:3:9: turn.vad.start: unknown key 'start'; did you mean 'start_ms'?"
    ),
    "language: de\n": "t.yaml:1:1: name: is missing",
    "name: 5\n": "t.yaml:1:7: name: should be text; write it in quotes",
    "name: a\nstt: {voice: x}\n": "t.yaml:2:6: stt.service: is missing",
    "name: a\ntools: [hangup, hangupp]\n": (
        "t.yaml:2:17: tools[1]: there is no tool 'hangupp'; did you mean 'hangup'?"
    ),
    "name: a\ntools: [{transfer: {to: 100}}]\n": (
        "t.yaml:2:25: tools[0].transfer.to: should be text; write it in quotes"
    ),
    "name: a\nextends: local-d\n": (
        "t.yaml:2:10: extends: there is no pipeline 'local-d' to extend; did you mean 'local-de'?"
    ),
    "name: a\nidle: {after_ms: 5}\n": ("t.yaml:2:18: idle.after_ms: should be at least 1000"),
}


@pytest.mark.parametrize(("text", "message"), WRONG.items())
def test_an_error_names_its_place_and_the_nearest_valid_name(text: str, message: str) -> None:
    with pytest.raises(SpecError) as caught:
        load_pipeline(text, source="t.yaml")

    assert message in str(caught.value).splitlines()


def test_an_error_has_its_parts() -> None:
    with pytest.raises(SpecError) as caught:
        load_pipeline("name: a\nlangage: de\n", source="t.yaml")

    error = caught.value
    assert (error.file, error.line, error.column) == ("t.yaml", 2, 1)
    assert (error.path, error.nearest) == ("langage", "language")


def test_all_that_is_wrong_is_told_at_once() -> None:
    with pytest.raises(SpecError) as caught:
        load_pipeline("name: a\nx: 1\ny: 2\nz: 3\n", source="t.yaml")

    assert sorted(finding.line for finding in caught.value.findings) == [2, 3, 4]


@pytest.mark.parametrize("name", load_library())
def test_what_is_shipped_loads_and_is_the_same_after_a_dump(name: str) -> None:
    spec = resolve(load_library()[name]).spec

    again = load_pipeline(dump_pipeline(spec), source="dump")

    assert spec.name == name
    assert again == spec


def test_a_pipeline_that_says_everything_is_the_same_after_a_dump() -> None:
    text = (Path(__file__).parent / "data" / "complete.yaml").read_text(encoding="utf-8")
    spec = load_pipeline(text, source="complete.yaml")

    assert load_pipeline(dump_pipeline(spec), source="dump") == spec


def test_an_extension_merges_maps_and_replaces_lists() -> None:
    spec = load_pipeline(
        "name: b\nextends: local-en\nllm: {otherwise: [Pardon?]}\ntools: []\n"
        "turn: {vad: {stop_ms: 400}}\n",
        source="t.yaml",
    )

    assert spec.extends is None
    assert spec.language == "en-US"
    assert spec.llm.params["otherwise"] == ["Pardon?"]
    assert spec.llm.params["rules"]
    assert spec.tools == ()
    assert (spec.turn.vad.start_ms, spec.turn.vad.stop_ms) == (96, 400)


def test_another_service_does_not_inherit_the_parameters_of_the_first() -> None:
    spec = load_pipeline("name: b\nextends: local-en\nllm: {service: echo}\n", source="t.yaml")

    assert spec.llm.params == {}


def test_an_inherited_error_names_the_parent_file(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("name: a\nidle: {after_ms: 5}\n")
    (tmp_path / "b.yaml").write_text("name: b\nextends: a\n")

    with pytest.raises(SpecError) as caught:
        load_folder(tmp_path)

    assert {finding.file for finding in caught.value.findings} == {str(tmp_path / "a.yaml")}


def test_a_circle_of_extensions_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("name: a\nextends: b\n")
    (tmp_path / "b.yaml").write_text("name: b\nextends: a\n")

    with pytest.raises(SpecError, match="extends itself: a -> b -> a"):
        load_folder(tmp_path)


def test_two_files_of_one_name_are_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("name: a\n")
    (tmp_path / "b.yml").write_text("name: a\n")

    with pytest.raises(SpecError, match="'a' is also the name in"):
        load_folder(tmp_path)


def test_a_folder_may_extend_what_is_shipped(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("name: a\nextends: local-de\ngreeting: Grüß Gott.\n")

    loaded = load_folder(tmp_path)

    assert loaded["a"].spec.greeting == "Grüß Gott."
    assert loaded["a"].document.locate(("greeting",)).line == 3


def test_a_file_that_is_not_text_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_bytes(b"\xff\xfe\xfa")

    with pytest.raises(SpecError, match="cannot be read"):
        load_folder(tmp_path)


def test_a_row_of_a_database_becomes_the_same_as_a_file() -> None:
    row = {"name": "a", "extends": "local-en", "greeting": "Hi."}

    assert load_mapping(row, source="row 1") == load_pipeline(
        "name: a\nextends: local-en\ngreeting: Hi.\n", source="file"
    )


def test_only_a_name_is_needed() -> None:
    spec = load_pipeline("name: a\n", source="t.yaml")

    services = (spec.stt.service, spec.llm.service, spec.tts.service)
    assert services == ("local", "echo", "local")


def test_silence_alone_waits_longer_unless_told_otherwise() -> None:
    longer = load_pipeline("name: a\nturn: {stop: silence}\n", source="t")
    told = load_pipeline("name: a\nturn: {stop: silence, vad: {stop_ms: 300}}\n", source="t")

    assert (longer.turn.vad.stop_ms, told.turn.vad.stop_ms) == (600, 300)


@pytest.mark.parametrize(
    ("vad", "told"),
    [
        ("{threshold_dbfs: -40}", "threshold_dbfs is for model: energy, not silero"),
        ("{model: energy, confidence: 0.5}", "confidence is for model: silero"),
        ("{model: energie}", "'silero', 'energy' or 'silero-torch'"),
    ],
)
def test_a_voice_activity_model_has_its_own_keys(vad: str, told: str) -> None:
    with pytest.raises(SpecError, match=r"t\.yaml:2:.*turn\.vad") as caught:
        load_pipeline(f"name: a\nturn: {{vad: {vad}}}\n", source="t.yaml")

    assert told in str(caught.value)


def test_energy_may_have_a_threshold() -> None:
    text = "name: a\nturn: {vad: {model: energy, threshold_dbfs: -40}}\n"

    vad = load_pipeline(text, source="t.yaml").turn.vad

    assert (vad.model, vad.threshold_dbfs) == ("energy", -40.0)


@pytest.mark.parametrize("written", ["off", '"off"', "low", "moderate", "high"])
def test_a_level_of_noise_suppression_is_a_word(written: str) -> None:
    text = f"name: a\naudio: {{echo_cancellation: true, noise_suppression: {written}}}\n"

    audio = load_pipeline(text, source="t.yaml").audio

    assert audio.echo_cancellation
    assert audio.noise_suppression == written.strip('"')


@pytest.mark.parametrize(
    ("audio", "told"),
    [
        ("{noise_suppression: loud}", "'off', 'low', 'moderate' or 'high'"),
        ("{noise_suppresion: low}", "noise_suppression"),
        ("{echo_cancellation: sometimes}", "echo_cancellation"),
    ],
)
def test_another_filter_is_refused_with_its_line(audio: str, told: str) -> None:
    with pytest.raises(SpecError, match=r"t\.yaml:2:.*audio") as caught:
        load_pipeline(f"name: a\naudio: {audio}\n", source="t.yaml")

    assert told in str(caught.value)


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="there is no such folder"):
        load_folder(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "disclosure: Sie sprechen mit einer KI.\ngreeting: Guten Tag.\n",
            "Sie sprechen mit einer KI. Guten Tag.",
        ),
        ("disclosure: Sie sprechen mit einer KI.\n", "Sie sprechen mit einer KI."),
        ("greeting: Guten Tag.\n", "Guten Tag."),
        ("", ""),
    ],
)
def test_what_is_said_first_begins_with_the_disclosure(text: str, said: str) -> None:
    assert load_pipeline(f"name: a\n{text}", source="t.yaml").opening == said
