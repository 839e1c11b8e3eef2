"""Scripted texts come in their order, and those of a broken connection once more."""

import pytest

from voiceai.fakes.listening import Final, Interim, Listening, Onset, Understood
from voiceai.fakes.recognisers import RealRecogniser, Recogniser, ScriptedRecogniser, Utterance
from voiceai.fakes.voices import murmur

RATE_HZ = 8000
SPEECH = murmur("one two three", "", RATE_HZ)
SILENCE = bytes(2 * RATE_HZ)


async def understood(listening: Listening, *sounds: bytes) -> list[Understood]:
    return [each for sound in sounds async for each in listening.hear(sound)]


def listening(recogniser: Recogniser) -> Listening:
    return Listening(recogniser, RATE_HZ, "de-DE")


async def test_interim_texts_grow_and_the_final_one_comes_last() -> None:
    found = await understood(listening(ScriptedRecogniser(["Eins zwei drei."])), SPEECH, SILENCE)

    assert isinstance(found[0], Onset)
    assert [each.text for each in found if isinstance(each, Interim)] == ["Eins", "Eins zwei"]
    last = found[-1]
    assert isinstance(last, Final)
    assert last.text == "Eins zwei drei."


async def test_an_utterance_may_end_at_its_time_whatever_is_heard() -> None:
    recogniser = ScriptedRecogniser([Utterance("Jetzt.", ((0.2, "Je"),), ends_after_seconds=0.4)])

    found = await understood(listening(recogniser), SILENCE)

    told = [each for each in found if not isinstance(each, Onset)]
    assert [each.text for each in told] == ["Je", "Jetzt."]
    assert [each.seconds for each in told] == pytest.approx([0.2, 0.4])


async def test_what_a_broken_connection_did_not_finish_is_understood_by_the_next() -> None:
    recogniser = ScriptedRecogniser(["First.", "Second."])
    broken = listening(recogniser)
    await understood(broken, SPEECH)
    broken.abandon()

    found = await understood(listening(recogniser), SPEECH, SILENCE, SPEECH, SILENCE)

    assert [each.text for each in found if isinstance(each, Final)] == ["First.", "Second."]


async def test_the_end_of_the_audio_takes_nothing_of_what_comes_next() -> None:
    recogniser = ScriptedRecogniser(["First.", "Second."])
    first, second = listening(recogniser), listening(recogniser)

    await understood(first, SPEECH)
    ended = [each async for each in first.finish()]
    first.abandon()

    assert [each.text for each in ended if isinstance(each, Final)] == ["First."]
    found = await understood(second, SPEECH, SILENCE)
    assert [each.text for each in found if isinstance(each, Final)] == ["Second."]


async def test_after_the_list_comes_what_comes_otherwise() -> None:
    recogniser = ScriptedRecogniser(["First."], otherwise="Again.")

    found = await understood(listening(recogniser), *[SPEECH, SILENCE] * 3)

    assert [each.text for each in found if isinstance(each, Final)] == [
        "First.",
        "Again.",
        "Again.",
    ]


async def test_a_real_recogniser_is_asked_as_the_utterance_grows_and_at_its_end() -> None:
    asked: list[int] = []

    def transcribe(pcm: bytes, rate: int, language: str) -> str:
        asked.append(len(pcm))
        assert (rate, language) == (RATE_HZ, "de-DE")
        return f"{len(asked)} words"

    recogniser = RealRecogniser(transcribe, interim_seconds=0.3)

    found = await understood(listening(recogniser), SPEECH, SILENCE)

    interim = [each for each in found if isinstance(each, Interim)]
    assert [each.text for each in interim] == ["1 words", "2 words", "3 words", "4 words"]
    assert asked == sorted(asked)
    assert isinstance(found[-1], Final)
