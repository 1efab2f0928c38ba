"""Inventory versions → look-up tables, part by part: what did not change since the last version is not compiled again.

Pure. The tables are the same as ``inventory_tables.compile_inventory`` makes of the whole content.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .addresses import AddressTable, Bools, Columns, Numbers, PrefixTable, parse
from .inventory_parts import ENIS, EXPORTERS, NETWORK, Part, whole
from .inventory_tables import (
    CODE_INSTANCE,
    CODE_RESOURCE,
    NEVER,
    ExporterProfile,
    Inventory,
    compile_inventory,
    exporter_profile,
    exporters_by_address,
    interface_key,
    interval_columns,
    refuse_one_key,
    vpc_routes,
)
from .secgroups import Policy, compile_acl, compile_groups

Indices = NDArray[np.int64]


@dataclass(frozen=True)
class _Interfaces:
    """The network interfaces of a vSwitch; addresses are columns of their own, in the order of their owners."""

    vpc: str
    vswitch: str
    acl: str | None
    ids: list[str]
    keys: NDArray[np.uint64]
    public: Bools
    since: NDArray[np.int64]
    interval: NDArray[np.uint8]
    groups: Indices
    group_sets: list[tuple[str, ...]]
    counts: Indices
    addresses: Columns
    codes: Numbers


@dataclass(frozen=True)
class _Network:
    """A VPC with its interfaces; ``policy`` has the number of the policy of each interface, vSwitch by vSwitch.

    ``is_closed`` tells that nothing in it refers to security groups or network ACLs of other VPCs.
    """

    peers: AddressTable
    routes: PrefixTable
    policies: list[Policy]
    policy: list[Numbers]
    is_closed: bool


class Compiler:
    """Compiles versions, given as the digest of each part by name; keeps the tables of the parts of the last one."""

    def __init__(self, read: Callable[[str], Part]) -> None:
        """Take what reads a part by its digest."""
        self._read = read
        self._interfaces: dict[str, _Interfaces] = {}
        self._networks: dict[tuple[str, ...], _Network] = {}

    def compile(self, digests: Mapping[str, str]) -> Inventory:
        """Return the tables of a version."""
        vpcs = sorted(key.removeprefix(NETWORK) for key in digests if key.startswith(NETWORK))
        by_vpc: dict[str, list[str]] = {vpc: [] for vpc in vpcs}
        for key in sorted(digests):
            vpc = key.removeprefix(ENIS).partition("/")[0]
            if key.startswith(ENIS) and vpc in by_vpc:
                by_vpc[vpc].append(digests[key])
        present = [digest for found in by_vpc.values() for digest in found]
        self._interfaces = {digest: self._interfaces_of(digest) for digest in present}
        named = {vpc: (digests[NETWORK + vpc], *found) for vpc, found in by_vpc.items()}
        self._networks = {name: self._network_of(name) for name in named.values()}
        networks = {vpc: self._networks[name] for vpc, name in named.items()}
        if not all(network.is_closed for network in networks.values()):
            return compile_inventory(whole({key: self._read(digest) for key, digest in digests.items()}))
        exporters = self._read(digests[EXPORTERS]) if EXPORTERS in digests else {}
        return _assembled(networks, [self._interfaces[digest] for digest in present], exporters)

    def _interfaces_of(self, digest: str) -> _Interfaces:
        known = self._interfaces.get(digest)
        return _compile_interfaces(self._read(digest)) if known is None else known

    def _network_of(self, name: tuple[str, ...]) -> _Network:
        known = self._networks.get(name)
        if known is not None:
            return known
        return _compile_network(self._read(name[0]), [self._interfaces[digest] for digest in name[1:]])


def _compile_interfaces(part: Part) -> _Interfaces:
    texts = [addresses.split() for addresses in part["addresses"]]
    counts = np.array([len(each) for each in texts], dtype=np.int64)
    histories = np.array(part["intervals"], dtype=np.int64)
    since, interval = interval_columns(part["histories"])
    code = np.array([CODE_INSTANCE if vm else CODE_RESOURCE for vm in part["vms"]], dtype=np.int32)
    return _Interfaces(
        vpc=part["vpc"],
        vswitch=part["vswitch"],
        acl=part["acl"],
        ids=list(part["ids"]),
        keys=np.array([interface_key(eni) for eni in part["ids"]], dtype=np.uint64),
        public=np.array(part["public"], dtype=bool),
        since=since[:, histories],
        interval=interval[:, histories],
        groups=np.array(part["groups"], dtype=np.int64),
        group_sets=[tuple(groups) for groups in part["group_sets"]],
        counts=counts,
        addresses=parse(list(chain.from_iterable(texts))),
        codes=np.repeat(code, counts),
    )


def _compile_network(part: Part, vswitches: Sequence[_Interfaces]) -> _Network:
    groups = {group["id"]: group for group in part["groups"]}
    refers = {group for each in vswitches for groups_ in each.group_sets for group in groups_}
    refers |= {rule["group"] for group in part["groups"] for rule in group["rules"] if rule["group"]}
    acls = {each.acl for each in vswitches if each.acl}
    if not refers <= groups.keys() or not acls <= part["acls"].keys():
        return _Network(AddressTable([]), vpc_routes(part), [], [], is_closed=False)
    peers = _joined([each.addresses for each in vswitches])
    codes = np.concatenate([np.empty(0, np.int32), *(each.codes for each in vswitches)])
    members = _members(part, vswitches)
    numbers: dict[tuple[tuple[str, ...], str | None], int] = {}
    policies: list[Policy] = []
    policy = []
    for each in vswitches:
        of_set = np.full(len(each.group_sets), -1, dtype=np.int32)
        for place, group_ids in enumerate(each.group_sets):
            key = (group_ids, each.acl)
            if any(key) and key not in numbers:
                numbers[key] = len(policies)
                compiled = compile_groups([groups[group] for group in group_ids], members)
                policies.append(Policy(compiled, compile_acl(part["acls"].get(each.acl))))
            of_set[place] = numbers.get(key, -1)
        policy.append(of_set[each.groups])
    return _Network(AddressTable.of(peers, codes), vpc_routes(part), policies, policy, is_closed=True)


def _members(part: Part, vswitches: Sequence[_Interfaces]) -> dict[str, AddressTable]:
    """Return the addresses of the groups that rules speak of."""
    spoken = {rule["group"] for group in part["groups"] for rule in group["rules"] if rule["group"]}
    spoken |= {group["id"] for group in part["groups"] if group["inner_access"]}
    found: dict[str, list[Columns]] = {group: [] for group in spoken}
    for each in vswitches:
        owners = np.repeat(each.groups, each.counts)
        for group in spoken:
            sets = [place for place, group_ids in enumerate(each.group_sets) if group in group_ids]
            if sets:
                chosen = np.isin(owners, sets)
                family, hi, lo = each.addresses
                found[group].append((family[chosen], hi[chosen], lo[chosen]))
    tables = {}
    for group, columns in found.items():
        joined = _joined(columns)
        tables[group] = AddressTable.of(joined, np.zeros(len(joined[0]), dtype=np.int32))
    return tables


def _joined(columns: Sequence[Columns]) -> Columns:
    nothing = (np.empty(0, np.uint8), np.empty(0, np.uint64), np.empty(0, np.uint64))
    family, hi, lo = (np.concatenate(each) for each in zip(nothing, *columns, strict=True))
    return family, hi, lo


def _assembled(
    networks: Mapping[str, _Network], vswitches: Sequence[_Interfaces], exporters: Part
) -> Inventory:
    """Return the tables of a version; interfaces are numbered by ID, whatever part they are in."""
    ids = [eni for each in vswitches for eni in each.ids]
    order = np.array(sorted(range(len(ids)), key=ids.__getitem__), dtype=np.int64)
    keys = _column([each.keys for each in vswitches], np.uint64)[order]
    refuse_one_key(keys)
    vpc_number = {vpc: number for number, vpc in enumerate(networks)}
    sizes = [len(each.ids) for each in vswitches]
    vpc = np.repeat(np.array([vpc_number[each.vpc] for each in vswitches], dtype=np.int32), sizes)[order]
    policy, policies = _numbered(list(networks.values()), order)
    depth = max((len(each.since) for each in vswitches if each.ids), default=0)
    eni_ids = [ids[place] for place in order.tolist()]
    return Inventory(
        eni_ids=eni_ids,
        eni_key=keys,
        eni_vpc=vpc,
        eni_policy=policy,
        eni_public=_column([each.public for each in vswitches], np.bool_)[order],
        interval_since=_deep([each.since for each in vswitches], depth, NEVER, np.int64)[:, order],
        interval=_deep([each.interval for each in vswitches], depth, 0, np.uint8)[:, order],
        vpc_ids=list(networks),
        peers=[network.peers for network in networks.values()],
        routes=[network.routes for network in networks.values()],
        policies=policies,
        exporters=_exporters(exporters, vswitches, eni_ids, order),
        by_address=exporters_by_address(exporters.get("exporters", ())),
    )


def _column(columns: Sequence[NDArray[Any]], kind: type) -> NDArray[Any]:
    return np.concatenate([np.empty(0, kind), *columns])


def _deep(columns: Sequence[NDArray[Any]], depth: int, padding: int, kind: type) -> NDArray[Any]:
    """Return columns of several rows beside each other, all of one depth."""
    padded = [
        np.pad(each[:depth], ((0, depth - len(each[:depth])), (0, 0)), constant_values=padding)
        for each in columns
    ]
    return np.concatenate([np.empty((depth, 0), kind), *padded], axis=1)


def _numbered(networks: Sequence[_Network], order: Indices) -> tuple[Numbers, list[Policy]]:
    """Return the policy of each interface, numbered as interfaces come to them, and the policies."""
    policies = [policy for network in networks for policy in network.policies]
    columns: list[Numbers] = []
    before = 0
    for network in networks:
        columns += [np.where(each < 0, -1, each + before) for each in network.policy]
        before += len(network.policies)
    policy = _column(columns, np.int32)[order]
    found, first = np.unique(policy[policy >= 0], return_index=True)
    by_first = found[np.argsort(first)]
    number = np.full(len(policies) + 1, -1, dtype=np.int32)
    number[by_first] = np.arange(len(by_first), dtype=np.int32)
    # the last place, which -1 finds, stands for no policy
    return number[policy], [policies[place] for place in by_first.tolist()]


def _exporters(
    part: Part, vswitches: Sequence[_Interfaces], eni_ids: Sequence[str], order: Indices
) -> list[ExporterProfile]:
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order))
    ends = np.cumsum([len(each.ids) for each in vswitches], dtype=np.int64).tolist()
    by_place: dict[tuple[str, str], list[Indices]] = defaultdict(list)
    for each, end in zip(vswitches, ends, strict=True):
        numbers = rank[end - len(each.ids) : end]
        by_place["vpc", each.vpc].append(numbers)
        by_place["vswitch", each.vswitch].append(numbers)
    single = {pk for _, kind, pk in part.get("bindings", ()) if kind == "eni"}
    if single:
        for number, eni in enumerate(eni_ids):
            if eni in single:
                by_place["eni", eni].append(np.array([number]))
    observed: dict[str, list[Indices]] = defaultdict(list)
    for exporter, kind, pk in part.get("bindings", ()):
        observed[exporter] += by_place.get((kind, pk), [])
    counts = _column([each.counts for each in vswitches], np.int64)
    begins = np.cumsum(counts) - counts
    addresses = _joined([each.addresses for each in vswitches])
    profiles = []
    for exporter in part.get("exporters", ()):
        numbers = np.unique(_column(observed[exporter["id"]], np.int64))
        places = order[numbers]
        rows = _runs(begins[places], counts[places])
        family, hi, lo = addresses
        owners = np.repeat(numbers, counts[places]).astype(np.int32)
        table = AddressTable.of((family[rows], hi[rows], lo[rows]), owners)
        profiles.append(exporter_profile(exporter, table))
    return profiles


def _runs(begins: Indices, counts: Indices) -> Indices:
    """Return the numbers of runs one after the other, each from where it begins."""
    before = np.cumsum(counts) - counts
    return np.arange(int(counts.sum()), dtype=np.int64) + np.repeat(begins - before, counts)
