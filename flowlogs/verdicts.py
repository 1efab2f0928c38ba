"""The verdict of each sample, and who gave it: the exporter, the rules of the network, or nobody (assumed).

What the exporter tells counts for the direction that it observed. Else the vSwitch's network ACL and the
interface's security groups decide; without either a sample is taken for accepted.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .addresses import Bools
from .inventory_tables import ExporterProfile, Inventory
from .netflow import ACCEPT, REJECT, UNTOLD, Flows, stated_verdict
from .secgroups import IN, OUT, Peers, Policy

FROM_EXPORTER, FROM_RULES, ASSUMED = 0, 1, 2
INGRESS, EGRESS = 0, 1
SYN, ACK = 2, 16
ICMP, TCP, ICMPV6 = 1, 6, 58
ICMP_ANSWERS = (0, 3, 4, 5, 11, 12, 14, 18)
ICMPV6_ANSWERS = (1, 2, 3, 4, 129)

Column = NDArray[Any]
Columns = Mapping[str, Column]
Indices = NDArray[np.int64]
Verdicts = NDArray[np.uint8]


def told_by_exporters(flows: Flows, exporter: NDArray[np.int32], inventory: Inventory) -> Verdicts | None:
    """Return what the exporter says of each flow, ``UNTOLD`` where nothing; None where it says nothing at all.

    In the order of exporters.md 1.2: what the flow itself states, else the map of observation points, else
    the output ports that mean a drop.
    """
    told = np.full(len(flows), UNTOLD, dtype=np.uint8)
    for number, profile in enumerate(inventory.exporters):
        if profile.drop_ports or profile.accept_points or profile.reject_points:
            _tell_by_profile(told, flows, exporter == number, profile)
    stated = stated_verdict(flows)
    np.copyto(told, stated, where=stated != UNTOLD)
    return told if (told != UNTOLD).any() else None


def _tell_by_profile(told: Verdicts, flows: Flows, own: Bools, profile: ExporterProfile) -> None:
    for column, values, verdict in (
        (flows.output_if, profile.drop_ports, REJECT),
        (flows.observation_point, profile.accept_points, ACCEPT),
        (flows.observation_point, profile.reject_points, REJECT),
    ):
        if values:
            told[own & np.isin(column, np.array(values, dtype=column.dtype))] = verdict


def observed_side(flow_direction: NDArray[np.uint8], told: Verdicts, direction: NDArray[np.uint8]) -> Bools:
    """Return for which samples of flows between two interfaces the exporter's verdict counts.

    A flow seen entering the switch from an interface (ingress) is that interface's ``out``; one that leaves
    towards it (egress) is ``in``. Where the exporter does not say, an acceptance is true on both sides and a
    refusal concerns the receiving one.
    """
    unsaid = (flow_direction != INGRESS) & (flow_direction != EGRESS)
    side = direction == np.where(flow_direction == INGRESS, OUT, IN)
    return np.where(unsaid, (told == ACCEPT) | (direction == IN), side)


def by_rules(
    flows: Flows,
    rows: Indices,
    policy: NDArray[np.int32],
    direction: NDArray[np.uint8],
    samples: Columns,
    policies: list[Policy],
) -> Bools:
    """Return which samples pass the rules; ``rows`` are their flows, ``policy`` what they stand under (0 or more).

    Security groups are stateful: what they refuse passes all the same when it answers a flow that they let pass.
    """
    passed = np.ones(len(rows), dtype=bool)
    for number, side, chosen in _under(policy, direction, np.arange(len(rows)), len(policies)):
        passed[chosen] = policies[number].groups[side].accepts(_peers(samples, chosen, side, "dstport"))
    refused = np.flatnonzero(~passed)
    answers = refused[_answers(flows, rows[refused])] if len(refused) else refused
    for number, side, chosen in _under(policy, direction, answers, len(policies)):
        asked = policies[number].groups[OUT if side == IN else IN]
        passed[chosen] = asked.accepts(_peers(samples, chosen, side, "srcport"))
    for number, side, chosen in _under(policy, direction, np.flatnonzero(passed), len(policies)):
        acl = policies[number].acl
        if acl is not None:
            passed[chosen] = acl[side].accepts(_peers(samples, chosen, side, "dstport"))
    return passed


def _under(
    policy: NDArray[np.int32], direction: NDArray[np.uint8], chosen: Indices, policies: int
) -> Iterator[tuple[int, int, Indices]]:
    """Split samples by the policy that they stand under and their direction."""
    if not len(chosen):
        return
    group = policy[chosen] * 2 + direction[chosen]
    for number in np.flatnonzero(np.bincount(group, minlength=2 * policies)):
        yield int(number) // 2, int(number) % 2, chosen[group == number]


def _peers(samples: Columns, chosen: Indices, side: int, port: str) -> Peers:
    remote = "src" if side == IN else "dst"
    names = {
        "family": "family",
        "hi": f"{remote}_hi",
        "lo": f"{remote}_lo",
        "protocol": "protocol",
        "port": port,
    }
    return Peers(**{field: samples[name][chosen] for field, name in names.items()})


def _answers(flows: Flows, rows: Indices) -> Bools:
    """Return which flows answer another one, so that its verdict is theirs.

    Never a TCP flow that only ever sent SYN. ICMP by its type. Else a flow from the lower to the higher port
    (services sit below their clients), or one whose opposite is in the same batch and began earlier; between equal
    ports at the same moment each answers the other, since nothing tells who asked.
    """
    protocol, kind, flags = flows.protocol[rows], flows.icmp[rows] >> 8, flows.tcp_flags[rows]
    srcport, dstport = flows.srcport[rows], flows.dstport[rows]
    icmp = (protocol == ICMP) | (protocol == ICMPV6)
    opening = (protocol == TCP) & ((flags & SYN) != 0) & ((flags & ACK) == 0)
    answers = np.where(
        icmp,
        np.where(protocol == ICMP, np.isin(kind, ICMP_ANSWERS), np.isin(kind, ICMPV6_ANSWERS)),
        ~opening & (srcport < dstport),
    )
    unsure = np.flatnonzero(~answers & ~opening & ~icmp)
    if len(unsure):
        began = flows.start_ms[rows[unsure]]
        opposite_began = _opposite_began(flows, rows[unsure])
        same_ports = srcport[unsure] == dstport[unsure]
        answers[unsure] = (opposite_began < began) | ((opposite_began == began) & same_ports)
    return answers


def _opposite_began(flows: Flows, rows: Indices) -> NDArray[np.int64]:
    """Return when the opposite of each flow began, the first of several; a time that never comes for none."""
    ends = (flows.src_hi, flows.src_lo, flows.dst_hi, flows.dst_lo)
    forward = tuple_hash(*ends, flows.srcport, flows.dstport, flows.protocol)
    src_hi, src_lo, dst_hi, dst_lo = (half[rows] for half in ends)
    wanted, place = np.unique(
        tuple_hash(
            dst_hi, dst_lo, src_hi, src_lo, flows.dstport[rows], flows.srcport[rows], flows.protocol[rows]
        ),
        return_inverse=True,
    )
    near = np.minimum(np.searchsorted(wanted, forward), len(wanted) - 1)
    met = wanted[near] == forward
    began = np.full(len(wanted), np.iinfo(np.int64).max)
    np.minimum.at(began, near[met], flows.start_ms[met])
    return began[place]


def tuple_hash(
    src_hi: Column,
    src_lo: Column,
    dst_hi: Column,
    dst_lo: Column,
    srcport: Column,
    dstport: Column,
    protocol: Column,
) -> NDArray[np.uint64]:
    """Return a 64-bit hash of 5-tuples; two different ones meet about once in 2^64."""
    ports = srcport.astype(np.uint64) << np.uint64(24) | dstport.astype(np.uint64) << np.uint64(8) | protocol
    mixed = ports * np.uint64(0xD6E8FEB86659FD93)
    for half, factor in (
        (src_hi, 0xA24BAED4963EE407),
        (src_lo, 0x9E3779B97F4A7C15),
        (dst_hi, 0x9FB21C651E98DF25),
        (dst_lo, 0xC2B2AE3D27D4EB4F),
    ):
        mixed = (mixed ^ half) * np.uint64(factor)
        mixed ^= mixed >> np.uint64(29)
    return mixed
