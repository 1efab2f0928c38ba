"""The network inventory in the admin site, where it is edited."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Count, QuerySet
from django.http import HttpRequest

from flowlogs import network_rules, rules
from flowlogs.admin.base import BY_REGION, BY_VPC_REGION, CidrForm, IdentifiedAdmin, RuleForm
from flowlogs.models import (
    Instance,
    NetworkInterface,
    NetworkInterfaceAddress,
    Vpc,
    VpcCidrBlock,
    VSwitch,
)
from flowlogs.rules import Violation


class VpcForm(RuleForm):
    """A VPC with names as the rules want them."""

    rules_of = {"name": rules.name, "description": rules.description}


class CidrBlockInline(admin.TabularInline):
    """The CIDR blocks of a VPC."""

    model = VpcCidrBlock
    form = CidrForm
    extra = 1


@admin.register(Vpc)
class VpcAdmin(IdentifiedAdmin):
    """VPCs with their CIDR blocks."""

    prefix = "vpc"
    form = VpcForm
    inlines = [CidrBlockInline]
    list_display = ("id", "name", "account", "region", "interface_count", "is_demo", "created_at")
    list_filter = (BY_REGION, "is_demo")
    list_select_related = ("account", "region")
    search_fields = ("id", "name", "account__id", "account__name", "cidr_blocks__cidr")
    autocomplete_fields = ("account", "region")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Vpc]:
        """Count the network interfaces with the VPCs."""
        return super().get_queryset(request).annotate(interfaces=Count("network_interfaces"))

    @admin.display(description="ENIs", ordering="interfaces")
    def interface_count(self, vpc: Any) -> int:
        """Return the number of network interfaces."""
        return vpc.interfaces


class VSwitchForm(RuleForm):
    """A vSwitch inside its VPC and apart from the others."""

    rules_of = {"name": rules.name}

    def clean(self) -> dict[str, Any]:
        """Check the blocks against the VPC and its other vSwitches."""
        values = super().clean()
        vpc = values.get("vpc")
        if vpc is None:
            return values
        self.check_vpc("network_acl", vpc.pk)
        blocks = list(vpc.cidr_blocks.values_list("cidr", flat=True))
        others = vpc.vswitches.exclude(pk=self.instance.pk)
        for field in ("cidr_block", "ipv6_cidr_block"):
            if values.get(field):
                taken = {pk: block for pk, block in others.values_list("pk", field) if block}
                self.add_violations(network_rules.vswitch_block(values[field], blocks, taken, field))
        return values


@admin.register(VSwitch)
class VSwitchAdmin(IdentifiedAdmin):
    """vSwitches."""

    prefix = "vsw"
    form = VSwitchForm
    list_display = ("id", "name", "vpc", "zone_id", "cidr_block", "ipv6_cidr_block", "network_acl")
    list_filter = (BY_VPC_REGION, "zone_id")
    list_select_related = ("vpc", "network_acl")
    search_fields = ("id", "name", "cidr_block", "vpc__id", "vpc__name")
    autocomplete_fields = ("vpc", "network_acl")


@admin.register(Instance)
class InstanceAdmin(IdentifiedAdmin):
    """ECS instances; those of some families keep flow logs out of their VPC."""

    prefix = "i"
    list_display = ("id", "name", "instance_type", "blocks_flow_logs", "vpc")
    list_filter = (BY_VPC_REGION,)
    list_select_related = ("vpc",)
    search_fields = ("id", "name", "instance_type", "vpc__id", "vpc__name")
    autocomplete_fields = ("vpc",)

    @admin.display(description="blocks flow logs", boolean=True)
    def blocks_flow_logs(self, instance: Instance) -> bool:
        """Tell whether the family of the instance keeps flow logs out."""
        return rules.is_blocked(instance.instance_type)


class AddressFormSet(forms.BaseInlineFormSet):
    """The addresses of a network interface: in its vSwitch, and free in its VPC."""

    def clean(self) -> None:
        """Check each address against the vSwitch and all other addresses of the VPC."""
        super().clean()
        vswitch = getattr(self.instance, "vswitch", None)
        if vswitch is None or not all(hasattr(form, "cleaned_data") for form in self.forms):
            return
        kept: list[RuleForm] = [
            form  # type: ignore[misc]
            for form in self.forms
            if form.cleaned_data.get("address") and form not in self.deleted_forms
        ]
        wanted = [form.cleaned_data["address"] for form in kept]
        elsewhere = NetworkInterfaceAddress.objects.filter(vpc=vswitch.vpc_id, address__in=wanted)
        taken = dict(
            elsewhere.exclude(network_interface=self.instance.pk).values_list("address", "network_interface")
        )
        blocks = (vswitch.cidr_block, vswitch.ipv6_cidr_block)
        for form in kept:
            address = form.cleaned_data["address"]
            form.instance.vpc_id = vswitch.vpc_id
            form.add_violations(network_rules.address(address, blocks, taken.get(address, ""), "address"))


class AddressInline(admin.TabularInline):
    """The addresses of a network interface."""

    model = NetworkInterfaceAddress
    form = RuleForm
    formset = AddressFormSet
    fields = ("address", "kind")
    extra = 1


class NetworkInterfaceForm(RuleForm):
    """A network interface whose parts are all in one VPC, in which it stays."""

    rules_of = {"name": rules.name}

    def clean(self) -> dict[str, Any]:
        """Check that vSwitch, instance and security groups are in the same VPC."""
        values = super().clean()
        vswitch = values.get("vswitch")
        if vswitch is None:
            return values
        if not self.instance._state.adding:
            self.check_vpc("vswitch", self.instance.vpc_id)
        self.check_vpc("instance", vswitch.vpc_id)
        for group in values.get("security_groups") or ():
            if group.vpc_id != vswitch.vpc_id:
                self.add_violations([Violation("OtherVpc", "security_groups", {"other": group.pk})])
        self.instance.vpc_id = vswitch.vpc_id
        return values


@admin.register(NetworkInterface)
class NetworkInterfaceAdmin(IdentifiedAdmin):
    """Network interfaces with their addresses."""

    prefix = "eni"
    form = NetworkInterfaceForm
    inlines = [AddressInline]
    fields = ("id", "name", "vswitch", "instance", "public_ip", "security_groups")
    list_display = ("id", "name", "vpc", "vswitch", "instance", "addresses_of", "public_ip")
    list_filter = (BY_VPC_REGION,)
    list_select_related = ("vpc", "vswitch", "instance")
    search_fields = (
        "id",
        "name",
        "addresses__address",
        "instance__id",
        "instance__name",
        "vswitch__id",
        "vpc__id",
    )
    autocomplete_fields = ("vswitch", "instance", "security_groups")
    show_full_result_count = False

    def get_queryset(self, request: HttpRequest) -> QuerySet[NetworkInterface]:
        """Fetch the addresses with the interfaces."""
        return super().get_queryset(request).prefetch_related("addresses")

    @admin.display(description="addresses")
    def addresses_of(self, interface: NetworkInterface) -> str:
        """Return all addresses of an interface."""
        return ", ".join(address.address for address in interface.addresses.all())


@admin.register(VpcCidrBlock)
class VpcCidrBlockAdmin(admin.ModelAdmin):
    """All CIDR blocks of all VPCs, to search in."""

    form = CidrForm
    list_display = ("cidr", "vpc", "is_primary")
    list_filter = ("is_primary",)
    list_select_related = ("vpc",)
    search_fields = ("cidr", "vpc__id", "vpc__name")
    autocomplete_fields = ("vpc",)


@admin.register(NetworkInterfaceAddress)
class NetworkInterfaceAddressAdmin(admin.ModelAdmin):
    """All addresses, to search in; they are edited with their network interface."""

    list_display = ("address", "kind", "network_interface", "vpc")
    list_filter = ("kind",)
    list_select_related = ("network_interface", "vpc")
    search_fields = ("address", "network_interface__id", "network_interface__name")
    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Leave adding to the page of the network interface."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: NetworkInterfaceAddress | None = None) -> bool:
        """Leave changing to the page of the network interface."""
        return False
