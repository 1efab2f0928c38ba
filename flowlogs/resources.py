"""The resources that a flow log can watch, as people look for them: by name, identifier or address."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from typing import Any, NamedTuple

from django.db.models import OuterRef, Q, QuerySet, Subquery

from console.models import Account, Region

from .models import FlowLog, Instance, NetworkInterface, NetworkInterfaceAddress, Vpc, VpcCidrBlock, VSwitch

LIMIT = 100
_ADDRESS = re.compile(r"[0-9]{1,3}|[0-9]+\.[0-9.]*|[0-9A-Fa-f]*:[0-9A-Fa-f:.]*")
"""The beginning of an address, or all of it."""
KINDS = FlowLog.ResourceType
INSTANCE = "Instance"
"""ECS instances: a way to choose their ENIs, no resource type of flow logs."""


class Choice(NamedTuple):
    """A resource to choose: its identifier, and what it is called with its address."""

    id: str
    label: str


def search(
    account: Account, region: Region, kind: str, text: str = "", limit: int = LIMIT
) -> tuple[list[Choice], bool]:
    """Return the first resources of a kind that the text is found in, and whether there are more."""
    if kind not in (*KINDS.values, INSTANCE):
        return [], False
    found = _resources(account, region, kind)
    for word in text.split():
        found = found.filter(_matches(kind, word))
    rows = _choices(found[: limit + 1])
    return rows[:limit], len(rows) > limit


def find(
    account: Account, region: Region, resource_ids: Collection[str], kind: str = ""
) -> tuple[str, list[Choice]] | None:
    """Return the kind of resources, which is perhaps ``kind``, and those that the account has in the region."""
    for each in sorted((*KINDS.values, INSTANCE), key=lambda each: each != kind):
        found = _choices(_resources(account, region, each).filter(pk__in=resource_ids))
        if found:
            return each, found
    return None


def interfaces_of(account: Account, region: Region, instances: Collection[str]) -> dict[str, list[str]]:
    """Return the ENIs of ECS instances, by instance, each instance of the account in the region being a key."""
    own = Instance.objects.filter(vpc__account=account, vpc__region=region, pk__in=instances)
    found: dict[str, list[str]] = {pk: [] for pk in own.order_by("pk").values_list("pk", flat=True)}
    rows = NetworkInterface.objects.filter(instance__in=found).order_by("instance", "name", "pk")
    for instance, pk in rows.values_list("instance", "pk"):
        found[instance].append(pk)
    return found


def _resources(account: Account, region: Region, kind: str) -> QuerySet[Any]:
    if kind == KINDS.VPC:
        cidrs = VpcCidrBlock.objects.filter(vpc=OuterRef("pk")).order_by("-is_primary", "cidr")
        return _listed(Vpc.objects.filter(account=account, region=region), cidrs.values("cidr"))
    inside = {"vpc__account": account, "vpc__region": region}
    if kind == KINDS.VSWITCH:
        own = VSwitch.objects.filter(pk=OuterRef("pk"))
        return _listed(VSwitch.objects.filter(**inside), own.values("cidr_block"))
    if kind == INSTANCE:
        owned = NetworkInterfaceAddress.objects.filter(
            network_interface__instance=OuterRef("pk"), network_interface__deleted_at=None, kind="primary"
        )
        return _listed(Instance.objects.filter(**inside), owned.values("address"))
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
    # ENIs are many: a word is looked for only where one like it can be
    if word.startswith(("vpc-", "vsw-", "i-")):
        of_vswitch = NetworkInterface.objects.filter(vswitch=word).values("instance")
        placed = Q(pk__in=of_vswitch) if kind == INSTANCE else Q(vswitch=word) | Q(instance=word)
        return named | placed | Q(vpc=word)
    if not _ADDRESS.fullmatch(word):
        return named
    addressed = NetworkInterfaceAddress.objects.filter(address__startswith=word).values("network_interface")
    owners = NetworkInterface.objects.filter(pk__in=addressed).values("instance")
    return Q(name__icontains=word) | Q(pk__in=owners if kind == INSTANCE else addressed)


def _choices(resources: Iterable[Any]) -> list[Choice]:
    return [Choice(each.pk, _label(each)) for each in resources]


def _label(resource: Any) -> str:
    named = f"{resource.name} ({resource.pk})" if resource.name else resource.pk
    return f"{named} · {resource.shown_address}" if resource.shown_address else named
