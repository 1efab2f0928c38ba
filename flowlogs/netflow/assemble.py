"""From the groups of a scan to the flows of a batch."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .columns import fill, has_traffic
from .fields import Records
from .flows import COLUMNS, Flows, blank_flows
from .groups import Group, GroupRecords, records_of
from .layout import Kind
from .model import Reason
from .plan import Plan
from .registry import Registry
from .rows import Rows
from .scan import Scan
from .sources import Sources


class _Part(NamedTuple):
    """Records that one plan turns into flows, and the rows of their datagrams."""

    plan: Plan
    records: Records
    rows: NDArray[np.int64]


def assemble(scan: Scan, rows: Rows, sources: Sources) -> Flows:
    """Return the flows of all groups; count the records in each row, and what is no flow."""
    parts: list[_Part] = []
    for group in scan.groups.values():
        if not group.bodies:
            continue
        found = records_of(group)
        np.add.at(rows.flows, found.rows, found.counts)
        _count_torn(scan, rows, found)
        if group.layout.kind is Kind.FLOW:
            parts += _parts(group, found)
        else:
            _count_skipped(scan.registry, rows, group, found)
    flows = blank_flows(sum(len(part.records) for part in parts))
    start = 0
    for part in parts:
        own = slice(start, start + len(part.records))
        section = Flows(**{name: getattr(flows, name)[own] for name in COLUMNS})
        assumed = fill(section, part.records, part.rows, part.plan, sources)
        if assumed is not None:
            _count_assumed(scan.registry, section, assumed)
        start = own.stop
    for index, count in enumerate(np.bincount(flows.stream, minlength=len(scan.registry.keys)).tolist()):
        scan.registry.counters[index].flows += count
    return flows


def _parts(group: Group, found: GroupRecords) -> list[_Part]:
    """Return the flows of a group; of a biflow the halves that saw traffic, or the forward one when none did."""
    forward, *opposite = group.layout.plans
    rows = np.repeat(found.rows, found.counts)
    if not opposite:
        return [_Part(forward, found.records, rows)]
    back = has_traffic(found.records, opposite[0])
    forth = has_traffic(found.records, forward) | ~back
    return [
        _Part(forward, found.records[forth], rows[forth]),
        _Part(opposite[0], found.records[back], rows[back]),
    ]


def _count_torn(scan: Scan, rows: Rows, found: GroupRecords) -> None:
    """Count the sets of variable-length records that end within one."""
    for row in found.rows[found.torn].tolist():
        stream = scan.registry.streams[int(rows.stream[row])]
        stream.counters.undecodable_sets += 1
        rows.unsure[row] = 1
        since, received_ns = int(rows.serial[row]), int(rows.received_ns[row])
        serial = scan.waited.get(row, since)
        scan.registry.break_datagram(stream, serial, received_ns, Reason.UNDECODABLE, since)


def _count_skipped(registry: Registry, rows: Rows, group: Group, found: GroupRecords) -> None:
    numbers = rows.stream[found.rows]
    counts = np.bincount(numbers, found.counts, len(registry.streams)).astype(np.int64)
    for number in np.flatnonzero(counts).tolist():
        counters = registry.streams[number].counters
        if group.layout.kind is Kind.SECTION:
            counters.skipped_sections += int(counts[number])
        else:
            counters.skipped_records += int(counts[number])


def _count_assumed(registry: Registry, flows: Flows, assumed: NDArray[np.bool_]) -> None:
    counts = np.bincount(flows.stream[assumed], minlength=len(registry.keys))
    for index in np.flatnonzero(counts).tolist():
        registry.counters[index].assumed_times += int(counts[index])
