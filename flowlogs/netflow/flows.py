"""Decoded flows as columns."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

UNKNOWN_DIRECTION: Final = 255
UNKNOWN_PROTOCOL: Final = 255
"""The reserved protocol number, for exporters that do not tell the protocol."""


@dataclass(frozen=True, slots=True)
class Flows:
    """Flows as exporters reported them: contiguous native columns of one length.

    ``stream`` indexes the streams of the batch. Times are Unix ms; ``start_ms <= end_ms``, event time by the
    exporter's clock. An IPv4 address is in the ``lo`` half. Packets and bytes are as exported, not multiplied by
    ``sampling`` (1 = every packet). ``icmp`` is type * 256 + code, where ports are 0. ``forwarding_status`` is the
    octet of element 89. Zero stands for unknown, except in ``flow_direction`` and ``protocol`` (255).
    """

    stream: NDArray[np.uint32]
    received_ms: NDArray[np.int64]
    export_ms: NDArray[np.int64]
    family: NDArray[np.uint8]
    src_hi: NDArray[np.uint64]
    src_lo: NDArray[np.uint64]
    dst_hi: NDArray[np.uint64]
    dst_lo: NDArray[np.uint64]
    protocol: NDArray[np.uint8]
    srcport: NDArray[np.uint16]
    dstport: NDArray[np.uint16]
    icmp: NDArray[np.uint16]
    tcp_flags: NDArray[np.uint16]
    packets: NDArray[np.uint64]
    bytes: NDArray[np.uint64]
    start_ms: NDArray[np.int64]
    end_ms: NDArray[np.int64]
    input_if: NDArray[np.uint32]
    output_if: NDArray[np.uint32]
    flow_direction: NDArray[np.uint8]
    firewall_event: NDArray[np.uint8]
    forwarding_status: NDArray[np.uint8]
    observation_point: NDArray[np.uint64]
    end_reason: NDArray[np.uint8]
    sampling: NDArray[np.uint32]
    reverse: NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.stream)

    def take(self, rows: NDArray[Any]) -> Flows:
        """Return the given rows, by index or by mask."""
        return Flows(**{name: getattr(self, name)[rows] for name in COLUMNS})


ALIGNMENT: Final = 64
COLUMNS: Final = tuple(field.name for field in fields(Flows))
DTYPES: Final[dict[str, np.dtype[Any]]] = {
    "stream": np.dtype(np.uint32), "received_ms": np.dtype(np.int64), "export_ms": np.dtype(np.int64),
    "family": np.dtype(np.uint8),
    "src_hi": np.dtype(np.uint64), "src_lo": np.dtype(np.uint64),
    "dst_hi": np.dtype(np.uint64), "dst_lo": np.dtype(np.uint64),
    "protocol": np.dtype(np.uint8), "srcport": np.dtype(np.uint16), "dstport": np.dtype(np.uint16),
    "icmp": np.dtype(np.uint16), "tcp_flags": np.dtype(np.uint16),
    "packets": np.dtype(np.uint64), "bytes": np.dtype(np.uint64),
    "start_ms": np.dtype(np.int64), "end_ms": np.dtype(np.int64),
    "input_if": np.dtype(np.uint32), "output_if": np.dtype(np.uint32),
    "flow_direction": np.dtype(np.uint8), "firewall_event": np.dtype(np.uint8),
    "forwarding_status": np.dtype(np.uint8), "observation_point": np.dtype(np.uint64),
    "end_reason": np.dtype(np.uint8), "sampling": np.dtype(np.uint32), "reverse": np.dtype(np.uint8),
}  # fmt: skip


def blank_flows(count: int) -> Flows:
    """Return ``count`` flows of which nothing is known yet.

    All columns lie in one block of memory: NumPy asks for huge pages for large blocks only, and without them the
    page faults of some twenty columns take longer than all of the decoding.
    """
    sizes = [-(-count * dtype.itemsize // ALIGNMENT) * ALIGNMENT for dtype in DTYPES.values()]
    block = np.zeros(sum(sizes), dtype=np.uint8)
    columns: dict[str, NDArray[Any]] = {}
    start = 0
    for (name, dtype), size in zip(DTYPES.items(), sizes, strict=True):
        columns[name] = block[start : start + count * dtype.itemsize].view(dtype)
        start += size
    for name, unknown in (
        ("flow_direction", UNKNOWN_DIRECTION),
        ("protocol", UNKNOWN_PROTOCOL),
        ("sampling", 1),
    ):
        columns[name].fill(unknown)
    return Flows(**columns)


def concatenate(parts: list[Flows]) -> Flows:
    """Return the flows of several batches as one; stream numbers stay as they are."""
    if not parts:
        return blank_flows(0)
    return Flows(**{name: np.concatenate([getattr(part, name) for part in parts]) for name in COLUMNS})
