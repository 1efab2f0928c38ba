"""IPFIX messages (RFC 7011)."""

from __future__ import annotations

import struct
from typing import ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from flowlogs.export.encoder import Encoder, columns_of
from flowlogs.export.fields import ADDRESS_OCTETS, TEMPLATE_IDS, Columns, Field, Layout

HEADER: Final = struct.Struct("!HHIII")
VERSION: Final = 10
ADDRESSES: Final = {4: (8, 12), 6: (27, 28)}
ICMP_TYPE_CODE: Final = {4: 32, 6: 139}
COUNTS_AND_TIMES: Final = (
    Field(1, 8, "bytes"),
    Field(2, 8, "packets"),
    Field(152, 8, "start_ms"),
    Field(153, 8, "end_ms"),
    Field(10, 4, "input_if"),
    Field(14, 4, "output_if"),
    Field(61, 1, "flow_direction"),
)


def layout(family: int, is_icmp: bool, *, verdicts: bool) -> Layout:
    """Give the template of one kind of flow; with ``verdicts`` it ends with firewallEvent."""
    source, destination = ADDRESSES[family]
    octets = ADDRESS_OCTETS[family]
    addresses = (
        Field(source, octets, "src_lo" if family == 4 else "src"),
        Field(destination, octets, "dst_lo" if family == 4 else "dst"),
    )
    transport = (
        (Field(ICMP_TYPE_CODE[family], 2, "icmp"),)
        if is_icmp
        else (Field(7, 2, "srcport"), Field(11, 2, "dstport"), Field(6, 2, "tcp_flags"))
    )
    verdict = (Field(233, 1, "firewall_event"),) if verdicts else ()
    fields = (*addresses, Field(4, 1, "protocol"), *transport, *COUNTS_AND_TIMES, *verdict)
    return Layout(TEMPLATE_IDS[family, is_icmp], fields)


class IpfixEncoder(Encoder):
    """Encodes flows as IPFIX; its sequence counts the data records sent before a message (RFC 7011 3.1)."""

    header_octets: ClassVar[int] = HEADER.size
    template_set: ClassVar[int] = 2

    def __init__(
        self,
        domain: int = 1,
        *,
        verdicts: bool = False,
        sequence: int = 0,
        template_seconds: int = 60,
        template_datagrams: int = 1000,
    ) -> None:
        """Encode for one observation domain; ``verdicts`` adds firewallEvent to every record."""
        super().__init__(
            {
                (family, is_icmp): layout(family, is_icmp, verdicts=verdicts)
                for family, is_icmp in TEMPLATE_IDS
            },
            domain,
            sequence=sequence,
            template_seconds=template_seconds,
            template_datagrams=template_datagrams,
        )

    def _columns(self, flows: NDArray[np.void]) -> Columns:
        return columns_of(flows)

    def _header(self, length: int, records: int, templates: int, seconds: int) -> bytes:
        header = HEADER.pack(VERSION, length, seconds, self.sequence, self.domain)
        self.sequence = (self.sequence + records) & 0xFFFFFFFF
        return header
