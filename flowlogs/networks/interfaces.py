"""ENIs and ECS instances."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from django.db.models import Prefetch, Q, QuerySet
from django.utils.translation import gettext_lazy as _

from flowlogs import network_rules, rules
from flowlogs.models import FlowLog, Instance, NetworkInterface, NetworkInterfaceAddress, VSwitch
from flowlogs.services.coverage import COVERING

from .batch import Batch, Row
from .fields import Address, Addresses, Field, Reference, References
from .kind import (
    FLOW_LOG,
    ID,
    NAME,
    Cell,
    Column,
    Filter,
    Kind,
    Section,
    Values,
    begins,
    chunks,
    own,
    ref,
)
from .vpcs import VPC_COLUMN, VPC_FIELD, VPC_FILTER

_ADDRESS = re.compile(r"[0-9A-Fa-f]*[.:][0-9A-Fa-f.:]*")
MOST_FOUND = 1000
"""How many ENIs a search by the beginning of an address finds at most."""
MOST_BARE = 500
"""How many vSwitches that no flow log covers as a whole are named one by one."""
ADDRESS_FIELDS = {"private_ip": "primary", "secondary_ips": "secondary", "ipv6_addresses": "ipv6"}
"""Which kind of address each field holds."""
LOGGED = (("yes", _("Yes")), ("no", _("No")))
Type = FlowLog.ResourceType
MEMBERSHIP = NetworkInterface.security_groups.through


def _addresses(eni: Any) -> Cell:
    found = sorted(eni.addresses.all(), key=lambda each: list(ADDRESS_FIELDS.values()).index(each.kind))
    first, *more = [each.address for each in found] or [""]
    if eni.public_ip:
        more.insert(0, _("%(address)s (public)") % {"address": eni.public_ip})
    return Cell(first, sub=", ".join(more[:3]) + (f" +{len(more) - 3}" if len(more) > 3 else ""))


def _groups(eni: Any) -> Cell:
    first, *more = list(eni.security_groups.all()) or [None]
    if first is None:
        return Cell()
    named = first.name or first.pk
    return Cell(named, ("security-group", first.pk), sub=", ".join(each.name or each.pk for each in more))


def _loggers(eni: Any) -> Cell:
    first, *more = eni.loggers or [None]
    if first is None:
        return Cell(_("Nothing"))
    return Cell(first.name, (FLOW_LOG, first.pk), sub=f"+{len(more)}" if more else "")


def _covering() -> QuerySet[FlowLog]:
    return FlowLog.objects.filter(status__in=COVERING).order_by()


def _logged(value: str, here: QuerySet[Any]) -> Q:
    """Return which ENIs of some VPCs a flow log covers (``yes``), or which none does (``no``)."""
    if value not in dict(LOGGED):
        return Q(pk__in=[])
    found = _covering()
    vpcs = found.filter(resource_type=Type.VPC).values("resource_id")
    vswitches = found.filter(resource_type=Type.VSWITCH).values("resource_id")
    own = found.filter(resource_type=Type.ENI).values("resource_id")
    if value == "yes":
        return Q(vpc__in=vpcs) | Q(vswitch__in=vswitches) | Q(pk__in=own)
    bare = VSwitch.objects.filter(vpc__in=here).exclude(vpc__in=vpcs).exclude(pk__in=vswitches).order_by()
    # as a list where they are few: else the database goes through 100 000 ENIs by name to find those
    few = list(bare.values_list("pk", flat=True)[: MOST_BARE + 1])
    return Q(vswitch__in=few if len(few) <= MOST_BARE else bare.values("pk")) & ~Q(pk__in=own)


class NetworkInterfaces(Kind):
    """Elastic network interfaces."""

    slug, path, model, prefix, resource_path = "eni", "enis", NetworkInterface, "eni", "eni"
    type = "NetworkInterface"
    one, many = _("ENI"), _("ENIs")
    loss = _(
        "Its addresses become free and its capture ends: flows of them that arrive later count as unattributed. "
        "What was captured stays readable."
    )
    about = _("Elastic network interfaces: where flows are captured. Their addresses tell whose a flow is.")
    actions = {
        "list": "ecs:DescribeNetworkInterfaces",
        "create": "ecs:CreateNetworkInterface",
        "edit": "ecs:ModifyNetworkInterfaceAttribute",
        "delete": "ecs:DeleteNetworkInterface",
    }
    unstored = ("private_ip", "secondary_ips", "ipv6_addresses", "security_group_ids")
    fields = (
        ID,
        NAME,
        Reference(name="vswitch_id", label=_("vSwitch"), to="vswitch", required=True),
        Address(
            name="private_ip",
            label=_("Primary IPv4 address"),
            required=True,
            version=4,
            help=_("In the CIDR block of the vSwitch."),
        ),
        Addresses(name="secondary_ips", label=_("Secondary IPv4 addresses"), version=4),
        Addresses(name="ipv6_addresses", label=_("IPv6 addresses"), version=6),
        Address(name="public_ip", label=_("Public IP address")),
        Reference(name="instance_id", label=_("ECS instance"), to="instance"),
        References(name="security_group_ids", label=_("Security groups"), to="security-group"),
    )
    columns = (
        Column(_("ENI"), own("eni"), "name"),
        Column(_("Addresses"), _addresses),
        Column(_("Logged by"), _loggers, action="vpc:DescribeFlowLogs"),
        Column(_("vSwitch"), ref("vswitch", "vswitch")),
        Column(_("ECS instance"), ref("instance", "instance")),
        Column(_("Security groups"), _groups),
    )
    details = (
        VPC_COLUMN,
        Column(_("Created"), lambda eni: Cell(at=eni.created_at)),
    )
    sections = (Section("security-group", "eni", is_table=True),)
    filters = (
        VPC_FILTER,
        Filter("vswitch", "vswitch", _("vSwitch"), to="vswitch"),
        Filter("instance", "instance", _("ECS instance"), to="instance"),
        Filter("security_group", "security_groups", _("Security group"), to="security-group"),
        Filter("logged", "", _("Logged"), choices=LOGGED, condition=_logged),
    )

    def listed(self, resources: QuerySet[Any]) -> QuerySet[Any]:
        """Return ENIs with all that they have."""
        return resources.select_related("vpc", "vswitch", "instance").prefetch_related(
            Prefetch("addresses", NetworkInterfaceAddress.objects.order_by("id")), "security_groups"
        )

    def prepared(self, resources: list[Any]) -> list[Any]:
        """Add the flow logs that cover each ENI now: those of its VPC, then of its vSwitch, then its own."""
        vpcs = {eni.vpc_id for eni in resources}
        parts = {each for eni in resources for each in (eni.vswitch_id, eni.pk)}
        found = _covering().filter(Q(resource_type=Type.VPC) | Q(resource_id__in=parts), vpc__in=vpcs)
        of: dict[str, list[FlowLog]] = defaultdict(list)
        for flow_log in found.only("name", "resource_id").order_by("name", "pk"):
            of[flow_log.resource_id].append(flow_log)
        for eni in resources:
            eni.loggers = [*of[eni.vpc_id], *of[eni.vswitch_id], *of[eni.pk]]
        return resources

    def matches(self, word: str, vpcs: QuerySet[Any]) -> Q:
        """Return what a word finds: an address by its beginning, or all else by name and ID."""
        if _ADDRESS.fullmatch(word):
            inside = NetworkInterfaceAddress.objects.filter(begins("address", word.lower()), vpc__in=vpcs)
            outside = NetworkInterface.objects.filter(public_ip__isnull=False, vpc__in=vpcs)
            public = outside.filter(public_ip__startswith=word.lower())
            # as a list: a subquery that finds most of 100 000 addresses costs a third of a second
            held = inside.order_by().values_list("network_interface")[:MOST_FOUND]
            shown = public.order_by().values_list("pk")[:MOST_FOUND]
            return Q(pk__in={pk for found in (held, shown) for (pk,) in found})
        return super().matches(word, vpcs)

    def values(self, resources: Sequence[Any]) -> list[Values]:
        """Return the values of ENIs."""
        held: dict[tuple[str, str], list[str]] = defaultdict(list)
        groups: dict[str, list[str]] = defaultdict(list)
        for ids in chunks(eni.pk for eni in resources):
            addresses = NetworkInterfaceAddress.objects.filter(network_interface__in=ids).order_by("id")
            for eni, kind, address in addresses.values_list("network_interface", "kind", "address"):
                held[eni, kind].append(address)
            members = MEMBERSHIP.objects.filter(networkinterface__in=ids).order_by("id")
            for eni, group in members.values_list("networkinterface_id", "securitygroup_id"):
                groups[eni].append(group)
        return [
            {
                **values,
                "private_ip": next(iter(held[eni.pk, "primary"]), ""),
                "secondary_ips": tuple(held[eni.pk, "secondary"]),
                "ipv6_addresses": tuple(held[eni.pk, "ipv6"]),
                "security_group_ids": tuple(groups[eni.pk]),
            }
            for eni, values in zip(resources, super().values(resources), strict=True)
        ]

    def attributes(self, values: Values, batch: Batch) -> dict[str, Any]:
        """Return the VPC, which is the vSwitch's."""
        return {"vpc_id": self.vpc_of(values, batch)}

    def vpc_of(self, values: Values, batch: Batch) -> str:
        """Return the VPC of the vSwitch."""
        vswitch = batch.other("vswitch", values.get("vswitch_id", ""))
        return vswitch.vpc_id if vswitch is not None else ""

    def check(self, batch: Batch) -> None:
        """Keep an ENI in its VPC with all it refers to, and its addresses inside the vSwitch and its own."""
        placed = []
        for row in batch.rows:
            vpc_id = self.vpc_of(row.values, batch)
            if row.resource is not None and vpc_id not in ("", row.resource.vpc_id):
                row.broken("OtherVpc", "vswitch_id", other=row.values["vswitch_id"])
            batch.same_vpc(row, vpc_id, ["instance_id", "security_group_ids"])
            if vpc_id:
                placed.append((vpc_id, row))
        _check_addresses(batch, placed)
        _check_public(batch)


def _wanted(row: Row) -> list[tuple[str, str]]:
    """Return the private addresses that a row wants, each with its field."""
    names = [name for name in ADDRESS_FIELDS if not row.is_broken(name)]
    values = [(name, row.values[name]) for name in names]
    return [
        (name, address)
        for name, value in values
        for address in ((value,) if isinstance(value, str) else value)
        if address
    ]


def _check_addresses(batch: Batch, placed: list[tuple[str, Row]]) -> None:
    said = {row.resource.pk for row in batch.rows if row.resource is not None}
    taken: dict[tuple[str, str], str] = {}
    addresses = {address for _vpc, row in placed for _field, address in _wanted(row)}
    vpc_ids = {vpc_id for vpc_id, _row in placed}
    for part in chunks(sorted(addresses), 800):
        held = NetworkInterfaceAddress.objects.filter(vpc__in=vpc_ids, address__in=part).order_by()
        for vpc_id, address, eni in held.values_list("vpc", "address", "network_interface"):
            if eni not in said:
                taken[vpc_id, address] = eni
    for vpc_id, row in placed:
        vswitch = batch.other("vswitch", row.values["vswitch_id"])
        blocks = (vswitch.cidr_block, vswitch.ipv6_cidr_block)
        for field, address in _wanted(row):
            by = taken.get((vpc_id, address), "")
            row.found += network_rules.address(address, blocks, by, field)
            taken.setdefault((vpc_id, address), row.label)


def _check_public(batch: Batch) -> None:
    rows = [row for row in batch.rows if row.values["public_ip"] and not row.is_broken("public_ip")]
    if not rows:
        return
    said = {row.resource.pk for row in batch.rows if row.resource is not None}
    here = NetworkInterface.objects.filter(vpc__account=batch.account, vpc__region=batch.region)
    taken: dict[str, str] = {}
    for part in chunks({row.values["public_ip"] for row in rows}):
        for eni, address in here.filter(public_ip__in=part).values_list("pk", "public_ip"):
            if eni not in said and address:
                taken[address] = eni
    for row in rows:
        by = taken.get(row.values["public_ip"])
        if by:
            row.broken("AddressTaken", "public_ip", other=by)
        taken.setdefault(row.values["public_ip"], row.label)


def _type(instance: Any) -> Cell:
    if not rules.is_blocked(instance.instance_type):
        return Cell(instance.instance_type)
    return Cell(instance.instance_type, tag=_("Keeps flow logs out of its VPC"), tag_kind="warning")


class Instances(Kind):
    """ECS instances."""

    slug, path, model, type, prefix = "instance", "instances", Instance, "Instance", "i"
    resource_path = "instance"
    one, many = _("ECS instance"), _("ECS instances")
    loss = _("Only an instance without ENIs can be deleted. What was captured of it stays readable.")
    about = _("What ENIs belong to. Instances of some old families keep flow logs out of their VPC.")
    actions = {
        "list": "ecs:DescribeInstances",
        "create": "ecs:CreateInstance",
        "edit": "ecs:ModifyInstanceAttribute",
        "delete": "ecs:DeleteInstance",
    }
    fields = (
        ID,
        VPC_FIELD,
        NAME,
        Field(
            name="instance_type",
            label=_("Instance type"),
            required=True,
            check=network_rules.instance_type,
            help=_("Such as ecs.g7.large."),
        ),
    )
    columns = (
        Column(_("ECS instance"), own("instance"), "name"),
        Column(_("Instance type"), _type, "instance_type"),
        VPC_COLUMN,
    )
    sections = (Section("eni", "instance", is_table=True, prefill="instance_id"),)
    filters = (VPC_FILTER,)

    def matches(self, word: str, vpcs: QuerySet[Any]) -> Q:
        """Return what a word of a search finds."""
        return super().matches(word, vpcs) | Q(instance_type__istartswith=word)
