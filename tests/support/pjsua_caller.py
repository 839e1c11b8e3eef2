"""A call by pjsua, the SIP stack of many telephones; run as a program, for it brings own threads.

usage: python pjsua_caller.py ADDRESS LOCAL_HOST PLAY.wav RECORD.wav SECONDS
Prints the final SIP status as its last word. The call ends after so many seconds, or when the
other side hangs up.
"""

import sys
import time
from typing import Any

import pjsua2


def configured_endpoint(host: str) -> Any:
    """Return pjsua on one address, without sound card and without a log."""
    endpoint = pjsua2.Endpoint()
    endpoint.libCreate()
    config = pjsua2.EpConfig()
    config.logConfig.level = 0
    config.logConfig.consoleLevel = 0
    config.uaConfig.threadCnt = 1
    config.medConfig.noVad = True
    endpoint.libInit(config)
    transport = pjsua2.TransportConfig()
    transport.boundAddress = host
    endpoint.transportCreate(pjsua2.PJSIP_TRANSPORT_UDP, transport)
    endpoint.libStart()
    endpoint.audDevManager().setNullDev()
    return endpoint


class Call(pjsua2.Call):  # type: ignore[misc]
    """Plays one file and records another as soon as there is audio."""

    def __init__(self, account: Any, play: str, record: str) -> None:
        super().__init__(account)
        self.status = 0
        self.is_over = False
        self._files = (play, record)
        self._ports: list[Any] = []

    def onCallState(self, _: Any) -> None:  # noqa: N802 - pjsua's name
        """Note status and end (called by pjsua)."""
        info = self.getInfo()
        self.status = info.lastStatusCode
        self.is_over = info.state == pjsua2.PJSIP_INV_STATE_DISCONNECTED

    def onCallMediaState(self, _: Any) -> None:  # noqa: N802 - pjsua's name
        """Connect the files (called by pjsua)."""
        if self._ports:
            return
        player, recorder = pjsua2.AudioMediaPlayer(), pjsua2.AudioMediaRecorder()
        player.createPlayer(self._files[0], pjsua2.PJMEDIA_FILE_NO_LOOP)
        recorder.createRecorder(self._files[1])
        audio = self.getAudioMedia(-1)
        player.startTransmit(audio)
        audio.startTransmit(recorder)
        self._ports = [player, recorder]

    def close_files(self) -> None:
        """Finish the recording."""
        self._ports.clear()


def main(address: str, host: str, play: str, record: str, seconds: str) -> None:
    """Make the call."""
    endpoint = configured_endpoint(host)
    account = pjsua2.Account()
    config = pjsua2.AccountConfig()
    config.idUri = f"sip:pjsua@{host}"
    config.mediaConfig.transportConfig.boundAddress = host
    account.create(config)
    call = Call(account, play, record)
    call.makeCall(address, pjsua2.CallOpParam(True))  # noqa: FBT003 - pjsua's signature
    limit = time.monotonic() + float(seconds)
    while time.monotonic() < limit and not call.is_over:
        endpoint.libHandleEvents(20)
    status = call.status
    if not call.is_over:
        endpoint.hangupAllCalls()
    limit = time.monotonic() + 2
    while time.monotonic() < limit and not call.is_over:
        endpoint.libHandleEvents(20)
    call.close_files()
    del call, account
    endpoint.libDestroy()
    sys.stdout.write(f"{status}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
