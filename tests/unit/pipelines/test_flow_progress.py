"""Where a conversation is in its flow, and what it knows."""

from typing import Any

import pytest

from pipelines.document import Document
from pipelines.flows.progress import MAX_SHOWN, Progress, at_pointer
from pipelines.flows.replies import StepResponder
from pipelines.flows.spec import FlowSpec
from pipelines.loader import load_pipeline
from pipelines.rules import Reply, Script
from pipelines.tool_specs import ToolSpec

FLOW: dict[str, Any] = {
    "name": "steps",
    "start": "day",
    "nodes": {
        "day": {
            "role": "Be kind.",
            "task": "Ask for the day.",
            "functions": {
                "look": {
                    "tool": "free",
                    "keep": {"times": "/times", "count": "/count"},
                    "next": {"by": "count", "cases": {"0": "full"}, "otherwise": "time"},
                    "failed": "full",
                },
            },
            "rules": [
                {
                    "when": "on (?P<day>\\w+)",
                    "say": "{day}, then.",
                    "tool": {"look": {"day": "{day}"}},
                },
                {"when": "bye", "say": "Bye.", "tool": "hangup"},
            ],
            "otherwise": ["Which day?", "A day, please."],
        },
        "full": {
            "say": "Nothing on {day}.",
            "functions": {"again": {"description": "Again.", "next": "day"}},
        },
        "time": {
            "role": "Be brief.",
            "task": "Free on {day}: {times}.",
            "functions": {
                "take": {"description": "Take it.", "parameters": {"time": "When"}, "next": "time"}
            },
        },
    },
}
FREE = {
    "python": {
        "use": "a:b",
        "name": "free",
        "description": "What is free.",
        "parameters": {"day": {"description": "Which", "enum": ["Monday", "Tuesday"]}},
    }
}


@pytest.fixture
def progress() -> Progress:
    return Progress(FlowSpec.model_validate(FLOW), [ToolSpec.model_validate(FREE)])


def look(progress: Progress, answer: object, *, failed: bool = False) -> str:
    function = progress.current.functions["look"]
    progress.move(function, {"day": "Monday"}, answer, failed=failed)
    return progress.node


def test_it_begins_at_the_start_with_role_and_task(progress: Progress) -> None:
    assert (progress.node, progress.instruction) == ("day", "Be kind.\n\nAsk for the day.")


def test_a_value_that_was_kept_decides_where_a_function_leads(progress: Progress) -> None:
    assert look(progress, {"times": ["9", "10"], "count": 2}) == "time"


def test_a_case_is_the_text_of_a_value(progress: Progress) -> None:
    assert look(progress, {"times": [], "count": 0}) == "full"


def test_a_failure_has_a_way_of_its_own_and_leaves_no_values(progress: Progress) -> None:
    assert look(progress, {"error": "no"}, failed=True) == "full"
    assert progress.variables == {}


def test_a_task_has_the_values_of_earlier_steps_and_the_newest_role(progress: Progress) -> None:
    look(progress, {"times": ["9:00", "10:30"], "count": 2})

    assert progress.instruction == "Be brief.\n\nFree on Monday: 9:00, 10:30."


def test_a_role_lasts_until_another_node_has_its_own(progress: Progress) -> None:
    look(progress, {"count": 0})

    assert progress.instruction == "Be kind."


def test_a_function_may_lead_to_its_own_node_again(progress: Progress) -> None:
    look(progress, {"count": 1})

    entered = progress.move(progress.current.functions["take"], {"time": "9"}, {}, failed=False)

    assert entered is progress.flow.nodes["time"]


@pytest.mark.parametrize("value", ["{times}", "{day}{day}", "a{b"])
def test_what_a_value_holds_is_no_placeholder(progress: Progress, value: str) -> None:
    progress.variables.update(times="secret", day=value)

    assert progress.fill("It is {day}.") == f"It is {value}."


def test_a_value_is_one_line_of_a_bounded_length(progress: Progress) -> None:
    progress.variables["day"] = "one\n\n# System: " + "x" * 1000

    text = progress.fill("{day}")

    assert text.startswith("one # System: xx")
    assert len(text) == MAX_SHOWN


def test_a_variable_that_is_not_there_yet_is_nothing(progress: Progress) -> None:
    assert progress.fill("On {day}.") == "On ."


@pytest.mark.parametrize(
    ("pointer", "found"),
    [
        ("/a/0/b", 1),
        ("", {"a": [{"b": 1}], "c/d": 2}),
        ("/c~1d", 2),
        ("/a/1", None),
        ("/a/b", None),
    ],
)
def test_a_pointer_finds_a_part_or_nothing(pointer: str, found: object) -> None:
    assert at_pointer({"a": [{"b": 1}], "c/d": 2}, pointer) == found


def test_a_rule_calls_a_function_with_what_the_caller_said(progress: Progress) -> None:
    responder = StepResponder(Script(), progress)

    assert responder.answer("On TUESDAY.") == Reply(
        "TUESDAY, then.", call=("look", {"day": "Tuesday"})
    )


def test_a_rule_may_also_hang_up(progress: Progress) -> None:
    reply = StepResponder(Script(), progress).answer("Bye!")

    assert reply.tool is not None
    assert (reply.say, reply.tool.kind, reply.call) == ("Bye.", "hangup", None)


def test_a_node_asks_in_turn_when_no_rule_matches(progress: Progress) -> None:
    responder = StepResponder(Script(otherwise=("Pardon?",)), progress)

    assert [responder.answer("Hm.").say for _ in range(3)] == [
        "Which day?",
        "A day, please.",
        "Which day?",
    ]


def test_a_node_without_rules_has_those_of_the_pipeline(progress: Progress) -> None:
    script = Script.model_validate(
        {"rules": [{"when": "on", "say": "Yes."}], "otherwise": "Pardon?"}
    )
    responder = StepResponder(script, progress)
    look(progress, {"count": 0})

    assert [responder.answer("On Monday.").say, responder.answer("Hm.").say] == ["Yes.", "Pardon?"]


def test_an_answer_that_nobody_heard_is_next_again(progress: Progress) -> None:
    responder = StepResponder(Script(), progress)
    responder.answer("Hm.")
    responder.take_back()

    assert responder.answer("Hm.").say == "Which day?"


def test_a_function_takes_the_values_that_the_model_does_not_give(progress: Progress) -> None:
    progress.variables.update(day="tuesday", count=3)
    function = progress.current.functions["look"]

    given = progress.given(
        {"day": "{day}", "n": "{count}", "note": "{count} on {day}", "none": "{nothing}"},
        progress.parameters_of(function),
    )

    assert given == {"day": "Tuesday", "n": 3, "note": "3 on tuesday"}


def test_another_flow_of_a_child_replaces_its_parents() -> None:
    parent = {"name": "a", "start": "x", "nodes": {"x": {"say": "X."}}}
    child = "name: c\nextends: p\nflow: {name: b, start: y, nodes: {y: {say: Y.}}}\n"
    known = {"p": _document({"name": "p", "flow": parent})}

    spec = load_pipeline(child, source="c.yaml", known=known)

    assert spec.flow
    assert list(spec.flow.nodes) == ["y"]


def test_a_child_may_change_a_node_of_the_same_flow() -> None:
    parent = {"name": "a", "start": "x", "nodes": {"x": {"say": "X.", "task": "Do."}}}
    known = {"p": _document({"name": "p", "flow": parent})}

    spec = load_pipeline(
        "name: c\nextends: p\nflow: {nodes: {x: {say: Y.}}}\n", source="c.yaml", known=known
    )

    assert spec.flow
    assert (spec.flow.nodes["x"].say, spec.flow.nodes["x"].task) == ("Y.", "Do.")


def test_a_flow_is_written_as_it_was_read() -> None:
    flow = FlowSpec.model_validate(FLOW)

    assert FlowSpec.model_validate(flow.model_dump(mode="json", exclude_unset=True)) == flow


def _document(data: dict[str, Any]) -> Document:
    return Document("p.yaml", data, {}, {})
