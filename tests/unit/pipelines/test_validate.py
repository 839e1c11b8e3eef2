"""What is wrong beyond the shape: services, parameters, languages, this machine."""

import importlib.util
from pathlib import Path

import pytest

from pipelines.document import parse_document
from pipelines.loader import LoadedPipeline, load_library, load_pipeline, resolve
from pipelines.params import ModelParams, Secrets
from pipelines.resources import Resources
from pipelines.validate import validate


def loaded(text: str) -> LoadedPipeline:
    return resolve(parse_document(text, file="t.yaml"))


def told(text: str) -> list[str]:
    return [str(finding) for finding in validate(loaded(text))]


def test_an_unknown_service_has_its_place_and_the_nearest_name() -> None:
    assert told("name: a\nstt: {service: wisper}\n") == [
        "t.yaml:2:16: stt.service: there is no service 'wisper'; did you mean 'whisper'?"
    ]


def test_an_unknown_parameter_has_its_place_and_the_nearest_name() -> None:
    assert told("name: a\ntts:\n  service: azure\n  voise: x\n") == [
        "t.yaml:4:3: tts.voise: unknown key 'voise'; did you mean 'voice'?"
    ]


def test_a_wrong_rule_has_its_place() -> None:
    text = 'name: a\nllm:\n  service: scripted\n  rules:\n    - when: ["("]\n      say: x\n'
    finding = validate(loaded(text))[0]

    assert (finding.line, finding.path) == (5, "llm.rules[0].when[0]")
    assert "not a regular expression" in finding.message


def test_english_recognition_of_german_is_an_error() -> None:
    assert told("name: a\nlanguage: de-DE\nstt: {service: moonshine}\n") == [
        "t.yaml:3:16: stt.service: 'moonshine' knows en, not de; use whisper"
    ]


def test_a_recording_is_carried_out() -> None:
    assert told("name: a\nrecording: {enabled: true, channels: caller, keep_days: 7}\n") == []


@pytest.mark.parametrize("stop", ["smart-turn", "silence", "stt", "eager"])
def test_every_way_to_end_a_turn_is_carried_out(stop: str) -> None:
    assert told(f"name: a\nturn: {{stop: {stop}}}\n") == []


@pytest.mark.parametrize("name", load_library())
def test_nothing_is_wrong_with_what_is_shipped(name: str) -> None:
    assert validate(resolve(load_library()[name])) == []


@pytest.mark.parametrize(
    ("fallback", "severity"), [("", "error"), ("[{service: echo}]", "warning")]
)
def test_a_missing_key_is_an_error_unless_another_service_is_ready(
    tmp_path: Path, fallback: str, severity: str
) -> None:
    text = f"name: a\nlanguage: en\nllm:\n  service: mistral\n  fallback: {fallback or '[]'}\n"
    resources = Resources(Secrets(), ModelParams(cache_dir=tmp_path))
    try:
        findings = validate(loaded(text), resources=resources)
    finally:
        resources.close()

    found = [each for each in findings if each.path.startswith("llm")]
    assert [(each.fix, each.line, each.severity) for each in found] == [
        ("set MISTRAL_API_KEY", 4, severity)
    ]


@pytest.mark.parametrize("name", ["azure-mistral-de", "azure-mistral-en", "mistral-voxtral-de"])
def test_what_is_shipped_for_the_cloud_ends_on_this_machine(tmp_path: Path, name: str) -> None:
    resources = Resources(Secrets(), ModelParams(cache_dir=tmp_path))
    try:
        findings = validate(resolve(load_library()[name]), resources=resources)
    finally:
        resources.close()

    assert "error" not in {each.severity for each in findings}
    assert "set MISTRAL_API_KEY" in {each.fix for each in findings}


def test_an_extra_that_is_not_installed_is_named_with_its_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    text = "name: a\nllm: {service: echo}\nturn:\n  vad: {model: silero-torch}\n"
    resources = Resources()

    findings = validate(loaded(text), resources=resources)
    resources.close()
    found = [each for each in findings if "torch" in each.message]

    assert [(each.path, each.line) for each in found] == [("turn.vad.model", 4)]
    assert "requirements-silero.lock" in found[0].fix


@pytest.mark.parametrize(
    ("line", "path", "package"),
    [
        ("echo_cancellation: true", "audio.echo_cancellation", "pyaec"),
        ("noise_suppression: high", "audio.noise_suppression", "webrtc-noise-gain"),
    ],
)
def test_a_filter_that_is_not_installed_is_named_with_its_line(
    monkeypatch: pytest.MonkeyPatch, line: str, path: str, package: str
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    text = f"name: a\nllm: {{service: echo}}\naudio:\n  {line}\n"
    resources = Resources()

    findings = validate(loaded(text), resources=resources)
    resources.close()
    found = [each for each in findings if package in each.message]

    assert [(each.path, each.line) for each in found] == [(path, 4)]
    assert "make audio-filters" in found[0].fix


@pytest.mark.parametrize("text", ["", "audio: {noise_suppression: off}\n", "audio: {}\n"])
def test_nothing_is_asked_of_a_pipeline_without_filters(
    monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    resources = Resources()

    findings = validate(loaded("name: a\nllm: {service: echo}\n" + text), resources=resources)
    resources.close()

    assert [each for each in findings if each.path.startswith("audio")] == []


STEPS = """
name: steps
language: en-US
tts: {service: espeak}
stt: {service: moonshine}
flow:
  name: tea
  start: ask
  nodes:
    ask: {functions: {order: {description: The caller orders., next: done}}}
    done: {task: Say goodbye., then: hangup}
"""
ABLE = "mistral or openai or scripted"


@pytest.mark.parametrize(
    ("llm", "told"),
    [
        ("{service: echo}", f"llm.service: 'echo' cannot follow a flow; use {ABLE}"),
        ("{service: scripted}", "flow.nodes.done: no language model begins here; write 'say:'"),
        ("{service: mistral, fallback: [{service: scripted}]}", None),
        ("{service: openai, model: m, base_url: 'http://127.0.0.1/v1'}", None),
    ],
)
def test_somebody_has_to_follow_a_flow_and_to_begin_its_nodes(llm: str, told: str | None) -> None:
    found = validate(load_pipeline(f"{STEPS}llm: {llm}\n", source="t.yaml"))

    assert [str(each).removeprefix("steps: ") for each in found] == ([told] if told else [])
