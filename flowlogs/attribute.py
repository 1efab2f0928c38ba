"""Decoded flows → samples: which interface, direction, window, verdict and path; all column-wise.

Source address of an observed interface → an ``out`` sample; destination → ``in``; both → two samples.
The verdict comes from the exporter where it tells, for the direction it observed; else from network ACLs and
security groups; else it is assumed. The source of the verdict is kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .addresses import MISSING, Bools
from .inventory_tables import CODE_OTHER, CODE_PUBLIC_IP, ExporterProfile, Inventory
from .netflow import Flows, StreamKey
from .secgroups import IN, OUT, Peers, Policy
from .windows import MINUTE

REJECT, ACCEPT, UNTOLD = 0, 1, 2
FROM_EXPORTER, FROM_RULES, ASSUMED = 0, 1, 2
SYN, ACK = 2, 16
ACTIVE_TIMEOUT = 2
INGRESS, EGRESS = 0, 1
CLOCK_TOLERANCE_MS = 30_000
LINK_LAYER_OVERHEAD = 14
LARGEST_COUNTER = 1 << 48
ICMP_ANSWERS = (0, 3, 4, 5, 11, 12, 14, 18)
ICMPV6_ANSWERS = (1, 2, 3, 4, 129)
TOP_UNATTRIBUTED = 20
DENSE_KEYS = 1 << 20

Column = NDArray[Any]
Indices = NDArray[np.int64]


@dataclass(frozen=True)
class StreamCount:
    """What one stream of a batch brought, in flows, packets and bytes; decoded = attributed + unattributed."""

    flows: int
    packets: int
    bytes: int
    attributed_flows: int
    attributed_packets: int
    attributed_bytes: int
    samples: int
    uncovered_samples: int
    implausible: int
    clock_offset_ms: int
    longest_flow_ms: int
    longest_delay_ms: int
    received_ms: int


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
    """Flows of one exporter that matched no interface, by addresses, protocol and service."""

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
class Attributed:
    """Samples as columns of one length, and what was counted on the way."""

    samples: dict[str, Column]
    streams: list[StreamCount]
    windows: list[WindowCount]
    strays: list[Stray]


def attribute(flows: Flows, streams: Sequence[StreamKey], inventory: Inventory) -> Attributed:
    """Attribute a batch of flows under one inventory version.

    Flows whose packets or bytes exceed 2^48 are implausible: counted, never added to anything.
    """
    exporter = np.array([inventory.exporter_of(key.address, key.domain) for key in streams], dtype=np.int32)
    flow_exporter = exporter[flows.stream] if len(streams) else np.empty(0, np.int32)
    packets, octets, plausible = _counters(flows, flow_exporter, inventory)
    offset = _clock_offsets(flows, len(streams))
    rows, eni, direction = _find_interfaces(flows, flow_exporter, inventory, plausible)
    attributed = np.zeros(len(flows), dtype=bool)
    attributed[rows] = True

    shift = np.where(np.abs(offset) > CLOCK_TOLERANCE_MS, offset, 0)
    # an end in the future of its own receipt would open windows that cannot be true
    ends = np.minimum(flows.end_ms + shift[flows.stream], flows.received_ms)
    starts = np.minimum(flows.start_ms + shift[flows.stream], ends)
    end = ends[rows] // 1000
    interval = _interval_at(inventory, eni, end)
    covered = interval > 0
    uncovered = np.bincount(flows.stream[rows[~covered]], minlength=len(streams))
    if not covered.all():
        rows, eni, direction = rows[covered], eni[covered], direction[covered]
        end, interval = end[covered], interval[covered]
    samples = _samples(
        flows, rows, eni, direction, starts[rows] // 1000, end, interval, packets, octets, inventory
    )
    samples["path"] = _paths(samples, eni, inventory)
    told = _told(flows, flow_exporter, inventory)
    samples["action"], samples["source"] = _verdicts(flows, rows, eni, direction, told, samples, inventory)
    return Attributed(
        samples=samples,
        streams=_count_streams(
            flows, len(streams), packets, octets, attributed, plausible, offset, rows, uncovered, starts, ends
        ),
        windows=_count_windows(samples, eni, inventory),
        strays=_strays(flows, packets, octets, plausible & ~attributed, len(streams)),
    )


def _counters(
    flows: Flows, flow_exporter: NDArray[np.int32], inventory: Inventory
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
    link_layer = [number for number, exporter in enumerate(inventory.exporters) if exporter.link_layer_bytes]
    if link_layer:
        overhead = np.where(np.isin(flow_exporter, link_layer), packets * np.uint64(LINK_LAYER_OVERHEAD), 0)
        octets = octets - np.minimum(octets, overhead.astype(np.uint64))
    return packets, octets, plausible


def _clock_offsets(flows: Flows, streams: int) -> NDArray[np.int64]:
    """Return each stream's receipt minus export time in ms, the smallest of the batch (transport only adds)."""
    offsets = np.full(streams, np.iinfo(np.int64).max, dtype=np.int64)
    np.minimum.at(offsets, flows.stream, flows.received_ms - flows.export_ms)
    return np.where(offsets == np.iinfo(np.int64).max, 0, offsets)


def _find_interfaces(
    flows: Flows, flow_exporter: NDArray[np.int32], inventory: Inventory, plausible: Bools
) -> tuple[Indices, NDArray[np.int32], NDArray[np.uint8]]:
    """Return flow rows, interface numbers and directions of all samples: first all out, then all in."""
    parts_out: list[tuple[Indices, NDArray[np.int32]]] = []
    parts_in: list[tuple[Indices, NDArray[np.int32]]] = []
    for number, exporter in enumerate(inventory.exporters):
        rows = np.flatnonzero((flow_exporter == number) & plausible)
        if not len(rows):
            continue
        whole = len(rows) == len(flows)
        for parts, hi, lo in (
            (parts_out, flows.src_hi, flows.src_lo),
            (parts_in, flows.dst_hi, flows.dst_lo),
        ):
            columns = (flows.family, hi, lo) if whole else (flows.family[rows], hi[rows], lo[rows])
            eni = exporter.interfaces.find(*columns)
            hit = np.flatnonzero(eni != MISSING)
            parts.append((rows[hit], eni[hit]))
    parts = parts_out + parts_in
    if not parts:
        return np.empty(0, np.int64), np.empty(0, np.int32), np.empty(0, np.uint8)
    out = sum(len(rows) for rows, _ in parts_out)
    rows = np.concatenate([rows for rows, _ in parts])
    direction = np.full(len(rows), IN, dtype=np.uint8)
    direction[:out] = OUT
    return rows, np.concatenate([eni for _, eni in parts]), direction


def _interval_at(inventory: Inventory, eni: NDArray[np.int32], at: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Return the interval in minutes of each interface at an instant, 0 where it is not captured."""
    interval = np.zeros(len(eni), dtype=np.uint8)
    for since, minutes in zip(inventory.interval_since, inventory.interval, strict=True):
        interval = np.where(at >= since[eni], minutes[eni], interval)
    return interval


def _samples(
    flows: Flows,
    rows: Indices,
    eni: NDArray[np.int32],
    direction: NDArray[np.uint8],
    start: NDArray[np.int64],
    end: NDArray[np.int64],
    interval: NDArray[np.uint8],
    packets: NDArray[np.uint64],
    octets: NDArray[np.uint64],
    inventory: Inventory,
) -> dict[str, Column]:
    """Return the columns of the samples that need no rule; start and end are clamped to the window."""
    seconds = interval.astype(np.int64) * MINUTE
    window = end - end % seconds if len(end) else end
    closing = window + seconds
    goes_on = (flows.end_reason[rows] == ACTIVE_TIMEOUT) & (closing - end <= MINUTE)
    return {
        "eni": inventory.eni_key[eni],
        "window": window.astype(np.uint32),
        "interval": interval,
        "direction": direction,
        "family": flows.family[rows],
        "src_hi": flows.src_hi[rows],
        "src_lo": flows.src_lo[rows],
        "dst_hi": flows.dst_hi[rows],
        "dst_lo": flows.dst_lo[rows],
        "protocol": flows.protocol[rows],
        "srcport": flows.srcport[rows],
        "dstport": flows.dstport[rows],
        "tcp_flags": flows.tcp_flags[rows],
        "packets": packets[rows],
        "bytes": octets[rows],
        "start": np.maximum(start, window).astype(np.uint32),
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
        nowhere = codes == CODE_OTHER
        codes[nowhere & inventory.eni_public[eni[rows]]] = CODE_PUBLIC_IP
        paths[rows] = codes
    return paths


def _present(numbers: NDArray[np.int32], count: int) -> list[int]:
    """Return which of the numbers ``0 .. count - 1`` occur."""
    return [int(n) for n in np.flatnonzero(np.bincount(numbers[numbers >= 0], minlength=count))]


def _told(flows: Flows, flow_exporter: NDArray[np.int32], inventory: Inventory) -> NDArray[np.uint8] | None:
    """Return the verdict that the exporter tells for each flow; None where no flow has one.

    In the order of exporters.md 1.2: firewallEvent (233), forwardingStatus (89, top two bits, RFC 7270),
    observation point map, output port map; later ones first, so that earlier ones overwrite them.
    """
    told = np.full(len(flows), UNTOLD, dtype=np.uint8)
    for number, exporter in enumerate(inventory.exporters):
        if exporter.drop_ports or exporter.accept_points or exporter.reject_points:
            _tell_by_profile(told, flows, flow_exporter == number, exporter)
    if flows.forwarding_status.any():
        status = flows.forwarding_status >> 6
        told[(status == 1) | (status == 3)] = ACCEPT
        told[status == 2] = REJECT
    if flows.firewall_event.any():
        told[np.isin(flows.firewall_event, (1, 2, 5))] = ACCEPT
        told[flows.firewall_event == 3] = REJECT
    return told if (told != UNTOLD).any() else None


def _tell_by_profile(told: NDArray[np.uint8], flows: Flows, own: Bools, exporter: ExporterProfile) -> None:
    if exporter.drop_ports:
        dropped = np.isin(flows.output_if, np.array(exporter.drop_ports, dtype=np.uint32))
        told[own & dropped] = REJECT
    if exporter.accept_points:
        told[own & np.isin(flows.observation_point, np.array(exporter.accept_points, dtype=np.uint64))] = (
            ACCEPT
        )
    if exporter.reject_points:
        told[own & np.isin(flows.observation_point, np.array(exporter.reject_points, dtype=np.uint64))] = (
            REJECT
        )


def _verdicts(
    flows: Flows,
    rows: Indices,
    eni: NDArray[np.int32],
    direction: NDArray[np.uint8],
    told: NDArray[np.uint8] | None,
    samples: dict[str, Column],
    inventory: Inventory,
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return action and source of the verdict of each sample."""
    action = np.full(len(rows), ACCEPT, dtype=np.uint8)
    source = np.full(len(rows), ASSUMED, dtype=np.uint8)
    open_rows = np.arange(len(rows))
    if told is not None:
        applies = _observed(flows, rows, direction, told)
        action[applies] = told[rows[applies]]
        source[applies] = FROM_EXPORTER
        open_rows = np.flatnonzero(~applies)
    policy = inventory.eni_policy[eni[open_rows]]
    for number in _present(policy, len(inventory.policies)):
        under = open_rows[policy == number]
        action[under] = _accepted(flows, rows, under, direction[under], samples, inventory.policies[number])
        source[under] = FROM_RULES
    return action, source


def _observed(flows: Flows, rows: Indices, direction: NDArray[np.uint8], told: NDArray[np.uint8]) -> Bools:
    """Return for which samples the exporter's verdict counts: those of the direction that it observed.

    A flow seen entering the switch from an interface (ingress) is that interface's ``out``; one that leaves
    towards it (egress) is ``in``. Where the exporter does not say, a refusal concerns the receiving side.
    """
    observed = flows.flow_direction[rows]
    both = np.bincount(rows, minlength=len(flows))[rows] > 1
    unsaid = (observed != INGRESS) & (observed != EGRESS)
    side = np.where(observed == INGRESS, direction == OUT, direction == IN)
    side = np.where(unsaid | ~both, ~both | (told[rows] == ACCEPT) | (direction == IN), side)
    return side & (told[rows] != UNTOLD)


def _accepted(
    flows: Flows,
    rows: Indices,
    under: Indices,
    direction: NDArray[np.uint8],
    samples: dict[str, Column],
    policy: Policy,
) -> Bools:
    """Return which samples the rules of one policy let pass."""
    accepted = np.empty(len(under), dtype=bool)
    for side in (IN, OUT):
        mine = np.flatnonzero(direction == side)
        chosen = under[mine]
        if not len(chosen):
            continue
        peers = _peers(samples, chosen, side, "dstport")
        passed = policy.groups[side].accepts(peers)
        refused = np.flatnonzero(~passed)
        answers = refused[_answers(flows, rows[chosen[refused]])]
        if len(answers):
            passed[answers] = policy.groups[1 - side].accepts(
                _peers(samples, chosen[answers], side, "srcport")
            )
        if policy.acl is not None:
            passed &= policy.acl[side].accepts(peers)
        accepted[mine] = passed
    return accepted


def _peers(samples: dict[str, Column], rows: Indices, side: int, port: str) -> Peers:
    remote = "src" if side == IN else "dst"
    return Peers(
        family=samples["family"][rows],
        hi=samples[f"{remote}_hi"][rows],
        lo=samples[f"{remote}_lo"][rows],
        protocol=samples["protocol"][rows],
        port=samples[port][rows],
    )


def _answers(flows: Flows, rows: Indices) -> Bools:
    """Return which flows answer another one, so that its verdict is theirs.

    Never a TCP flow that only ever sent SYN. ICMP by its type. Else a flow from the lower to the higher port
    (services sit below their clients), or one whose opposite is in the same batch and began no later.
    """
    protocol = flows.protocol[rows]
    kind = flows.icmp[rows] >> 8
    flags = flows.tcp_flags[rows]
    icmp = (protocol == 1) | (protocol == 58)
    icmp_answer = np.where(protocol == 1, np.isin(kind, ICMP_ANSWERS), np.isin(kind, ICMPV6_ANSWERS))
    opening = (protocol == 6) & ((flags & SYN) != 0) & ((flags & ACK) == 0)
    answers = np.where(icmp, icmp_answer, ~opening & (flows.srcport[rows] < flows.dstport[rows]))
    unsure = np.flatnonzero(~answers & ~opening & ~icmp)
    if len(unsure):
        answers[unsure] = _has_earlier_opposite(flows, rows[unsure])
    return answers


def _has_earlier_opposite(flows: Flows, rows: Indices) -> Bools:
    forward = _tuple_hash(flows.src_lo, flows.dst_lo, flows.srcport, flows.dstport, flows.protocol)
    opposite = _tuple_hash(
        flows.dst_lo[rows], flows.src_lo[rows], flows.dstport[rows], flows.srcport[rows], flows.protocol[rows]
    )
    order = np.lexsort((flows.start_ms, forward))
    place = np.searchsorted(forward[order], opposite)
    first = order[np.minimum(place, len(order) - 1)]
    return (forward[first] == opposite) & (flows.start_ms[first] <= flows.start_ms[rows])


def _tuple_hash(
    src: Column, dst: Column, srcport: Column, dstport: Column, protocol: Column
) -> NDArray[np.uint64]:
    ports = (
        (srcport.astype(np.uint64) << np.uint64(24)) | (dstport.astype(np.uint64) << np.uint64(8)) | protocol
    )
    mixed = src * np.uint64(0x9E3779B97F4A7C15) ^ (dst + np.uint64(0x165667B19E3779F9)) * np.uint64(
        0xC2B2AE3D27D4EB4F
    )
    return (mixed ^ (mixed >> np.uint64(29))) * np.uint64(0x9FB21C651E98DF25) ^ ports * np.uint64(
        0xD6E8FEB86659FD93
    )


def _count_streams(
    flows: Flows,
    streams: int,
    packets: NDArray[np.uint64],
    octets: NDArray[np.uint64],
    attributed: Bools,
    plausible: Bools,
    offset: NDArray[np.int64],
    sample_rows: Indices,
    uncovered: NDArray[np.int64],
    starts: NDArray[np.int64],
    ends: NDArray[np.int64],
) -> list[StreamCount]:
    def total(mask: Bools, values: Column | None = None) -> NDArray[np.int64]:
        # exact in double precision: counters are below 2^48 and a batch has far fewer than 2^5 such giants
        weights = None if values is None else values[mask]
        return np.bincount(flows.stream[mask], weights, minlength=streams).astype(np.int64)

    longest = np.zeros(streams, dtype=np.int64)
    delay = np.zeros(streams, dtype=np.int64)
    received = np.zeros(streams, dtype=np.int64)
    np.maximum.at(longest, flows.stream, ends - starts)
    np.maximum.at(delay, flows.stream, flows.received_ms - ends)
    np.maximum.at(received, flows.stream, flows.received_ms)
    columns = (
        total(plausible), total(plausible, packets), total(plausible, octets),
        total(attributed), total(attributed, packets), total(attributed, octets),
        np.bincount(flows.stream[sample_rows], minlength=streams), uncovered, total(~plausible),
        offset, longest, delay, received,
    )  # fmt: skip
    return [StreamCount(*(int(value) for value in row)) for row in zip(*columns, strict=True)]


def _count_windows(
    samples: dict[str, Column], eni: NDArray[np.int32], inventory: Inventory
) -> list[WindowCount]:
    if not len(eni):
        return []
    window = samples["window"].astype(np.int64)
    base = int(window.min())
    span = (int(window.max()) - base) // MINUTE + 1
    key = (inventory.eni_vpc[eni].astype(np.int64) * 16 + samples["interval"]) * span + (
        window - base
    ) // MINUTE
    if len(inventory.vpc_ids) * 16 * span > DENSE_KEYS:
        groups, key = np.unique(key, return_inverse=True)
    else:
        groups = np.arange(len(inventory.vpc_ids) * 16 * span)
    flows = np.bincount(key, minlength=len(groups))
    packets = np.bincount(key, samples["packets"], minlength=len(groups))
    octets = np.bincount(key, samples["bytes"], minlength=len(groups))
    return [
        WindowCount(
            vpc=inventory.vpc_ids[int(groups[place] // span // 16)],
            interval=int(groups[place] // span % 16),
            start=base + int(groups[place] % span) * MINUTE,
            flows=int(flows[place]),
            packets=int(packets[place]),
            bytes=int(octets[place]),
        )
        for place in np.flatnonzero(flows)
    ]


def _strays(
    flows: Flows, packets: NDArray[np.uint64], octets: NDArray[np.uint64], stray: Bools, streams: int
) -> list[Stray]:
    """Return the heaviest flows of each stream that matched no interface."""
    rows = np.flatnonzero(stray)
    if not len(rows):
        return []
    none = np.zeros(len(rows), dtype=np.uint16)
    key = _tuple_hash(flows.src_lo[rows], flows.dst_lo[rows], none, flows.dstport[rows], flows.protocol[rows])
    _, first, inverse = np.unique(key + flows.stream[rows], return_index=True, return_inverse=True)
    count = np.bincount(inverse)
    carried = np.bincount(inverse, packets[rows])
    total = np.bincount(inverse, octets[rows])
    stream = flows.stream[rows[first]]
    heaviest = np.concatenate(
        [
            own[np.argsort(total[own])[-TOP_UNATTRIBUTED:]]
            for own in (np.flatnonzero(stream == n) for n in range(streams))
        ]
    )
    return [
        _stray(flows, int(rows[first[g]]), int(count[g]), int(carried[g]), int(total[g])) for g in heaviest
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
