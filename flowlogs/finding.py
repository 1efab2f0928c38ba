"""The search of the top bar: flow logs, network resources, exporters and Logstores of an account."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlencode

from django.db.models import Case, F, Model, OuterRef, Q, QuerySet, Subquery, When
from django.db.models.functions import Coalesce
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
from .networks.kind import begins as address_begins
from .networks.kinds import KINDS as NETWORK

LAST = "\U0010ffff"
NOTHING = Q(pk__in=[])
ADDRESS_CHARACTERS = frozenset("0123456789abcdefABCDEF.:")
SHORTEST_ADDRESS = 3
MOST = 100


@dataclass(frozen=True)
class Kind:
    """What can be found: where its page is, who may see it, and by what else than identifier and name."""

    label: Any
    model: type[Model]
    page: str
    is_regional: bool = False
    """Whether it names its account and region itself; others have those of their VPC."""
    also: Callable[[str, Any], Q] = lambda text, account: NOTHING
    detail: str = ""
    tells: Callable[[str], dict[str, Any]] = lambda text: {}
    """What a text adds to the rows, for ``detail``."""
    is_searched: bool = True
    """Whether its list can be narrowed to a text."""
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
        return address_begins(field, text.lower())


def _of_address(text: str, account: Any) -> Q:
    """Return the condition that an ENI has the address: the first ones, in the order of the indexes."""
    if _has_address("address", text) == NOTHING:
        return NOTHING
    there = NetworkInterfaceAddress.objects.filter(vpc__in=_vpcs_of(account))
    private = there.filter(_has_address("address", text)).order_by("vpc", "address")
    outside = NetworkInterface.objects.filter(public_ip__isnull=False).order_by("public_ip")
    public = outside.filter(_has_address("public_ip", text))
    return Q(pk__in=private.values("network_interface")[:MOST]) | Q(pk__in=public.values("pk")[:MOST])


def _address_found(text: str) -> dict[str, Any]:
    """Return the expression for the address of an ENI that a text is, or begins; a private one before the public."""
    if _has_address("address", text) == NOTHING:
        return {}
    private = NetworkInterfaceAddress.objects.filter(
        _has_address("address", text), network_interface=OuterRef("pk")
    ).order_by("address")
    public = Case(When(_has_address("public_ip", text), then=F("public_ip")))
    return {"address_found": Coalesce(Subquery(private.values("address")[:1]), public)}


def _of_block(text: str, account: Any) -> Q:
    blocks = VpcCidrBlock.objects.filter(begins("cidr", text), vpc__in=_vpcs_of(account))
    return Q(pk__in=blocks.values("vpc")[:MOST])


def _vpcs_of(account: Any) -> QuerySet[Vpc]:
    return Vpc.everything.filter(account=account).order_by()


KINDS = (
    Kind(
        _("Flow log"),
        FlowLog,
        "flow-log-detail",
        is_regional=True,
        also=lambda text, account: begins("resource_id", text),
        detail="resource_id",
        action="vpc:DescribeFlowLogs",
        path="flowlog/",
    ),
    Kind(
        _("ENI"),
        NetworkInterface,
        "eni-detail",
        also=_of_address,
        detail="address_found",
        tells=_address_found,
    ),
    Kind(_("ECS instance"), Instance, "instance-detail", detail="instance_type"),
    Kind(_("VPC"), Vpc, "vpc-detail", is_regional=True, also=_of_block),
    Kind(
        _("vSwitch"),
        VSwitch,
        "vswitch-detail",
        also=lambda text, account: begins("cidr_block", text),
        detail="cidr_block",
    ),
    Kind(_("Security group"), SecurityGroup, "security-group-detail"),
    Kind(_("Network ACL"), NetworkAcl, "network-acl-detail"),
    Kind(_("Gateway"), Gateway, "gateway-detail"),
    Kind(
        _("Exporter"),
        Exporter,
        "exporter-detail",
        is_regional=True,
        action="vpc:DescribeExporters",
        path="exporter/",
        also=lambda text, account: _has_address("address", text),
        detail="address",
        is_searched=False,
    ),
)


FLOW_LOG = "fl"
PREFIXES = {
    FLOW_LOG: KINDS[0],
    **{
        NETWORK[kind.page.removesuffix("-detail")].prefix: kind
        for kind in KINDS
        if kind.page.removesuffix("-detail") in NETWORK
    },
}
"""The kinds by what their identifiers begin with."""


def find(request: Any, text: str, limit: int) -> Iterator[Found]:
    """Return what is called so, has the identifier or the address, and may be seen.

    It takes a query for each kind, and one more to see whether the text is an identifier: then nothing is looked for
    by name, which takes a look at all names. A flow log that was deleted is found by its whole identifier.
    """
    by_name = not _is_identifier(text, request.account)
    for kind in KINDS:
        for row in _matching(kind, request.account, text, limit, by_name=by_name):
            yield from _found(request, kind, row, text)
        if kind.model is FlowLog:
            for row in _deleted(request.account, text):
                yield from _found(request, kind, row, text, _("Deleted"))


def _found(request: Any, kind: Kind, row: Any, text: str, mark: Any = "") -> Iterator[Found]:
    """Return what to show of a row, if the user may see it."""
    region = row.region_id if kind.is_regional else row.of_vpc
    if not may(request.user, *_permission(kind, region, request.account.pk, row.pk)):
        return
    detail = getattr(row, kind.detail, "") if kind.detail else ""
    url = reverse(f"flowlogs:{kind.page}", args=[region, row.pk])
    said = " · ".join(filter(None, [region, detail]))
    more = ""
    if kind.is_searched:
        listed = reverse(f"flowlogs:{kind.page.removesuffix('-detail')}-list", args=[region])
        more = f"{listed}?{urlencode({'search': text})}"
    yield Found(kind.label, row.name or row.pk, row.pk, url, said, mark, region, more)


def _deleted(account: Any, text: str) -> list[FlowLog]:
    """Return the deleted flow log that has a text as its identifier, if any."""
    if text.partition("-")[0].lower() != FLOW_LOG:
        return []
    gone = FlowLog.everything.filter(account=account, pk=text.lower(), deleted_at__isnull=False)
    return list(gone.order_by())


def _is_identifier(text: str, account: Any) -> bool:
    """Tell whether something of the account has the text as its identifier, of the kind that its prefix says."""
    kind = PREFIXES.get(text.partition("-")[0])
    if kind is None:
        return False
    mine = {"account": account} if kind.is_regional else {"vpc__account": account}
    return bool(kind.model._default_manager.filter(pk=text, **mine).exists())


def _permission(kind: Kind, region: str, account: str, pk: str) -> tuple[str, str]:
    """Return the action that shows it, and its name in policies."""
    if not kind.action:
        return NETWORK[kind.page.removesuffix("-detail")].permission("list", region, account, pk)
    path = f"{kind.path}{pk}" if kind.path else "*"
    return kind.action, resource_name("vpc", region, account, path)


def _matching(kind: Kind, account: Any, text: str, limit: int, *, by_name: bool) -> QuerySet[Any]:
    """Return what matches, by identifier.

    Of those that are called so, the first few by name: an index has them in this order, so that the database stops
    there, and does not look at every row where there are none. VPCs are asked for in subqueries, for with a join
    the database would go through them first.
    """
    rows = kind.model._default_manager.order_by()
    if kind.is_regional:
        rows = rows.filter(account=account)
    else:
        region = Vpc.everything.order_by().filter(pk=OuterRef("vpc")).values("region")
        rows = rows.filter(vpc__in=_vpcs_of(account)).annotate(of_vpc=Subquery(region), **kind.tells(text))
    matching = begins("pk", text.lower()) | kind.also(text, account)
    if by_name:
        named = rows.filter(name__icontains=text).order_by("name", "pk").values("pk")[:limit]
        matching |= Q(pk__in=named)
    return rows.filter(matching).order_by("pk")[:limit]
