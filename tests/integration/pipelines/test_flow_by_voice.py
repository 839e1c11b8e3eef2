"""Steps that are heard, on a telephone in real time."""

from collections.abc import Awaitable, Callable
from pathlib import Path

from pipelines.builder import Conversation
from pipelines.loader import load_pipeline
from pipelines.params import ModelParams
from pipelines.resources import Resources
from pipelines.warm import warm
from tests.integration.pipelines.telephone import Telephone, call

Script = Callable[[Conversation, Telephone], Awaitable[None]]

STEPS = """
name: steps
extends: local-en
greeting: ''
disclosure: ''
idle:
llm: {service: scripted}
tts: {service: espeak}
flow:
  name: order
  start: ask
  nodes:
    ask:
      functions:
        order: {description: An order., parameters: {digits: Which}, next: sure}
      rules: [{when: "(?P<digits>\\\\d+)", tool: {order: {digits: "{digits}"}}}]
    sure:
      say: You typed {digits}, and that is a long sentence which nobody wants to hear to its end.
      functions:
        go_on: {description: Go on., next: done}
      rules: [{when: "9", tool: go_on}]
    done: {say: "Thank you, {digits}.", then: hangup}
"""


PIN = """
name: pin
extends: local-en
greeting: ''
disclosure: ''
idle:
llm: {service: scripted}
tts: {service: espeak}
tools: [{collect_digits: {name: type_pin, max: 4}}]
flow:
  name: pin
  start: ask
  nodes:
    ask:
      functions: {pin: {tool: type_pin, keep: {digits: /digits}, next: done}}
      rules: [{when: "7", tool: pin}]
    done: {say: "Thank you, {digits}.", then: hangup}
"""


async def talk(text: str, script: Script, folder: Path) -> Telephone:
    """Run a conversation of which this is the pipeline."""
    resources = Resources(params=ModelParams(cache_dir=folder))
    try:
        spec = load_pipeline(text, source="test")
        assert await warm(resources, [spec]) == {}
        _, telephone = await call(spec, resources, script)
    finally:
        await resources.aclose()
    return telephone


async def test_what_is_typed_around_a_noise_leads_to_the_next_step(tmp_path: Path) -> None:
    async def types(conversation: Conversation, telephone: Telephone) -> None:
        for key in "7#":
            await conversation.press(key)
        await telephone.until(lambda: telephone.secrets)
        await conversation.press("4")
        await telephone.make_noise(conversation)
        for key in "71#":
            await conversation.press(key)
        await telephone.until(lambda: telephone.ended)

    telephone = await talk(PIN, types, tmp_path)

    assert telephone.assistant[-1] == ("Thank you, 471.", False)
    assert telephone.control == [("hangup",)]


async def test_a_caller_cuts_into_a_step_and_hears_the_last_one_before_the_call_is_ended(
    tmp_path: Path,
) -> None:
    async def types(conversation: Conversation, telephone: Telephone) -> None:
        await conversation.press("7")
        await conversation.press("#")
        await telephone.until(lambda: telephone.speaker.seconds > 0.3)
        await conversation.press("9")
        await conversation.press("#")
        await telephone.until(lambda: telephone.ended)

    telephone = await talk(STEPS, types, tmp_path)

    (_, was_cut), last = telephone.assistant
    assert was_cut
    assert last == ("Thank you, 7.", False)
    assert [name for name, _ in telephone.tools] == ["order", "go_on", "hangup"]
    assert telephone.control == [("hangup",)]
