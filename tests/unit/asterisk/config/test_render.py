"""The files of an Asterisk: what must be in them, and what must never get into them."""

import re
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from asterisk.config import modules
from asterisk.config.render import render
from asterisk.params import (
    AriParams,
    DirectoryParams,
    PhoneParams,
    RenderParams,
    TrunkParams,
)

WORD = "hush-ari"
TRUNK = {"registrar": "sip.example.org", "username": "t4920acc", "password": "pw"}


def params(**changes: Any) -> RenderParams:
    return RenderParams(ari=AriParams(password=WORD), **changes)


def settings(text: str, section: str | None = None) -> list[str]:
    """Lines of a file that mean something; those of one section's type when named."""
    lines = [line.strip() for line in text.splitlines()]
    lines = [line for line in lines if line and not line.startswith(";")]
    if section is None:
        return lines
    blocks = re.split(r"(?m)^\[", "\n".join(lines))
    return next(block.splitlines() for block in blocks if f"type = {section}" in block.splitlines())


def test_every_file_but_asterisk_conf_is_rendered_for_an_installed_asterisk() -> None:
    assert set(render(params())) == {
        "pjsip.conf",
        "extensions.conf",
        "ari.conf",
        "http.conf",
        "rtp.conf",
        "modules.conf",
        "logger.conf",
        "indications.conf",
    }


def test_a_private_asterisk_gets_its_directories(tmp_path: Path) -> None:
    rendered = render(params(directories=DirectoryParams(root=tmp_path, modules=tmp_path / "m")))

    assert f"astmoddir => {tmp_path}/m" in settings(rendered["asterisk.conf"])
    assert f"astdatadir => {tmp_path}/data" in settings(rendered["asterisk.conf"])


def test_no_placeholder_is_left_and_each_file_says_what_it_is() -> None:
    rendered = render(params(trunk=TrunkParams(**TRUNK), phone=PhoneParams(password=WORD)))

    for text in rendered.values():
        assert "@{" not in text
        assert text.startswith("; Written by")


def test_a_trunk_never_stops_registering() -> None:
    lines = settings(render(params(trunk=TrunkParams(**TRUNK)))["pjsip.conf"], "registration")

    assert {
        "max_retries = 10000",
        "auth_rejection_permanent = no",
        "forbidden_retry_interval = 60",
        "fatal_retry_interval = 60",
        "line = yes",
        "endpoint = trunk",
    } <= set(lines)


def test_a_phone_of_ours_may_hand_a_call_over_and_nobody_out_there_may() -> None:
    """Who may, may call whom the trunk reaches, and end an Asterisk 22.10 (see `Transfers`)."""
    rendered = render(params(trunk=TrunkParams(**TRUNK), phone=PhoneParams(password=WORD)))
    trunk, _, phone = rendered["pjsip.conf"].partition("; A softphone")

    assert "allow_transfer = no" in settings(trunk, "endpoint")
    assert "set_var = TRANSFER_CONTEXT=voiceai-attended" in settings(phone, "endpoint")
    assert "TRANSFER_CONTEXT" not in trunk


def test_a_trunk_is_never_recognised_by_the_name_in_from() -> None:
    lines = settings(render(params(trunk=TrunkParams(**TRUNK)))["pjsip.conf"], "endpoint")

    assert "identify_by = ip" in lines
    assert "rtp_timeout = 30" in lines
    assert "allow = alaw,ulaw" in lines


def test_further_addresses_of_the_provider_are_matched() -> None:
    trunk = TrunkParams(**TRUNK, match=("192.0.2.0/24",))

    lines = settings(render(params(trunk=trunk))["pjsip.conf"], "identify")

    assert lines[-2:] == ["match = sip.example.org", "match = 192.0.2.0/24"]


def test_without_trunk_and_phone_there_is_only_a_transport() -> None:
    text = render(params())["pjsip.conf"]

    assert [line for line in settings(text) if line.startswith("[")] == [
        "[global]",
        "[transport-udp]",
    ]


def test_behind_a_nat_the_outside_address_is_told() -> None:
    text = render(params(external_address="192.0.2.7", local_networks=("10.0.0.0/8",)))[
        "pjsip.conf"
    ]

    lines = settings(text, "transport")
    assert "external_media_address = 192.0.2.7" in lines
    assert "external_signaling_address = 192.0.2.7" in lines
    assert "local_net = 10.0.0.0/8" in lines


def test_an_ipv6_transport_is_bracketed() -> None:
    assert "bind = [::]:5060" in settings(render(params(sip_bind="::"))["pjsip.conf"])


def test_a_semicolon_in_a_password_does_not_begin_a_comment() -> None:
    trunk = TrunkParams(**TRUNK | {"password": "a;b"})
    rendered = render(RenderParams(ari=AriParams.model_validate({"password": "c;d"}), trunk=trunk))

    assert r"password = a\;b" in rendered["pjsip.conf"]
    assert r"password = c\;d" in rendered["ari.conf"]


def test_an_account_with_an_at_sign_stays_one_user_in_the_uri() -> None:
    text = render(params(trunk=TrunkParams(**TRUNK | {"username": "me@home"})))["pjsip.conf"]

    assert "client_uri = sip:me%40home@sip.example.org:5060" in settings(text)


@pytest.mark.parametrize("text", ["a\nb", "a\x00b", " a", "a ", "a\r"])
def test_a_value_cannot_write_a_line_of_its_own(text: str) -> None:
    with pytest.raises(ValidationError):
        TrunkParams(**TRUNK | {"password": text})
    with pytest.raises(ValidationError):
        TrunkParams(**TRUNK | {"username": text})
    with pytest.raises(ValidationError):
        params(fallback=(text,))


@pytest.mark.parametrize("app", ["", "a,b", "a)b", "a b", "${X}", "a/b", "a\n"])
def test_an_application_cannot_write_dialplan(app: str) -> None:
    with pytest.raises(ValidationError):
        AriParams(app=app)


def test_passwords_do_not_show_in_a_representation() -> None:
    shown = repr(params(trunk=TrunkParams(**TRUNK | {"password": "hush-trunk"})))

    assert "hush-trunk" not in shown
    assert "hush-ari" not in shown


@pytest.mark.parametrize(
    "changes",
    [
        {"ari": AriParams()},
        {"rtp_start": 30_000, "rtp_end": 20_000},
        {"phone": PhoneParams(username="trunk", password=WORD)},
        {"unknown": 1},
    ],
)
def test_what_cannot_work_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        RenderParams(**{"ari": AriParams(password=WORD)} | changes)


def test_the_dialplan_answers_no_call_by_itself() -> None:
    lines = settings(render(params(trunk=TrunkParams(**TRUNK)))["extensions.conf"])

    assert not [line for line in lines if re.search(r"\bAnswer\(", line)]
    assert "same => n(stasis),Stasis(voice-ai,inbound,${DID})" in lines


def test_calls_to_the_account_name_itself_are_taken() -> None:
    text = render(params(trunk=TrunkParams(**TRUNK)))["extensions.conf"]

    assert "exten => t4920acc,1,Set(DIALLED=${EXTEN})" in settings(text)


def test_the_account_name_enters_the_dialplan_only_in_safe_characters() -> None:
    trunk = TrunkParams(**TRUNK | {"username": 'a"${b}(c)@d'})

    text = render(params(trunk=trunk))["extensions.conf"]

    assert '"${USER}" = "abc"' in text


def test_a_fallback_of_ones_own_replaces_the_default() -> None:
    steps = settings(render(params(fallback=("Dial(PJSIP/reception,30)",)))["extensions.conf"])

    place = steps.index("[voiceai-fallback]")
    assert steps[place + 2 :] == ["same => n,Dial(PJSIP/reception,30)", "same => n,Hangup()"]


def test_one_who_is_asked_in_vain_is_told_with_the_cause_and_never_sent_to_the_fallback() -> None:
    steps = settings(
        render(params(phone=PhoneParams(username="phone", password=WORD)))["extensions.conf"]
    )

    place = steps.index("[voiceai-attended]")
    assert steps[place + 1 : place + 4] == [
        "exten => phone,1,Dial(PJSIP/phone,120)",
        "same => n,Hangup(${HANGUPCAUSE})",
        "exten => i,1,Hangup(1)",
    ]


def test_a_caller_who_was_put_through_talks_without_the_limit_of_our_calls() -> None:
    steps = settings(render(params())["extensions.conf"])

    place = steps.index("[voiceai-connect]")
    assert steps[place + 1 : place + 4] == [
        "exten => s,1,Set(TIMEOUT(absolute)=0)",
        "same => n,Bridge(${VOICEAI_TARGET})",
        "same => n,Hangup()",
    ]


def test_the_default_fallback_refuses_and_never_hangs_silently() -> None:
    steps = settings(render(params())["extensions.conf"])

    assert steps[-2:] == ["same => n,Congestion(10)", "same => n,Hangup()"]


def test_all_modules_are_named_once() -> None:
    loaded = [line for line in settings(render(params())["modules.conf"]) if ".so" in line]

    assert len(loaded) == len(set(loaded))
    assert {f"load = {name}.so" for name in modules.REQUIRED} <= set(loaded)
    assert loaded[:3] == [f"preload = {name}.so" for name in modules.PRELOADED]


def test_the_audio_ranges_do_not_overlap_by_default() -> None:
    assert "rtpstart = 20002" in settings(render(params())["rtp.conf"])


def test_a_caller_is_heard_from_the_second_packet_in_order_on() -> None:
    """Asterisk's usual four took a second to come in order over a network with jitter."""
    rtp_conf = settings(render(params())["rtp.conf"])

    assert "strictrtp = yes" in rtp_conf
    assert "probation = 2" in rtp_conf
