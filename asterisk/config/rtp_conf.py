"""What Asterisk's ``rtp.conf`` means for calls: its ports beside ours, who is heard when. Pure."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final, TypeAlias

from asterisk.config.finding import Finding

RTP_CONF: Final = Path("/etc/asterisk/rtp.conf")
DEFAULT_RTP_RANGE: Final = (5000, 31_000)
"""What Asterisk uses where rtp.conf says nothing (``res_rtp_asterisk.c``)."""

DEFAULT_PROBATION: Final = 4
PROBATION: Final = 2
"""Packets in unbroken order until strict RTP takes an address for the caller's."""

RTP_SETTINGS: Final = ("rtpstart", "rtpend", "strictrtp", "probation")
"""Of the section ``[general]`` of ``rtp.conf``."""

PORTS_PER_CALL: Final = 4
"""The caller's channel and the external one take a pair each."""

PortRange: TypeAlias = tuple[int, int]


def parse_rtp_conf(text: str) -> dict[str, str]:
    """Read the settings that matter here from the text of an ``rtp.conf``; empty for the rest."""
    names = "|".join(RTP_SETTINGS)
    found = re.findall(rf"(?m)^\s*({names})\s*=>?\s*([^\s;]+)", text)
    return dict.fromkeys(RTP_SETTINGS, "") | dict(found)


def rtp_range(in_rtp_conf: Mapping[str, str]) -> PortRange:
    """Return first and last port; Asterisk's defaults where ``rtp.conf`` says nothing."""
    first, last = (in_rtp_conf.get(name) or "" for name in ("rtpstart", "rtpend"))
    return (
        int(first) if first.isdecimal() else DEFAULT_RTP_RANGE[0],
        int(last) if last.isdecimal() else DEFAULT_RTP_RANGE[1],
    )


def check_probation(in_rtp_conf: Mapping[str, str]) -> Finding:
    """Report whether a caller on a bad network is heard at once.

    Args:
        in_rtp_conf: What ``rtp.conf`` says, by name; empty or absent where it says nothing.
    """
    strict = (in_rtp_conf.get("strictrtp") or "yes").lower() not in {"no", "false", "0", "off"}
    probation = in_rtp_conf.get("probation") or str(DEFAULT_PROBATION)
    if not strict or (probation.isdecimal() and int(probation) <= PROBATION):
        return Finding("probation", "ok", "a caller is heard from the first packets on")
    return Finding(
        "probation",
        "warn",
        f"Asterisk hears a caller after {probation} packets in unbroken order: on a bad network "
        "that takes a second",
        f"Set probation={PROBATION} in the section [general] of rtp.conf, then "
        "`asterisk -rx 'module reload res_rtp_asterisk.so'`.",
    )


def check_rtp_ranges(ours: PortRange, theirs: PortRange | None, *, known: bool) -> Finding:
    """Compare our audio range with Asterisk's.

    Args:
        ours: First and last port.
        theirs: First and last port; None when nothing is known about them.
        known: ``theirs`` is the range itself, not just ports seen in use.
    """
    mine = f"{ours[0]}..{ours[1]}"
    if theirs is None:
        return Finding(
            "rtp",
            "ok",
            f"our audio ports are {mine}; Asterisk's range shows only in its rtp.conf",
        )
    seen = f"{theirs[0]}..{theirs[1]}"
    if ours[0] <= theirs[1] and theirs[0] <= ours[1]:
        whose = f"Asterisk's {seen}" if known else f"Asterisk's, which was seen using {seen}"
        return Finding(
            "rtp",
            "warn",
            f"our audio ports {mine} overlap {whose}",
            "Set rtpstart=20002 and rtpend=30001 in rtp.conf, or move RTP_PORT and RTP_PORT_MAX: "
            "an Asterisk that finds no free port crashes.",
        )
    if not known:
        return Finding("rtp", "ok", f"our audio ports {mine}; Asterisk was seen using {seen}")
    calls = (theirs[1] - theirs[0] + 1) // PORTS_PER_CALL
    return Finding(
        "rtp", "ok", f"our audio ports {mine}, Asterisk's {seen}: room for {calls} calls there"
    )
