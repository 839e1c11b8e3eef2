"""Answers have the shape that chat completions have on the wire."""

import json
import re
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from voiceai.fakes.chat import Part, Pause, Raw, ToolCall, completion, echo, events, words

BODY = {"model": "m", "messages": [{"role": "user", "content": "Hi there"}]}


def chunks(parts: list[Part], body: dict[str, Any] | None = None) -> list[dict[str, Any]]:
    return [
        json.loads(event.removeprefix(b"data: "))
        for event in events(parts, body or BODY)
        if not isinstance(event, Pause)
    ]


@given(text=st.text())
def test_words_are_the_text(text: str) -> None:
    assert "".join(words(text)) == text


@given(text=st.text(min_size=1), pieces=st.integers(min_value=1, max_value=9))
def test_the_pieces_of_arguments_are_the_arguments(text: str, pieces: int) -> None:
    found = chunks([ToolCall("tool", text, pieces=pieces)])

    calls = [call for chunk in found for call in chunk["choices"][0]["delta"].get("tool_calls", ())]
    assert "".join(call["function"]["arguments"] for call in calls) == text
    assert 1 <= len(calls) <= pieces
    assert [call["index"] for call in calls] == [0] * len(calls)


def test_pauses_and_raw_bytes_are_where_they_were_put() -> None:
    found = list(events(["a", Pause(2.0), Raw(b"broken"), "b"], BODY))

    assert found[2:4] == [Pause(2.0), b"broken"]


def test_no_answer_still_ends_with_a_reason_and_its_usage() -> None:
    assert chunks([])[-1]["choices"][0]["finish_reason"] == "stop"
    assert chunks([])[-1]["usage"] == {
        "prompt_tokens": 2,
        "completion_tokens": 0,
        "total_tokens": 2,
    }


def test_an_answer_without_a_stream_joins_its_parts() -> None:
    answer = completion(["Hello", Pause(1.0), " you"], BODY)

    assert answer["choices"][0]["message"]["content"] == "Hello you"
    assert answer["choices"][0]["message"]["tool_calls"] is None


def test_the_echo_repeats_the_user_and_not_the_tool() -> None:
    told = [*BODY["messages"], {"role": "tool", "content": "7"}]

    assert "".join(str(part) for part in echo({"messages": told})) == "You said: Hi there"


def call_ids(found: list[dict[str, Any]]) -> list[str]:
    deltas = [chunk["choices"][0]["delta"] for chunk in found if chunk["choices"]]
    return [call["id"] for delta in deltas for call in delta.get("tool_calls", ()) if "id" in call]


def test_each_call_of_a_conversation_has_an_id_of_its_own() -> None:
    later = {**BODY, "messages": [*BODY["messages"], {"role": "tool", "content": "5"}]}
    calls: list[Part] = [ToolCall("price"), ToolCall("price", pieces=2), ToolCall("stock")]
    ids = [*call_ids(chunks(calls)), *call_ids(chunks(calls, later))]
    assert len(set(ids)) == len(ids) == 2 * len(calls)
    assert all(re.fullmatch("[a-zA-Z0-9]{9}", call_id) for call_id in ids)
    message = completion(calls, BODY)["choices"][0]["message"]
    assert [call["id"] for call in message["tool_calls"]] == ids[: len(calls)]


def test_a_call_may_be_given_its_id() -> None:
    assert call_ids(chunks([ToolCall("price", call_id="abcdefghi")])) == ["abcdefghi"]
