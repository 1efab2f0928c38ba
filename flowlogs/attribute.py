"""Decoded flows → samples: which interface, direction, window, verdict and path; all column-wise.

Source address of an observed interface → an ``out`` sample; destination → ``in``; both → two samples.
Multicast is not collected (facts, section 3.1): such flows match no interface.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .addresses import MISSING, Bools
from .inventory_tables import CODE_OTHER, CODE_PUBLIC_IP, Inventory
from .netflow import ACCEPT, REJECT, Flows, StreamKey
from .secgroups import IN, OUT
from .tallies import Stray, StreamCount, Tally, WindowCount, count_streams, count_windows, find_strays
from .verdicts import ASSUMED, FROM_EXPORTER, FROM_RULES, by_rules, observed_side, told_by_exporters
from .windows import MINUTE

ACTIVE_TIMEOUT = 2
CLOCK_TOLERANCE_MS = 30_000
LINK_LAYER_OVERHEAD = 14
LARGEST_COUNTER = 1 << 48

Column = NDArray[Any]
Indices = NDArray[np.int64]


@dataclass(frozen=True)
class Attributed:
    """Samples as columns of one length, and what was counted on the way."""

    samples: dict[str, Column]
    streams: list[StreamCount]
    windows: list[WindowCount]
    strays: list[Stray]


@dataclass(frozen=True)
class _Matched:
    """Flows that belong to an interface: rows of one length, one for each sample that may become."""

    rows: Indices
    eni: NDArray[np.int32]
    direction: NDArray[np.uint8]

    def take(self, chosen: Bools) -> _Matched:
        return _Matched(self.rows[chosen], self.eni[chosen], self.direction[chosen])


def attribute(flows: Flows, streams: Sequence[StreamKey], inventory: Inventory) -> Attributed:
    """Attribute a batch of flows under one inventory version.

    Flows whose packets or bytes exceed 2^48 are implausible: counted, never added to anything.
    """
    exporters = np.array([inventory.exporter_of(key.address, key.domain) for key in streams], dtype=np.int32)
    exporter = exporters[flows.stream]
    packets, octets, plausible = _counters(flows, exporter, inventory)
    offset = _clock_offsets(flows, len(streams))
    starts, ends = _event_times(flows)
    matched = _find_interfaces(flows, exporter, inventory, plausible & ~_is_multicast(flows))
    interval = _interval_at(inventory, matched.eni, ends[matched.rows] // 1000)
    covered = interval > 0
    taken, interval = matched.take(covered), interval[covered]
    samples = _samples(flows, taken, interval, starts, ends, inventory)
    samples["packets"], samples["bytes"] = packets[taken.rows], octets[taken.rows]
    samples["path"] = _paths(samples, taken.eni, inventory)
    between = np.bincount(matched.rows, minlength=len(flows)) > 1
    samples["action"], samples["source"] = _verdicts(flows, exporter, taken, between, samples, inventory)
    attributed = np.zeros(len(flows), dtype=bool)
    attributed[matched.rows] = True
    tally = Tally(
        packets, octets, plausible, attributed, starts, ends,
        sample_streams=flows.stream[taken.rows], uncovered_streams=flows.stream[matched.rows[~covered]],
    )  # fmt: skip
    return Attributed(
        samples=samples,
        streams=count_streams(flows, tally, offset),
        windows=count_windows(samples, taken.eni, inventory),
        strays=find_strays(flows, packets, octets, plausible & ~attributed),
    )


def _counters(
    flows: Flows, exporter: NDArray[np.int32], inventory: Inventory
) -> tuple[NDArray[np.uint64], NDArray[np.uint64], Bools]:
    """Return packets and IP bytes of each flow, and which flows are plausible.

    Sampled counts are multiplied by their rate; Ethernet bytes are brought down to IP bytes.
    """
    packets, octets = flows.packets, flows.bytes
    plausible = (packets < LARGEST_COUNTER) & (octets < LARGEST_COUNTER)
    if (flows.sampling > 1).any():
        rate = np.maximum(flows.sampling, 1)
        plausible &= (packets * (rate + 0.0) < LARGEST_COUNTER) & (octets * (rate + 0.0) < LARGEST_COUNTER)
        packets, octets = packets * rate.astype(np.uint64), octets * rate.astype(np.uint64)
    link_layer = [number for number, profile in enumerate(inventory.exporters) if profile.link_layer_bytes]
    if link_layer:
        overhead = np.where(np.isin(exporter, link_layer), packets, np.uint64(0))
        octets = octets - np.minimum(octets, overhead * np.uint64(LINK_LAYER_OVERHEAD))
    return packets, octets, plausible


def _clock_offsets(flows: Flows, streams: int) -> NDArray[np.int64]:
    """Return each stream's receipt minus export time in ms, as of its last datagram of the batch."""
    offsets = np.zeros(streams, dtype=np.int64)
    offsets[flows.stream] = flows.received_ms - flows.export_ms
    return offsets


def _event_times(flows: Flows) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return start and end of each flow by the collector's clock, in Unix ms.

    Each datagram is corrected by its own offset, so that a clock that jumps moves no other datagram's flows.
    """
    offset = flows.received_ms - flows.export_ms
    shift = np.where(np.abs(offset) > CLOCK_TOLERANCE_MS, offset, 0)
    # an end in the future of its own receipt would open windows that cannot be true
    ends = np.minimum(flows.end_ms + shift, flows.received_ms)
    return np.minimum(flows.start_ms + shift, ends), ends


def _is_multicast(flows: Flows) -> Bools:
    four = (flows.dst_lo >> np.uint64(28) == 0xE) & (flows.family == 4)
    if (flows.family == 4).all():
        return four
    return four | ((flows.dst_hi >> np.uint64(56) == 0xFF) & (flows.family == 6))


def _find_interfaces(
    flows: Flows, exporter: NDArray[np.int32], inventory: Inventory, wanted: Bools
) -> _Matched:
    """Return flow rows, interface numbers and directions of all samples: first all out, then all in."""
    found: dict[int, list[tuple[Indices, NDArray[np.int32]]]] = {OUT: [], IN: []}
    for number in _present(exporter, len(inventory.exporters)):
        rows = np.flatnonzero((exporter == number) & wanted)
        whole = len(rows) == len(flows)
        for side, hi, lo in ((OUT, flows.src_hi, flows.src_lo), (IN, flows.dst_hi, flows.dst_lo)):
            columns = (flows.family, hi, lo) if whole else (flows.family[rows], hi[rows], lo[rows])
            eni = inventory.exporters[number].interfaces.find(*columns)
            hit = np.flatnonzero(eni != MISSING)
            found[side].append((rows[hit], eni[hit]))
    parts = [*found[OUT], *found[IN]]
    out = sum(len(rows) for rows, _ in found[OUT])
    rows = np.concatenate([np.empty(0, np.int64), *(rows for rows, _ in parts)])
    eni = np.concatenate([np.empty(0, np.int32), *(numbers for _, numbers in parts)])
    direction = np.full(len(rows), IN, dtype=np.uint8)
    direction[:out] = OUT
    return _Matched(rows, eni, direction)


def _interval_at(inventory: Inventory, eni: NDArray[np.int32], at: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Return the interval in minutes of each interface at an instant, 0 where it is not captured."""
    interval = np.zeros(len(eni), dtype=np.uint8)
    for since, minutes in zip(inventory.interval_since, inventory.interval, strict=True):
        interval = np.where(at >= since[eni], minutes[eni], interval)
    return interval


def _samples(
    flows: Flows,
    taken: _Matched,
    interval: NDArray[np.uint8],
    starts: NDArray[np.int64],
    ends: NDArray[np.int64],
    inventory: Inventory,
) -> dict[str, Column]:
    """Return the columns of the samples that need no rule; start and end are clamped to the window."""
    rows = taken.rows
    end = ends[rows] // 1000
    seconds = interval.astype(np.int64) * MINUTE
    window = end - end % seconds
    closing = window + seconds
    goes_on = (flows.end_reason[rows] == ACTIVE_TIMEOUT) & (closing - end <= MINUTE)
    return {
        "eni": inventory.eni_key[taken.eni],
        "window": window.astype(np.uint32),
        "interval": interval,
        "direction": taken.direction,
        "family": flows.family[rows],
        "src_hi": flows.src_hi[rows],
        "src_lo": flows.src_lo[rows],
        "dst_hi": flows.dst_hi[rows],
        "dst_lo": flows.dst_lo[rows],
        "protocol": flows.protocol[rows],
        "srcport": flows.srcport[rows],
        "dstport": flows.dstport[rows],
        "tcp_flags": flows.tcp_flags[rows],
        "start": np.maximum(starts[rows] // 1000, window).astype(np.uint32),
        "end": np.where(goes_on, closing, end).astype(np.uint32),
        "last": end.astype(np.uint32),
    }


def _paths(samples: dict[str, Column], eni: NDArray[np.int32], inventory: Inventory) -> NDArray[np.uint8]:
    """Return the traffic_path code of each sample: an interface of the same VPC, else the longest route."""
    outward = samples["direction"] == OUT
    hi = np.where(outward, samples["dst_hi"], samples["src_hi"])
    lo = np.where(outward, samples["dst_lo"], samples["src_lo"])
    family = samples["family"]
    paths = np.full(len(eni), CODE_OTHER, dtype=np.uint8)
    vpc = inventory.eni_vpc[eni]
    for number in _present(vpc, len(inventory.vpc_ids)):
        rows = np.flatnonzero(vpc == number)
        whole = len(rows) == len(eni)
        columns = (family, hi, lo) if whole else (family[rows], hi[rows], lo[rows])
        codes = inventory.routes[number].find(*columns)
        peer = inventory.peers[number].find(*columns)
        codes = np.where(peer != MISSING, peer, codes).astype(np.uint8)
        # a public IP address is an IPv4 one
        nowhere = (codes == CODE_OTHER) & (columns[0] == 4)
        codes[nowhere & inventory.eni_public[eni[rows]]] = CODE_PUBLIC_IP
        paths[rows] = codes
    return paths


def _present(numbers: NDArray[np.int32], count: int) -> list[int]:
    """Return which of the numbers ``0 .. count - 1`` occur."""
    return [int(n) for n in np.flatnonzero(np.bincount(numbers[numbers >= 0], minlength=count))]


def _verdicts(
    flows: Flows,
    exporter: NDArray[np.int32],
    taken: _Matched,
    between: Bools,
    samples: dict[str, Column],
    inventory: Inventory,
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return action and source of the verdict of each sample; ``between`` tells flows of two interfaces."""
    rows, direction = taken.rows, taken.direction
    action = np.full(len(rows), ACCEPT, dtype=np.uint8)
    source = np.full(len(rows), ASSUMED, dtype=np.uint8)
    policy = inventory.eni_policy[taken.eni]
    undecided = policy >= 0
    told = told_by_exporters(flows, exporter, inventory)
    if told is not None:
        said = told[rows]
        concerned = ~between[rows] | observed_side(flows.flow_direction[rows], said, direction)
        applies = concerned & ((said == ACCEPT) | (said == REJECT))
        action[applies], source[applies] = said[applies], FROM_EXPORTER
        undecided &= ~applies
    chosen = np.flatnonzero(undecided)
    under = {name: column[chosen] for name, column in samples.items()} if len(chosen) < len(rows) else samples
    action[chosen] = by_rules(
        flows, rows[chosen], policy[chosen], direction[chosen], under, inventory.policies
    )
    source[chosen] = FROM_RULES
    return action, source
