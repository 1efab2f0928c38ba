"""The parts that an inventory version is made of, as plain data, and the content that they make up together.

A version has one part for what belongs to a VPC as a whole (CIDR blocks, routes, security groups, network ACLs),
one for the network interfaces of each of its vSwitches, and one for the exporters. Pure; the parts are those of
``flowlogs.inventory_reading``.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

Part = Mapping[str, Any]
Row = dict[str, Any]
Policy = tuple[tuple[str, ...], str | None]
"""The security groups and the network ACL that an interface stands under."""

EXPORTERS = "exporters"
NETWORK, ENIS = "network/", "enis/"


def network_key(vpc_id: str) -> str:
    """Return the name of the part of a VPC as a whole."""
    return NETWORK + vpc_id


def enis_key(vpc_id: str, vswitch_id: str) -> str:
    """Return the name of the part of the network interfaces of a vSwitch."""
    return f"{ENIS}{vpc_id}/{vswitch_id}"


def networks_of(parts: Mapping[str, Part]) -> list[Part]:
    """Return the parts of VPCs as a whole, by ID of the VPC."""
    found = [part for key, part in parts.items() if key.startswith(NETWORK)]
    return sorted(found, key=lambda network: str(network["id"]))


def whole(parts: Mapping[str, Part]) -> dict[str, Any]:
    """Return the content that parts by name make up, as ``inventory_tables.compile_inventory`` takes it."""
    networks = networks_of(parts)
    groups = {group["id"]: group for network in networks for group in network["groups"]}
    acls = {acl: rules for network in networks for acl, rules in network["acls"].items()}
    members: dict[str, list[str]] = {group: [] for group in groups}
    numbers: dict[Policy, int] = {}
    rows = []
    for row, policy in sorted(_interfaces(parts, networks), key=lambda found: str(found[0]["id"])):
        # without a group there is no rule to derive a verdict from
        row["policy"] = numbers.setdefault(policy, len(numbers)) if any(policy) else -1
        rows.append(row)
        for group in policy[0]:
            members.setdefault(group, []).extend(row["addresses"])
    names = ("id", "account", "cidrs", "routes")
    return {
        "vpcs": [{name: network[name] for name in names} for network in networks],
        "enis": rows,
        "policies": [
            {"groups": [groups[group] for group in group_ids if group in groups], "acl": acls.get(acl)}
            for group_ids, acl in numbers
        ],
        "groups": members,
        "exporters": _observing(parts.get(EXPORTERS, {}), rows, [network["id"] for network in networks]),
    }


def _interfaces(parts: Mapping[str, Part], networks: Sequence[Part]) -> Iterator[tuple[Row, Policy]]:
    vpc_number = {network["id"]: number for number, network in enumerate(networks)}
    for key, part in parts.items():
        if not key.startswith(ENIS) or part["vpc"] not in vpc_number:
            continue
        names = ("ids", "vms", "addresses", "public", "intervals", "groups")
        for eni, vm, addresses, public, interval, group in zip(*(part[name] for name in names), strict=True):
            row = {
                "id": eni,
                "vpc": vpc_number[part["vpc"]],
                "vswitch": part["vswitch"],
                "vm": vm,
                "addresses": addresses.split(),
                "public": bool(public),
                "intervals": [list(change) for change in part["histories"][interval]],
            }
            yield row, (tuple(part["group_sets"][group]), part["acl"])


def _observing(part: Part, rows: Sequence[Row], vpc_ids: Sequence[str]) -> list[Row]:
    """Return the exporters with the numbers of the interfaces that their bindings mean."""
    by_place: dict[tuple[str, str], list[int]] = defaultdict(list)
    for number, row in enumerate(rows):
        for kind, pk in (("vpc", vpc_ids[row["vpc"]]), ("vswitch", row["vswitch"]), ("eni", row["id"])):
            by_place[kind, pk].append(number)
    observed: dict[str, set[int]] = defaultdict(set)
    for exporter, kind, pk in part.get("bindings", ()):
        observed[exporter].update(by_place.get((kind, pk), ()))
    return [{**exporter, "enis": sorted(observed[exporter["id"]])} for exporter in part.get("exporters", ())]
