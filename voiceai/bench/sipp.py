"""SIPp, the load generator: many callers at a time, and peers that do what we script.

Scenario files are SIPp's own XML; see its documentation, "Create your own XML scenarios".
"""

import asyncio
import csv
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_SDP: Final = """\
v=0
o=sipp 1 1 IN IP[local_ip_type] [local_ip]
s=-
c=IN IP[media_ip_type] [media_ip]
t=0 0
m=audio [media_port] RTP/AVP 8
a=rtpmap:8 PCMA/8000
"""

_CALLER: Final = """\
<?xml version="1.0" encoding="ISO-8859-1"?>
<scenario name="caller">
<send retrans="500"><![CDATA[
INVITE sip:[service]@[remote_ip]:[remote_port] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
From: <sip:sipp@[local_ip]:[local_port]>;tag=[pid]s[call_number]
To: <sip:[service]@[remote_ip]:[remote_port]>
Call-ID: [call_id]
CSeq: 1 INVITE
Contact: <sip:sipp@[local_ip]:[local_port]>
Max-Forwards: 70
Content-Type: application/sdp
Content-Length: [len]

{sdp}
]]></send>
<recv response="100" optional="true"/>
<recv response="180" optional="true"/>
<recv response="183" optional="true"/>
<recv response="200" rrs="true"/>
<send><![CDATA[
ACK [next_url] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
From: <sip:sipp@[local_ip]:[local_port]>;tag=[pid]s[call_number]
[last_To:]
[routes]
Call-ID: [call_id]
CSeq: 1 ACK
Max-Forwards: 70
Content-Length: 0

]]></send>
{media}
<pause milliseconds="{milliseconds}"/>
<send retrans="500"><![CDATA[
BYE [next_url] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
From: <sip:sipp@[local_ip]:[local_port]>;tag=[pid]s[call_number]
[last_To:]
[routes]
Call-ID: [call_id]
CSeq: 2 BYE
Max-Forwards: 70
Content-Length: 0

]]></send>
<recv response="200"/>
</scenario>
"""

_REINVITING: Final = """\
<?xml version="1.0" encoding="ISO-8859-1"?>
<scenario name="answers, holds, resumes and hangs up">
<recv request="INVITE" rrs="true"><action>
<ereg regexp=".*" search_in="hdr" header="From:" assign_to="from"/>
<ereg regexp="sip:[^&gt;]*" search_in="hdr" header="Contact:" assign_to="contact"/>
</action></recv>
<send><![CDATA[
SIP/2.0 180 Ringing
[last_Via:]
[last_From:]
[last_To:];tag=[pid]u[call_number]
[last_Call-ID:]
[last_CSeq:]
Contact: <sip:[local_ip]:[local_port]>
Content-Length: 0

]]></send>
<send retrans="500"><![CDATA[
SIP/2.0 200 OK
[last_Via:]
[last_From:]
[last_To:];tag=[pid]u[call_number]
[last_Call-ID:]
[last_CSeq:]
Contact: <sip:[local_ip]:[local_port]>
Content-Type: application/sdp
Content-Length: [len]

{sdp}
]]></send>
<recv request="ACK"/>
{changes}
<pause milliseconds="300"/>
<send retrans="500"><![CDATA[
BYE [$contact] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
From: <sip:[service]@[local_ip]:[local_port]>;tag=[pid]u[call_number]
To:[$from]
[last_Call-ID:]
CSeq: 20 BYE
Max-Forwards: 70
Reason: Q.850;cause=16
Content-Length: 0

]]></send>
<recv response="200"/>
</scenario>
"""

_CHANGE: Final = """\
<pause milliseconds="300"/>
<send retrans="500"><![CDATA[
INVITE [$contact] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
From: <sip:[service]@[local_ip]:[local_port]>;tag=[pid]u[call_number]
To:[$from]
[last_Call-ID:]
CSeq: {number} INVITE
Contact: <sip:[local_ip]:[local_port]>
Max-Forwards: 70
Content-Type: application/sdp
Content-Length: [len]

{sdp}a={direction}
]]></send>
<recv response="200"><action>
<ereg regexp="a={answer}" search_in="body" check_it="true" assign_to="answer{number}"/>
</action></recv>
<Reference variables="answer{number}"/>
<send><![CDATA[
ACK [$contact] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
From: <sip:[service]@[local_ip]:[local_port]>;tag=[pid]u[call_number]
To:[$from]
[last_Call-ID:]
CSeq: {number} ACK
Max-Forwards: 70
Content-Length: 0

]]></send>
"""


@dataclass(frozen=True, slots=True)
class SippResult:
    """What SIPp counted.

    Attributes:
        successful: Calls that went as the scenario says.
        failed: The others.
        errors: What it complained about.
    """

    successful: int
    failed: int
    errors: str


def caller_scenario(*, milliseconds: int, audio: Path | None = None) -> str:
    """Return a caller who stays a while and says something.

    Args:
        milliseconds: From the answer to the hang-up.
        audio: File of A-law, a byte per sample at 8 kHz, repeated till the end; None sends nothing.
    """
    media = f'<nop><action><exec rtp_stream="{audio},-1,8"/></action></nop>' if audio else ""
    return _CALLER.format(sdp=_SDP, media=media, milliseconds=milliseconds)


def reinviting_scenario() -> str:
    """Return a callee who holds the call (re-INVITE, sendonly), resumes it and hangs up."""
    changes = (("sendonly", "recvonly"), ("sendrecv", "sendrecv"))
    return _REINVITING.format(
        sdp=_SDP,
        changes="".join(
            _CHANGE.format(number=number, sdp=_SDP, direction=direction, answer=answer)
            for number, (direction, answer) in enumerate(changes, start=10)
        ),
    )


async def run_sipp(
    scenario: str,
    folder: Path,
    *,
    local: tuple[str, int],
    target: tuple[str, int] | None = None,
    number: str = "service",
    calls: int = 1,
    per_second: float = 1.0,
    at_once: int = 100,
    within: float = 30.0,
) -> SippResult:
    """Run a scenario until all its calls are over.

    Args:
        scenario: XML text.
        folder: For its files.
        local: Its address and SIP port.
        target: Whom it calls; None waits for calls.
        number: Whom it asks for.
        calls: How many in all.
        per_second: How many begin per second.
        at_once: How many at a time at most.
        within: Seconds until it is killed.

    Raises:
        FileNotFoundError: There is no `sipp` on PATH.
        TimeoutError: It did not end in time.
        RuntimeError: It did not like the scenario; with what it printed.
    """
    program = shutil.which("sipp")
    if program is None:
        raise FileNotFoundError("sipp is not on PATH: apt-get install sip-tester")
    (folder / "scenario.xml").write_text(scenario.replace("\n]]>", "\n\n]]>"))
    host, port = local
    arguments = ["-sf", "scenario.xml", "-i", host, "-p", str(port), "-mi", host, "-s", number]
    arguments += ["-m", str(calls), "-r", str(per_second), "-l", str(at_once), "-nostdin"]
    arguments += ["-trace_err", "-error_file", "errors.log", "-trace_stat", "-stf", "stat.csv"]
    with (folder / "screen.log").open("wb") as screen:
        process = await asyncio.create_subprocess_exec(
            program,
            *arguments,
            *([f"{target[0]}:{target[1]}"] if target else []),
            cwd=folder,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=screen,
            stderr=asyncio.subprocess.STDOUT,
        )
    try:
        async with asyncio.timeout(within):
            await process.wait()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return _result(folder)


def _result(folder: Path) -> SippResult:
    if not (folder / "stat.csv").exists():
        raise RuntimeError((folder / "screen.log").read_text(errors="replace")[-2000:])
    errors = folder / "errors.log"
    with (folder / "stat.csv").open(newline="") as file:
        last = list(csv.DictReader(file, delimiter=";"))[-1]
    return SippResult(
        int(last["SuccessfulCall(C)"]),
        int(last["FailedCall(C)"]),
        errors.read_text(errors="replace") if errors.exists() else "",
    )
