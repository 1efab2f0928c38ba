"""Gateways and routes, which give traffic its path."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _

from flowlogs.models import Gateway, RouteEntry

from .batch import Batch, Row
from .fields import Choice, Cidr, Reference
from .kind import ID, NAME, Cell, Column, Filter, Kind, Section, Values, chunks, own, ref, shown
from .vpcs import VPC_COLUMN, VPC_FIELD, VPC_FILTER


class Gateways(Kind):
    """Gateways, endpoints and connections: whatever a route can lead to."""

    slug, path, model, type = "gateway", "gateways", Gateway, "Gateway"
    prefix, resource_path = "gw", "gateway"
    one, many = _("gateway"), _("Gateways")
    about = _("What routes lead to. The kind of gateway gives the traffic that leaves through it its path.")
    actions = {
        "list": "vpc:DescribeGateways",
        "create": "vpc:CreateGateway",
        "edit": "vpc:ModifyGateway",
        "delete": "vpc:DeleteGateway",
    }
    fields = (
        ID,
        VPC_FIELD,
        Choice(name="kind", label=_("Kind"), required=True, fixed=True, choices=Gateway.KINDS),
        NAME,
    )
    columns = (
        Column(_("Gateway"), own("gateway"), "name"),
        Column(_("Kind"), shown("kind"), "kind"),
        VPC_COLUMN,
    )
    sections = (Section("route", "gateway", is_table=True, prefill="gateway_id"),)
    filters = (Filter("kind", "kind", _("Kind"), choices=Gateway.KINDS), VPC_FILTER)

    def prefix_of(self, values: Values) -> str:
        """Return the beginning of an ID, which depends on the kind of gateway."""
        return Gateway.PREFIXES.get(values["kind"], self.prefix)


class Routes(Kind):
    """Route entries; a VPC has one of each destination."""

    slug, path, model, type = "route", "routes", RouteEntry, "RouteEntry"
    resource_path = "routeentry"
    one, many = _("route"), _("Routes")
    about = _("Where traffic leaves a VPC: the longest matching destination decides the gateway.")
    actions = {
        "list": "vpc:DescribeRouteEntryList",
        "create": "vpc:CreateRouteEntry",
        "edit": "vpc:ModifyRouteEntry",
        "delete": "vpc:DeleteRouteEntry",
    }
    fields = (
        Cidr(
            name="destination",
            label=_("Destination CIDR block"),
            required=True,
            help=_("0.0.0.0/0 is everywhere."),
        ),
        Reference(name="gateway_id", label=_("Gateway"), to="gateway", required=True),
    )
    columns = (
        Column(
            _("Destination"), lambda route: Cell(route.destination, ("route", route.pk)), sort="destination"
        ),
        Column(_("Gateway"), ref("gateway", "gateway")),
        Column(_("Kind"), lambda route: Cell(route.gateway.get_kind_display())),
        VPC_COLUMN,
    )
    filters = (VPC_FILTER, Filter("gateway", "gateway", _("Gateway"), to="gateway"))

    def listed(self, resources: QuerySet[Any]) -> QuerySet[Any]:
        """Return routes with VPC and gateway."""
        return resources.select_related("vpc", "gateway")

    def named(self, resource: Any) -> str:
        """Return where a route leads."""
        return str(resource)

    def matches(self, word: str, vpcs: QuerySet[Any]) -> Q:
        """Return what a word of a search finds."""
        return Q(destination__startswith=word) | Q(gateway=word) | Q(gateway__name__icontains=word)

    def attributes(self, values: Values, batch: Batch) -> dict[str, Any]:
        """Return the VPC, which is the gateway's."""
        return {"vpc_id": self.vpc_of(values, batch)}

    def vpc_of(self, values: Values, batch: Batch) -> str:
        """Return the VPC of the gateway."""
        gateway = batch.other("gateway", values.get("gateway_id", ""))
        return gateway.vpc_id if gateway is not None else ""

    def key(self, values: Values, batch: Batch) -> Any:
        """Return VPC and destination."""
        key = (self.vpc_of(values, batch), values.get("destination", ""))
        return key if all(key) else None

    def key_text(self, values: Values) -> str:
        """Return the destination."""
        return values["destination"]

    def existing(self, batch: Batch, rows: Sequence[Row]) -> dict[Any, Any]:
        """Return all routes of the VPCs whose gateways are named."""
        gateways = batch.others("gateway", [row.values.get("gateway_id", "") for row in rows])
        vpc_ids = {gateway.vpc_id for gateway in gateways.values() if gateway is not None}
        return {
            (route.vpc_id, route.destination): route
            for ids in chunks(vpc_ids)
            for route in RouteEntry.objects.filter(vpc__in=ids)
        }

    def is_here(self, resource: Any, batch: Batch) -> bool:
        """Tell that it is, for only those of gateways here are asked for."""
        return True

    def check(self, batch: Batch) -> None:
        """Keep a route in its VPC."""
        for row in batch.rows:
            vpc_id = self.vpc_of(row.values, batch)
            if row.resource is not None and vpc_id not in ("", row.resource.vpc_id):
                row.broken("OtherVpc", "gateway_id", other=row.values["gateway_id"])
