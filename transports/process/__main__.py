"""``python -m transports.process DESCRIPTOR PARAMS``: run the media process for its parent.

``DESCRIPTOR`` is the inherited end of the supervisor's socket, ``PARAMS`` the engine's as JSON.
"""

import asyncio
import ctypes
import gc
import os
import resource
import signal
import socket
import sys

from loguru import logger

from transports.params import RtpParams
from transports.process.host import MediaHost
from transports.scheduling import prefer_this_thread

MCL_CURRENT, MCL_FUTURE, MCL_ONFAULT = 1, 2, 4
"""From <sys/mman.h>; on fault, so that memory that is shared but unused stays unused."""


def main() -> None:
    """Serve until the parent ends."""
    descriptor, params = int(sys.argv[1]), RtpParams.model_validate_json(sys.argv[2])
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # the parent's to decide on
    scheduling = prefer_this_thread()
    _lock_memory()
    supervisor = socket.socket(fileno=descriptor)
    supervisor.setblocking(False)  # noqa: FBT003
    host = MediaHost(params, scheduling)
    logger.remove()
    logger.add(lambda text: host.log(text.record["level"].name, text.strip()), format="{message}")
    gc.collect()
    gc.freeze()
    gc.disable()  # whoever closes a stream collects, when the next tick is far off
    with asyncio.Runner(loop_factory=_loop) as runner:
        runner.run(host.run(supervisor))


def _loop() -> asyncio.AbstractEventLoop:
    try:
        import uvloop  # noqa: PLC0415  there is none for Windows
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()


def _lock_memory() -> None:
    """Never wait for a page that was swapped out, where that is allowed without a limit."""
    limit, _ = resource.getrlimit(resource.RLIMIT_MEMLOCK)
    if os.geteuid() == 0 or limit == resource.RLIM_INFINITY:
        ctypes.CDLL(None).mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT)


if __name__ == "__main__":
    main()
