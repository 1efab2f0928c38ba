"""What attribution counts, each term where it happens: exact sums of integers, never of floats."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .addresses import Bools
from .inventory_tables import Inventory
from .netflow import Flows
from .verdicts import tuple_hash
from .windows import MINUTE

TOP_STRAYS = 20
DENSE_KEYS = 1 << 20
INTERVAL_SLOTS = 16

Column = NDArray[Any]
Counts = NDArray[np.uint64]


@dataclass(frozen=True)
class StreamCount:
    """What one stream of a batch brought, in flows, packets and bytes; decoded = attributed + unattributed."""

    flows: int
    packets: int
    bytes: int
    attributed_flows: int
    attributed_packets: int
    attributed_bytes: int
    unattributed_flows: int
    unattributed_packets: int
    unattributed_bytes: int
    samples: int
    uncovered_samples: int
    implausible: int
    clock_offset_ms: int
    longest_flow_ms: int
    longest_delay_ms: int


@dataclass(frozen=True)
class WindowCount:
    """Samples of one batch in one window of one VPC."""

    vpc: str
    interval: int
    start: int
    flows: int
    packets: int
    bytes: int


@dataclass(frozen=True)
class Stray:
    """Flows of one stream that matched no interface, by addresses, protocol and service."""

    stream: int
    family: int
    src: int
    dst: int
    protocol: int
    dstport: int
    flows: int
    packets: int
    bytes: int


@dataclass(frozen=True)
class Tally:
    """The columns that streams are counted from: one row a flow, but for the two numbered by sample."""

    packets: Counts
    octets: Counts
    plausible: Bools
    attributed: Bools
    starts: NDArray[np.int64]
    ends: NDArray[np.int64]
    sample_streams: NDArray[np.uint32]
    uncovered_streams: NDArray[np.uint32]


def count_streams(flows: Flows, tally: Tally, offset: NDArray[np.int64]) -> list[StreamCount]:
    """Return the counts of each stream; ``offset`` has one clock offset a stream, in ms."""
    streams = len(offset)
    longest, delay = np.zeros(streams, dtype=np.int64), np.zeros(streams, dtype=np.int64)
    np.maximum.at(longest, flows.stream, tally.ends - tally.starts)
    np.maximum.at(delay, flows.stream, flows.received_ms - tally.ends)
    terms: list[Column] = []
    for mask in (
        tally.plausible,
        tally.plausible & tally.attributed,
        tally.plausible & ~tally.attributed,
    ):
        chosen = slice(None) if mask.all() else mask
        stream = flows.stream[chosen]
        terms.append(np.bincount(stream, minlength=streams))
        terms += [exact_sums(stream, values[chosen], streams) for values in (tally.packets, tally.octets)]
    terms.append(np.bincount(tally.sample_streams, minlength=streams))
    terms.append(np.bincount(tally.uncovered_streams, minlength=streams))
    terms.append(np.bincount(flows.stream[~tally.plausible], minlength=streams))
    return [StreamCount(*map(int, row)) for row in zip(*terms, offset, longest, delay, strict=True)]


def exact_sums(group: NDArray[np.integer], values: Counts, groups: int) -> Counts:
    """Return the sum of the values of each group; exact as long as it is below 2^64."""
    sums = np.zeros(groups, dtype=np.uint64)
    np.add.at(sums, group, values)
    return sums


def count_windows(
    samples: Mapping[str, Column], eni: NDArray[np.int32], inventory: Inventory
) -> list[WindowCount]:
    """Return the samples of each window of each VPC."""
    if not len(eni):
        return []
    window = samples["window"].astype(np.int64)
    base = int(window.min())
    span = (int(window.max()) - base) // MINUTE + 1
    key = inventory.eni_vpc[eni].astype(np.int64) * INTERVAL_SLOTS + samples["interval"]
    key = key * span + (window - base) // MINUTE
    possible = len(inventory.vpc_ids) * INTERVAL_SLOTS * span
    if possible > DENSE_KEYS:
        groups, key = np.unique(key, return_inverse=True)
    else:
        groups = np.arange(possible)
    flows = np.bincount(key, minlength=len(groups))
    packets = exact_sums(key, samples["packets"], len(groups))
    octets = exact_sums(key, samples["bytes"], len(groups))
    return [
        WindowCount(
            vpc=inventory.vpc_ids[int(groups[place] // span // INTERVAL_SLOTS)],
            interval=int(groups[place] // span % INTERVAL_SLOTS),
            start=base + int(groups[place] % span) * MINUTE,
            flows=int(flows[place]),
            packets=int(packets[place]),
            bytes=int(octets[place]),
        )
        for place in np.flatnonzero(flows)
    ]


def find_strays(flows: Flows, packets: Counts, octets: Counts, stray: Bools) -> list[Stray]:
    """Return the heaviest flows of each stream that matched no interface."""
    rows = np.flatnonzero(stray)
    if not len(rows):
        return []
    stream = flows.stream[rows]
    key = tuple_hash(
        flows.src_hi[rows], flows.src_lo[rows], flows.dst_hi[rows], flows.dst_lo[rows],
        stream, flows.dstport[rows], flows.protocol[rows],
    )  # fmt: skip
    _, first, inverse = np.unique(key, return_index=True, return_inverse=True)
    carried = exact_sums(inverse, packets[rows], len(first))
    total = exact_sums(inverse, octets[rows], len(first))
    count = np.bincount(inverse)
    heaviest_first = np.lexsort((-total.astype(np.float64), stream[first]))
    own = stream[first][heaviest_first]
    place = np.arange(len(own)) - np.searchsorted(own, own)
    return [
        _stray(flows, int(rows[first[group]]), int(count[group]), int(carried[group]), int(total[group]))
        for group in heaviest_first[place < TOP_STRAYS]
    ]


def _stray(flows: Flows, row: int, count: int, packets: int, octets: int) -> Stray:
    return Stray(
        stream=int(flows.stream[row]),
        family=int(flows.family[row]),
        src=int(flows.src_hi[row]) << 64 | int(flows.src_lo[row]),
        dst=int(flows.dst_hi[row]) << 64 | int(flows.dst_lo[row]),
        protocol=int(flows.protocol[row]),
        dstport=int(flows.dstport[row]),
        flows=count,
        packets=packets,
        bytes=octets,
    )
