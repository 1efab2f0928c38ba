"""What a flow looks like before it is encoded, and the templates that it is encoded with."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

FLOW: Final = np.dtype(
    [
        ("family", np.uint8),
        ("src_hi", np.uint64),
        ("src_lo", np.uint64),
        ("dst_hi", np.uint64),
        ("dst_lo", np.uint64),
        ("protocol", np.uint8),
        ("srcport", np.uint16),
        ("dstport", np.uint16),
        ("icmp", np.uint16),
        ("tcp_flags", np.uint16),
        ("packets", np.uint64),
        ("bytes", np.uint64),
        ("start_ms", np.int64),
        ("end_ms", np.int64),
        ("input_if", np.uint32),
        ("output_if", np.uint32),
        ("flow_direction", np.uint8),
        ("firewall_event", np.uint8),
    ]
)
"""A flow, with names and meanings of ``flowlogs.netflow.Flows``; an IPv4 address is in the ``lo`` half."""

ICMP: Final = {4: 1, 6: 58}
TEMPLATE_IDS: Final = {(4, False): 256, (4, True): 257, (6, False): 258, (6, True): 259}
FORMATS: Final = {1: "u1", 2: ">u2", 4: ">u4", 8: ">u8"}
ADDRESS_OCTETS: Final = {4: 4, 6: 16}

Columns = Mapping[str, NDArray[Any]]


class Field(NamedTuple):
    """One information element of a template (IANA numbers, RFC 7012) and the column it comes from."""

    element: int
    octets: int
    column: str


@dataclass(frozen=True)
class Layout:
    """A template and the shape of its data records."""

    template_id: int
    fields: tuple[Field, ...]

    @property
    def record_type(self) -> np.dtype[np.void]:
        members: list[tuple[str, str]] = []
        for field in self.fields:
            if field.octets == ADDRESS_OCTETS[6]:
                members += [(f"{field.column}_hi", FORMATS[8]), (f"{field.column}_lo", FORMATS[8])]
            else:
                members.append((field.column, FORMATS[field.octets]))
        return np.dtype(members)

    def template(self) -> bytes:
        """Give the template record: id, field count, and element and length of each (RFC 7011 3.4.1)."""
        specifiers = b"".join(struct.pack("!HH", field.element, field.octets) for field in self.fields)
        return struct.pack("!HH", self.template_id, len(self.fields)) + specifiers

    def records(self, columns: Columns, count: int) -> bytes:
        """Give the data records. Raise ValueError for a value that is too large for its octets."""
        records = np.empty(count, self.record_type)
        for name in records.dtype.names or ():
            bits = 8 * records.dtype[name].itemsize
            column = columns[name]
            if column.dtype == np.uint64 and bits < 64 and np.any(column >> np.uint64(bits)):
                raise ValueError(f"a value of {name} does not fit into {bits} bits")
            records[name] = column
        return records.tobytes()
