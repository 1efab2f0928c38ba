"""Flow logs in the admin site: what may be changed goes through the services."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect

from console.models import User
from flowlogs import rules, services
from flowlogs.admin.base import BY_REGION, ReadOnlyAdmin, RuleForm, in_words
from flowlogs.models import Coverage, FlowLog, IntervalChange
from flowlogs.rules import RuleError, Violation

EDITABLE = ("name", "description", "interval")


class FlowLogForm(RuleForm):
    """The three things of a flow log that can be changed, while it is in no transient state."""

    rules_of = {"name": rules.name, "description": rules.description}

    class Meta:
        model = FlowLog
        fields = EDITABLE

    def clean(self) -> dict[str, Any]:
        """Check the interval and the state too."""
        values = super().clean()
        if "interval" in values:
            self.add_violations(rules.interval(values["interval"]))
        if self.instance.status not in (FlowLog.Status.ACTIVE, FlowLog.Status.INACTIVE):
            self.add_violations([Violation("IncorrectStatus.flowlog")])
        return values


@admin.register(FlowLog)
class FlowLogAdmin(admin.ModelAdmin):
    """Flow logs; they are created in the console, their status belongs to the services."""

    form = FlowLogForm
    actions = ["start_selected", "stop_selected", "delete_selected_flow_logs"]
    list_display = ("id", "name", "account", "region", "resource_id", "interval", "status", "delivery_status")
    list_filter = (
        *("status", "delivery_status", "delivery_error", "resource_type", "traffic_type", "interval"),
        *("is_demo", BY_REGION),
    )
    list_select_related = ("account", "region")
    search_fields = ("id", "name", "resource_id", "project_name", "logstore_name", "account__id", "vpc__id")

    def get_readonly_fields(self, request: HttpRequest, obj: FlowLog | None = None) -> list[str]:
        """Show everything and let three fields be changed."""
        return [field.name for field in FlowLog._meta.fields if field.name not in EDITABLE]

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Leave creating to the console, which checks every rule."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: FlowLog | None = None) -> bool:
        """Leave deleting to the action, which goes through the service."""
        return False

    def save_model(self, request: HttpRequest, obj: FlowLog, form: Any, change: bool) -> None:
        """Have the service change the flow log as it is in the database."""
        flow_log = FlowLog.objects.get(pk=obj.pk)
        services.modify(flow_log, None, **{field: form.cleaned_data[field] for field in EDITABLE})

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Say what is wrong when the state changed under the form."""
        try:
            return super().changeform_view(request, object_id, form_url, extra_context)
        except RuleError as error:
            self._say(request, error)
            return HttpResponseRedirect(request.path)

    @admin.action(description="Start the selected flow logs")
    def start_selected(self, request: HttpRequest, queryset: QuerySet[FlowLog]) -> None:
        """Start what is not started."""
        self._each(request, queryset, services.start)

    @admin.action(description="Stop the selected flow logs")
    def stop_selected(self, request: HttpRequest, queryset: QuerySet[FlowLog]) -> None:
        """Stop what is started."""
        self._each(request, queryset, services.stop)

    @admin.action(description="Delete the selected flow logs; their records stay")
    def delete_selected_flow_logs(self, request: HttpRequest, queryset: QuerySet[FlowLog]) -> None:
        """Delete in either state."""
        self._each(request, queryset, services.delete)

    def _each(
        self,
        request: HttpRequest,
        queryset: QuerySet[FlowLog],
        act: Callable[[FlowLog, User | None], None],
    ) -> None:
        for flow_log in queryset:
            try:
                act(flow_log, None)
            except RuleError as error:
                self._say(request, error, f"{flow_log}: ")

    def _say(self, request: HttpRequest, error: RuleError, about: str = "") -> None:
        for violation in error.violations:
            self.message_user(request, about + in_words(violation), messages.ERROR)


@admin.register(Coverage)
class CoverageAdmin(ReadOnlyAdmin):
    """Which flow log covered which network interface when."""

    list_display = ("flow_log", "network_interface", "since", "until")
    list_filter = (("until", admin.EmptyFieldListFilter),)
    list_select_related = ("flow_log", "network_interface")
    search_fields = ("flow_log__id", "flow_log__name", "network_interface__id", "network_interface__name")


@admin.register(IntervalChange)
class IntervalChangeAdmin(ReadOnlyAdmin):
    """From when on a network interface is captured at which interval."""

    list_display = ("network_interface", "interval", "since")
    list_filter = ("interval",)
    list_select_related = ("network_interface",)
    search_fields = ("network_interface__id", "network_interface__name")
