"""Operations become the requests that Asterisk 22.10 accepts."""

from asterisk.ari import requests
from asterisk.ari.requests import HangupCause, Request


def test_external_media_names_the_channel_the_address_and_its_limit() -> None:
    request = requests.external_media(
        "x-ext", app="voice-ai", host="127.0.0.1", port=4000, codec="alaw", limit_seconds=3600
    )

    assert request == Request(
        "POST",
        "/channels/externalMedia",
        (
            ("app", "voice-ai"),
            ("channelId", "x-ext"),
            ("external_host", "127.0.0.1:4000"),
            ("format", "alaw"),
            ("direction", "both"),
        ),
        {"variables": {"TIMEOUT(absolute)": "3600"}},
    )


def test_an_ipv6_address_is_bracketed() -> None:
    request = requests.external_media(
        "x", app="a", host="::1", port=4000, codec="ulaw", limit_seconds=1
    )

    assert dict(request.query)["external_host"] == "[::1]:4000"


def test_both_channels_are_added_at_once() -> None:
    request = requests.add_channels("b", ("caller", "x-ext"))

    assert (request.path, request.query) == (
        "/bridges/b/addChannel",
        (("channel", "caller,x-ext"),),
    )


def test_an_id_cannot_leave_its_place_in_the_path() -> None:
    assert requests.answer("../x?y").path == "/channels/..%2Fx%3Fy/answer"


def test_a_refusal_carries_its_cause() -> None:
    assert requests.hang_up("c", HangupCause.BUSY).query == (("reason_code", "17"),)


def test_continuing_without_a_place_names_none() -> None:
    assert requests.continue_in_dialplan("c").query == ()


def test_continuing_names_the_place_that_was_given() -> None:
    request = requests.continue_in_dialplan("c", "ctx", "s", 1)

    assert request.query == (("context", "ctx"), ("extension", "s"), ("priority", "1"))


def test_a_module_is_asked_for_by_its_file() -> None:
    assert requests.module("chan_rtp").path == "/asterisk/modules/chan_rtp.so"


def test_a_request_reads_as_method_and_path() -> None:
    assert str(requests.list_channels()) == "GET /channels"
