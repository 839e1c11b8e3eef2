"""Turns that the recogniser ends, and answers that are thought of ahead of that."""

import pytest
from pipecat.frames.frames import EagerEndOfTurnCancelFrame
from pipecat.processors.frame_processor import FrameDirection

from pipelines.params import Secrets
from tests.integration.pipelines.conftest import Say
from tests.integration.pipelines.telephone import RATE
from tests.integration.pipelines.turn_line import dialogue
from tests.support.fakes import KEY, azure_fake, mistral_fake
from voiceai.fakes.chat import Pause, ToolCall, words
from voiceai.fakes.recognisers import Utterance
from voiceai.fakes.voices import murmur

HOURS = "when are you open"
MORE = "when are you open on Sunday"
RULES = """
  service: scripted
  rules:
    - {when: ["bye$"], say: "Goodbye.", tool: {hangup: {}}}
    - {when: ["Sunday"], say: "Never."}
  otherwise: ["First.", "Second.", "Third."]
"""


async def test_the_final_text_of_a_recogniser_that_judges_ends_the_turn() -> None:
    async with dialogue("stt", judges=True) as line:
        await line.begins()
        await line.may_have_said("when are")
        await line.pauses()
        await line.has_said(HOURS)
        await line.answered()
    assert line.telephone.caller == [HOURS]
    assert line.model.asked == [HOURS]


async def test_a_short_pause_is_no_end_where_the_recogniser_does_not_judge() -> None:
    async with dialogue("stt", judges=False) as line:
        await line.begins()
        await line.pauses()
        await line.has_said("when are you open")
        await line.begins()
        await line.pauses()
        await line.has_said("on Sunday")
        await line.answered()
    assert line.telephone.caller == [MORE]
    assert line.model.asked == [MORE]


async def test_nothing_understood_ends_the_turn_as_well() -> None:
    async with dialogue("stt", judges=False) as line:
        await line.begins()
        await line.pauses()
        await line.has_said("")
        await line.until(lambda: line.telephone.caller == [""])


async def test_what_is_said_into_an_answer_interrupts_it() -> None:
    async with dialogue("stt", judges=True, answer=lambda _: "one two three " * 20) as line:
        await line.begins()
        await line.pauses()
        await line.has_said(HOURS)
        await line.until(lambda: line.telephone.speaker.seconds > 0.3)
        await line.begins()
        await line.answered()
        await line.pauses()
        await line.has_said(MORE)
        await line.asked(HOURS, MORE)
    said, interrupted = line.telephone.assistant[0]
    assert interrupted
    assert line.context()[:3] == [("user", HOURS), ("assistant", said), ("user", MORE)]


async def test_a_pause_has_the_model_asked_once_and_nothing_is_said_before_the_end() -> None:
    async with dialogue("eager", judges=True) as line:
        await line.begins()
        await line.may_have_said(HOURS)
        await line.pauses()
        await line.asked(HOURS)
        assert line.context() == []
        assert line.telephone.speaker.played == []
        await line.has_said("When are you open?")
        await line.answered()
    assert line.model.asked == [HOURS]
    said = f"You said {HOURS}."
    assert line.telephone.assistant == [(said, False)]
    assert line.context() == [("user", "When are you open?"), ("assistant", said)]


async def test_of_an_answer_that_was_thrown_away_nothing_is_left() -> None:
    async with dialogue("eager", judges=True) as line:
        await line.begins()
        await line.may_have_said(HOURS)
        await line.pauses()
        await line.asked(HOURS)
        await line.begins()
        await line.may_have_said(MORE)
        await line.pauses()
        await line.asked(HOURS, MORE)
        await line.has_said(MORE)
        await line.answered()
    assert line.model.asked == [HOURS, MORE]
    assert line.telephone.assistant == [(f"You said {MORE}.", False)]
    assert line.context() == [("user", MORE), ("assistant", f"You said {MORE}.")]


async def test_a_text_that_turns_out_another_is_answered_anew() -> None:
    async with dialogue("eager", judges=True) as line:
        await line.begins()
        await line.may_have_said("when are you")
        await line.pauses()
        await line.asked("when are you")
        await line.has_said(HOURS)
        await line.answered()
    assert line.telephone.assistant == [(f"You said {HOURS}.", False)]
    assert line.context() == [("user", HOURS), ("assistant", f"You said {HOURS}.")]


async def test_an_answer_that_knows_nothing_of_a_note_is_thrown_away() -> None:
    async with dialogue("eager", judges=True) as line:
        await line.begins()
        await line.may_have_said(HOURS)
        await line.pauses()
        await line.asked(HOURS)
        await line.conversation.note("The colleague is there.")
        await line.asked(HOURS, HOURS)
        await line.has_said(HOURS)
        await line.answered()
    assert line.model.taken_back == 1
    assert line.telephone.assistant == [(f"You said {HOURS}.", False)]
    assert [role for role, _ in line.context()] == ["developer", "user", "assistant"]


async def test_the_quiet_that_a_recogniser_does_not_judge_is_used() -> None:
    async with dialogue("eager", judges=False) as line:
        await line.begins()
        await line.pauses()
        await line.has_said(HOURS)
        await line.asked(HOURS)
        assert line.telephone.caller == []
        await line.answered()
    assert line.model.asked == [HOURS]
    assert line.telephone.assistant == [(f"You said {HOURS}.", False)]


async def test_a_model_is_asked_ahead_only_so_often() -> None:
    async with dialogue("eager", judges=True) as line:
        await line.begins()
        await line.pauses()
        for count in range(1, 9):
            await line.may_have_said(" ".join(["more"] * count))
        await line.until(lambda: len(line.model.asked) == 4)
        await line.has_said("more than that")
        await line.answered()
    assert line.model.asked[4:] == ["more than that"]
    assert line.telephone.assistant == [("You said more than that.", False)]


async def test_an_answer_that_was_held_is_interrupted_as_any_other() -> None:
    async with dialogue("eager", judges=True, answer=lambda _: "one two three " * 20) as line:
        await line.begins()
        await line.may_have_said(HOURS)
        await line.pauses()
        await line.asked(HOURS)
        await line.has_said(HOURS)
        await line.until(lambda: line.telephone.speaker.seconds > 0.3)
        await line.begins()
        await line.answered()
        await line.may_have_said(MORE)
        await line.pauses()
        await line.has_said(MORE)
        await line.asked(HOURS, MORE)
    said, interrupted = line.telephone.assistant[0]
    assert interrupted
    assert line.context()[:3] == [("user", HOURS), ("assistant", said), ("user", MORE)]


async def test_an_answer_that_was_thrown_away_hangs_nobody_up() -> None:
    async with dialogue("eager", judges=True, llm=RULES) as line:
        await line.begins()
        await line.may_have_said("good bye")
        await line.pauses()
        await line.begins()
        await line.may_have_said("good bye on Sunday")
        await line.pauses()
        await line.has_said("good bye on Sunday")
        await line.answered()
    assert line.telephone.assistant == [("Never.", False)]
    assert line.telephone.control == []


async def test_who_does_say_goodbye_is_hung_up() -> None:
    async with dialogue("eager", judges=True, llm=RULES) as line:
        await line.begins()
        await line.may_have_said("good bye")
        await line.pauses()
        await line.has_said("Good bye")
        await line.until(lambda: line.telephone.control)
    assert line.telephone.assistant == [("Goodbye.", False)]
    assert line.telephone.control == [("hangup",)]


async def test_a_model_is_told_that_its_answer_was_thrown_away() -> None:
    async with dialogue("eager", judges=True) as line:
        await line.begins()
        await line.may_have_said(HOURS)
        await line.pauses()
        await line.asked(HOURS)
        assert line.model.taken_back == 0
        await line.begins()
        await line.until(lambda: line.model.taken_back)
        await line.pauses()
        await line.has_said(MORE)
        await line.answered()
    assert line.model.taken_back == 1


async def test_a_model_that_throws_its_answer_away_at_the_end_of_the_turn_is_asked_again() -> None:
    async with dialogue("eager", judges=True, answer=lambda _: "one two three " * 20) as line:
        await line.begins()
        await line.may_have_said(HOURS)
        await line.pauses()
        await line.asked(HOURS)
        await line.has_said(HOURS)
        await line.until(lambda: line.telephone.caller)
        await line.model.push_frame(EagerEndOfTurnCancelFrame(), FrameDirection.UPSTREAM)
        await line.asked(HOURS, HOURS)


def mistral(url: str, first_byte_ms: int = 1000) -> dict[str, object]:
    """A chain around Mistral's client, of a server on this machine."""
    return {
        "llm": f"{{service: mistral, model: m, first_byte_ms: {first_byte_ms}, "
        "fallback: [{service: own}]}",
        "secrets": Secrets.model_validate({"mistral_api_key": KEY, "mistral_base_url": url}),
    }


async def test_a_chain_does_not_take_what_it_holds_for_silence() -> None:
    async with mistral_fake() as fake:
        fake.expect([*words("From nine. To"), Pause(0.25), " five", Pause(0.25), " o'clock."])
        async with dialogue("eager", judges=True, **mistral(fake.url, 400)) as line:  # type: ignore[arg-type]
            await line.begins()
            await line.may_have_said(HOURS)
            await line.pauses()
            await line.until(lambda: line.usages)
            assert line.telephone.speaker.played == []
            await line.has_said(HOURS)
            await line.answered()
    assert line.telephone.assistant == [("From nine. To five o'clock.", False)]
    assert line.telephone.failures == []
    assert [message["content"] for message in fake.chat.requests[0].body["messages"]] == [HOURS]


async def test_a_tool_is_used_for_certain_only() -> None:
    async with mistral_fake() as fake:
        fake.expect([ToolCall("hangup")], words("Never on a Sunday."))
        async with dialogue("eager", judges=True, **mistral(fake.url)) as line:  # type: ignore[arg-type]
            await line.begins()
            await line.may_have_said("good bye")
            await line.pauses()
            await fake.chat.until_asked()
            await line.begins()
            await line.pauses()
            await line.has_said("good bye on Sunday")
            await line.answered()
    assert line.telephone.assistant == [("Never on a Sunday.", False)]
    assert (line.telephone.control, line.telephone.failures) == ([], [])


async def test_a_tool_that_was_wanted_ahead_is_used_at_the_end_of_the_turn() -> None:
    async with mistral_fake() as fake:
        fake.expect([ToolCall("hangup")], [*words("Good bye."), ToolCall("hangup")])
        async with dialogue("eager", judges=True, **mistral(fake.url)) as line:  # type: ignore[arg-type]
            await line.begins()
            await line.may_have_said("good bye")
            await line.pauses()
            await fake.chat.until_asked()
            await line.has_said("good bye")
            await line.until(lambda: line.telephone.control)
    assert line.telephone.control == [("hangup",)]
    assert line.telephone.failures == []


async def test_azures_word_ends_a_turn_that_was_answered_ahead_of_it() -> None:
    told = Utterance("When are you open?", interims=((0.2, HOURS),))
    async with azure_fake(told) as fake:
        keys = {"azure_speech_key": KEY, "azure_speech_endpoint": fake.url}
        secrets = Secrets.model_validate(keys)
        async with dialogue("eager", judges=True, stt="azure", secrets=secrets) as line:
            speech = murmur("When open?", "", RATE)
            await line.telephone.speak(line.conversation, speech, after=0.8)
            await line.answered()
    assert line.model.asked == [HOURS]
    assert line.context() == [("user", "When are you open?"), ("assistant", f"You said {HOURS}.")]


async def test_mistrals_word_ends_a_turn() -> None:
    async with mistral_fake(HOURS) as fake:
        keys = {"mistral_api_key": KEY, "mistral_base_url": fake.url}
        secrets = Secrets.model_validate(keys)
        async with dialogue("stt", judges=False, stt="mistral", secrets=secrets) as line:
            speech = murmur("When open?", "", RATE)
            await line.telephone.speak(line.conversation, speech, after=0.6)
            await line.answered()
    assert line.context() == [("user", HOURS), ("assistant", f"You said {HOURS}.")]


async def test_a_local_recogniser_ends_a_turn_that_was_answered_ahead_of_it(say: Say) -> None:
    pytest.importorskip("moonshine_voice", reason="moonshine-voice is not installed")
    async with dialogue("eager", judges=False, stt="moonshine") as line:
        await line.telephone.speak(line.conversation, say("Where are you?"), after=0.6)
        await line.answered()
    (heard,) = line.model.asked
    assert "where are you" in heard.lower()
    assert line.context() == [("user", heard), ("assistant", f"You said {heard}.")]
