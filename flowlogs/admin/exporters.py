"""Exporters and what they send in the admin site."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from flowlogs import rules
from flowlogs.admin.base import BY_REGION, IdentifiedAdmin, ReadOnlyAdmin, ReadOnlyInline, RuleForm
from flowlogs.models import Exporter, ExporterBinding, Loss, Stream, Unattributed


class BindingForm(RuleForm):
    """A binding to a VPC, or to a vSwitch or network interface in it."""

    def clean(self) -> dict[str, Any]:
        """Check that what is bound is in the VPC."""
        values = super().clean()
        vpc = values["vpc"].pk if values.get("vpc") else None
        self.check_vpc("vswitch", vpc)
        self.check_vpc("network_interface", vpc)
        return values


class BindingInline(admin.TabularInline):
    """What an exporter observes."""

    model = ExporterBinding
    form = BindingForm
    autocomplete_fields = ("vpc", "vswitch", "network_interface")
    extra = 0


class StreamInline(ReadOnlyInline):
    """The streams of an exporter."""

    model = Stream
    fields = ("port", "domain", "version", "datagrams", "flows", "lost_flows", "lost_datagrams", "last_seen")
    readonly_fields = fields


class ExporterForm(RuleForm):
    """An exporter."""

    rules_of = {"name": rules.name}

    def clean(self) -> dict[str, Any]:
        """Check what decoding relies on."""
        values = super().clean()
        if "observation_points" in values:
            self.add_violations(rules.observation_points(values["observation_points"]))
        if "drop_ports" in values:
            self.add_violations(rules.drop_ports(values["drop_ports"]))
        return values


@admin.register(Exporter)
class ExporterAdmin(IdentifiedAdmin):
    """Exporters with their bindings and streams; they appear by themselves."""

    prefix = "exp"
    form = ExporterForm
    inlines = [BindingInline, StreamInline]
    list_display = (
        "id",
        "name",
        "address",
        "domain",
        "account",
        "region",
        "byte_layer",
        "is_demo",
        "last_seen",
    )
    list_filter = (BY_REGION, "byte_layer", "is_demo")
    list_select_related = ("account", "region")
    search_fields = ("id", "name", "address", "account__id", "account__name")
    autocomplete_fields = ("account", "region")
    readonly_fields = ("is_demo", "first_seen", "last_seen")


@admin.register(ExporterBinding)
class ExporterBindingAdmin(admin.ModelAdmin):
    """All bindings, to search in."""

    form = BindingForm
    list_display = ("exporter", "vpc", "vswitch", "network_interface")
    list_select_related = ("exporter", "vpc", "vswitch", "network_interface")
    search_fields = ("exporter__id", "exporter__name", "exporter__address", "vpc__id", "vpc__name")
    autocomplete_fields = ("exporter", "vpc", "vswitch", "network_interface")


@admin.register(Stream)
class StreamAdmin(ReadOnlyAdmin):
    """Streams with their counters."""

    list_display = (
        *("exporter", "port", "domain", "version", "datagrams", "flows", "attributed_flows"),
        *("unattributed_flows", "lost_flows", "lost_datagrams", "malformed", "clock_offset_ms", "last_seen"),
    )
    list_filter = ("version",)
    list_select_related = ("exporter",)
    search_fields = ("exporter__id", "exporter__name", "exporter__address")


@admin.register(Unattributed)
class UnattributedAdmin(ReadOnlyAdmin):
    """Flows that matched no network interface; they may be deleted to start over."""

    list_display = ("exporter", "srcaddr", "dstaddr", "protocol", "dstport", "flows", "bytes", "last_seen")
    list_filter = ("protocol",)
    list_select_related = ("exporter",)
    search_fields = ("srcaddr", "dstaddr", "exporter__id", "exporter__name", "exporter__address")

    def has_delete_permission(self, request: HttpRequest, obj: Unattributed | None = None) -> bool:  # type: ignore[override]
        """Allow starting over; nothing is computed from these rows."""
        return admin.ModelAdmin.has_delete_permission(self, request, obj)


@admin.register(Loss)
class LossAdmin(ReadOnlyAdmin):
    """Losses, which mark windows with SKIPDATA."""

    list_display = ("reason", "count", "unit", "exporter", "collector", "since", "until")
    list_filter = ("reason", "unit")
    list_select_related = ("exporter", "collector")
    search_fields = ("exporter__id", "exporter__name", "exporter__address", "collector__id")
