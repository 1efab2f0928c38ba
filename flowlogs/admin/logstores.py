"""Projects, Logstores and their parts in the admin site."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from console.templatetags.console import bytesize
from flowlogs.admin.base import ReadOnlyAdmin, ReadOnlyInline, RuleForm, ServedAdmin, at, of_region, one_of
from flowlogs.models import Logstore, Part, Project
from flowlogs.services import logstores


class NamesWhatGoes(ServedAdmin):
    """Names before it deletes how much goes, and which flow logs cannot deliver then."""

    def get_deleted_objects(self, objs: Iterable[Any], request: HttpRequest) -> tuple[Any, ...]:
        """Name what is deleted, and below it what that means."""
        rows = list(objs)
        _names, *others = super().get_deleted_objects(rows, request)
        named: list[Any] = []
        for row, goes in zip(rows, logstores.what_goes(rows), strict=True):
            named += [str(row), _consequences(row, goes)]
        return named, *others


def _consequences(row: Logstore | Project, goes: logstores.Goes) -> list[str]:
    found = []
    if isinstance(row, Logstore):
        text = ngettext(
            "%(count)s record goes for good, %(size)s on disk.",
            "%(count)s records go for good, %(size)s on disk.",
            goes.records,
        )
        found.append(text % {"count": f"{goes.records:,}", "size": bytesize(goes.size)})
    total = len(goes.flow_logs)
    if not total:
        return [*found, gettext("No flow log delivers into it.")]
    text = ngettext(
        "%(count)s flow log cannot deliver then: %(names)s.",
        "%(count)s flow logs cannot deliver then: %(names)s.",
        total,
    )
    return [*found, text % {"count": f"{total:,}", "names": goes.names}]


LEVEL = one_of("level", _("level"), ((0, _("Delivered")), (1, _("Compacted"))))


class LogstoreInline(ReadOnlyInline):
    """The Logstores of a project."""

    model = Logstore
    related = ("project",)
    fields = ("name", "ttl", "analysis_report", "created_at")
    readonly_fields = fields


class ProjectForm(RuleForm):
    """A project; the rules of its name are told by the field."""

    fields_of = {"project_name": "name"}


@admin.register(Project)
class ProjectAdmin(NamesWhatGoes):
    """Projects; flow logs know them by name, so a name is for good."""

    form = ProjectForm
    inlines = [LogstoreInline]
    parts = {_("Add a Logstore"): ("logstore", "project")}
    fields = ("name", "account", "region", "description")
    list_display = ("name", "account", "region", "description", "created_at")
    list_filter = (of_region(), "account")
    list_select_related = ("account", "region")
    search_fields = ("name", "description", "account__id", "account__name")
    raw_id_fields = ("account",)
    date_hierarchy = "created_at"

    def changes_of(self, obj: Project) -> tuple[str, str] | None:
        """Return what the audit knows it by."""
        return "Project", obj.name

    def get_fields(self, request: HttpRequest, obj: Project | None = None) -> list[Any]:
        """Show when an existing one was created."""
        return [*self.fields, "created_at"] if obj else list(self.fields)

    def get_readonly_fields(self, request: HttpRequest, obj: Project | None = None) -> list[str]:
        """Let the description of an existing one be changed."""
        return ["name", "account", "region", "created_at"] if obj else []

    def save_model(self, request: HttpRequest, obj: Project, form: Any, change: bool) -> None:
        """Have the service create or describe it."""
        values = form.cleaned_data
        if change:
            logstores.change_project(Project.objects.get(pk=obj.pk), None, values["description"])
            return
        obj.pk = logstores.create_project(
            values["account"], values["region"], None, values["name"], values["description"]
        ).pk

    def delete_model(self, request: HttpRequest, obj: Project) -> None:
        """Have the service delete it, which tells the flow logs."""
        logstores.delete_project(obj, None)


class LogstoreForm(RuleForm):
    """A Logstore; without a retention a new one gets the documented one."""

    fields_of = {"logstore_name": "name"}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance._state.adding and "ttl" in self.fields:
            self.fields["ttl"].required = False
            self.initial["ttl"] = None
            self.fields["ttl"].help_text = _(
                "1 to 3650; 3650 is permanent. Empty: 7 with the analysis report, otherwise 300."
            )


@admin.register(Logstore)
class LogstoreAdmin(NamesWhatGoes):
    """Logstores; deleting one stops the flow logs that deliver to it."""

    form = LogstoreForm
    fields = ("name", "project", "ttl", "analysis_report")
    list_display = ("name", "project", "account", "region", "ttl", "analysis_report", "created_at")
    list_filter = ("analysis_report", of_region("project__region"), "project__account")
    list_select_related = ("project__account", "project__region")
    search_fields = ("name", "project__name", "project__account__id", "project__account__name")
    raw_id_fields = ("project",)
    date_hierarchy = "created_at"

    def changes_of(self, obj: Logstore) -> tuple[str, str] | None:
        """Return what the audit knows it by."""
        return "Logstore", str(obj)

    def get_fields(self, request: HttpRequest, obj: Logstore | None = None) -> list[Any]:
        """Show when an existing one was created."""
        return [*self.fields, "created_at"] if obj else list(self.fields)

    def get_readonly_fields(self, request: HttpRequest, obj: Logstore | None = None) -> list[str]:
        """Let retention and report of an existing one be changed; a report stays on."""
        if obj is None:
            return []
        return ["name", "project", "created_at", *(["analysis_report"] if obj.analysis_report else [])]

    @admin.display(description=_("account"), ordering="project__account")
    def account(self, logstore: Logstore) -> str:
        """Return the account of the project."""
        return str(logstore.project.account)

    @admin.display(description=_("region"), ordering="project__region")
    def region(self, logstore: Logstore) -> str:
        """Return the region of the project."""
        return str(logstore.project.region)

    def save_model(self, request: HttpRequest, obj: Logstore, form: Any, change: bool) -> None:
        """Have the service create it, set the retention, or switch the report on."""
        values = form.cleaned_data
        report = values.get("analysis_report", False)
        if not change:
            made = logstores.create_logstore(
                values["project"], None, values["name"], ttl=values["ttl"], report=report
            )
            obj.pk = made.pk
            return
        logstore = Logstore.objects.select_related("project").get(pk=obj.pk)
        if report:
            # which sets the retention, too
            logstores.enable_analysis_report(logstore, None)
        if not report or "ttl" in form.changed_data:
            logstores.set_retention(logstore, None, values["ttl"])

    def delete_model(self, request: HttpRequest, obj: Logstore) -> None:
        """Have the service delete the Logstore."""
        logstores.delete_logstore(obj, None)


@admin.register(Part)
class PartAdmin(ReadOnlyAdmin):
    """Parquet parts: a row makes its records readable."""

    list_display = ("path", "logstore", "level", "from_time", "to_time", "rows", "size", "removed_at")
    list_filter = (LEVEL, ("removed_at", admin.EmptyFieldListFilter))
    list_select_related = ("logstore__project",)
    search_fields = ("path", "logstore__name", "logstore__project__name")

    @admin.display(description=_("from"), ordering="min_time")
    def from_time(self, part: Part) -> str:
        """Return the time of the oldest record."""
        return at(part.min_time)

    @admin.display(description=_("to"), ordering="max_time")
    def to_time(self, part: Part) -> str:
        """Return the time of the newest record."""
        return at(part.max_time)
