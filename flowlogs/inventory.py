"""The inventory that attribution works under: versions with dates, written when the network changes."""

from __future__ import annotations

import json
import threading
import time
import zlib
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any, NamedTuple

from django.db import transaction
from django.db.models import Q
from django.db.models.signals import m2m_changed, post_delete, post_save
from django.utils import timezone

from .models import (
    Collector,
    Exporter,
    ExporterBinding,
    Gateway,
    Instance,
    IntervalChange,
    InventoryVersion,
    NetworkAcl,
    NetworkAclRule,
    NetworkInterface,
    NetworkInterfaceAddress,
    RouteEntry,
    SecurityGroup,
    SecurityGroupRule,
    Vpc,
    VpcCidrBlock,
    VSwitch,
)

KEPT_CHANGES = 4
KEPT = timedelta(days=1)
INVENTORY_MODELS = (
    Exporter, ExporterBinding, Gateway, Instance, IntervalChange, NetworkAcl, NetworkAclRule, NetworkInterface,
    NetworkInterfaceAddress, RouteEntry, SecurityGroup, SecurityGroupRule, Vpc, VpcCidrBlock, VSwitch,
)  # fmt: skip


class _Interface(NamedTuple):
    """A network interface as the inventory needs it."""

    id: str
    vpc: str
    vswitch: str
    instance: str | None
    public_ip: str | None
    acl: str | None
    addresses: list[str]
    groups: tuple[str, ...]


def connect_signals() -> None:
    """Write a new version whenever something that attribution needs changes."""
    for model in INVENTORY_MODELS:
        post_save.connect(_on_change, sender=model, dispatch_uid=f"inventory-save-{model.__name__}")
        post_delete.connect(_on_change, sender=model, dispatch_uid=f"inventory-delete-{model.__name__}")
    through = NetworkInterface.security_groups.through
    m2m_changed.connect(_on_change, sender=through, dispatch_uid="inventory-security-groups")


def _on_change(sender: type, **kwargs: Any) -> None:
    fields = kwargs.get("update_fields")
    if sender is Exporter and fields and set(fields) <= {"last_seen", "first_seen"}:
        return
    changed()


def changed() -> None:
    """Write one inventory version when the running transaction commits, however often this is called in it."""
    connection = transaction.get_connection()
    if not connection.in_atomic_block:
        record()
        return
    if not any(function is _record_on_commit for _, function, *_ in connection.run_on_commit):
        transaction.on_commit(_record_on_commit)


class _Recorder:
    """Records the inventory after commits of this process, once for all that wait while it is being recorded."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._began = 0.0

    def record(self) -> None:
        """Record what is there, unless a recording that began after this was called has done so."""
        asked = time.monotonic()
        with self._lock:
            if self._began > asked:
                return
            began = time.monotonic()
            record()
            self._began = began


_recorder = _Recorder()


def _record_on_commit() -> None:
    _recorder.record()


def record(since: datetime | None = None) -> InventoryVersion:
    """Store the present inventory as the version in force from ``since`` (default now) on."""
    # before what is there is looked at: of two at the same time, the one that saw more counts as the later one
    instant = int((since or timezone.now()).timestamp() * 1000)
    packed = json.dumps(content(), separators=(",", ":"), sort_keys=True).encode()
    digest = sha256(packed).hexdigest()
    with transaction.atomic():
        newest = InventoryVersion.objects.order_by("-since", "-id").defer("content").first()
        if newest is not None and newest.digest == digest and newest.since <= instant:
            return newest
        return InventoryVersion.objects.create(since=instant, content=zlib.compress(packed, 1), digest=digest)


def load(version: InventoryVersion) -> dict[str, Any]:
    """Return the content of a version as plain data."""
    unpacked: dict[str, Any] = json.loads(zlib.decompress(version.content))
    return unpacked


def in_force(at_ms: int) -> InventoryVersion:
    """Return the version in force at an instant (Unix ms); before the first one, the first one."""
    versions = InventoryVersion.objects.order_by("-since", "-id")
    found = versions.filter(since__lte=at_ms).first() or versions.last()
    return found if found is not None else record()


def prune() -> int:
    """Forget versions that no datagram can fall under any more; return how many."""
    needed = [timezone.now() - KEPT, *_decoded_through()]
    oldest = in_force(int(min(needed).timestamp() * 1000))
    before = Q(since__lt=oldest.since) | Q(since=oldest.since, id__lt=oldest.pk)
    return InventoryVersion.objects.filter(before).delete()[0]


def _decoded_through() -> list[datetime]:
    rows = Collector.objects.filter(retired_at__isnull=True).values_list("decoded_through", flat=True)
    return [datetime.fromtimestamp(through / 1000, UTC) for through in rows]


def content() -> dict[str, Any]:
    """Return the inventory as plain data, as ``flowlogs.inventory_tables.compile_inventory`` takes it."""
    vpcs = list(Vpc.objects.order_by("id"))
    vpc_number = {vpc.id: number for number, vpc in enumerate(vpcs)}
    enis = _interfaces()
    eni_number = {eni.id: number for number, eni in enumerate(enis)}
    groups, members = _groups(enis)
    acls = _acls()
    intervals = _intervals()
    policies: dict[tuple[Any, ...], int] = {}
    rows = []
    for eni in enis:
        key = (eni.groups, eni.acl)
        # without a group there is no rule to derive a verdict from
        policy = policies.setdefault(key, len(policies)) if eni.groups or eni.acl else -1
        rows.append(
            {
                "id": eni.id,
                "vpc": vpc_number[eni.vpc],
                "vswitch": eni.vswitch,
                "vm": eni.instance or "",
                "addresses": eni.addresses,
                "public": eni.public_ip is not None,
                "policy": policy,
                "intervals": intervals.get(eni.id, []),
            }
        )
    return {
        "vpcs": _vpcs(vpcs),
        "enis": rows,
        "policies": [
            {"groups": [groups[group] for group in group_ids], "acl": acls.get(acl)}
            for group_ids, acl in policies
        ],
        "groups": members,
        "exporters": _exporters(enis, eni_number),
    }


def _interfaces() -> list[_Interface]:
    """Return the live network interfaces by identifier, without a model object for each: there may be many."""
    addresses: dict[str, list[str]] = defaultdict(list)
    for eni, address in NetworkInterfaceAddress.objects.values_list("network_interface", "address"):
        addresses[eni].append(address)
    groups: dict[str, list[str]] = defaultdict(list)
    through = NetworkInterface.security_groups.through.objects.order_by("securitygroup")
    for eni, group in through.values_list("networkinterface", "securitygroup"):
        groups[eni].append(group)
    rows = NetworkInterface.objects.filter(vpc__deleted_at__isnull=True).order_by("id")
    return [
        _Interface(*row, addresses[row[0]], tuple(groups[row[0]]))
        for row in rows.values_list("id", "vpc", "vswitch", "instance", "public_ip", "vswitch__network_acl")
    ]


def _vpcs(vpcs: list[Vpc]) -> list[dict[str, Any]]:
    cidrs: dict[str, list[str]] = defaultdict(list)
    for block in VpcCidrBlock.objects.order_by("id"):
        cidrs[block.vpc_id].append(block.cidr)
    routes: dict[str, list[list[str]]] = defaultdict(list)
    for route in RouteEntry.objects.select_related("gateway").order_by("id"):
        routes[route.vpc_id].append([route.destination, route.gateway.kind])
    return [
        {"id": vpc.id, "account": vpc.account_id, "cidrs": cidrs[vpc.id], "routes": routes[vpc.id]}
        for vpc in vpcs
    ]


def _rule(rule: SecurityGroupRule | NetworkAclRule) -> dict[str, Any]:
    return {
        "direction": rule.direction,
        "policy": rule.policy,
        "protocol": rule.protocol,
        "port_from": rule.port_from,
        "port_to": rule.port_to,
        "cidr": rule.cidr,
    }


def _groups(enis: list[_Interface]) -> tuple[dict[str, Any], dict[str, list[str]]]:
    rules: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for rule in SecurityGroupRule.objects.order_by("id"):
        rules[rule.security_group_id].append(
            {**_rule(rule), "priority": rule.priority, "group": rule.peer_group_id or ""}
        )
    groups = {
        group.id: {"id": group.id, "inner_access": group.inner_access, "rules": rules[group.id]}
        for group in SecurityGroup.objects.order_by("id")
    }
    members: dict[str, list[str]] = {group: [] for group in groups}
    for eni in enis:
        for group in eni.groups:
            members[group] += eni.addresses
    return groups, members


def _acls() -> dict[str, Any]:
    acls: dict[str, Any] = {acl: {"rules": []} for acl in NetworkAcl.objects.values_list("id", flat=True)}
    for rule in NetworkAclRule.objects.order_by("id"):
        acls[rule.network_acl_id]["rules"].append({**_rule(rule), "order": rule.order})
    return acls


def _intervals() -> dict[str, list[list[int]]]:
    """Return the latest interval changes of each interface: all that samples may still fall under."""
    changes: dict[str, list[list[int]]] = defaultdict(list)
    rows = IntervalChange.objects.order_by("network_interface_id", "since")
    for eni, since, interval in rows.values_list("network_interface", "since", "interval"):
        changes[eni].append([int(since.timestamp()), interval])
    recent = int((timezone.now() - KEPT).timestamp())
    return {
        eni: found[-max(KEPT_CHANGES, sum(since >= recent for since, _ in found) + 1) :]
        for eni, found in changes.items()
    }


def _exporters(enis: list[_Interface], eni_number: dict[str, int]) -> list[dict[str, Any]]:
    by_vpc: dict[str, list[int]] = defaultdict(list)
    by_vswitch: dict[str, list[int]] = defaultdict(list)
    for eni in enis:
        by_vpc[eni.vpc].append(eni_number[eni.id])
        by_vswitch[eni.vswitch].append(eni_number[eni.id])
    observed: dict[str, set[int]] = defaultdict(set)
    for binding in ExporterBinding.objects.order_by("id"):
        if binding.network_interface_id:
            found = eni_number.get(binding.network_interface_id)
            observed[binding.exporter_id].update([] if found is None else [found])
        elif binding.vswitch_id:
            observed[binding.exporter_id].update(by_vswitch[binding.vswitch_id])
        else:
            observed[binding.exporter_id].update(by_vpc[binding.vpc_id])
    return [
        {
            "id": exporter.id,
            "address": exporter.address,
            "domain": exporter.domain,
            "layer": exporter.byte_layer,
            "points": exporter.observation_points,
            "ports": exporter.drop_ports,
            "enis": sorted(observed[exporter.id]),
        }
        for exporter in Exporter.objects.order_by("id")
    ]
