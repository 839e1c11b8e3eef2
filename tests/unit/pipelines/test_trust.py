"""What runs code or reaches out is said in files only; others refer to it by its name."""

from pathlib import Path

import pytest

from pipelines.document import Document, Mark, parse_document
from pipelines.errors import SpecError
from pipelines.loader import load_folder, load_mapping, load_pipeline, load_tools, resolve
from pipelines.trust import holds_closed

FLOW = "name: steps\nstart: here\nnodes: {here: {say: Hello.}}\n"
EXTEND = "put it in a pipeline under VOICEAI_PIPELINES and extend that"
NAME_IT = "put it in tools/NAME.yaml under VOICEAI_PIPELINES and write its name here"

HTTP = "{name: ask, description: Ask., url: 'https://example.org/'}"
SQL = "{name: find, description: Find., sql: SELECT 1}"
PYTHON = "{name: run, description: Run., use: 'os:getcwd'}"

CLOSED = {
    f"tools: [{{http: {HTTP}}}]": f"2:10: tools[0].http: is allowed in files only; {NAME_IT}",
    f"tools: [hangup, {{look_up: {SQL}}}]": (
        f"2:18: tools[1].look_up: is allowed in files only; {NAME_IT}"
    ),
    f"tools: [{{python: {PYTHON}}}]": f"2:10: tools[0].python: is allowed in files only; {NAME_IT}",
    "processors: [{use: 'os:getcwd', after: stt}]": (
        f"2:1: processors: is allowed in files only; {EXTEND}"
    ),
    "flow: ../../etc/passwd": f"2:1: flow: is allowed in files only; {EXTEND}",
    "flow: {nodes: []}": f"2:1: flow: is allowed in files only; {EXTEND}",
    "llm: {service: openai, base_url: 'https://evil.example/v1'}": (
        f"2:24: llm.base_url: is allowed in files only; {EXTEND}"
    ),
    "llm: {service: mistral, fallback: [{service: openai, base_url: //evil.example}]}": (
        f"2:54: llm.fallback[0].base_url: is allowed in files only; {EXTEND}"
    ),
    "tts: {service: azure, region: evil.example/}": (
        f"2:23: tts.region: is allowed in files only; {EXTEND}"
    ),
    "stt: {service: mistral, model: 'https://evil.example/'}": (
        f"2:25: stt.model: is allowed in files only; {EXTEND}"
    ),
    "tts: {service: espeak, voice: a/../../b}": (
        f"2:24: tts.voice: is allowed in files only; {EXTEND}"
    ),
    "processors: null": f"2:1: processors: is allowed in files only; {EXTEND}",
}


@pytest.mark.parametrize(("line", "told"), CLOSED.items())
def test_a_text_of_a_database_cannot_say_it(line: str, told: str) -> None:
    with pytest.raises(SpecError) as caught:
        load_pipeline(f"name: a\n{line}\n", source="row", trusted=False)

    assert str(caught.value) == f"row:{told}"


def test_a_row_cannot_say_it() -> None:
    row = {"name": "a", "tools": ["hangup", {"python": {"use": "os:getcwd"}}], "flow": "x.yaml"}

    with pytest.raises(SpecError) as caught:
        load_mapping(row, source="row")

    assert {each.path for each in caught.value.findings} == {"tools[1].python", "flow"}


def test_a_rule_of_a_row_cannot_hide_it() -> None:
    from pipelines.validate import validate

    rule = {"when": "a", "tool": {"http": {"description": "Ask."}}}
    row = {"name": "a", "llm": {"service": "scripted", "rules": [rule]}}

    findings = validate(load_mapping(row, source="row"))

    assert [each.path for each in findings] == ["llm.rules[0].tool.http"]


@pytest.fixture
def known(tmp_path: Path) -> dict[str, Document]:
    (tmp_path / "tools").mkdir()
    (tmp_path / "tools" / "ask.yaml").write_text(
        "http: {description: Ask., url: 'https://example.org/{what}', parameters: {what: What.}}\n"
    )
    (tmp_path / "flows").mkdir()
    (tmp_path / "flows" / "steps.yaml").write_text(FLOW)
    (tmp_path / "base.yaml").write_text(
        "name: base\nflow: flows/steps.yaml\ntools: [ask, hangup]\n"
        "processors: [{use: 'a:B', after: stt}]\n"
    )
    pipelines = {name: each.document for name, each in load_folder(tmp_path).items()}
    return {**pipelines, **load_tools(tmp_path)}


def test_what_is_said_and_heard_may_look_like_an_address() -> None:
    rule = "{when: ['a://b'], say: 'See https://example.org/help.'}"
    text = f"name: a\nllm: {{service: scripted, rules: [{rule}], otherwise: ['~ and ../..']}}\n"

    spec = load_pipeline(text, source="row", trusted=False)

    assert spec.llm.service == "scripted"
    assert not holds_closed(spec)


def test_a_row_over_a_file_with_an_address_keeps_it_and_its_model_may_be_another() -> None:
    file = (
        "name: base\nllm: {service: openai, base_url: 'http://127.0.0.1:8000/v1', model: small}\n"
    )
    known = {"base": parse_document(file, file="base.yaml")}

    spec = load_mapping(
        {"name": "a", "extends": "base", "llm": {"model": "large"}}, source="r", known=known
    )

    assert spec.llm.params == {"base_url": "http://127.0.0.1:8000/v1", "model": "large"}
    assert holds_closed(spec)


def test_a_row_over_a_file_keeps_what_the_file_says(known: dict[str, Document]) -> None:
    spec = load_mapping(
        {"name": "a", "extends": "base", "greeting": "Hi."}, source="r", known=known
    )

    assert [tool.name for tool in spec.tools] == ["ask", "hangup"]
    assert spec.flow
    assert (spec.flow.start, list(spec.flow.nodes)) == ("here", ["here"])
    assert [each.use for each in spec.processors] == ["a:B"]


def test_a_row_names_a_tool_of_the_installation(known: dict[str, Document]) -> None:
    spec = load_mapping({"name": "a", "tools": ["ask"]}, source="r", known=known)

    assert spec.tools[0].http
    assert spec.tools[0].http.url == "https://example.org/{what}"


def test_a_row_cannot_change_a_tool_that_a_file_has(known: dict[str, Document]) -> None:
    row = {"name": "a", "extends": "base", "tools": [{"http": {"url": "https://evil.example/"}}]}

    with pytest.raises(SpecError, match="is allowed in files only"):
        load_mapping(row, source="r", known=known)


def test_a_mistake_in_a_tool_is_told_in_its_own_file(tmp_path: Path) -> None:
    (tmp_path / "tools").mkdir()
    file = tmp_path / "tools" / "ask.yaml"
    file.write_text("http:\n  description: Ask.\n  ulr: x\n")

    with pytest.raises(SpecError) as caught:
        load_folder(tmp_path)

    assert str(caught.value) == f"{file}:3:3: http.ulr: unknown key 'ulr'; did you mean 'url'?"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("http: {name: other}\n", "1:14: http.name: is not the file's name, ask"),
        ("hangup: {}\ntransfer: {to: a}\n", "1:1: must be one tool: hangup, transfer,"),
        ("htp: {}\n", "1:1: must be one tool"),
    ],
)
def test_a_file_of_a_tool_is_one_tool_of_its_name(tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / "tools").mkdir()
    (tmp_path / "tools" / "ask.yaml").write_text(text)

    with pytest.raises(SpecError) as caught:
        load_tools(tmp_path)

    assert told in str(caught.value)


@pytest.mark.parametrize(
    ("flow", "told"),
    [
        ("flow.yaml", "there is no such file; did you mean 'flows/flow.yaml'?"),
        ("../outside.yaml", "is outside the pipeline's folder; move it there"),
        ("/etc/hostname", "is outside the pipeline's folder; move it there"),
        ("linked.yaml", "is outside the pipeline's folder; move it there"),
        ("flows", "there is no such file"),
        ("flows/broken.yaml", "broken.yaml:2:1: not YAML"),
    ],
)
def test_a_flow_is_a_file_in_the_pipelines_own_folder(tmp_path: Path, flow: str, told: str) -> None:
    folder = tmp_path / "pipelines"
    (folder / "flows").mkdir(parents=True)
    (folder / "flows" / "flow.yaml").write_text(FLOW)
    (folder / "flows" / "broken.yaml").write_text("a: [\n")
    (tmp_path / "outside.yaml").write_text("secret: 1\n")
    (folder / "linked.yaml.txt").touch()
    (folder / "linked.yaml").symlink_to(tmp_path / "outside.yaml")

    with pytest.raises(SpecError) as caught:
        load_pipeline(f"name: a\nflow: {flow}\n", source="t.yaml", folder=folder)

    assert told in str(caught.value)
    assert "secret" not in str(caught.value)


def test_a_flow_needs_a_file_beside_it() -> None:
    with pytest.raises(SpecError, match=r"t\.yaml:2:7: flow: is a file beside a pipeline's file"):
        load_pipeline("name: a\nflow: flow.yaml\n", source="t.yaml")


def test_a_row_may_have_the_name_of_what_it_extends() -> None:
    spec = load_mapping({"name": "echo-de", "extends": "echo-de"}, source="row")

    assert spec.name == "echo-de"


@pytest.mark.parametrize(
    ("line", "closed"),
    [
        ("tools: [hangup, {transfer: {to: a}}]", False),
        (f"tools: [{{http: {HTTP}}}]", True),
        ("processors: [{use: 'a:B', after: stt}]", True),
        ("flow: {name: a, start: here, nodes: {here: {}}}", True),
    ],
)
def test_a_spec_knows_whether_its_dump_could_be_loaded_again(line: str, closed: bool) -> None:
    spec = resolve(parse_document(f"name: a\n{line}\n", file="t.yaml")).spec

    assert holds_closed(spec) is closed


def test_a_file_of_a_tool_does_not_hide_behind_one_of_ours(tmp_path: Path) -> None:
    (tmp_path / "tools").mkdir()
    (tmp_path / "tools" / "hangup.yaml").write_text("transfer: {to: a}\n")

    with pytest.raises(SpecError, match="is a tool that is there without a file; rename the file"):
        load_tools(tmp_path)


def test_what_stands_in_a_flow_or_a_tool_has_its_place_in_that_file(tmp_path: Path) -> None:
    (tmp_path / "tools").mkdir()
    (tmp_path / "flows").mkdir()
    tool, flow = tmp_path / "tools" / "sales.yaml", tmp_path / "flows" / "steps.yaml"
    tool.write_text('transfer:\n  to: "101"\n')
    flow.write_text("# steps\nnodes:\n  here: {say: Hello.}\nname: a\nstart: here\n")
    (tmp_path / "a.yaml").write_text("name: a\ntools: [hangup, sales]\nflow: flows/steps.yaml\n")

    document = load_folder(tmp_path)["a"].document

    assert document.locate(("tools", 1, "transfer", "to")) == Mark(str(tool), 2, 7)
    assert document.locate(("tools", 1)) == Mark(str(tmp_path / "a.yaml"), 2, 17)
    assert document.locate(("flow", "nodes", "here", "say")) == Mark(str(flow), 3, 15)
