"""Security groups, network ACLs, gateways and routes in the admin site: what decides verdicts and paths."""

from __future__ import annotations

from typing import Any

from django.contrib import admin

from flowlogs import network_rules, rules
from flowlogs.admin.base import BY_VPC_REGION, CidrForm, IdentifiedAdmin, RuleForm
from flowlogs.models import (
    Gateway,
    NetworkAcl,
    NetworkAclRule,
    RouteEntry,
    SecurityGroup,
    SecurityGroupRule,
)
from flowlogs.rules import Violation


class SecurityGroupRuleInline(admin.TabularInline):
    """The rules of a security group."""

    model = SecurityGroupRule
    form = CidrForm
    fk_name = "security_group"
    autocomplete_fields = ("peer_group",)
    extra = 1


@admin.register(SecurityGroup)
class SecurityGroupAdmin(IdentifiedAdmin):
    """Security groups with their rules."""

    prefix = "sg"
    inlines = [SecurityGroupRuleInline]
    list_display = ("id", "name", "vpc", "inner_access")
    list_filter = (BY_VPC_REGION,)
    list_select_related = ("vpc",)
    search_fields = ("id", "name", "vpc__id", "vpc__name")
    autocomplete_fields = ("vpc",)


@admin.register(SecurityGroupRule)
class SecurityGroupRuleAdmin(admin.ModelAdmin):
    """All rules of all security groups, to search in."""

    form = CidrForm
    list_display = (
        *("security_group", "direction", "priority", "policy", "protocol", "port_from", "port_to", "cidr"),
        "peer_group",
    )
    list_filter = ("direction", "policy", "protocol")
    list_select_related = ("security_group", "peer_group")
    search_fields = ("security_group__id", "security_group__name", "cidr", "description")
    autocomplete_fields = ("security_group", "peer_group")


class NetworkAclRuleInline(admin.TabularInline):
    """The rules of a network ACL."""

    model = NetworkAclRule
    form = CidrForm
    extra = 1


@admin.register(NetworkAcl)
class NetworkAclAdmin(IdentifiedAdmin):
    """Network ACLs with their rules."""

    prefix = "nacl"
    inlines = [NetworkAclRuleInline]
    list_display = ("id", "name", "vpc")
    list_filter = (BY_VPC_REGION,)
    list_select_related = ("vpc",)
    search_fields = ("id", "name", "vpc__id", "vpc__name")
    autocomplete_fields = ("vpc",)


@admin.register(NetworkAclRule)
class NetworkAclRuleAdmin(admin.ModelAdmin):
    """All rules of all network ACLs, to search in."""

    form = CidrForm
    list_display = ("network_acl", "direction", "order", "policy", "protocol", "port_from", "port_to", "cidr")
    list_filter = ("direction", "policy", "protocol")
    list_select_related = ("network_acl",)
    search_fields = ("network_acl__id", "network_acl__name", "cidr")
    autocomplete_fields = ("network_acl",)


class GatewayAdminForm(RuleForm):
    """A gateway."""

    rules_of = {"name": rules.name}


@admin.register(Gateway)
class GatewayAdmin(IdentifiedAdmin):
    """Gateways; the identifier's usual beginning depends on the kind."""

    prefix = "gw"
    form = GatewayAdminForm
    list_display = ("id", "kind", "name", "vpc")
    list_filter = ("kind", BY_VPC_REGION)
    list_select_related = ("vpc",)
    search_fields = ("id", "name", "vpc__id", "vpc__name")
    autocomplete_fields = ("vpc",)


def _destination(value: str) -> list[Violation]:
    return network_rules.cidr_block(value, "destination")


class RouteEntryForm(RuleForm):
    """A route to a gateway of the same VPC."""

    rules_of = {"destination": _destination}

    def clean(self) -> dict[str, Any]:
        """Check that the gateway is in the VPC."""
        values = super().clean()
        self.check_vpc("gateway", values["vpc"].pk if values.get("vpc") else None)
        return values


@admin.register(RouteEntry)
class RouteEntryAdmin(admin.ModelAdmin):
    """Routes."""

    form = RouteEntryForm
    list_display = ("destination", "vpc", "gateway")
    list_filter = ("gateway__kind", BY_VPC_REGION)
    list_select_related = ("vpc", "gateway")
    search_fields = ("destination", "vpc__id", "vpc__name", "gateway__id", "gateway__name")
    autocomplete_fields = ("vpc", "gateway")
