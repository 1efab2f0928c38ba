"""The inventory as columns: what attribution looks up, compiled from one inventory version.

Pure: the content comes as plain data (see ``flowlogs.inventory.content``), tables come out. Interfaces and
VPCs are numbered by their place in the content; across versions an interface is known by its stable key.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .addresses import MISSING, AddressTable, PrefixTable
from .secgroups import Policy, compile_acl, compile_groups

CODE_OTHER, CODE_RESOURCE, CODE_INSTANCE, CODE_SERVICE, CODE_PUBLIC_IP = 0, 1, 2, 5, 15
GATEWAY_CODES = {
    "ipv4": 13, "ipv6": 14, "nat": 7, "vpn": 9, "transit_router": 8, "gateway_endpoint": 6,
    "vbr": 10, "ecr": 21, "gwlb_endpoint": 22, "peering": 17,
}  # fmt: skip
SERVICE_BLOCK = "100.64.0.0/10"
NEVER = np.iinfo(np.int64).max


def interface_key(eni_id: str) -> int:
    """Return the stable 64-bit key under which samples name a network interface."""
    return int.from_bytes(blake2b(eni_id.encode(), digest_size=8).digest(), "big")


@dataclass(frozen=True)
class ExporterProfile:
    """How one exporter is understood: what it observes, which bytes it counts, where it tells verdicts."""

    id: str
    interfaces: AddressTable
    link_layer_bytes: bool
    accept_points: tuple[int, ...]
    reject_points: tuple[int, ...]
    drop_ports: tuple[int, ...]


@dataclass(frozen=True)
class Inventory:
    """One inventory version, compiled; arrays are indexed by the interface's number."""

    eni_ids: list[str]
    eni_key: NDArray[np.uint64]
    eni_vpc: NDArray[np.int32]
    eni_policy: NDArray[np.int32]
    eni_public: NDArray[np.bool_]
    interval_since: NDArray[np.int64]
    interval: NDArray[np.uint8]
    vpc_ids: list[str]
    peers: list[AddressTable]
    routes: list[PrefixTable]
    policies: list[Policy]
    exporters: list[ExporterProfile]
    by_address: dict[tuple[str, int | None], int]

    def exporter_of(self, address: str, domain: int) -> int:
        """Return the number of the exporter that a stream belongs to, or ``MISSING``."""
        found = self.by_address.get((address, domain))
        return self.by_address.get((address, None), MISSING) if found is None else found


def compile_inventory(content: Mapping[str, Any]) -> Inventory:
    """Compile the content of an inventory version into lookup tables."""
    enis, vpcs = content["enis"], content["vpcs"]
    keys = np.array([interface_key(eni["id"]) for eni in enis], dtype=np.uint64)
    refuse_one_key(keys)
    since, interval = interval_columns([eni["intervals"] for eni in enis])
    peers: list[list[tuple[str, int]]] = [[] for _ in vpcs]
    for eni in enis:
        code = CODE_INSTANCE if eni["vm"] else CODE_RESOURCE
        peers[eni["vpc"]] += [(address, code) for address in eni["addresses"]]
    members = {
        group: AddressTable([(address, 0) for address in addresses])
        for group, addresses in content["groups"].items()
    }
    exporters = [
        exporter_profile(
            exporter,
            AddressTable(
                [(address, number) for number in exporter["enis"] for address in enis[number]["addresses"]]
            ),
        )
        for exporter in content["exporters"]
    ]
    return Inventory(
        eni_ids=[eni["id"] for eni in enis],
        eni_key=keys,
        eni_vpc=np.array([eni["vpc"] for eni in enis], dtype=np.int32),
        eni_policy=np.array([eni["policy"] for eni in enis], dtype=np.int32),
        eni_public=np.array([eni["public"] for eni in enis], dtype=bool),
        interval_since=since,
        interval=interval,
        vpc_ids=[vpc["id"] for vpc in vpcs],
        peers=[AddressTable(pairs) for pairs in peers],
        routes=[vpc_routes(vpc) for vpc in vpcs],
        policies=[
            Policy(compile_groups(policy["groups"], members), compile_acl(policy["acl"]))
            for policy in content["policies"]
        ],
        exporters=exporters,
        by_address=exporters_by_address(content["exporters"]),
    )


def refuse_one_key(keys: NDArray[np.uint64]) -> None:
    """Raise ValueError where two interfaces have the same key."""
    if len(np.unique(keys)) != len(keys):
        raise ValueError("two network interfaces share one 64-bit key; give one of them another identifier")


def exporter_profile(exporter: Mapping[str, Any], interfaces: AddressTable) -> ExporterProfile:
    """Compile one exporter of the content, which observes these interfaces."""
    points = {int(point): verdict for point, verdict in exporter["points"].items()}
    return ExporterProfile(
        id=exporter["id"],
        interfaces=interfaces,
        link_layer_bytes=exporter["layer"] == "L2",
        accept_points=tuple(point for point, verdict in points.items() if verdict == "ACCEPT"),
        reject_points=tuple(point for point, verdict in points.items() if verdict == "REJECT"),
        drop_ports=tuple(int(port) for port in exporter["ports"]),
    )


def exporters_by_address(exporters: Sequence[Mapping[str, Any]]) -> dict[tuple[str, int | None], int]:
    """Return the number of each exporter by address and observation domain."""
    return {
        (str(exporter["address"]), exporter["domain"]): number for number, exporter in enumerate(exporters)
    }


def vpc_routes(vpc: Mapping[str, Any]) -> PrefixTable:
    """Compile where addresses lie as a VPC sees them: in its own blocks, behind a gateway, in the service block."""
    own = [(cidr, CODE_RESOURCE) for cidr in vpc["cidrs"]]
    routes = [(destination, GATEWAY_CODES[kind]) for destination, kind in vpc["routes"]]
    return PrefixTable([(SERVICE_BLOCK, CODE_SERVICE), *own, *routes], CODE_OTHER)


def interval_columns(
    histories: Sequence[Sequence[Sequence[int]]],
) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
    """Return ``since`` and ``interval`` of shape (changes, interfaces), oldest change first, padded with 0."""
    depth = max(map(len, histories), default=0)
    since = np.full((depth, len(histories)), NEVER, dtype=np.int64)
    interval = np.zeros((depth, len(histories)), dtype=np.uint8)
    for number, history in enumerate(histories):
        for place, (at, minutes) in enumerate(history):
            since[place, number], interval[place, number] = at, minutes
    return since, interval
