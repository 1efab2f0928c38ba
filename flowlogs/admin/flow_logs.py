"""Flow logs in the admin site: what may be changed goes through the services."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from console.models import User
from flowlogs import rules, services
from flowlogs.admin.base import REASONS, ReadOnlyAdmin, RuleForm, of_region, one_of
from flowlogs.admin.kept import KeptAdmin
from flowlogs.models import Coverage, FlowLog, IntervalChange
from flowlogs.rules import RuleError

REASON = one_of("delivery_error", _("reason"), REASONS)
INTERVALS = [(minutes, str(minutes)) for minutes in rules.INTERVALS]
INTERVAL = one_of("interval", _("interval"), INTERVALS)
INTERVAL_OR_NONE = one_of("interval", _("interval"), [(0, _("Not captured")), *INTERVALS])
EDITABLE = ("name", "description", "interval")


class FlowLogForm(RuleForm):
    """The three things of a flow log that can be changed; without a name it is called by its ID."""

    class Meta:
        model = FlowLog
        fields = EDITABLE

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "name" in self.fields:
            self.fields["name"].required = False


@admin.register(FlowLog)
class FlowLogAdmin(KeptAdmin):
    """Flow logs; they are created in the console, their status belongs to the services."""

    form = FlowLogForm
    actions = ["start_selected", "stop_selected", "delete_selected"]
    list_display = (
        *("id", "name", "account", "region", "resource_type", "resource_id", "interval", "status"),
        *("delivery_status", "delivery_error", "created_at"),
    )
    list_filter = (
        *("status", "delivery_status", REASON, "resource_type", "traffic_type", INTERVAL),
        *("is_demo", of_region(), "account"),
    )
    list_select_related = ("account", "region")
    date_hierarchy = "created_at"
    search_fields = ("id", "name", "resource_id", "project_name", "logstore_name", "account__id", "vpc__id")

    def changes_of(self, obj: FlowLog) -> tuple[str, str] | None:
        """Return what the audit knows it by."""
        return "FlowLog", obj.pk

    def get_readonly_fields(self, request: HttpRequest, obj: FlowLog | None = None) -> list[str]:
        """Show everything and let three fields be changed."""
        return [field.name for field in FlowLog._meta.fields if field.name not in EDITABLE]

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Leave creating to the console, which checks every rule."""
        return False

    def delete_model(self, request: HttpRequest, obj: FlowLog) -> None:
        """Have the service delete it; its records stay."""
        services.delete(obj, None)

    def save_model(self, request: HttpRequest, obj: FlowLog, form: Any, change: bool) -> None:
        """Have the service change the flow log as it is in the database."""
        flow_log = FlowLog.objects.get(pk=obj.pk)
        services.modify(flow_log, None, **{field: form.cleaned_data[field] for field in EDITABLE})

    @admin.action(permissions=["change"], description=_("Start the selected flow logs"))
    def start_selected(self, request: HttpRequest, queryset: QuerySet[FlowLog]) -> None:
        """Start what is not started."""
        self._each(request, queryset, services.start)

    @admin.action(permissions=["change"], description=_("Stop the selected flow logs"))
    def stop_selected(self, request: HttpRequest, queryset: QuerySet[FlowLog]) -> None:
        """Stop what is started."""
        self._each(request, queryset, services.stop)

    def _each(
        self,
        request: HttpRequest,
        queryset: QuerySet[FlowLog],
        act: Callable[[FlowLog, User | None], None],
    ) -> None:
        done = 0
        for flow_log in queryset.select_related("account", "region"):
            try:
                act(flow_log, None)
            except RuleError as error:
                self.tell(request, error, f"{flow_log}: ")
            else:
                done += 1
        if done:
            told = ngettext("%(count)d flow log is under way.", "%(count)d flow logs are under way.", done)
            self.message_user(request, told % {"count": done}, messages.SUCCESS)


@admin.register(Coverage)
class CoverageAdmin(ReadOnlyAdmin):
    """Which flow log covered which network interface when."""

    list_display = ("flow_log", "network_interface", "since", "until")
    list_filter = (("until", admin.EmptyFieldListFilter), ("since", admin.DateFieldListFilter))
    list_select_related = ("flow_log", "network_interface")
    looked_up = ("flow_log", "network_interface", "flow_log__name")
    sortable_by = ()
    search_help_text = _("The whole ID of a flow log or ENI, or the name of a flow log.")


@admin.register(IntervalChange)
class IntervalChangeAdmin(ReadOnlyAdmin):
    """From when on a network interface is captured at which interval."""

    list_display = ("network_interface", "interval", "since")
    list_filter = (INTERVAL_OR_NONE, ("since", admin.DateFieldListFilter))
    list_select_related = ("network_interface",)
    looked_up = ("network_interface",)
    sortable_by = ()
    search_help_text = _("The whole ID of an ENI.")
