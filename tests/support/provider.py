"""A telephone company of Placetel's kind: an Asterisk that the PBX registers with.

Anyone on the loopback network may call one of its numbers. It sends the call to the account's
registered contact, in one of the styles that real registrar trunks have (header `X-Style`):
`number` has the dialled number as request user; `account` has the account there, and the number
in P-Called-Party-ID. Everybody reaches `ECHO`, `BUSY`, `RINGING` and `KEYS`; the last presses
`159#` and hangs up.
"""

import json
import socket
from pathlib import Path
from typing import Final

from pydantic import SecretStr

from asterisk.config import modules
from asterisk.params import TrunkParams
from asterisk.process import AsteriskProcess
from asterisk.runtime import Installation
from tests.support.ports import free_port
from voiceai.bench.sip_digest import Credentials

HOST: Final = "127.0.0.2"

ACCOUNT: Final = "4920189098799"
"""A number itself, as Placetel's accounts are, but none that anybody dials."""

PASSWORD: Final = "trunk;secret"  # noqa: S105 - of this machine's loopback network only

NUMBERS: Final = ("4920189098720", "4920189098721", "4920189098722", "4920189098723")

ECHO: Final = "491700000001"
BUSY: Final = "491700000002"
RINGING: Final = "491700000003"
KEYS: Final = "491700000004"

SUBSCRIBER: Final = Credentials("subscriber", "subscriber;secret")
"""Somebody whose calls the provider lets pass with a SHA-256 digest only."""

FURTHER_MODULES: Final = ("app_senddtmf",)

_PJSIP: Final = """\
[global]
type = global
user_agent = provider
endpoint_identifier_order = username,ip

[udp]
type = transport
protocol = udp
bind = {host}:{port}

[{account}]
type = auth
auth_type = userpass
username = {account}
password = {password}

[{account}]
type = aor
max_contacts = 1
remove_existing = yes

[{account}]
type = endpoint
context = from-account
identify_by = username
disallow = all
allow = alaw,ulaw
auth = {account}
aors = {account}
direct_media = no
rtp_symmetric = yes
rewrite_contact = yes
send_pai = yes
trust_id_outbound = yes

[subscriber]
type = auth
auth_type = digest
username = subscriber
password = {subscriber}
supported_algorithms_uas = SHA-256

[subscriber]
type = endpoint
context = from-world
identify_by = username
disallow = all
allow = ulaw
auth = subscriber

[world]
type = identify
endpoint = world
match = 127.0.0.0/8

[world]
type = endpoint
context = from-world
identify_by = ip
disallow = all
allow = alaw,ulaw
direct_media = no
rtp_symmetric = yes
trust_id_inbound = yes
"""

_EXTENSIONS: Final = """\
[general]
static = yes

[services]
exten => {echo},1,Answer()
 same => n,Echo()
exten => {busy},1,Busy(5)
exten => {ringing},1,Ringing()
 same => n,Wait(60)
exten => {keys},1,Answer()
 same => n,SendDTMF(159#)
 same => n,Wait(0.2)
 same => n,Hangup()

[from-account]
include => services

[from-world]
include => services
exten => _49201.,1,Set(CONTACT=${{PJSIP_DIAL_CONTACTS({account})}})
 same => n,GotoIf($["${{CONTACT}}" = ""]?away)
 same => n,GotoIf($["${{PJSIP_HEADER(read,X-Style)}}" = "account"]?account)
 same => n,Dial(PJSIP/{account}/sip:${{EXTEN}}@${{CUT(CONTACT,@,2)}},60)
 same => n,Hangup()
 same => n(account),Dial(${{CONTACT}},60,b(called-party^s^1(${{EXTEN}})))
 same => n,Hangup()
 same => n(away),Hangup(20)

[called-party]
exten => s,1,Set(PJSIP_HEADER(add,P-Called-Party-ID)=<sip:${{ARG1}}@{host}>)
 same => n,Return()
"""


class Provider:
    """The telephone company.

    Attributes:
        process: Its Asterisk; stop, kill and restart it at will.
        address: Host and SIP port, where callers and the PBX reach it.
    """

    def __init__(self, installation: Installation, folder: Path) -> None:
        self.process = AsteriskProcess(installation, "provider")
        self.address = (HOST, free_port(HOST, socket.SOCK_DGRAM))
        self._folder = folder

    def start(self, *, password: str = PASSWORD) -> None:
        """Boot; another password turns the PBX away.

        Raises:
            AsteriskUnavailable: It did not boot.
        """
        self.process.start(self._configuration(password), self._folder)

    def change_password(self, password: str) -> None:
        """Have another password from now on, without a restart."""
        text = self._configuration(password)["pjsip.conf"]
        (self.process.configuration / "pjsip.conf").write_text(text)
        self.process.rx("module reload res_pjsip.so")

    def trunk(self, **changes: object) -> TrunkParams:
        """Return what the account's owner writes into the configuration of the PBX."""
        params = {
            "registrar": self.address[0],
            "port": self.address[1],
            "username": ACCOUNT,
            "password": SecretStr(PASSWORD),
            "numbers": NUMBERS,
            "retry_interval": 1,
            "rejected_retry_interval": 1,
        }
        return TrunkParams.model_validate({**params, **changes})

    def contact(self) -> str:
        """Return the address at which the account is registered, empty when it is not."""
        for line in self.process.rx("database show registrar/contact").splitlines():
            name, _, value = line.partition(": ")
            if name.startswith(f"/registrar/contact/{ACCOUNT};"):
                return str(json.loads(value)["uri"])
        return ""

    def _configuration(self, password: str) -> dict[str, str]:
        names = (*modules.REQUIRED, *modules.TRUNK, *modules.DIALPLAN, *modules.FURTHER)
        host, port = self.address
        return {
            "pjsip.conf": _PJSIP.format(
                host=host,
                port=port,
                account=ACCOUNT,
                password=password.replace(";", r"\;"),
                subscriber=SUBSCRIBER.password.replace(";", r"\;"),
            ),
            "extensions.conf": _EXTENSIONS.format(
                host=host, account=ACCOUNT, echo=ECHO, busy=BUSY, ringing=RINGING, keys=KEYS
            ),
            "rtp.conf": "[general]\nrtpstart = 30002\nrtpend = 31001\nstrictrtp = no\n",
            "modules.conf": "\n".join(
                [
                    "[modules]",
                    "autoload = no",
                    *(f"preload = {name}.so" for name in modules.PRELOADED),
                    *(f"load = {name}.so" for name in (*names, *FURTHER_MODULES)),
                ]
            ),
        }
