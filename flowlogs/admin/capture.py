"""The state of capture in the admin site: all of it is only shown."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from flowlogs import rules
from flowlogs.admin.base import REASONS, ReadOnlyAdmin, ReadOnlyInline, at, of_region, one_of
from flowlogs.models import (
    Closing,
    Collector,
    Delivery,
    InventoryMark,
    InventoryPart,
    InventoryVersion,
    SampleFile,
    SampleSlice,
    Usage,
    Window,
)

INTERVAL = one_of("interval", _("interval"), ((minutes, str(minutes)) for minutes in rules.INTERVALS))
UNDELIVERED = one_of(
    "state", _("state"), [(each, each.label) for each in Delivery.State if each != Delivery.State.DELIVERED]
)
"""Those that are not delivered: all others are the whole list."""


class ReasonFilter(one_of("reason", _("reason"), REASONS)):  # type: ignore[misc]
    """By what failed deliveries have for a reason; looking among all would read every row."""

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return the failed ones of a reason."""
        found = super().queryset(request, queryset)
        return found if found is queryset else found.filter(state=Delivery.State.FAILED)


@admin.register(Collector)
class CollectorAdmin(ReadOnlyAdmin):
    """Collectors: how far each has received and decoded."""

    list_display = (
        *("id", "listening", "last_seen", "sealed", "decoded", "datagrams", "kernel_drops", "spool_drops"),
        *("spool_bytes", "is_history", "trouble"),
    )
    list_filter = ("is_history", ("retired_at", admin.EmptyFieldListFilter))
    search_fields = ("id", "address", "trouble")

    @admin.display(description=_("address"), ordering="address")
    def listening(self, collector: Collector) -> str:
        """Return where it listens; what stands for the demo's past in the language of the page."""
        return gettext("the demo's past") if collector.is_history else collector.address

    @admin.display(description=_("sealed through"), ordering="sealed_through")
    def sealed(self, collector: Collector) -> str:
        """Return the time through which segments are sealed."""
        return at(collector.sealed_through // 1000)

    @admin.display(description=_("decoded through"), ordering="decoded_through")
    def decoded(self, collector: Collector) -> str:
        """Return the time through which segments are decoded."""
        return at(collector.decoded_through // 1000)


@admin.register(InventoryVersion)
class InventoryVersionAdmin(ReadOnlyAdmin):
    """Versions of the inventory that attribution works under."""

    list_display = ("id", "in_force_from", "digest")
    search_fields = ("digest",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[InventoryVersion]:
        """Leave the content out."""
        return super().get_queryset(request).defer("content")

    @admin.display(description=_("in force from"), ordering="since")
    def in_force_from(self, version: InventoryVersion) -> str:
        """Return the time from which the version counts."""
        return at(version.since // 1000)


@admin.register(InventoryPart)
class InventoryPartAdmin(ReadOnlyAdmin):
    """Parts of the versions of the inventory."""

    list_display = ("digest", "replaced_from")
    list_filter = (("replaced", admin.EmptyFieldListFilter),)
    search_fields = ("digest",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[InventoryPart]:
        """Leave the content out."""
        return super().get_queryset(request).defer("content")

    @admin.display(description=_("replaced from"), ordering="replaced")
    def replaced_from(self, part: InventoryPart) -> str:
        """Return the time from which versions have another part instead."""
        return "" if part.replaced is None else at(part.replaced // 1000)


@admin.register(InventoryMark)
class InventoryMarkAdmin(ReadOnlyAdmin):
    """Parts of the inventory that wait to be looked at."""

    list_display = ("id", "key")
    search_fields = ("key",)


@admin.register(SampleFile)
class SampleFileAdmin(ReadOnlyAdmin):
    """Files of samples."""

    list_display = ("path", "collector", "rows", "size", "slice_count", "created_at")
    list_filter = ("collector", ("created_at", admin.DateFieldListFilter))
    list_select_related = ("collector",)
    search_fields = ("path", "collector__id")

    def get_queryset(self, request: HttpRequest) -> QuerySet[SampleFile]:
        """Count the windows with the files."""
        return super().get_queryset(request).annotate(slice_total=Count("slices"))

    @admin.display(description=_("windows"), ordering="slice_total")
    def slice_count(self, file: Any) -> int:
        """Return how many windows the file has samples of."""
        return file.slice_total


@admin.register(SampleSlice)
class SampleSliceAdmin(ReadOnlyAdmin):
    """The samples of a file that fall into a window."""

    list_display = ("file", "window", "closing", "flows", "packets", "bytes")
    list_select_related = ("file", "window", "closing")
    looked_up = ("file__path", "window__vpc")
    sortable_by = ()
    search_help_text = _("The whole path of a file, or the whole ID of a VPC.")


class ClosingInline(ReadOnlyInline):
    """The closings of a window."""

    model = Closing
    fields = ("number", "kind", "state", "attempt", "error", "delivered_at")
    readonly_fields = fields


@admin.register(Window)
class WindowAdmin(ReadOnlyAdmin):
    """Capture windows with their closings."""

    inlines = [ClosingInline]
    list_display = ("id", "vpc", "starts", "interval", "closings_made", "is_final")
    list_filter = (INTERVAL, "is_final", of_region("vpc__region"))
    list_select_related = ("vpc",)
    search_fields = ("vpc__id", "vpc__name")

    @admin.display(description=_("start"), ordering="start")
    def starts(self, window: Window) -> str:
        """Return when the window starts."""
        return at(window.start)


class DeliveryInline(ReadOnlyInline):
    """What a closing gave each flow log."""

    model = Delivery
    related = ("flow_log",)
    fields = ("flow_log", "state", "reason", "records", "nodata", "skipdata", "delivered_at")
    readonly_fields = fields


@admin.register(Closing)
class ClosingAdmin(ReadOnlyAdmin):
    """Closings with their deliveries."""

    inlines = [DeliveryInline]
    list_display = ("id", "window", "number", "kind", "state", "attempt", "error", "delivered_at")
    list_filter = ("state", "kind")
    list_select_related = ("window",)
    search_fields = ("window__vpc__id", "window__vpc__name", "error")


@admin.register(Delivery)
class DeliveryAdmin(ReadOnlyAdmin):
    """The ledger of each delivery."""

    list_display = (
        *("id", "flow_log", "window", "state", "reason", "records", "nodata", "skipdata", "size"),
        *("scope_flows", "delivered_flows", "filtered_flows", "late_flows", "quarantined_flows"),
        "delivered_at",
    )
    list_filter = (UNDELIVERED, ReasonFilter)
    list_select_related = ()
    looked_up = ("flow_log", "flow_log__name")
    # anything else would sort millions of rows
    sortable_by = ("id",)
    search_help_text = _("The whole ID or name of a flow log.")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Delivery]:
        """Fetch what the rows show apart: with joins the database would sort all of them."""
        return super().get_queryset(request).prefetch_related("flow_log", "closing__window")

    @admin.display(description=_("window"), ordering="closing__window__start")
    def window(self, delivery: Delivery) -> str:
        """Return the window that was delivered."""
        return str(delivery.closing.window)


@admin.register(Usage)
class UsageAdmin(ReadOnlyAdmin):
    """What each flow log generated by hour, day and month."""

    list_display = ("flow_log", "span", "started", "records", "nodata", "skipdata", "size", "indexed_size")
    list_filter = ("span", of_region("vpc__region"))
    list_select_related = ("flow_log",)
    looked_up = ("flow_log", "flow_log__name", "vpc")
    sortable_by = ()
    search_help_text = _("The whole ID or name of a flow log, or the whole ID of a VPC.")

    @admin.display(description=_("start"), ordering="start")
    def started(self, usage: Usage) -> str:
        """Return when the hour, day or month began."""
        return at(usage.start)
