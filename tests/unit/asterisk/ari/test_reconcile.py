"""What Asterisk lists against what we know."""

from collections.abc import Sequence

import pytest

from asterisk.ari.events import Bridge, Channel
from asterisk.ari.naming import Naming
from asterisk.ari.reconcile import Known, compare, stasis_arguments

NAMING = Naming("voice-ai", "1")
OURS = "a" * 32
LEFT_BEHIND = "b" * 32


def caller(name: str = "c", app: str = "voice-ai", application: str = "Stasis") -> Channel:
    data = f"{app},inbound,4920189098723"
    return Channel(name, name="PJSIP/trunk-1", application=application, application_data=data)


def external(call_id: str) -> Channel:
    return Channel(NAMING.external(call_id), name="UnicastRTP/x", application="Stasis")


KNOWN = Known(OURS, "c", NAMING.external(OURS))


def differences(
    channels: Sequence[Channel] = (), bridges: Sequence[Bridge] = (), known: Sequence[Known] = ()
) -> dict[str, tuple[str, ...] | tuple[Channel, ...]]:
    found = compare(channels, bridges, known=known, naming=NAMING)
    names = ("callers_gone", "media_gone", "orphan_channels", "orphan_bridges", "waiting")
    return {name: getattr(found, name) for name in names if getattr(found, name)}


def test_a_call_that_is_as_it_should_be_is_no_difference() -> None:
    bridge = Bridge(NAMING.bridge(OURS), ("c", NAMING.external(OURS)))

    assert differences([caller(), external(OURS)], [bridge], [KNOWN]) == {}


def test_a_caller_who_is_not_listed_has_gone() -> None:
    assert differences([external(OURS)], known=[KNOWN]) == {"callers_gone": (OURS,)}


def test_a_caller_who_went_on_in_the_dialplan_has_gone() -> None:
    listed = [caller(application="Congestion"), external(OURS)]

    assert differences(listed, known=[KNOWN]) == {"callers_gone": (OURS,)}


def test_an_external_channel_that_is_not_listed_has_gone() -> None:
    assert differences([caller()], known=[KNOWN]) == {"media_gone": (OURS,)}


def test_an_external_channel_that_was_not_up_yet_cannot_be_missed() -> None:
    assert differences([caller()], known=[Known(OURS, "c", None)]) == {}


def test_what_bears_our_name_but_belongs_to_no_call_is_an_orphan() -> None:
    bridge = Bridge(NAMING.bridge(LEFT_BEHIND))

    assert differences([external(LEFT_BEHIND)], [bridge]) == {
        "orphan_channels": (NAMING.external(LEFT_BEHIND),),
        "orphan_bridges": (NAMING.bridge(LEFT_BEHIND),),
    }


def target(application: str, state: str) -> Channel:
    return Channel(NAMING.target(LEFT_BEHIND), "Local/1;1", state, application=application)


@pytest.mark.parametrize(
    ("application", "state"), [("AppDial2", "Ringing"), ("AppDial2", "Down"), ("Stasis", "Up")]
)
def test_a_target_that_waits_for_nobody_is_an_orphan(application: str, state: str) -> None:
    assert differences([target(application, state)]) == {
        "orphan_channels": (NAMING.target(LEFT_BEHIND),)
    }


def test_a_target_to_whom_a_caller_was_put_through_is_left_alone() -> None:
    other_half = Channel(f"{NAMING.target(LEFT_BEHIND)};2", "Local/1;2", "Up", application="Dial")

    assert differences([target("", "Up"), other_half]) == {}


def successor(state: str, application: str) -> Channel:
    return Channel(
        NAMING.successor(LEFT_BEHIND),
        "Local/1;1",
        state,
        application=application,
        application_data="voice-ai,inbound,4920189098723",
    )


def test_one_who_took_a_callers_place_waits_as_a_caller_does() -> None:
    left = successor("Up", "Stasis")

    assert differences([left]) == {"waiting": (left,)}


def test_a_successor_that_rings_for_nobody_is_an_orphan() -> None:
    assert differences([successor("Ringing", "AppDial2")]) == {
        "orphan_channels": (NAMING.successor(LEFT_BEHIND),)
    }


def test_channels_and_bridges_of_others_are_left_alone() -> None:
    other = Naming("other", "1")
    listed = [
        Channel(other.external(OURS), application="Stasis", application_data="other"),
        caller(app="other"),
        caller(app="voice-ai-2"),
        caller(application="Dial"),
    ]

    assert differences(listed, [Bridge(other.bridge(OURS)), Bridge("conference")]) == {}


def test_a_caller_in_our_application_with_nobody_waits() -> None:
    assert differences([caller()]) == {"waiting": (caller(),)}


def test_a_caller_whom_an_earlier_process_left_in_its_bridge_waits() -> None:
    left = Bridge(NAMING.bridge(LEFT_BEHIND), ("c",))

    assert differences([caller()], [left])["waiting"] == (caller(),)


def test_a_caller_who_talks_in_the_bridge_of_another_does_not_wait() -> None:
    other = Bridge(Naming("voice-ai", "2").bridge(OURS), ("c",))

    assert differences([caller()], [other]) == {}


def test_the_arguments_of_a_waiting_caller_are_in_its_dialplan_place() -> None:
    assert stasis_arguments(caller()) == ("voice-ai", "inbound", "4920189098723")
