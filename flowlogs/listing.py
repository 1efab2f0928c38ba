"""Which flow logs of a region a list shows: its filters, cheap whatever the number of flow logs and ENIs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from ipaddress import ip_address
from typing import Any

from django.db.models import BooleanField, F, Func, Q, QuerySet, Subquery
from django.db.models.expressions import OuterRef
from django.db.models.functions import Coalesce

from console.models import Account, Region

from .models import FlowLog, NetworkInterface, NetworkInterfaceAddress, Vpc, VSwitch
from .services.flow_logs import TRANSIENT

CHANGING = "changing"
FAILED = "failed"
DELETED = "deleted"


def matching(account: Account, region: Region, asked: Mapping[str, Any]) -> QuerySet[FlowLog]:
    """Return the flow logs of an account in a region that a list asks for, unordered.

    ``asked`` may name a status (also ``changing``, ``failed`` and ``deleted``, without which deleted ones are not
    seen), a resource_type, a traffic_type, a tag as ``key`` or ``key:value``, and words of a search, all of which
    must be found.
    """
    is_deleted = asked["status"] == DELETED
    found = FlowLog.everything.filter(account=account, region=region, deleted_at__isnull=not is_deleted)
    if asked["status"] == CHANGING:
        found = found.filter(status__in=TRANSIENT)
    elif asked["status"] == FAILED:
        found = found.filter(delivery_status=FlowLog.DeliveryStatus.FAILED)
    elif asked["status"] and not is_deleted:
        found = found.filter(status=asked["status"])
    for field in ("resource_type", "traffic_type"):
        if asked[field]:
            found = found.filter(**{field: asked[field]})
    if asked["tag"]:
        found = found.filter(_tagged(asked["tag"]))
    words = asked["search"].split()
    if words:
        found = found.alias(resource_name=resource_name())
    for word in words:
        found = found.filter(_says(word, account, region))
    return found


def resource_name() -> Coalesce:
    """Return the expression for the name of what a flow log watches."""
    watched = OuterRef("resource_id")
    return Coalesce(
        *(
            Subquery(model.objects.filter(pk=watched).values("name"))
            for model in (Vpc, VSwitch, NetworkInterface)
        )
    )


def _says(word: str, account: Account, region: Region) -> Q:
    """Return the condition that a flow log, or what it watches, is called so or has the address."""
    named = (
        Q(name__icontains=word)
        | Q(pk__icontains=word)
        | Q(resource_id__icontains=word)
        | Q(vpc=word)
        | Q(resource_name__icontains=word)
    )
    try:
        address = str(ip_address(word))
    except ValueError:
        return named
    # the VPCs first: addresses are indexed inside their VPC
    vpcs = Vpc.objects.filter(account=account, region=region)
    there = NetworkInterfaceAddress.objects.filter(vpc__in=vpcs, address=address)
    return (
        named
        | Q(resource_id__in=there.values("network_interface"))
        | Q(resource_id__in=there.values("network_interface__vswitch"))
        | Q(resource_id__in=there.values("vpc"))
    )


def _tagged(text: str) -> Q:
    key, separator, value = (part.strip() for part in text.partition(":"))
    if not separator:
        return Q(tags__has_key=key)
    return Q(_HasTag(F("tags"), key=key, value=value))


class _HasTag(Func):
    """Whether an object of tags has this value under this key; a key of digits is a key all the same."""

    output_field = BooleanField()

    def __init__(self, tags: F, key: str, value: str) -> None:
        super().__init__(tags)
        self.key, self.value = key, value

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Any:
        tags, params = compiler.compile(self.source_expressions[0])
        return (
            f"EXISTS (SELECT 1 FROM json_each({tags}) WHERE key = %s AND value = %s)",
            [*params, self.key, self.value],
        )

    def as_postgresql(self, compiler: Any, connection: Any, **context: Any) -> Any:
        tags, params = compiler.compile(self.source_expressions[0])
        return f"{tags} @> %s::jsonb", [*params, json.dumps({self.key: self.value})]
