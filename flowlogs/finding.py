"""The search of the top bar: flow logs, network resources, exporters and Logstores of an account."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any

from django.db.models import Model, Q, QuerySet
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from console.access import may, resource_name
from console.hooks import Found

from .models import (
    Exporter,
    FlowLog,
    Gateway,
    Instance,
    NetworkAcl,
    NetworkInterface,
    NetworkInterfaceAddress,
    SecurityGroup,
    Vpc,
    VpcCidrBlock,
    VSwitch,
)
from .networks.kinds import KINDS as NETWORK

LAST = "\U0010ffff"
NOTHING = Q(pk__in=[])
ADDRESS_CHARACTERS = frozenset("0123456789abcdefABCDEF.:")
SHORTEST_ADDRESS = 3


@dataclass(frozen=True)
class Kind:
    """What can be found: where its page is, who may see it, and by what else than identifier and name."""

    label: Any
    model: type[Model]
    page: str
    region: str = "vpc__region"
    """The way to its region, beside which its account is."""
    also: Callable[[str], Q] = lambda text: NOTHING
    detail: str = ""
    action: str = ""
    """Who may see it; that of network resources is known to ``flowlogs.networks``."""
    path: str = ""


def begins(field: str, text: str) -> Q:
    """Return the condition that a field begins with a text, in a form that an index answers."""
    return Q(**{f"{field}__gte": text, f"{field}__lt": text + LAST})


def _has_address(field: str, text: str) -> Q:
    """Return the condition that an address is the text, or begins with it; a whole address is looked up."""
    if not set(text) <= ADDRESS_CHARACTERS or len(text) < SHORTEST_ADDRESS:
        return NOTHING
    try:
        return Q(**{field: str(ip_address(text))})
    except ValueError:
        return Q(**{f"{field}__startswith": text})


def _of_address(text: str) -> Q:
    condition = _has_address("address", text)
    if condition == NOTHING:
        return NOTHING
    addressed = NetworkInterfaceAddress.objects.filter(condition).values("network_interface")
    return Q(pk__in=addressed) | _has_address("public_ip", text)


def _of_block(text: str) -> Q:
    return Q(pk__in=VpcCidrBlock.objects.filter(begins("cidr", text)).values("vpc")[:100])


KINDS = (
    Kind(
        _("Flow log"),
        FlowLog,
        "flow-log-detail",
        "region",
        also=lambda text: begins("resource_id", text),
        detail="resource_id",
        action="vpc:DescribeFlowLogs",
        path="flowlog/",
    ),
    Kind(_("ENI"), NetworkInterface, "eni-detail", also=_of_address),
    Kind(_("ECS instance"), Instance, "instance-detail", detail="instance_type"),
    Kind(_("VPC"), Vpc, "vpc-detail", "region", also=_of_block),
    Kind(
        _("vSwitch"),
        VSwitch,
        "vswitch-detail",
        also=lambda text: begins("cidr_block", text),
        detail="cidr_block",
    ),
    Kind(_("Security group"), SecurityGroup, "security-group-detail"),
    Kind(_("Network ACL"), NetworkAcl, "network-acl-detail"),
    Kind(_("Gateway"), Gateway, "gateway-detail"),
    Kind(
        _("Exporter"),
        Exporter,
        "exporter-detail",
        "region",
        action="vpc:DescribeExporters",
        also=lambda text: _has_address("address", text),
        detail="address",
    ),
)


def find(request: Any, text: str, limit: int) -> Iterator[Found]:
    """Return what is called so, has the identifier or the address, and may be seen; a query for each kind."""
    for kind in KINDS:
        for row in _matching(kind, request.account, text)[:limit]:
            region = _region_of(kind, row)
            if may(request.user, *_permission(kind, region, request.account.pk, row.pk)):
                detail = getattr(row, kind.detail) if kind.detail else ""
                url = reverse(f"flowlogs:{kind.page}", args=[region, row.pk])
                said = " · ".join(filter(None, [region, detail]))
                yield Found(kind.label, row.name or row.pk, row.pk, url, said)


def _permission(kind: Kind, region: str, account: str, pk: str) -> tuple[str, str]:
    """Return the action that shows it, and its name in policies."""
    if not kind.action:
        return NETWORK[kind.page.removesuffix("-detail")].permission("list", region, account, pk)
    path = f"{kind.path}{pk}" if kind.path else "*"
    return kind.action, resource_name("vpc", region, account, path)


def _matching(kind: Kind, account: Any, text: str) -> QuerySet[Any]:
    owner = kind.region.replace("region", "account")
    rows = kind.model._default_manager.filter(**{owner: account})
    matching = begins("pk", text.lower()) | Q(name__icontains=text) | kind.also(text)
    related = () if kind.region == "region" else ("vpc",)
    return rows.filter(matching).select_related(*related).order_by("pk")


def _region_of(kind: Kind, row: Any) -> str:
    return row.region_id if kind.region == "region" else row.vpc.region_id
