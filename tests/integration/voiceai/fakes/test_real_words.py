"""A fake recognition that hears with a real model understands what people say."""

from pipelines.services.moonshine import Moonshine
from tests.support.availability import have_or_skip
from tests.support.speech import SAMPLE_RATE_HZ, english_prompts
from tests.support.word_errors import word_error_rate
from voiceai.fakes.listening import Final, Interim, Listening
from voiceai.fakes.recognisers import RealRecogniser, by_model

MOST_WORD_ERRORS = 0.1
"""Of 15 words one may be wrong, or made up of the silence."""


async def test_people_are_understood_and_cut_where_they_pause() -> None:
    model = have_or_skip(Moonshine)
    prompts = have_or_skip(english_prompts)[:2]
    recogniser = RealRecogniser(by_model(model.recognise), interim_seconds=2.0)
    listening = Listening(recogniser, SAMPLE_RATE_HZ, "en-US", silence_seconds=0.8)

    found = [
        each
        for prompt in prompts
        async for each in listening.hear(prompt.pcm + bytes(2 * SAMPLE_RATE_HZ))
    ]

    model.close()
    finals = [each for each in found if isinstance(each, Final)]
    said = " ".join(prompt.text for prompt in prompts)
    heard = " ".join(each.text for each in finals)
    assert len(finals) >= len(prompts)
    assert [each for each in found if isinstance(each, Interim)] != []
    assert word_error_rate(said, heard) < MOST_WORD_ERRORS
