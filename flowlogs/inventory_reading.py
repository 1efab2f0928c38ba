"""What the database says of the network, read by columns as the parts of an inventory version.

Each function takes what to read, or nothing for all there is; the number of queries depends on that only beyond
900 VPCs or vSwitches.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from django.db.models import CharField, F, QuerySet
from django.db.models.functions import Cast
from django.utils import timezone

from .inventory_parts import enis_key, network_key
from .models import (
    Exporter,
    ExporterBinding,
    IntervalChange,
    NetworkAcl,
    NetworkAclRule,
    NetworkInterface,
    NetworkInterfaceAddress,
    RouteEntry,
    SecurityGroup,
    SecurityGroupRule,
    Vpc,
    VpcCidrBlock,
)

KEPT_CHANGES = 4
KEPT = timedelta(days=1)
CHUNK = 900
Parts = dict[str, dict[str, Any]]
Rows = list[tuple[Any, ...]]
_RULE = ("direction", "policy", "protocol", "port_from", "port_to", "cidr")


def networks(chosen: Collection[str] | None = None) -> Parts:
    """Return the parts of VPCs as a whole; a VPC that is deleted has none."""
    cidrs = _grouped(_read(VpcCidrBlock.objects.order_by("id"), "vpc", chosen, "vpc", "cidr"))
    routes = RouteEntry.objects.order_by("id")
    hops = _grouped(_read(routes, "vpc", chosen, "vpc", "destination", "gateway__kind"))
    groups, acls = _groups(chosen), _acls(chosen)
    return {
        network_key(vpc): {
            "id": vpc,
            "account": account,
            "cidrs": [cidr for (cidr,) in cidrs[vpc]],
            "routes": [list(route) for route in hops[vpc]],
            "groups": groups[vpc],
            "acls": acls[vpc],
        }
        for vpc, account in _read(Vpc.objects.order_by("id"), "pk", chosen, "pk", "account")
    }


def _groups(chosen: Collection[str] | None) -> dict[str, list[dict[str, Any]]]:
    names = ("security_group", *_RULE, "priority", "peer_group")
    rules: dict[str, list[dict[str, Any]]] = defaultdict(list)
    ruled = SecurityGroupRule.objects.order_by("id")
    for group, *rule, priority, peer in _read(ruled, "security_group__vpc", chosen, *names):
        said = dict(zip(_RULE, rule, strict=True))
        rules[group].append({**said, "priority": priority, "group": peer or ""})
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    ordered = SecurityGroup.objects.order_by("id")
    for vpc, group, inner_access in _read(ordered, "vpc", chosen, "vpc", "pk", "inner_access"):
        found[vpc].append({"id": group, "inner_access": inner_access, "rules": rules[group]})
    return found


def _acls(chosen: Collection[str] | None) -> dict[str, dict[str, Any]]:
    rules: dict[str, list[dict[str, Any]]] = defaultdict(list)
    ruled = NetworkAclRule.objects.order_by("id")
    for acl, *rule, order in _read(ruled, "network_acl__vpc", chosen, "network_acl", *_RULE, "order"):
        rules[acl].append({**dict(zip(_RULE, rule, strict=True)), "order": order})
    found: dict[str, dict[str, Any]] = defaultdict(dict)
    for vpc, acl in _read(NetworkAcl.objects.order_by("id"), "vpc", chosen, "vpc", "pk"):
        found[vpc][acl] = {"rules": rules[acl]}
    return found


def interfaces(chosen: Collection[str] | None = None) -> Parts:
    """Return the parts of the live network interfaces of vSwitches; a vSwitch without any has none.

    Interfaces stand by ID in columns; what many of them share stands once.
    """
    live = NetworkInterface.objects.filter(vpc__deleted_at__isnull=True).order_by()
    names = ("vpc", "vswitch", "vswitch__network_acl", "pk", "instance", "public_ip")
    by_place: dict[tuple[str, str, str | None], Rows] = defaultdict(list)
    for *place, eni, instance, public_ip in _read(live, "vswitch", chosen, *names):
        by_place[place[0], place[1], place[2]].append((eni, instance or "", int(public_ip is not None)))
    addresses, groups, histories = _addresses(chosen), _memberships(chosen), _histories(chosen)
    found = {}
    for (vpc, vswitch, acl), rows in by_place.items():
        rows.sort()
        ids, vms, public = (list(column) for column in zip(*rows, strict=True))
        group_numbers, group_sets = _numbered(tuple(sorted(groups.get(eni, ()))) for eni in ids)
        history_numbers, kept = _numbered(histories.get(eni, ()) for eni in ids)
        found[enis_key(vpc, vswitch)] = {
            "vpc": vpc,
            "vswitch": vswitch,
            "acl": acl,
            "ids": ids,
            "vms": vms,
            "public": public,
            # with spaces between those of one interface
            "addresses": [addresses.get(eni, "") for eni in ids],
            "groups": group_numbers,
            "group_sets": group_sets,
            "intervals": history_numbers,
            "histories": kept,
        }
    return found


def _numbered(values: Iterable[tuple[Any, ...]]) -> tuple[list[int], list[tuple[Any, ...]]]:
    """Return the numbers of values among those that differ, and these."""
    numbers: dict[tuple[Any, ...], int] = {}
    found = [numbers.setdefault(value, len(numbers)) for value in values]
    return found, list(numbers)


def _addresses(chosen: Collection[str] | None) -> dict[str, str]:
    several: dict[str, list[tuple[str, str]]] = defaultdict(list)
    owner = "network_interface"
    rows = _read(
        NetworkInterfaceAddress.objects.order_by(), f"{owner}__vswitch", chosen, owner, "kind", "address"
    )
    for eni, kind, address in rows:
        several[eni].append((kind, address))
    return {
        eni: " ".join(address for _, address in sorted(held)) if len(held) > 1 else held[0][1]
        for eni, held in several.items()
    }


def _memberships(chosen: Collection[str] | None) -> dict[str, list[str]]:
    through = NetworkInterface.security_groups.through.objects.order_by()
    names = ("networkinterface", "securitygroup")
    found: dict[str, list[str]] = defaultdict(list)
    for eni, group in _read(through, "networkinterface__vswitch", chosen, *names):
        found[eni].append(group)
    return found


def _histories(chosen: Collection[str] | None) -> dict[str, tuple[tuple[int, int], ...]]:
    """Return the latest interval changes of each live interface: all that samples may still fall under."""
    recent = int((timezone.now() - KEPT).timestamp())
    # as text, of which few differ: to make a time of each row would take longer than to read it
    live = IntervalChange.objects.filter(network_interface__deleted_at__isnull=True).order_by()
    live = live.annotate(at=Cast(F("since"), CharField()))
    changes: dict[str, list[tuple[int, int]]] = defaultdict(list)
    owner = "network_interface"
    for eni, at, interval in _read(live, f"{owner}__vswitch", chosen, owner, "at", "interval"):
        changes[eni].append((_seconds(at), interval))
    kept = lru_cache(maxsize=1024)(_kept)
    return {eni: kept(tuple(sorted(found)), recent) for eni, found in changes.items()}


def _kept(history: tuple[tuple[int, int], ...], recent: int) -> tuple[tuple[int, int], ...]:
    return history[-max(KEPT_CHANGES, sum(since >= recent for since, _ in history) + 1) :]


@lru_cache(maxsize=4096)
def _seconds(text: str) -> int:
    at = datetime.fromisoformat(text)
    return int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp())


def exporters() -> dict[str, Any]:
    """Return the part of the exporters: how each is understood, and what it is bound to."""
    names = ("id", "address", "domain", "byte_layer", "observation_points", "drop_ports")
    told = ("id", "address", "domain", "layer", "points", "ports")
    bound = ExporterBinding.objects.order_by("id")
    return {
        "exporters": [
            dict(zip(told, row, strict=True)) for row in Exporter.objects.order_by("id").values_list(*names)
        ],
        "bindings": [
            (exporter, *_narrowest(vpc, vswitch, eni))
            for exporter, vpc, vswitch, eni in bound.values_list(
                "exporter", "vpc", "vswitch", "network_interface"
            )
        ],
    }


def _narrowest(vpc: str, vswitch: str | None, eni: str | None) -> tuple[str, str]:
    if eni:
        return "eni", eni
    return ("vswitch", vswitch) if vswitch else ("vpc", vpc)


def vpc_ids() -> list[str]:
    """Return every live VPC."""
    return list(Vpc.objects.order_by("id").values_list("pk", flat=True))


def places() -> list[tuple[str, str]]:
    """Return VPC and vSwitch of all live network interfaces, each pair once."""
    return list(NetworkInterface.objects.order_by().values_list("vpc", "vswitch").distinct())


def _read(
    rows: QuerySet[Any], place: str, ids: Collection[str] | None, *names: str
) -> Iterator[tuple[Any, ...]]:
    """Yield columns of the rows whose place is one of some."""
    if ids is None:
        yield from rows.values_list(*names)
        return
    wanted = sorted(ids)
    for at in range(0, len(wanted), CHUNK):
        part = rows.filter(**{f"{place}__in": wanted[at : at + CHUNK]})
        yield from part.values_list(*names)


def _grouped(rows: Iterable[tuple[Any, ...]]) -> dict[str, Rows]:
    """Return rows by their first column."""
    found: dict[str, Rows] = defaultdict(list)
    for first, *rest in rows:
        found[first].append(tuple(rest))
    return found
