"""The UDP socket of a collector."""

from __future__ import annotations

import contextlib
import socket
import struct
from typing import Final

RECEIVE_BUFFER: Final = 32 << 20
"""Asked for; the kernel doubles it. The default of 208 KiB holds only 92 datagrams of 1400 bytes."""
SO_RCVBUFFORCE: Final = 33
SO_MEMINFO: Final = 55
MEMINFO: Final = struct.Struct("=9I")
DROPS: Final = 8
"""SK_MEMINFO_DROPS: the counter of SO_RXQ_OVFL and /proc/net/udp, told without waiting for a datagram."""


def open_socket(host: str, port: int) -> socket.socket:
    """Bind a non-blocking UDP socket; ``::`` receives IPv4 too. Raise OSError when that is not possible."""
    family, kind, protocol, _name, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_DGRAM, flags=socket.AI_PASSIVE
    )[0]
    opened = socket.socket(family, kind, protocol)
    try:
        if family == socket.AF_INET6:
            opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(host != "::"))
        _enlarge(opened)
        opened.bind(address)
        opened.setblocking(False)
    except OSError:
        opened.close()
        raise
    return opened


def _enlarge(opened: socket.socket) -> None:
    try:
        opened.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, RECEIVE_BUFFER)
    except OSError:  # needs CAP_NET_ADMIN; without it the kernel caps the size at net.core.rmem_max
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)


def receive_buffer(opened: socket.socket) -> int:
    """Tell how many bytes the socket may hold, the kernel's own overhead included."""
    return opened.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)


def kernel_drops(opened: socket.socket) -> int:
    """Tell how many datagrams the kernel dropped at this socket since it was opened, modulo 2**32."""
    with contextlib.suppress(OSError):  # a kernel older than 4.12 does not tell
        return int(MEMINFO.unpack(opened.getsockopt(socket.SOL_SOCKET, SO_MEMINFO, MEMINFO.size))[DROPS])
    return 0
