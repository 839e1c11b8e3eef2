"""The Asterisk that we ship the configuration for: it boots exactly what `render` writes."""

import socket
import time
from pathlib import Path
from typing import Final

from pydantic import SecretStr

from asterisk.config.render import render
from asterisk.params import AriParams, PhoneParams, RenderParams, TrunkParams
from asterisk.process import AsteriskProcess
from asterisk.runtime import Installation
from tests.support.ports import free_port
from voiceai.bench.sip_digest import Credentials

HOST: Final = "127.0.0.3"

PHONE: Final = Credentials("phone", "phone;secret")
"""Account for calls straight to the PBX, without the provider."""


class Pbx:
    """The PBX.

    Attributes:
        process: Its Asterisk; stop, kill and restart it at will.
        params: What its configuration was rendered from; `params.ari` is how to control it.
        address: Host and SIP port.
    """

    def __init__(
        self, installation: Installation, folder: Path, *, trunk: TrunkParams | None
    ) -> None:
        self.process = AsteriskProcess(installation, "pbx")
        self.address = (HOST, free_port(HOST, socket.SOCK_DGRAM))
        http_port = free_port("127.0.0.1", socket.SOCK_STREAM)
        self.params = RenderParams(
            ari=AriParams(url=f"http://127.0.0.1:{http_port}", password=SecretStr("ari;secret")),
            http_port=http_port,
            sip_bind=self.address[0],
            sip_port=self.address[1],
            trunk=trunk,
            phone=PhoneParams(username=PHONE.username, password=SecretStr(PHONE.password)),
        )
        self._folder = folder

    def start(self, *, further_pjsip: str = "", rtp_ports: tuple[int, int] | None = None) -> None:
        """Boot with what `render` writes.

        Args:
            further_pjsip: Sections that a test adds to pjsip.conf.
            rtp_ports: First and last audio port; None for what `render` recommends.

        Raises:
            AsteriskUnavailable: It did not boot.
        """
        params = self.params
        if rtp_ports:
            first, last = rtp_ports
            params = params.model_copy(update={"rtp_start": first, "rtp_end": last})
        files = render(params)
        files["pjsip.conf"] += further_pjsip
        self.process.start(files, self._folder)

    def registration(self) -> str:
        """Return the trunk's state as Asterisk words it, such as `Registered`."""
        for line in self.process.rx("pjsip show registrations").splitlines():
            if line.strip().startswith("trunk/"):
                return line.split("(exp")[0].split()[-1]
        return ""

    def wait_registered(self, within: float = 10.0) -> float:
        """Return how many seconds it took until the trunk was registered. Blocks.

        Raises:
            TimeoutError: It is not, after `within` seconds.
        """
        started = time.monotonic()
        while (state := self.registration()) != "Registered":
            if time.monotonic() - started > within:
                raise TimeoutError(f"the trunk is {state!r} after {within} s")
            time.sleep(0.02)
        return time.monotonic() - started

    def wait_logged(self, text: str, within: float = 15.0) -> None:
        """Return when a text is in the log. Blocks.

        Raises:
            TimeoutError: It is not, after `within` seconds.
        """
        started = time.monotonic()
        while text not in self.process.log_path.read_text(errors="replace"):
            if time.monotonic() - started > within:
                raise TimeoutError(f"{text!r} was not logged in {within} s")
            time.sleep(0.02)

    def channels(self) -> list[str]:
        """Return the names of all channels."""
        rows = self.process.rx("core show channels concise").splitlines()
        return [row.split("!")[0] for row in rows if "!" in row]
