"""What is said is read out of SSML."""

import pytest

from voiceai.fakes.ssml import Spoken, read_ssml

AZURE = (
    "<speak version='1.0' xml:lang='de-DE' xmlns='http://www.w3.org/2001/10/synthesis' "
    "xmlns:mstts='http://www.w3.org/2001/mstts'><voice name='de-DE-KatjaNeural'>"
    "<mstts:silence type='Sentenceboundary' value='20ms' />"
    "<mstts:express-as style='cheerful'><prosody rate='1.1'>Müller &amp; Söhne,\n "
    "guten Tag.</prosody></mstts:express-as></voice></speak>"
)


def test_text_voice_rate_and_style_are_found() -> None:
    """As Pipecat's service writes it."""
    assert read_ssml(AZURE) == Spoken(
        "Müller & Söhne, guten Tag.", "de-DE-KatjaNeural", rate="1.1", style="cheerful"
    )


def test_what_is_not_said_is_empty() -> None:
    assert read_ssml("<speak>Hi</speak>") == Spoken("Hi")


@pytest.mark.parametrize("ssml", ["", "Hi", "<speak>", "<speak>a & b</speak>"])
def test_what_is_not_well_formed_is_an_error(ssml: str) -> None:
    with pytest.raises(ValueError, match="SSML parsing error"):
        read_ssml(ssml)
