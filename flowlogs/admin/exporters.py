"""Exporters and what they send in the admin site."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from flowlogs.admin.base import ReadOnlyAdmin, ReadOnlyInline, RuleForm, ServedAdmin, of_region
from flowlogs.models import Exporter, ExporterBinding, Loss, Stream, Unattributed
from flowlogs.rules import RuleError, Violation
from flowlogs.services import exporters

PROFILE = ("name", "byte_layer", "observation_points", "drop_ports")


class BindingInline(ReadOnlyInline):
    """What an exporter observes."""

    model = ExporterBinding
    related = ("vpc", "vswitch", "network_interface")
    fields = related
    readonly_fields = fields


class StreamInline(ReadOnlyInline):
    """The streams of an exporter."""

    model = Stream
    fields = ("port", "domain", "version", "datagrams", "flows", "lost_flows", "lost_datagrams", "last_seen")
    readonly_fields = fields


@admin.register(Exporter)
class ExporterAdmin(ServedAdmin):
    """Exporters with their bindings and streams; they appear by themselves, or are registered before."""

    inlines = [BindingInline, StreamInline]
    parts = {_("Add a binding"): ("exporterbinding", "exporter")}
    actions = ["release_selected"]
    list_display = (
        *("id", "name", "address", "domain", "account", "region", "byte_layer", "is_demo", "last_seen"),
    )
    list_filter = (of_region(), ("account", admin.EmptyFieldListFilter), "byte_layer", "is_demo")
    list_select_related = ("account", "region")
    search_fields = ("id", "name", "address", "account__id", "account__name")
    shown = ("id", "address", "domain", "account", "region", "is_demo", "first_seen", "last_seen")

    def changes_of(self, obj: Exporter) -> tuple[str, str] | None:
        """Return what the audit knows it by."""
        return "Exporter", obj.pk

    def get_fields(self, request: HttpRequest, obj: Exporter | None = None) -> list[Any]:
        """Return what is entered of a new one, or all there is."""
        return [*self.shown[:1], *PROFILE, *self.shown[1:]] if obj else ["address", "domain", "name"]

    def get_readonly_fields(self, request: HttpRequest, obj: Exporter | None = None) -> list[str]:
        """Fix where it sends from; its account follows from what it observes."""
        return list(self.shown) if obj else []

    def has_delete_permission(self, request: HttpRequest, obj: Exporter | None = None) -> bool:
        """Keep exporters: the ledger counts on their streams."""
        return False

    def save_model(self, request: HttpRequest, obj: Exporter, form: Any, change: bool) -> None:
        """Have the service register or change it."""
        values = form.cleaned_data
        if change:
            exporter = Exporter.objects.get(pk=obj.pk)
            exporters.change_exporter(exporter, None, **{field: values[field] for field in PROFILE})
            return
        obj.pk = exporters.register_exporter(
            None, values["address"], domain=values["domain"], name=values["name"]
        ).pk

    @admin.action(permissions=["change"], description=_("Release the selected exporters from their accounts"))
    def release_selected(self, request: HttpRequest, queryset: QuerySet[Exporter]) -> None:
        """Let another account bind exporters that observe nothing."""
        for exporter in queryset:
            try:
                exporters.release_exporter(exporter, None)
            except RuleError as error:
                self.tell(request, error, f"{exporter}: ")


class BindingForm(RuleForm):
    """What an exporter observes: one of the three, the narrowest counts."""

    fields_of = {"resource_id": "exporter"}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "vpc" in self.fields:
            self.fields["vpc"].required = False
            self.fields["network_interface"].help_text = _("The narrowest of the three counts.")


@admin.register(ExporterBinding)
class ExporterBindingAdmin(ServedAdmin):
    """All bindings; one is replaced rather than changed."""

    form = BindingForm
    list_display = ("exporter", "vpc", "vswitch", "network_interface")
    list_filter = (of_region("vpc__region"),)
    list_select_related = ("exporter", "vpc", "vswitch", "network_interface")
    search_fields = ("exporter__id", "exporter__name", "exporter__address", "vpc__id", "vpc__name")
    raw_id_fields = ("exporter", "vpc", "vswitch", "network_interface")

    def changes_of(self, obj: ExporterBinding) -> tuple[str, str] | None:
        """Return the exporter, on which binding is noted."""
        return "Exporter", obj.exporter_id

    def has_change_permission(self, request: HttpRequest, obj: ExporterBinding | None = None) -> bool:
        """Only show what is bound."""
        return False

    def save_model(self, request: HttpRequest, obj: ExporterBinding, form: Any, change: bool) -> None:
        """Have the service bind the exporter."""
        named = (form.cleaned_data[name] for name in ("network_interface", "vswitch", "vpc"))
        resource = next((each for each in named if each is not None), None)
        if resource is None:
            raise RuleError(Violation("Required", "vpc"))
        obj.pk = exporters.bind_exporter(form.cleaned_data["exporter"], None, resource).pk

    def delete_model(self, request: HttpRequest, obj: ExporterBinding) -> None:
        """Have the service unbind the exporter."""
        exporters.unbind_exporter(obj, None)


@admin.register(Stream)
class StreamAdmin(ReadOnlyAdmin):
    """Streams with their counters."""

    list_display = (
        *("exporter", "port", "domain", "version", "datagrams", "flows", "attributed_flows"),
        *("unattributed_flows", "lost_flows", "lost_datagrams", "malformed", "clock_offset_ms", "last_seen"),
    )
    list_filter = ("version", ("last_seen", admin.DateFieldListFilter))
    list_select_related = ("exporter",)
    search_fields = ("exporter__id", "exporter__name", "exporter__address")


@admin.register(Unattributed)
class UnattributedAdmin(ReadOnlyAdmin):
    """Flows that matched no network interface; they may be deleted to start over."""

    list_display = ("exporter", "srcaddr", "dstaddr", "protocol", "dstport", "flows", "bytes", "last_seen")
    list_filter = ("protocol", ("last_seen", admin.DateFieldListFilter))
    list_select_related = ("exporter",)
    search_fields = ("srcaddr", "dstaddr", "exporter__id", "exporter__name", "exporter__address")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Allow starting over; nothing is computed from these rows."""
        return admin.ModelAdmin.has_delete_permission(self, request, obj)


@admin.register(Loss)
class LossAdmin(ReadOnlyAdmin):
    """Losses, which mark windows with SKIPDATA."""

    list_display = ("reason", "count", "unit", "exporter", "collector", "since", "until")
    list_filter = ("reason", "unit")
    list_select_related = ("exporter", "collector")
    search_fields = ("=exporter__id", "exporter__name", "=exporter__address", "=collector__id")
