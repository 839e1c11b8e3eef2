"""Takes datagrams from sockets by recvmsg(2) itself, into memory that is laid out once.

``socket.recvmsg`` makes a list, four tuples and the sender's address in words for every datagram.
It lets go of the interpreter's lock besides, which another thread may then keep.
"""

import ctypes
import socket
import struct
import sys
from typing import Any

__all__ = [
    "CONTROL_BYTES",
    "DATAGRAM_BYTES",
    "DO_NOT_WAIT",
    "FIELDS",
    "SO_TIMESTAMPNS",
    "Inbox",
    "spelled",
    "stamp",
]

DATAGRAM_BYTES = 2048
"""An RTP packet fits into an Ethernet frame; the rest of a larger datagram is cut off."""

NAME_BYTES = 28
"""Of a struct sockaddr_in6 of <netinet/in.h>; an IPv4 address takes the first 16 of them."""

DO_NOT_WAIT = int(getattr(socket, "MSG_DONTWAIT", 0))
"""A plain number: ctypes takes longer over one of an enumeration. Windows has none."""

SO_TIMESTAMPNS = 35
"""From <asm-generic/socket.h>; Python does not name it."""


class _Message(ctypes.Structure):
    """struct msghdr of <sys/socket.h>, and behind it what it points to: a name and a time."""

    _fields_ = (
        ("name_at", ctypes.c_void_p),
        ("name_bytes", ctypes.c_uint32),
        ("parts_at", ctypes.c_void_p),
        ("parts", ctypes.c_size_t),
        ("control_at", ctypes.c_void_p),
        ("control_bytes", ctypes.c_size_t),
        ("flags", ctypes.c_int),
        ("name", ctypes.c_char * NAME_BYTES),
        ("control_length", ctypes.c_size_t),
        ("control_level", ctypes.c_int),
        ("control_type", ctypes.c_int),
        ("seconds", ctypes.c_long),
        ("nanoseconds", ctypes.c_long),
    )


class _Part(ctypes.Structure):
    """struct iovec of <sys/uio.h>."""

    _fields_ = (("at", ctypes.c_void_p), ("bytes", ctypes.c_size_t))


CONTROL_BYTES = ctypes.sizeof(_Message) - _Message.control_length.offset
"""Of a control message with a time."""

FIELDS = struct.Struct(
    f"@{_Message.control_bytes.offset}x N"
    f" {_Message.name.offset - _Message.flags.offset}x {NAME_BYTES}s"
    f" {_Message.seconds.offset - _Message.name.offset - NAME_BYTES}x ll"
)
"""What is read of a message: how much control there is, the name, and the time."""


class Inbox:
    """Memory for one datagram at a time, of any socket of one address family.

    ::

        length = inbox.receive(descriptor, inbox.pointer, DO_NOT_WAIT)    below 0: there is none
        control_bytes, name, seconds, nanoseconds = FIELDS.unpack_from(inbox.message)
        inbox.data[:length]

    Not wrapped up, since a method around it takes a third of what it saves. The call keeps the
    interpreter's lock: it never waits.

    Attributes:
        receive: recvmsg(2); returns the length, or -1 if nothing has come, if its checksum was
            wrong, or for an ICMP error of an earlier datagram.
        pointer: What it is to be given.
        message: What it fills in. ``control_bytes`` has to be set again when it was changed,
            which it is by a datagram without a time.
        data: What it puts the datagram into.
    """

    __slots__ = ("_part", "data", "message", "pointer", "receive")

    def __init__(self) -> None:
        self.receive = ctypes.PyDLL(None).recvmsg
        buffer = ctypes.create_string_buffer(DATAGRAM_BYTES)
        self.data: Any = buffer  # of which a slice is bytes, against what its stub says
        self.message = message = _Message()
        self._part = _Part(ctypes.addressof(buffer), DATAGRAM_BYTES)
        at = ctypes.addressof(message)
        message.name_at, message.name_bytes = at + _Message.name.offset, NAME_BYTES
        message.parts_at, message.parts = ctypes.addressof(self._part), 1
        message.control_at = at + _Message.control_length.offset
        message.control_bytes = CONTROL_BYTES
        self.pointer = ctypes.c_void_p(at)


def spelled(name: bytes) -> tuple[str, int]:
    """Return the numeric host and the port of an address, given as the kernel has it."""
    family, port = int.from_bytes(name[:2], sys.byteorder), int.from_bytes(name[2:4])
    if family == socket.AF_INET6:
        return socket.inet_ntop(socket.AF_INET6, name[8:24]), port
    return socket.inet_ntop(socket.AF_INET, name[4:8]), port


def stamp(sock: socket.socket) -> None:
    """Let the kernel say when each datagram came."""
    sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
