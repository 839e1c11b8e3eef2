"""Calls in which Asterisk and we speak G.722 or linear audio, or each something else."""

from collections.abc import Callable
from typing import Final

import pytest

from pipelines.services.moonshine import Moonshine
from tests.support.availability import have_or_skip
from tests.support.brief import ANSWER, NUMBER, PROMPT, answer_to, greeted, newest_record
from tests.support.listening import words_heard
from tests.support.pbx import Pbx
from tests.support.provider import Provider
from tests.support.serving import Serving
from tests.support.speech import prompt
from tests.support.word_errors import word_error_rate, words
from voiceai.bench.sip_caller import SipCaller

MISHEARD: Final = 0.3
"""Errors per word, at most."""


@pytest.mark.parametrize(
    "settings",
    [
        {"RTP_CODEC": "g722"},
        {"RTP_CODEC": "slin"},
        {"RTP_CODEC": "alaw", "RTP_RECEIVE": "slin16"},
    ],
    ids=["g722", "slin", "slin16-and-alaw"],
)
async def test_both_sides_understand_each_other(
    settings: dict[str, str],
    serve_briefly: Callable[..., Serving],
    provider: Provider,
    pbx: Pbx,
    caller: SipCaller,
) -> None:
    moonshine = have_or_skip(Moonshine)
    said = prompt("en", PROMPT)
    async with serve_briefly(pbx.params.ari, **settings) as serving:
        call = await caller.dial(NUMBER, via=provider.address)
        await greeted(call)
        external = next(name for name in pbx.channels() if name.startswith("UnicastRTP/"))
        formats = pbx.process.rx(f"core show channel {external}")
        began = await answer_to(call, said)
        ended = call.heard.talkspurts(pause=0.4)[-1][1]
        await call.hang_up()
        record = await newest_record(serving)

    asterisks = settings.get("RTP_RECEIVE", settings["RTP_CODEC"])
    assert f"NativeFormats: ({asterisks})" in formats
    assert [turn["role"] for turn in record["turns"]] == ["assistant", "caller", "assistant"]
    assert word_error_rate(said.text, record["turns"][1]["text"]) <= MISHEARD
    assert words(words_heard(moonshine, call.heard, began, ended)) == words(ANSWER)
