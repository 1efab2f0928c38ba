"""The resources that a flow log can watch, as people look for them: by name, identifier or address."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from django.db.models import OuterRef, Q, QuerySet, Subquery

from console.models import Account, Region

from .models import FlowLog, NetworkInterface, NetworkInterfaceAddress, Vpc, VpcCidrBlock, VSwitch

LIMIT = 100
KINDS = FlowLog.ResourceType


class Choice(NamedTuple):
    """A resource to choose: its identifier, and what it is called with its address."""

    id: str
    label: str


def search(account: Account, region: Region, kind: str, text: str = "") -> tuple[list[Choice], bool]:
    """Return the first resources of a kind that the text is found in, and whether there are more."""
    if kind not in KINDS.values:
        return [], False
    found = _resources(account, region, kind)
    for word in text.split():
        found = found.filter(_matches(kind, word))
    rows = _choices(found[: LIMIT + 1])
    return rows[:LIMIT], len(rows) > LIMIT


def find(account: Account, region: Region, resource_id: str) -> tuple[str, Choice] | None:
    """Return the kind of a resource and the resource, if the account has it in the region."""
    for kind in KINDS.values:
        found = _choices(_resources(account, region, kind).filter(pk=resource_id))
        if found:
            return kind, found[0]
    return None


def _resources(account: Account, region: Region, kind: str) -> QuerySet[Any]:
    if kind == KINDS.VPC:
        cidrs = VpcCidrBlock.objects.filter(vpc=OuterRef("pk")).order_by("-is_primary", "cidr")
        return _listed(Vpc.objects.filter(account=account, region=region), cidrs.values("cidr"))
    inside = {"vpc__account": account, "vpc__region": region}
    if kind == KINDS.VSWITCH:
        own = VSwitch.objects.filter(pk=OuterRef("pk"))
        return _listed(VSwitch.objects.filter(**inside), own.values("cidr_block"))
    addresses = NetworkInterfaceAddress.objects.filter(network_interface=OuterRef("pk"), kind="primary")
    return _listed(NetworkInterface.objects.filter(**inside), addresses.values("address"))


def _listed(resources: QuerySet[Any], addresses: QuerySet[Any, Any]) -> QuerySet[Any]:
    return resources.annotate(shown_address=Subquery(addresses[:1])).order_by("name", "id")


def _matches(kind: str, word: str) -> Q:
    named = Q(pk__icontains=word) | Q(name__icontains=word)
    if kind == KINDS.VPC:
        return named | Q(pk__in=VpcCidrBlock.objects.filter(cidr__startswith=word).values("vpc"))
    if kind == KINDS.VSWITCH:
        return named | Q(cidr_block__startswith=word) | Q(vpc=word)
    addressed = NetworkInterfaceAddress.objects.filter(address__startswith=word).values("network_interface")
    return named | Q(pk__in=addressed) | Q(instance=word) | Q(vswitch=word) | Q(vpc=word)


def _choices(resources: Iterable[Any]) -> list[Choice]:
    return [Choice(each.pk, _label(each)) for each in resources]


def _label(resource: Any) -> str:
    named = f"{resource.name} ({resource.pk})" if resource.name else resource.pk
    return f"{named} · {resource.shown_address}" if resource.shown_address else named
