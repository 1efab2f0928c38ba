"""Projects, Logstores and their parts in the admin site."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest

from flowlogs import rules, services
from flowlogs.admin.base import BY_REGION, ReadOnlyAdmin, RuleForm, at
from flowlogs.models import Logstore, Part, Project


class ProjectForm(RuleForm):
    """A project, of which only the description changes."""

    rules_of = {"description": rules.description}


@admin.register(Project)
class ProjectAdmin(admin.ModelAdmin):
    """Projects; flow logs know them by name, so a name is for good."""

    form = ProjectForm
    list_display = ("name", "account", "region", "description", "created_at")
    list_filter = (BY_REGION,)
    list_select_related = ("account", "region")
    search_fields = ("name", "description", "account__id", "account__name")
    readonly_fields = ("name", "account", "region", "created_at")

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Leave creating to the services."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Leave deleting to the services, which tell the flow logs."""
        return False


class LogstoreForm(RuleForm):
    """A Logstore, of which the retention changes."""

    def clean(self) -> dict[str, Any]:
        """Check the retention."""
        values = super().clean()
        if "ttl" in values:
            self.add_violations(rules.retention(values["ttl"]))
        return values


@admin.register(Logstore)
class LogstoreAdmin(admin.ModelAdmin):
    """Logstores; deleting one stops the flow logs that deliver to it."""

    form = LogstoreForm
    list_display = ("name", "project", "account", "region", "ttl", "analysis_report", "created_at")
    list_filter = ("analysis_report", ("project__region", admin.RelatedOnlyFieldListFilter))
    list_select_related = ("project__account", "project__region")
    search_fields = ("name", "project__name", "project__account__id", "project__account__name")
    readonly_fields = ("name", "project", "analysis_report", "created_at")

    @admin.display(ordering="project__account")
    def account(self, logstore: Logstore) -> str:
        """Return the account of the project."""
        return str(logstore.project.account)

    @admin.display(ordering="project__region")
    def region(self, logstore: Logstore) -> str:
        """Return the region of the project."""
        return str(logstore.project.region)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Leave creating to the services."""
        return False

    def save_model(self, request: HttpRequest, obj: Logstore, form: Any, change: bool) -> None:
        """Have the service set the retention."""
        services.set_retention(obj, None, form.cleaned_data["ttl"])

    def delete_model(self, request: HttpRequest, obj: Logstore) -> None:
        """Have the service delete the Logstore."""
        services.delete_logstore(obj, None)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Logstore]) -> None:
        """Have the service delete each Logstore."""
        for logstore in queryset.select_related("project"):
            services.delete_logstore(logstore, None)


@admin.register(Part)
class PartAdmin(ReadOnlyAdmin):
    """Parquet parts: a row makes its records readable."""

    list_display = ("path", "logstore", "level", "from_time", "to_time", "rows", "size", "removed_at")
    list_filter = ("level", ("removed_at", admin.EmptyFieldListFilter))
    list_select_related = ("logstore__project",)
    search_fields = ("path", "logstore__name", "logstore__project__name")

    @admin.display(description="from", ordering="min_time")
    def from_time(self, part: Part) -> str:
        """Return the time of the oldest record."""
        return at(part.min_time)

    @admin.display(description="to", ordering="max_time")
    def to_time(self, part: Part) -> str:
        """Return the time of the newest record."""
        return at(part.max_time)
