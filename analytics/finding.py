"""The search of the top bar: Logstores by name, and the records of an address or a resource."""

from __future__ import annotations

import re
from collections.abc import Iterator
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlencode

from django.db.models import Q
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from console.access import may, resource_name
from console.hooks import Found
from flowlogs.models import Logstore

READ = "log:GetLogStoreLogs"
FIELDS = {"eni": "eni-id", "i": "vm-id", "vsw": "vswitch-id", "vpc": "vpc-id"}
_RESOURCE = re.compile(r"(eni|i|vsw|vpc)-[0-9a-z-]+")


def find(request: Any, text: str, limit: int) -> Iterator[Found]:
    """Return the Logstores that are called so, and for an address or resource the searches for its records."""
    query = records_of(text)
    named = Q(name__icontains=text) | Q(project__name__icontains=text)
    stores = Logstore.objects.filter(project__account=request.account).select_related("project")
    readable = [store for store in stores.filter(named)[:limit] if _readable(request, store)]
    yield from (_found(_("Logstore"), store, "") for store in readable)
    if query and request.account:
        holding = [store for store in stores.order_by("pk")[:limit] if _readable(request, store)]
        yield from (_found(_("Records"), store, query) for store in holding)


def records_of(text: str) -> str:
    """Return the query for the records of an address or of an ENI, instance, vSwitch or VPC; empty for others."""
    try:
        address = str(ip_address(text))
    except ValueError:
        match = _RESOURCE.fullmatch(text)
        return f'{FIELDS[match[1]]}: "{text}"' if match else ""
    return f'srcaddr: "{address}" or dstaddr: "{address}"'


def _found(kind: Any, store: Logstore, query: str) -> Found:
    url = reverse("analytics:search", args=[store.project.region_id, store.project.name, store.name])
    address = f"{url}?{urlencode({'q': query})}" if query else url
    region = store.project.region_id
    return Found(kind, f"{store.project.name}/{store.name}", "", address, query or region, region=region)


def _readable(request: Any, store: Logstore) -> bool:
    path = f"project/{store.project.name}/logstore/{store.name}"
    return may(request.user, READ, resource_name("log", store.project.region_id, request.account.pk, path))
