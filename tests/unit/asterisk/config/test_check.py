"""What the check-up makes of port ranges and installed files."""

import pytest

from asterisk.config.check import check_contexts, check_installed
from asterisk.config.rtp_conf import (
    DEFAULT_RTP_RANGE,
    check_probation,
    check_rtp_ranges,
    parse_rtp_conf,
    rtp_range,
)


def test_the_range_is_read_from_rtp_conf() -> None:
    text = "[general]\n; rtpstart=1\nrtpstart = 20002 ; comment\n  rtpend=>30001\n"

    assert rtp_range(parse_rtp_conf(text)) == (20002, 30001)


@pytest.mark.parametrize("text", ["", "rtpstart = x"])
def test_what_rtp_conf_does_not_say_is_asterisks_default(text: str) -> None:
    assert rtp_range(parse_rtp_conf(text)) == DEFAULT_RTP_RANGE


@pytest.mark.parametrize(
    ("text", "level"),
    [
        ("probation = 2 ; packets\n", "ok"),
        ("probation=1", "ok"),
        ("", "warn"),
        ("probation=4", "warn"),
        ("strictrtp=no", "ok"),
        ("strictrtp=yes", "warn"),
    ],
)
def test_a_caller_who_is_heard_late_on_a_bad_network_is_reported(text: str, level: str) -> None:
    finding = check_probation(parse_rtp_conf(text))

    assert (finding.level, "probation=2" in finding.fix) == (level, level == "warn")


def test_a_context_that_is_missing_is_named_with_what_needs_it() -> None:
    finding = check_contexts({"voiceai-transfer": "1", "voiceai-connect": "0"})

    assert finding.level == "warn"
    assert finding.message == "not in the dialplan: voiceai-connect (attended transfers)"
    assert "voiceai asterisk render" in finding.fix


def test_a_dialplan_that_cannot_be_looked_at_is_no_fault() -> None:
    finding = check_contexts({"voiceai-transfer": None, "voiceai-connect": None})

    assert finding.level == "ok"
    assert "func_dialplan.so" in finding.fix


@pytest.mark.parametrize(
    ("theirs", "level"),
    [
        ((20_002, 30_001), "ok"),
        ((19_999, 30_001), "warn"),
        ((20_000, 20_000), "warn"),
        ((5000, 9999), "ok"),
        ((5000, 10_000), "warn"),
        ((12_000, 13_000), "warn"),
        (None, "ok"),
    ],
)
def test_ranges_that_share_a_port_are_reported(theirs: tuple[int, int] | None, level: str) -> None:
    assert check_rtp_ranges((10_000, 20_000), theirs, known=True).level == level


def test_the_room_for_calls_is_told() -> None:
    finding = check_rtp_ranges((10_000, 20_000), (20_002, 30_001), known=True)

    assert "room for 2500 calls" in finding.message


def test_ports_that_were_only_seen_are_not_taken_for_the_range() -> None:
    finding = check_rtp_ranges((10_000, 20_000), (24_000, 24_100), known=False)

    assert "seen using 24000..24100" in finding.message


def test_a_port_of_ours_that_asterisk_was_seen_using_is_an_overlap() -> None:
    finding = check_rtp_ranges((10_000, 20_000), (12_004, 12_004), known=False)

    assert finding.level == "warn"
    assert "which was seen using 12004..12004" in finding.message
    assert "rtpstart=20002" in finding.fix


def test_installed_files_are_compared_without_comments_and_spaces() -> None:
    rendered = {"a.conf": "; one\n[general]\nx = 1\n"}

    assert check_installed(rendered, {"a.conf": "[general]\n\n  x = 1\n; two"})[0].level == "ok"


def test_a_difference_is_placed_without_showing_a_password() -> None:
    rendered = {"a.conf": "[general]\npassword = right\n"}

    finding = check_installed(rendered, {"a.conf": "; mine\n[general]\npassword = hush\n"})[0]

    assert finding.level == "warn"
    assert "line 3" in finding.message
    assert "hush" not in finding.message + finding.fix


def test_a_file_that_goes_on_is_different() -> None:
    assert check_installed({"a": "x\n"}, {"a": "x\ny\n"})[0].level == "warn"


def test_a_file_that_is_not_there_is_a_failure() -> None:
    assert check_installed({"a": "x\n"}, {})[0].level == "fail"
