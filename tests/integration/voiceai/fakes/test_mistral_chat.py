"""What the real chat clients see of the fake Mistral, well and in each trouble."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import httpx
import openai
import pytest

from tests.support.fakes import KEY, mistral_fake
from voiceai.fakes.behaviour import DROP, GOOD, Behaviour
from voiceai.fakes.chat import Finish, Part, Pause, Raw, ToolCall, words
from voiceai.fakes.mistral import MistralFake

Chat = Callable[[], Awaitable[list[Any]]]

QUESTION: list[Any] = [{"role": "user", "content": "What time is it?"}]
TIMEOUT_SECONDS = 10.0
SHORT_SECONDS = 0.1


@pytest.fixture
async def fake() -> AsyncIterator[MistralFake]:
    async with mistral_fake() as made:
        yield made


@pytest.fixture
async def client(fake: MistralFake) -> AsyncIterator[openai.AsyncOpenAI]:
    plain = openai.DefaultAsyncHttpxClient(verify=False)
    async with openai.AsyncOpenAI(
        api_key=KEY,
        base_url=fake.base_url,
        max_retries=0,
        timeout=TIMEOUT_SECONDS,
        http_client=plain,
    ) as made:
        yield made


async def by_openai(client: openai.AsyncOpenAI, **more: Any) -> list[Any]:
    """Return the chunks of a streamed answer."""
    stream = await client.chat.completions.create(
        model="mistral-small-latest", messages=QUESTION, stream=True, **more
    )
    return [chunk async for chunk in stream]


async def by_sdk(sdk: Any, **more: Any) -> list[Any]:
    stream = await sdk.chat.stream_async(model="mistral-small-latest", messages=QUESTION, **more)
    return [event.data async for event in stream]


def said(chunks: list[Any]) -> str:
    return "".join(
        choice.delta.content
        for chunk in chunks
        for choice in chunk.choices
        if isinstance(choice.delta.content, str)
    )


async def test_both_clients_stream_an_answer_word_by_word(
    fake: MistralFake, client: openai.AsyncOpenAI, sdk: Any
) -> None:
    fake.expect(words("It is late."), words("It is late."))

    for chunks in (await by_openai(client), await by_sdk(sdk)):
        assert said(chunks) == "It is late."
        assert len(chunks) == 5
        assert chunks[-1].choices[0].finish_reason == "stop"
        assert chunks[-1].usage.completion_tokens == 3
    asked = fake.chat.requests[0]
    assert asked.body["messages"] == QUESTION
    assert asked.key == KEY
    assert fake.chat.count == 2


async def test_usage_comes_in_a_chunk_of_its_own_if_asked_for(client: openai.AsyncOpenAI) -> None:
    chunks = await by_openai(client, stream_options={"include_usage": True})

    assert [bool(chunk.usage) for chunk in chunks] == [False] * (len(chunks) - 1) + [True]
    assert chunks[-1].choices == []


async def test_an_answer_without_a_stream_is_the_same(
    fake: MistralFake, client: openai.AsyncOpenAI, sdk: Any
) -> None:
    reply: list[Part] = ["Moment.", ToolCall("look_up", {"number": 7})]
    fake.expect(reply, reply)

    answers: list[Any] = [
        await client.chat.completions.create(model="m", messages=QUESTION),
        await sdk.chat.complete_async(model="m", messages=QUESTION),
    ]

    for answer in answers:
        choice = answer.choices[0]
        assert choice.message.content == "Moment."
        assert json.loads(choice.message.tool_calls[0].function.arguments) == {"number": 7}
        assert choice.finish_reason == "tool_calls"


async def test_tools_are_called_in_order_with_their_arguments(
    fake: MistralFake, client: openai.AsyncOpenAI, sdk: Any
) -> None:
    reply: list[Part] = [
        ToolCall("first", {"a": 1}, call_id="D681PevKs"),
        ToolCall("second", call_id="second123"),
    ]
    fake.expect(reply, reply)

    for chunks in (await by_openai(client), await by_sdk(sdk)):
        calls = [call for chunk in chunks for call in chunk.choices[0].delta.tool_calls or ()]
        assert [(call.index, call.id, call.function.name) for call in calls] == [
            (0, "D681PevKs", "first"),
            (1, "second123", "second"),
        ]
        assert chunks[-1].choices[0].finish_reason == "tool_calls"


async def test_arguments_may_come_in_pieces_and_be_malformed(
    fake: MistralFake, client: openai.AsyncOpenAI
) -> None:
    fake.expect([ToolCall("send", '{"digits": "12', pieces=3)], ["Cut", Finish("length")])

    chunks = await by_openai(client)
    calls = [call for chunk in chunks for call in chunk.choices[0].delta.tool_calls or ()]
    cut = await by_openai(client)

    assert "".join(call.function.arguments for call in calls) == '{"digits": "12'
    assert len(calls) == 3
    assert cut[-1].choices[0].finish_reason == "length"


@pytest.mark.parametrize(
    ("status", "error", "wording"),
    [
        (401, openai.AuthenticationError, "Unauthorized"),
        (429, openai.RateLimitError, "Rate limit exceeded"),
        (500, openai.InternalServerError, "Internal server error"),
        (503, openai.InternalServerError, "Service unavailable."),
    ],
)
async def test_openai_has_a_class_for_each_status(
    fake: MistralFake,
    client: openai.AsyncOpenAI,
    status: int,
    error: type[openai.APIStatusError],
    wording: str,
) -> None:
    fake.chat.fail(status, retry_after_seconds=2)

    with pytest.raises(error) as raised:
        await by_openai(client)

    assert wording in str(raised.value.body)
    assert raised.value.response.headers["Retry-After"] == "2"


@pytest.mark.parametrize("status", [401, 429, 500, 503])
async def test_mistral_has_one_class_for_every_status(
    status: int, fake: MistralFake, sdk: Any
) -> None:
    """It does not try again by itself, and reads Retry-After only if it is told to retry."""
    from mistralai.client.errors import SDKError

    fake.chat.fail(status, retry_after_seconds=2, message="No more today")

    with pytest.raises(SDKError, match=f"Status {status} .*No more today") as raised:
        await by_sdk(sdk)

    assert raised.value.status_code == status
    assert raised.value.headers["Retry-After"] == "2"
    assert fake.chat.count == 1


async def test_a_wrong_key_is_refused(fake: MistralFake) -> None:
    async with openai.AsyncOpenAI(api_key="wrong", base_url=fake.base_url, max_retries=0) as other:
        with pytest.raises(openai.AuthenticationError):
            await by_openai(other)

    assert fake.chat.requests[-1].key == "wrong"


async def test_openai_waits_as_long_as_it_is_told_and_tries_again(fake: MistralFake) -> None:
    fake.chat.then(Behaviour(status=429, retry_after_seconds=0.01), Behaviour(status=503))
    async with openai.AsyncOpenAI(api_key=KEY, base_url=fake.base_url, max_retries=1) as patient:
        with pytest.raises(openai.InternalServerError):
            await by_openai(patient.with_options(max_retries=1))

    assert fake.chat.count == 2


@pytest.mark.parametrize("pieces", [0, 2])
async def test_a_stall_is_a_timeout_of_the_client(
    pieces: int, fake: MistralFake, client: openai.AsyncOpenAI, sdk: Any
) -> None:
    """Both count from the latest byte, and neither has a limit for the whole answer."""
    fake.chat.stall(after=pieces)

    with pytest.raises(openai.APITimeoutError):
        await by_openai(client, timeout=SHORT_SECONDS)
    with pytest.raises(httpx.ReadTimeout):
        await by_sdk(sdk, timeout_ms=round(1000 * SHORT_SECONDS))


@pytest.mark.parametrize("pieces", [0, 2])
async def test_a_dropped_connection_is_a_connection_error(
    pieces: int, fake: MistralFake, client: openai.AsyncOpenAI, sdk: Any
) -> None:
    fake.chat.drop(after=pieces)

    with pytest.raises(openai.APIConnectionError):
        await by_openai(client)
    with pytest.raises(httpx.RemoteProtocolError):
        await by_sdk(sdk)


async def test_a_stream_that_ends_early_is_no_error_but_an_answer_without_a_reason(
    fake: MistralFake, client: openai.AsyncOpenAI, sdk: Any
) -> None:
    """Whoever uses them must look whether the `finish_reason` came."""
    fake.chat.close(after=3)

    for chunks in (await by_openai(client), await by_sdk(sdk)):
        assert said(chunks) == "You said:"
        assert chunks[-1].choices[0].finish_reason is None


async def test_a_server_that_is_gone_refuses_and_comes_back_at_its_port(
    fake: MistralFake, client: openai.AsyncOpenAI, sdk: Any
) -> None:
    await by_openai(client)
    await fake.server.stop()

    with pytest.raises(openai.APIConnectionError):
        await by_openai(client)
    with pytest.raises(httpx.ConnectError):
        await by_sdk(sdk)
    await fake.server.start()

    assert said(await by_openai(client)) == "You said: What time is it?"


async def test_a_broken_stream_is_a_parser_error(
    fake: MistralFake, client: openai.AsyncOpenAI, sdk: Any
) -> None:
    broken: list[Part] = ["Well", Raw(b"data: {broken\n\n")]
    fake.expect(broken, broken)

    with pytest.raises(json.JSONDecodeError):
        await by_openai(client)
    with pytest.raises(Exception, match="Response validation failed"):
        await by_sdk(sdk)


async def test_silence_is_an_answer_of_no_words(
    fake: MistralFake, client: openai.AsyncOpenAI
) -> None:
    fake.chat.silence()

    chunks = await by_openai(client)

    assert said(chunks) == ""
    assert chunks[-1].choices[0].finish_reason == "stop"


async def test_a_stalled_answer_goes_on_once_the_service_has_recovered(
    fake: MistralFake, client: openai.AsyncOpenAI
) -> None:
    fake.chat.stall(after=2)
    stream = await client.chat.completions.create(model="m", messages=QUESTION, stream=True)
    first = [await anext(stream), await anext(stream)]

    fake.chat.recover()

    assert said([*first, *[chunk async for chunk in stream]]) == "You said: What time is it?"


async def test_a_script_names_requests_by_their_number(
    fake: MistralFake, client: openai.AsyncOpenAI
) -> None:
    fake.chat.then(GOOD, DROP)
    fake.expect(["One."], [Pause(0.01), "Two."])

    first = said(await by_openai(client))
    with pytest.raises(openai.APIConnectionError):
        await by_openai(client)
    third = said(await by_openai(client))

    assert (first, third) == ("One.", "You said: What time is it?")


@pytest.mark.parametrize(
    ("messages", "error"),
    [
        ([{"role": "developer", "content": "Hi"}], "Input tag 'developer'"),
        ([*QUESTION, {"role": "assistant", "content": "Late"}], "Expected last role User or Tool"),
        ([{"role": "tool", "tool_call_id": "call_1", "content": "1"}], "with a length of 9"),
        ([], "at least one message"),
    ],
)
async def test_mistral_refuses_conversations_that_others_take(
    messages: list[Any], error: str, client: openai.AsyncOpenAI
) -> None:
    with pytest.raises(openai.APIStatusError) as raised:
        await client.chat.completions.create(model="m", messages=messages)

    assert error in str(raised.value.body)


async def test_another_compatible_server_takes_them() -> None:
    messages: list[Any] = [{"role": "developer", "content": "Hi"}]
    async with (
        mistral_fake(strict=False) as lenient,
        openai.AsyncOpenAI(api_key=KEY, base_url=lenient.base_url) as client,
    ):
        answer = await client.chat.completions.create(model="m", messages=messages)

    assert answer.choices[0].message.content == "You said: "
