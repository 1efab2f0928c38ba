"""VPCs, vSwitches, ECS instances and ENIs in the admin site."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from django.contrib import admin, messages
from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from flowlogs import rules, services
from flowlogs.admin.base import ReadOnlyAdmin, of_region
from flowlogs.admin.kinds import KeptKindAdmin, form_of
from flowlogs.models import (
    Instance,
    NetworkInterface,
    NetworkInterfaceAddress,
    Vpc,
    VpcCidrBlock,
    VSwitch,
)
from flowlogs.networks.kinds import KINDS


@admin.register(Vpc)
class VpcAdmin(KeptKindAdmin):
    """VPCs with their CIDR blocks."""

    kind = KINDS["vpc"]
    form = form_of("vpc")
    place = ("account", "region")
    shown = ("is_demo", "created_at")
    instead = {"cidr_blocks": ("blocks",)}
    list_display = ("id", "name", "account", "region", "blocks", "interface_count", "is_demo", "created_at")
    list_filter = (of_region(), "account", "is_demo")
    list_select_related = ("account", "region")
    search_fields = ("id", "name", "cidr_blocks__cidr")
    search_help_text = _("ID, name or the beginning of a CIDR block.")
    raw_id_fields = ("account",)
    date_hierarchy = "created_at"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Vpc]:
        """Count the network interfaces with the VPCs, and fetch the CIDR blocks."""
        here = NetworkInterface.objects.filter(vpc=OuterRef("pk")).order_by().values("vpc")
        counted = Subquery(here.annotate(count=Count("pk")).values("count"))
        found = super().get_queryset(request).prefetch_related("cidr_blocks")
        return found.annotate(interfaces=Coalesce(counted, 0))

    def place_of(self, values: dict[str, Any]) -> Any:
        """Return the account and region of a new VPC."""
        return SimpleNamespace(account=values["account"], region=values["region"])

    @admin.display(description=_("CIDR blocks"))
    def blocks(self, vpc: Vpc) -> str:
        """Return all CIDR blocks."""
        return ", ".join(block.cidr for block in vpc.cidr_blocks.all())

    @admin.display(description=_("ENIs"), ordering="interfaces")
    def interface_count(self, vpc: Any) -> int:
        """Return the number of network interfaces."""
        return vpc.interfaces


@admin.register(VSwitch)
class VSwitchAdmin(KeptKindAdmin):
    """vSwitches."""

    kind = KINDS["vswitch"]
    form = form_of("vswitch")
    list_display = ("id", "name", "vpc", "zone_id", "cidr_block", "ipv6_cidr_block", "network_acl")
    list_filter = (of_region("vpc__region"),)
    list_select_related = ("vpc", "network_acl")
    search_fields = ("id", "name", "cidr_block")
    search_help_text = _("ID, name, the beginning of a CIDR block, or the ID of a VPC.")
    raw_id_fields = ("vpc", "network_acl")


class OldFamilyFilter(admin.SimpleListFilter):
    """ECS instances that keep flow logs out of their VPC."""

    title = _("blocks flow logs")
    parameter_name = "blocks"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return the choices."""
        return [("yes", gettext("Yes"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return the instances of types that the rule names."""
        if self.value() != "yes":
            return queryset
        # many instances are of few types: the rule is asked of each type once
        types = Instance.everything.order_by().values_list("instance_type", flat=True).distinct()
        return queryset.filter(instance_type__in=[each for each in types if rules.is_blocked(each)])


@admin.register(Instance)
class InstanceAdmin(KeptKindAdmin):
    """ECS instances; those of some families keep flow logs out of their VPC."""

    kind = KINDS["instance"]
    form = form_of("instance")
    list_display = ("id", "name", "instance_type", "blocks_flow_logs", "vpc")
    list_filter = (of_region("vpc__region"), OldFamilyFilter)
    list_select_related = ("vpc",)
    search_fields = ("id", "name", "instance_type")
    search_help_text = _("ID, name, the beginning of an instance type, or the ID of a VPC.")
    raw_id_fields = ("vpc",)

    @admin.display(description=_("blocks flow logs"), boolean=True)
    def blocks_flow_logs(self, instance: Instance) -> bool:
        """Tell whether the family of the instance keeps flow logs out."""
        return rules.is_blocked(instance.instance_type)


@admin.register(NetworkInterface)
class NetworkInterfaceAdmin(KeptKindAdmin):
    """Network interfaces with their addresses."""

    kind = KINDS["eni"]
    form = form_of("eni")
    shown = ("vpc", "created_at")
    instead = {"private_ip": ("addresses_of",)}
    list_display = ("id", "name", "vpc", "vswitch", "instance", "addresses_of", "public_ip")
    list_filter = (of_region("vpc__region"),)
    list_select_related = ("vpc", "vswitch", "instance")
    search_fields = ("id", "name", "addresses__address")
    sortable_by = ("id", "name", "vpc", "vswitch", "instance")
    search_help_text = _("ID, name, the beginning of an address, or the ID of a VPC.")
    raw_id_fields = ("vswitch", "instance", "security_groups")

    def get_queryset(self, request: HttpRequest) -> QuerySet[NetworkInterface]:
        """Fetch the addresses with the interfaces."""
        return super().get_queryset(request).prefetch_related("addresses")

    def delete_model(self, request: HttpRequest, obj: NetworkInterface) -> None:
        """Have the service delete it, and say which flow logs cover nothing from then on."""
        for flow_log in services.remove_network_interface(obj, None):
            told = gettext("Flow log %(flow_log)s covers nothing any more.") % {"flow_log": flow_log}
            self.message_user(request, told, messages.WARNING)

    @admin.display(description=_("addresses"))
    def addresses_of(self, interface: NetworkInterface) -> str:
        """Return all addresses of an interface."""
        return ", ".join(address.address for address in interface.addresses.all())


@admin.register(VpcCidrBlock)
class VpcCidrBlockAdmin(ReadOnlyAdmin):
    """All CIDR blocks of all VPCs, to search in; they are edited with their VPC."""

    list_display = ("cidr", "vpc", "is_primary")
    list_filter = (of_region("vpc__region"), "is_primary")
    list_select_related = ("vpc",)
    search_fields = ("cidr__startswith", "=vpc__id", "vpc__name")


@admin.register(NetworkInterfaceAddress)
class NetworkInterfaceAddressAdmin(ReadOnlyAdmin):
    """All addresses, to search in; they are edited with their network interface."""

    list_display = ("address", "kind", "network_interface", "vpc")
    list_filter = ("kind", of_region("vpc__region"))
    list_select_related = ("network_interface", "vpc")
    search_fields = ("address__startswith", "=network_interface__id", "=vpc__id")
    sortable_by = ()
    search_help_text = _("The beginning of an address, or the whole ID of an ENI or a VPC.")
