"""Ports that nobody uses right now."""

import socket


def free_port(host: str, kind: socket.SocketKind) -> int:
    """Return a free port of an address of this machine; another program may take it any time.

    Args:
        host: Numeric address.
        kind: `SOCK_DGRAM` for SIP, `SOCK_STREAM` for HTTP.
    """
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind((host, 0))
        port: int = probe.getsockname()[1]
        return port
