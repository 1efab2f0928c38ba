"""The datagrams of a batch as columns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from .registry import Registry
from .sampling import RateTable
from .scan import NO_SEQUENCE, NO_UPTIME, ROW_FIELDS, ROW_WIDTH, Scan
from .sources import NO_TABLE, Sources
from .templates import V9

UPTIME_WRAP: Final = 1 << 32
BOOT_TOLERANCE_MS: Final = 2000
"""How far a v9 header, in whole seconds, may be from the start told in options to be made exact by it."""

Numbers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Rows:
    """One row a datagram, as the scan noted it; ``flows`` is how many records it holds, or says it held.

    ``serial`` is the serial number of the datagram; in the row of a set that waited, of the one that
    brought its template.
    """

    received_ns: Numbers
    clock_ns: Numbers
    export_ms: Numbers
    uptime_ms: Numbers
    stream: Numbers
    sequence: Numbers
    view: Numbers
    options: Numbers
    flows: Numbers
    unsure: Numbers
    serial: Numbers


def rows_of(scan: Scan) -> Rows:
    """Return what a scan noted, without the flows, which are counted later."""
    table = np.array(scan.rows, dtype=np.int64).reshape(-1, ROW_WIDTH)
    columns = dict(zip(ROW_FIELDS, np.ascontiguousarray(table.T), strict=True))
    numbered = np.cumsum(columns["sequence"] != NO_SEQUENCE)
    serial = scan.registry.serial + numbered - numbered[-1:].sum()
    return Rows(flows=columns.pop("unseen"), serial=serial, **columns)


def sources_of(scan: Scan, rows: Rows) -> Sources:
    """Return what the flows of each datagram have in common."""
    registry, views = scan.registry, scan.views
    boot_ms = np.array([view.boot_ms for view in views], dtype=np.int64)[rows.view]
    tables: list[RateTable] = []
    numbers = np.full(len(views), NO_TABLE)
    for number, view in enumerate(views):
        if view.table is not None:
            numbers[number] = len(tables)
            tables.append(view.table)
    uptime_ms, has_uptime = _uptimes(registry, rows, boot_ms)
    return Sources(
        stream=_of_streams(registry, [stream.index for stream in registry.streams])[rows.stream].astype(
            np.uint32
        ),
        received_ms=rows.received_ns // 1_000_000,
        export_ms=rows.export_ms,
        uptime_ms=uptime_ms.astype(np.uint32),
        has_uptime=has_uptime,
        rate=np.array([view.rate for view in views], dtype=np.uint32)[rows.view],
        table=numbers[rows.view],
        tables=tuple(tables),
    )


def _uptimes(registry: Registry, rows: Rows, boot_ms: Numbers) -> tuple[Numbers, NDArray[np.bool_]]:
    """Return the uptime of each exporter at export, modulo 2^32, and where it is known.

    A header that has it is right (RFC 3954 section 5.1); a start told in options (element 160) makes it exact to the
    millisecond where both agree, and stands for it where there is none.
    """
    is_told = boot_ms >= 0
    from_boot = (rows.export_ms - boot_ms) % UPTIME_WRAP
    has_header = rows.uptime_ms != NO_UPTIME
    is_v9 = _of_streams(registry, [stream.id[3] == V9 for stream in registry.streams])[rows.stream]
    apart = np.abs((from_boot - rows.uptime_ms + UPTIME_WRAP // 2) % UPTIME_WRAP - UPTIME_WRAP // 2)
    use_boot = is_told & (~has_header | (is_v9.astype(bool) & (apart <= BOOT_TOLERANCE_MS)))
    return np.where(use_boot, from_boot, rows.uptime_ms), has_header | is_told


def _of_streams(registry: Registry, values: list[int] | list[bool]) -> Numbers:
    return np.array(values, dtype=np.int64)
