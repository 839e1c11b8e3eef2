"""Events as Asterisk 22.10 sent them, and anything else that may come down the websocket."""

import json
from contextlib import suppress

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from asterisk.ari.events import (
    ApplicationReplaced,
    AriEvent,
    Bridge,
    BridgeDestroyed,
    Channel,
    ChannelDestroyed,
    ChannelDtmfReceived,
    ChannelEnteredBridge,
    ChannelHangupRequest,
    ChannelLeftBridge,
    ChannelStateChange,
    ChannelTransfer,
    Dial,
    StasisEnd,
    StasisStart,
    UnknownEvent,
    UserEvent,
    parse_bridge,
    parse_channel,
    parse_event,
)
from asterisk.errors import AriProtocolError

CALLER_JSON = {
    "id": "1795379504.8",
    "name": "PJSIP/trunk-00000008",
    "state": "Ring",
    "protocol_id": "1795379504889503181",
    "caller": {"name": "Caller X", "number": "491701234"},
    "connected": {"name": "", "number": ""},
    "accountcode": "",
    "dialplan": {
        "context": "voiceai-inbound",
        "exten": "s",
        "priority": 11,
        "app_name": "Stasis",
        "app_data": "voice-ai,inbound,4920189098723",
    },
    "creationtime": "2026-11-22T20:31:44.890+0000",
    "language": "en",
}
"""As in a StasisStart of Asterisk 22.10.1."""

CALLER = Channel(
    id="1795379504.8",
    name="PJSIP/trunk-00000008",
    state="Ring",
    caller_number="491701234",
    caller_name="Caller X",
    context="voiceai-inbound",
    extension="s",
    application="Stasis",
    application_data="voice-ai,inbound,4920189098723",
)
BRIDGE_JSON = {"id": "b", "technology": "simple_bridge", "channels": ["1795379504.8"]}
BRIDGE = Bridge("b", ("1795379504.8",))

KINDS: list[tuple[dict[str, object], AriEvent]] = [
    (
        {"type": "StasisStart", "application": "voice-ai", "args": ["inbound", "4920"]},
        StasisStart("voice-ai", CALLER, ("inbound", "4920")),
    ),
    (
        {
            "type": "StasisStart",
            "application": "voice-ai",
            "args": [],
            "replace_channel": {"id": "former"},
        },
        StasisStart("voice-ai", CALLER, replaces="former"),
    ),
    ({"type": "StasisEnd"}, StasisEnd(CALLER)),
    ({"type": "ChannelStateChange"}, ChannelStateChange(CALLER)),
    (
        {"type": "ChannelDtmfReceived", "digit": "5", "duration_ms": 160},
        ChannelDtmfReceived(CALLER, "5", 160),
    ),
    ({"type": "ChannelHangupRequest"}, ChannelHangupRequest(CALLER, None)),
    (
        {"type": "ChannelHangupRequest", "cause": 32, "soft": True},
        ChannelHangupRequest(CALLER, None),
    ),
    (
        {"type": "ChannelHangupRequest", "cause": 4, "soft": True},
        ChannelHangupRequest(CALLER, None, is_shutdown=True),
    ),
    (
        {"type": "ChannelHangupRequest", "cause": 4},
        ChannelHangupRequest(CALLER, 4),
    ),
    (
        {"type": "ChannelDestroyed", "cause": 16, "cause_txt": "Normal Clearing"},
        ChannelDestroyed(CALLER, 16, "Normal Clearing"),
    ),
    (
        {"type": "ChannelEnteredBridge", "bridge": BRIDGE_JSON},
        ChannelEnteredBridge(BRIDGE, CALLER),
    ),
    ({"type": "ChannelLeftBridge", "bridge": BRIDGE_JSON}, ChannelLeftBridge(BRIDGE, CALLER)),
    ({"type": "BridgeDestroyed", "bridge": BRIDGE_JSON}, BridgeDestroyed(BRIDGE)),
    (
        {"type": "Dial", "dialstatus": "ANSWER", "peer": CALLER_JSON},
        Dial(CALLER, "ANSWER"),
    ),
    (
        {
            "type": "ChannelTransfer",
            "refer_to": {"requested_destination": {"destination": "100"}},
            "referred_by": {"source_channel": CALLER_JSON, "bridge": BRIDGE_JSON},
        },
        ChannelTransfer(CALLER, "100"),
    ),
    (
        {
            "type": "ChannelTransfer",
            "refer_to": {
                "requested_destination": {
                    "destination": "100",
                    "protocol_id": "fc2f91c5@127.0.0.4",
                    "additional_protocol_params": [
                        {"parameter_name": "from", "parameter_value": "e3e1c4d555f1"},
                    ],
                },
                "destination_channel": CALLER_JSON,
                "connected_channel": {"id": "d"},
            },
            "referred_by": {"source_channel": CALLER_JSON},
            "state": "channel_answered",
        },
        ChannelTransfer(
            CALLER, "100", is_attended=True, connected=Channel("d"), state="channel_answered"
        ),
    ),
    (
        {
            "type": "ChannelUserevent",
            "eventname": "voiceai-is-here",
            "userevent": {"process": "123", "eventname": "voiceai-is-here", "n": 1},
        },
        UserEvent("voiceai-is-here", {"process": "123", "eventname": "voiceai-is-here"}),
    ),
    (
        {"type": "ApplicationReplaced", "application": "voice-ai"},
        ApplicationReplaced("voice-ai"),
    ),
]


@pytest.mark.parametrize(("body", "event"), KINDS, ids=[str(body["type"]) for body, _ in KINDS])
def test_an_event_of_asterisk_becomes_a_value(body: dict[str, object], event: AriEvent) -> None:
    assert parse_event(json.dumps({"channel": CALLER_JSON, **body})) == event


def test_a_kind_that_we_do_not_read_is_kept() -> None:
    event = parse_event('{"type": "ChannelTalkingStarted", "x": 1}')

    assert event == UnknownEvent("ChannelTalkingStarted", {"type": "ChannelTalkingStarted", "x": 1})


def test_channel_variables_that_are_text_come_along() -> None:
    channel = parse_channel({"id": "x", "channelvars": {"UNICASTRTP_LOCAL_PORT": "24794", "n": 1}})

    assert channel.variables == {"UNICASTRTP_LOCAL_PORT": "24794"}


def test_a_channel_needs_only_an_id() -> None:
    assert parse_channel({"id": "x"}) == Channel("x")


def test_a_bridge_needs_only_an_id() -> None:
    assert parse_bridge({"id": "b"}) == Bridge("b")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "[]",
        "{}",
        b"\xff\xfe",
        '{"type": 1}',
        '{"type": "StasisEnd"}',
        '{"type": "StasisEnd", "channel": {}}',
        '{"type": "StasisEnd", "channel": {"id": 5}}',
        '{"type": "StasisEnd", "channel": {"id": "x", "caller": "y"}}',
        '{"type": "StasisStart", "application": "a", "args": [1], "channel": {"id": "x"}}',
        '{"type": "ChannelDtmfReceived", "digit": "5", "duration_ms": 1.5, "channel": {"id": "x"}}',
        '{"type": "ChannelDestroyed", "cause": true, "channel": {"id": "x"}}',
        '{"type": "ChannelDestroyed", "channel": {"id": "x"}}',
        '{"type": "ChannelTransfer", "refer_to": {}}',
        '{"type": "ChannelTransfer", "refer_to": {}, "referred_by": {"source_channel": 1}}',
        '{"type": "ChannelUserevent", "userevent": {}}',
        '{"type": "BridgeDestroyed", "bridge": {"id": "b", "channels": "x"}}',
    ],
)
def test_what_is_not_an_event_is_a_protocol_error(text: str | bytes) -> None:
    with pytest.raises(AriProtocolError):
        parse_event(text)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=8,
)
FIELDS = st.fixed_dictionaries(
    {"type": st.sampled_from([body["type"] for body, _ in KINDS])},
    optional={
        name: JSON | st.just(CALLER_JSON) | st.just(BRIDGE_JSON)
        for name in (
            "channel",
            "bridge",
            "peer",
            "args",
            "application",
            "digit",
            "duration_ms",
            "cause",
            "replace_channel",
            "refer_to",
            "userevent",
            "eventname",
            "referred_by",
        )
    },
)


@given(st.text() | st.binary() | JSON.map(json.dumps) | FIELDS.map(json.dumps))
@example("[" * 100_000)
@example('{"type": ' + "9" * 5000 + "}")
def test_nothing_but_a_protocol_error_escapes_whatever_the_text(text: str | bytes) -> None:
    with suppress(AriProtocolError):
        parse_event(text)
