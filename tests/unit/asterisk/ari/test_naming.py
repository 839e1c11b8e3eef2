"""Our ids are recognised by the next process, and nobody else's are."""

from asterisk.ari.events import Channel
from asterisk.ari.naming import Naming, is_media

CALL = "0123456789abcdef0123456789abcdef"


def test_an_id_of_ours_leads_back_to_its_call() -> None:
    naming = Naming("voice-ai", "1")

    assert naming.call_id(naming.external(CALL)) == CALL
    assert naming.call_id(naming.bridge(CALL)) == CALL
    assert naming.call_id(naming.target(CALL)) == CALL


def test_a_later_process_knows_the_ids_of_an_earlier_one() -> None:
    left_behind = Naming("voice-ai", "1").external(CALL)

    assert Naming("voice-ai", "1").call_id(left_behind) == CALL


def test_another_application_instance_or_channel_is_not_ours() -> None:
    naming = Naming("voice", "1")

    assert naming.call_id(Naming("voice-1", "1").external(CALL)) is None
    assert naming.call_id(Naming("voice", "2").external(CALL)) is None
    assert naming.call_id("1795379504.8") is None
    assert naming.call_id(f"voiceai-voice-1-{CALL}-ext-more") is None


def test_a_dot_in_the_applications_name_is_a_dot() -> None:
    assert Naming("a.b", "1").call_id(f"voiceai-axb-1-{CALL}-ext") is None


def test_an_external_channel_is_media_whoever_made_it() -> None:
    assert is_media(Channel("1795379504.8", name="UnicastRTP/127.0.0.1:4000-0x7f"))
    assert is_media(Channel(Naming("other", "7").external(CALL)))
    assert not is_media(Channel("1795379504.8", name="PJSIP/trunk-00000001"))
