"""NetFlow version 9 export packets (RFC 3954)."""

from __future__ import annotations

import struct
from typing import ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from flowlogs.export.encoder import Encoder, columns_of
from flowlogs.export.fields import ADDRESS_OCTETS, TEMPLATE_IDS, Columns, Field, Layout
from flowlogs.export.ipfix import ADDRESSES, ICMP_TYPE_CODE

HEADER: Final = struct.Struct("!HHIIII")
VERSION: Final = 9


def layout(family: int, is_icmp: bool, *, counter_octets: int) -> Layout:
    """Give the template of one kind of flow; an IPv4 record with 4-octet counters has 39 octets."""
    source, destination = ADDRESSES[family]
    octets = ADDRESS_OCTETS[family]
    transport = (
        (Field(ICMP_TYPE_CODE[family], 2, "icmp"),)
        if is_icmp
        else (Field(7, 2, "srcport"), Field(11, 2, "dstport"), Field(6, 1, "tcp_flags"))
    )
    fields = (
        Field(source, octets, "src_lo" if family == 4 else "src"),
        Field(destination, octets, "dst_lo" if family == 4 else "dst"),
        Field(4, 1, "protocol"),
        *transport,
        Field(1, counter_octets, "bytes"),
        Field(2, counter_octets, "packets"),
        Field(22, 4, "first_switched"),
        Field(21, 4, "last_switched"),
        Field(10, 4, "input_if"),
        Field(14, 4, "output_if"),
        Field(61, 1, "flow_direction"),
    )
    return Layout(TEMPLATE_IDS[family, is_icmp], fields)


class NetflowV9Encoder(Encoder):
    """Encodes flows as NetFlow v9; its sequence counts export packets, its times are ms of uptime."""

    header_octets: ClassVar[int] = HEADER.size
    template_set: ClassVar[int] = 0
    alignment: ClassVar[int] = 4
    longest_batch: ClassVar[int] = 35

    def __init__(
        self,
        domain: int = 1,
        *,
        boot_time_s: int = 0,
        counter_octets: int = 4,
        sequence: int = 0,
        template_seconds: int = 60,
        template_datagrams: int = 1000,
    ) -> None:
        """Encode for one source id; ``boot_time_s`` is when the device started (Unix seconds)."""
        self._boot_time_s = boot_time_s
        super().__init__(
            {
                (family, is_icmp): layout(family, is_icmp, counter_octets=counter_octets)
                for family, is_icmp in TEMPLATE_IDS
            },
            domain,
            sequence=sequence,
            template_seconds=template_seconds,
            template_datagrams=template_datagrams,
        )

    def _columns(self, flows: NDArray[np.void]) -> Columns:
        columns = columns_of(flows)
        # Uptime is 32 bits of ms and wraps after 49.7 days, as on real devices.
        boot_ms = self._boot_time_s * 1000
        return {
            **columns,
            "first_switched": ((columns["start_ms"] - boot_ms) & 0xFFFFFFFF).astype(np.uint32),
            "last_switched": ((columns["end_ms"] - boot_ms) & 0xFFFFFFFF).astype(np.uint32),
        }

    def _header(self, length: int, records: int, templates: int, seconds: int) -> bytes:
        uptime_ms = (seconds - self._boot_time_s) * 1000 & 0xFFFFFFFF
        header = HEADER.pack(VERSION, records + templates, uptime_ms, seconds, self.sequence, self.domain)
        self.sequence = (self.sequence + 1) & 0xFFFFFFFF
        return header
