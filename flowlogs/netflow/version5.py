"""NetFlow v5: a header of 24 bytes and records of 48, described as if by a template."""

from __future__ import annotations

import struct
from typing import Final

from . import elements as ie
from .layout import Layout, layout_of
from .templates import DATA_TEMPLATE, V9, Template

V5: Final = 5
HEADER: Final = struct.Struct(">HHIIIIHH")
"""Version, count, uptime (ms), seconds, nanoseconds, sequence, engine type and id, sampling."""

RECORD_LENGTH: Final = 48
MOST_RECORDS: Final = (65_507 - HEADER.size) // RECORD_LENGTH
"""More do not fit into a UDP datagram; a header that says more is not one."""

_INTERVAL_BITS: Final = 0x3FFF
_NOT_READ: Final = 0
_FIELDS: Final = (
    (ie.SOURCE_IPV4, 4), (ie.DESTINATION_IPV4, 4), (_NOT_READ, 4), (ie.INGRESS_INTERFACE, 2), (ie.EGRESS_INTERFACE, 2),
    (ie.PACKET_DELTA, 4), (ie.OCTET_DELTA, 4), (ie.START_SYSUPTIME, 4), (ie.END_SYSUPTIME, 4),
    (ie.SOURCE_PORT, 2), (ie.DESTINATION_PORT, 2), (_NOT_READ, 1), (ie.TCP_FLAGS, 1), (ie.PROTOCOL, 1), (_NOT_READ, 9),
)  # fmt: skip


def layout() -> Layout:
    """Return how records of NetFlow v5 are read."""
    raw = struct.pack(">H", len(_FIELDS)) + b"".join(struct.pack(">HH", *each) for each in _FIELDS)
    return layout_of(Template(V9, DATA_TEMPLATE, raw))


def sampling_rate(sampling: int) -> int:
    """Return the rate of a v5 header: the lower 14 bits, whatever mode the upper two tell; 1 where it is not set."""
    return (sampling & _INTERVAL_BITS) or 1
