"""VPCs and vSwitches."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from django.db.models import Count, Q, QuerySet
from django.utils.translation import gettext_lazy as _

from flowlogs import network_rules
from flowlogs.models import FlowLog, NetworkInterface, NetworkInterfaceAddress, Vpc, VpcCidrBlock, VSwitch

from .batch import Batch, Row
from .fields import Cidr, Cidrs, Field, Reference
from .kind import (
    DESCRIPTION,
    ID,
    NAME,
    Cell,
    Column,
    Filter,
    Kind,
    Section,
    Values,
    chunks,
    described,
    own,
    plain,
    ref,
)

MOST_BLOCKS = 100
"""CIDR blocks of a VPC: more than any cloud allows, few enough for every page and check that shows them."""
VPC_FIELD = Reference(name="vpc_id", label=_("VPC"), to="vpc", required=True, fixed=True)
VPC_FILTER = Filter("vpc", "vpc", _("VPC"), to="vpc")
VPC_COLUMN = Column(_("VPC"), ref("vpc", "vpc"))


def _blocks(vpc: Any) -> Cell:
    first, *more = [block.cidr for block in vpc.cidr_blocks.all()] or [""]
    return Cell(first, sub=", ".join(more))


class Vpcs(Kind):
    """Virtual private clouds."""

    slug, path, model, type, prefix, resource_path = "vpc", "vpcs", Vpc, "Vpc", "vpc", "vpc"
    one, many = _("VPC"), _("VPCs")
    about = _("A private network of its own: the scope of addresses, and of what flow logs can cover.")
    actions = {
        "list": "vpc:DescribeVpcs",
        "create": "vpc:CreateVpc",
        "edit": "vpc:ModifyVpcAttribute",
        "delete": "vpc:DeleteVpc",
    }
    loss = _("Only an empty VPC can be deleted. What was captured of it stays readable.")
    scope = ""
    unstored = ("cidr_blocks",)
    fields = (
        ID,
        NAME,
        Cidrs(
            name="cidr_blocks",
            label=_("CIDR blocks"),
            required=True,
            help=_(
                "IPv4 or IPv6, such as 192.168.0.0/16, with spaces between them; the first is the primary one."
            ),
        ),
        DESCRIPTION,
    )
    columns = (
        Column(_("VPC"), own("vpc"), "name"),
        Column(_("CIDR blocks"), _blocks),
        Column(_("vSwitches"), plain("vswitch_count"), is_number=True),
        Column(_("Flow logs"), plain("flow_log_count"), is_number=True),
        Column(_("Created"), lambda vpc: Cell(at=vpc.created_at), "created_at"),
    )
    details = (Column(_("Description"), described),)
    sections = (
        Section("vswitch", "vpc", is_table=True, prefill="vpc_id"),
        Section("eni", "vpc"),
        Section("instance", "vpc"),
        Section("security-group", "vpc"),
        Section("network-acl", "vpc"),
        Section("gateway", "vpc"),
        Section("route", "vpc"),
    )

    def listed(self, resources: QuerySet[Any]) -> QuerySet[Any]:
        """Return VPCs with their CIDR blocks."""
        return resources.prefetch_related("cidr_blocks")

    def prepared(self, resources: list[Any]) -> list[Any]:
        """Count vSwitches and flow logs."""
        ids = [vpc.pk for vpc in resources]
        vswitches = _counted(VSwitch.objects.filter(vpc__in=ids))
        flow_logs = _counted(FlowLog.objects.filter(vpc__in=ids))
        for vpc in resources:
            vpc.vswitch_count, vpc.flow_log_count = vswitches[vpc.pk], flow_logs[vpc.pk]
        return resources

    def matches(self, word: str, vpcs: QuerySet[Any]) -> Q:
        """Return what a word of a search finds."""
        return super().matches(word, vpcs) | Q(
            pk__in=VpcCidrBlock.objects.filter(cidr__startswith=word).values("vpc")
        )

    def vpc_id(self, resource: Any) -> str:
        """Return the VPC itself."""
        return resource.pk

    def values(self, resources: Sequence[Any]) -> list[Values]:
        """Return the values of VPCs."""
        blocks: dict[str, list[str]] = defaultdict(list)
        for ids in chunks(vpc.pk for vpc in resources):
            for block in VpcCidrBlock.objects.filter(vpc__in=ids).order_by("-is_primary", "id"):
                blocks[block.vpc_id].append(block.cidr)
        found = zip(resources, super().values(resources), strict=True)
        return [{**values, "cidr_blocks": tuple(blocks[vpc.pk])} for vpc, values in found]

    def existing(self, batch: Batch, rows: Sequence[Row]) -> dict[Any, Any]:
        """Return the VPCs that rows name."""
        return batch.fetch(Vpc.everything.all(), {row.values["id"] for row in rows if row.values.get("id")})

    def is_here(self, resource: Any, batch: Batch) -> bool:
        """Tell whether a VPC is of the account and region of a batch."""
        return resource.account_id == batch.account.pk and resource.region_id == batch.region.pk

    def attributes(self, values: Values, batch: Batch) -> dict[str, Any]:
        """Return account and region."""
        return {"account": batch.account, "region": batch.region}

    def vpc_of(self, values: Values, batch: Batch) -> str:
        """Return the VPC itself."""
        return values.get("id", "")

    def check(self, batch: Batch) -> None:
        """Keep the blocks of a VPC apart, and its vSwitches inside."""
        for row in batch.rows:
            blocks = row.values["cidr_blocks"]
            if len(blocks) > MOST_BLOCKS:
                row.broken("CidrBlocks", "cidr_blocks", most=MOST_BLOCKS)
                continue
            for block in network_rules.overlapping({block: block for block in blocks}):
                row.broken("CidrOverlap", "cidr_blocks", other=block)
                break
        shrunk = {
            row.resource.pk: row
            for row in batch.changed
            if not row.is_broken("cidr_blocks") and "cidr_blocks" in row.changed
        }
        for ids in chunks(shrunk):
            for vswitch in VSwitch.objects.filter(vpc__in=ids).order_by("pk"):
                row = shrunk[vswitch.vpc_id]
                for block in (vswitch.cidr_block, vswitch.ipv6_cidr_block):
                    if block and not network_rules.holds(row.values["cidr_blocks"], block):
                        row.broken("VSwitchLeft", "cidr_blocks", cidr=block, other=vswitch.pk)


class VSwitches(Kind):
    """Subnets of VPCs."""

    slug, path, model, type, prefix, resource_path = (
        *("vswitch", "vswitches", VSwitch, "VSwitch", "vsw", "vswitch"),
    )
    one, many = _("vSwitch"), _("vSwitches")
    loss = _("Only a vSwitch without ENIs can be deleted. What was captured of it stays readable.")
    about = _("The subnets of VPCs: each has a CIDR block in one zone, and the ENIs with its addresses.")
    actions = {
        "list": "vpc:DescribeVSwitches",
        "create": "vpc:CreateVSwitch",
        "edit": "vpc:ModifyVSwitchAttribute",
        "delete": "vpc:DeleteVSwitch",
    }
    fields = (
        ID,
        VPC_FIELD,
        NAME,
        Field(name="zone_id", label=_("Zone"), check=network_rules.zone, help=_("Such as cn-hangzhou-h.")),
        Cidr(
            name="cidr_block",
            label=_("IPv4 CIDR block"),
            required=True,
            version=4,
            help=_("Inside a CIDR block of the VPC, such as 192.168.1.0/24."),
        ),
        Cidr(name="ipv6_cidr_block", label=_("IPv6 CIDR block"), version=6),
        Reference(name="network_acl_id", label=_("Network ACL"), to="network-acl"),
    )
    columns = (
        Column(_("vSwitch"), own("vswitch"), "name"),
        VPC_COLUMN,
        Column(_("CIDR blocks"), lambda each: Cell(each.cidr_block, sub=each.ipv6_cidr_block), "cidr_block"),
        Column(_("Zone"), plain("zone_id"), "zone_id"),
        Column(_("ENIs"), plain("eni_count"), is_number=True),
        Column(_("Network ACL"), ref("network_acl", "network-acl")),
    )
    sections = (Section("eni", "vswitch", is_table=True, prefill="vswitch_id"),)
    filters = (VPC_FILTER, Filter("network_acl", "network_acl", _("Network ACL"), to="network-acl"))

    def listed(self, resources: QuerySet[Any]) -> QuerySet[Any]:
        """Return vSwitches with VPC and network ACL."""
        return resources.select_related("vpc", "network_acl")

    def prepared(self, resources: list[Any]) -> list[Any]:
        """Count ENIs."""
        ids = [vswitch.pk for vswitch in resources]
        enis = _counted(NetworkInterface.objects.filter(vswitch__in=ids), "vswitch")
        for vswitch in resources:
            vswitch.eni_count = enis[vswitch.pk]
        return resources

    def matches(self, word: str, vpcs: QuerySet[Any]) -> Q:
        """Return what a word of a search finds."""
        blocks = Q(cidr_block__startswith=word) | Q(ipv6_cidr_block__startswith=word)
        return super().matches(word, vpcs) | blocks

    def check(self, batch: Batch) -> None:
        """Keep vSwitches inside their VPC, apart from each other, and around their addresses."""
        rows = [row for row in batch.rows if batch.other("vpc", row.values["vpc_id"]) is not None]
        vpc_ids = {row.values["vpc_id"] for row in rows}
        outer: dict[str, list[str]] = defaultdict(list)
        present: dict[str, list[Any]] = defaultdict(list)
        for ids in chunks(vpc_ids):
            for block in VpcCidrBlock.objects.filter(vpc__in=ids):
                outer[block.vpc_id].append(block.cidr)
            for vswitch in VSwitch.objects.filter(vpc__in=ids):
                present[vswitch.vpc_id].append(vswitch)
        by_vpc: dict[str, list[Row]] = defaultdict(list)
        for row in rows:
            by_vpc[row.values["vpc_id"]].append(row)
            batch.same_vpc(row, row.values["vpc_id"], ["network_acl_id"])
        for vpc_id, those in by_vpc.items():
            for field in ("cidr_block", "ipv6_cidr_block"):
                _check_blocks(those, field, outer[vpc_id], present[vpc_id])
        _check_addresses(batch)


def _check_blocks(rows: list[Row], field: str, outer: list[str], present: list[Any]) -> None:
    said = {row.resource.pk for row in rows if row.resource is not None}
    taken = {each.pk: getattr(each, field) for each in present if each.pk not in said}
    labels = {f"row {place}": row for place, row in enumerate(rows)}
    wanted = {place: row.values[field] for place, row in labels.items() if not row.is_broken(field)}
    partners = network_rules.overlapping({**taken, **wanted})
    for place, block in wanted.items():
        row = labels[place]
        if block and not network_rules.holds(outer, block):
            row.broken("CidrOutside", field)
        if place in partners:
            partner = partners[place]
            row.broken("CidrOverlap", field, other=labels[partner].label if partner in labels else partner)


def _check_addresses(batch: Batch) -> None:
    """Refuse to leave addresses of a vSwitch outside of its blocks."""
    moved = {
        row.resource.pk: row
        for row in batch.changed
        if {"cidr_block", "ipv6_cidr_block"} & row.changed.keys()
        and not row.is_broken("cidr_block", "ipv6_cidr_block")
    }
    for ids in chunks(moved):
        inside = NetworkInterfaceAddress.objects.filter(network_interface__vswitch__in=ids).order_by()
        rows = inside.values_list("network_interface__vswitch", "network_interface", "address")
        for vswitch, eni, address in rows:
            row = moved[vswitch]
            field = "ipv6_cidr_block" if ":" in address else "cidr_block"
            if not row.is_broken(field) and not network_rules.holds([row.values[field]], address):
                row.broken("AddressLeft", field, address=address, other=eni)


def _counted(resources: QuerySet[Any], by: str = "vpc") -> dict[str, int]:
    """Return how many of the resources each other one has."""
    counted = resources.order_by().values_list(by).annotate(Count("pk"))
    return defaultdict(int, dict(counted))
