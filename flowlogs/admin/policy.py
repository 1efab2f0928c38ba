"""Security groups, network ACLs, gateways and routes in the admin site: what decides verdicts and paths."""

from __future__ import annotations

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from flowlogs.admin.base import ReadOnlyInline, of_region
from flowlogs.admin.kinds import KindAdmin, form_of
from flowlogs.models import (
    Gateway,
    NetworkAcl,
    NetworkAclRule,
    RouteEntry,
    SecurityGroup,
    SecurityGroupRule,
)
from flowlogs.networks.kinds import KINDS

SEARCHED = _("ID or name, or the ID of a VPC.")


class SecurityGroupRuleInline(ReadOnlyInline):
    """The rules of a security group."""

    model = SecurityGroupRule
    fk_name = "security_group"
    related = ("peer_group",)
    fields = (
        *("direction", "priority", "policy", "protocol", "port_from", "port_to", "cidr", "peer_group"),
        "description",
    )
    readonly_fields = fields


@admin.register(SecurityGroup)
class SecurityGroupAdmin(KindAdmin):
    """Security groups with their rules."""

    kind = KINDS["security-group"]
    form = form_of("security-group")
    inlines = [SecurityGroupRuleInline]
    parts = {_("Add a rule"): ("securitygrouprule", "security_group")}
    list_display = ("id", "name", "vpc", "inner_access")
    list_filter = (of_region("vpc__region"), "inner_access")
    list_select_related = ("vpc",)
    search_fields = ("id", "name")
    search_help_text = SEARCHED
    raw_id_fields = ("vpc",)


@admin.register(SecurityGroupRule)
class SecurityGroupRuleAdmin(KindAdmin):
    """All rules of all security groups."""

    kind = KINDS["security-group-rule"]
    form = form_of("security-group-rule")
    instead = {"peer": ("cidr", "peer_group")}
    list_display = (
        *("id", "security_group", "direction", "priority", "policy", "protocol", "port_from", "port_to"),
        *("cidr", "peer_group"),
    )
    list_filter = (of_region("security_group__vpc__region"), "direction", "policy", "protocol")
    list_select_related = ("security_group", "peer_group")
    search_fields = ("security_group__id", "cidr", "description")
    search_help_text = _("A group, the beginning of a peer, a port, a description, or the ID of a VPC.")
    raw_id_fields = ("security_group",)


class NetworkAclRuleInline(ReadOnlyInline):
    """The rules of a network ACL."""

    model = NetworkAclRule
    fields = ("direction", "order", "policy", "protocol", "port_from", "port_to", "cidr")
    readonly_fields = fields


@admin.register(NetworkAcl)
class NetworkAclAdmin(KindAdmin):
    """Network ACLs with their rules."""

    kind = KINDS["network-acl"]
    form = form_of("network-acl")
    inlines = [NetworkAclRuleInline]
    parts = {_("Add a rule"): ("networkaclrule", "network_acl")}
    list_display = ("id", "name", "vpc")
    list_filter = (of_region("vpc__region"),)
    list_select_related = ("vpc",)
    search_fields = ("id", "name")
    search_help_text = SEARCHED
    raw_id_fields = ("vpc",)


@admin.register(NetworkAclRule)
class NetworkAclRuleAdmin(KindAdmin):
    """All rules of all network ACLs."""

    kind = KINDS["network-acl-rule"]
    form = form_of("network-acl-rule")
    list_display = (
        *("id", "network_acl", "direction", "order", "policy", "protocol", "port_from", "port_to", "cidr"),
    )
    list_filter = (of_region("network_acl__vpc__region"), "direction", "policy", "protocol")
    list_select_related = ("network_acl",)
    search_fields = ("network_acl__id", "cidr")
    search_help_text = _("An ACL, the beginning of a peer, a port, or the ID of a VPC.")
    raw_id_fields = ("network_acl",)


@admin.register(Gateway)
class GatewayAdmin(KindAdmin):
    """Gateways; the beginning of the identifier depends on the kind."""

    kind = KINDS["gateway"]
    form = form_of("gateway")
    list_display = ("id", "kind", "name", "vpc")
    list_filter = ("kind", of_region("vpc__region"))
    list_select_related = ("vpc",)
    search_fields = ("id", "name")
    search_help_text = SEARCHED
    raw_id_fields = ("vpc",)


@admin.register(RouteEntry)
class RouteEntryAdmin(KindAdmin):
    """Routes; the VPC is that of the gateway."""

    kind = KINDS["route"]
    form = form_of("route")
    shown = ("vpc",)
    list_display = ("destination", "vpc", "gateway")
    list_filter = ("gateway__kind", of_region("vpc__region"))
    list_select_related = ("vpc", "gateway")
    search_fields = ("destination", "gateway__id")
    search_help_text = _("The beginning of a destination, a gateway, or the ID of a VPC.")
    raw_id_fields = ("gateway",)
