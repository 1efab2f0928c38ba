"""Log Service: the Projects and Logstores of a region."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container
from typing import Any

from django.contrib import messages
from django.db.models import Count, F, Max, Q, Sum, Window
from django.db.models.functions import RowNumber
from django.http import HttpResponse, QueryDict
from django.shortcuts import render, resolve_url
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from analytics.forms import NEW_PROJECT, DeletionForm, LogstoreEditForm, LogstoreForm
from analytics.project_form import ProjectForm
from analytics.views.access import UPDATE, on_logstore, on_project, refusal, store_path
from console.access import allowed_here, requires
from console.htmx import go_to
from console.requests import ConsoleRequest
from flowlogs import services
from flowlogs.forms import add_violations
from flowlogs.models import FlowLog, Logstore, Project
from flowlogs.rules import RuleError
from flowlogs.services.logstores import settings_before, what_goes
from flowlogs.services.quarantine import KEPT_HOURS
from flowlogs.views.flow_log_acts import asked_for, page_below

CREATE, REPORT = "log:CreateLogStore", "log:CreateIndex"
DELETE, DELETE_PROJECT = "log:DeleteLogStore", "log:DeleteProject"
UPDATE_PROJECT = "log:UpdateProject"
MOST_FLOW_LOGS = 5
MOST_STORES = 20
LIVE = Q(parts__removed_at__isnull=True)


@require_safe
@requires("log:ListProject")
def log_service(request: ConsoleRequest, region_id: str) -> HttpResponse:
    """Show the Projects of the region with their Logstores, what they hold and what delivers into them."""
    projects = list(Project.objects.filter(account=request.account, region=request.region))
    stores = _stores(request)
    flow_logs = _flow_logs(request)
    for project in projects:
        project.stores = stores[project.pk]  # type: ignore[attr-defined]
        path = f"project/{project.name}"
        project.edit_refusal = refusal(request, UPDATE_PROJECT, path)  # type: ignore[attr-defined]
        project.delete_refusal = refusal(request, DELETE_PROJECT, path)  # type: ignore[attr-defined]
        for store in stores[project.pk]:
            where = {"region_id": region_id, "project": project.name, "logstore": store.name}
            store.search_url = reverse("analytics:search", kwargs=where)
            store.overview_url = reverse("analytics:overview", kwargs=where)
            store.delete_url = reverse("analytics:logstore-delete", kwargs=where)
            store.edit_url = reverse("analytics:logstore-edit", kwargs=where)
            path = store_path(project.name, store.name)
            store.edit_refusal = refusal(request, UPDATE, path)
            store.delete_refusal = refusal(request, DELETE, path)
            store.flow_logs = flow_logs[project.name, store.name]
            store.more_flow_logs = (
                store.flow_logs[0]["total"] - len(store.flow_logs) if store.flow_logs else 0
            )
    context = {
        "projects": projects,
        "may_create": allowed_here(request, CREATE),
        "create_action": CREATE,
    }
    return render(request, "analytics/log_service.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@requires(CREATE)
def logstore_create(request: ConsoleRequest, region_id: str) -> HttpResponse:
    """Create a Logstore, in a project that is there or in a new one; the address may name both.

    One that has the name of a deleted one begins with what that had.
    """
    before = _before(request)
    form = LogstoreForm(request.POST or None, account=request.account, region=request.region, before=before)
    form.initial = {**(before or {}), **_named(request.GET, form.projects)}
    if form.is_valid():
        try:
            logstore = form.create(request.user)
        except RuleError as error:
            add_violations(form, error.violations)
        else:
            messages.success(request, _("Logstore %(name)s is created.") % {"name": logstore})
            return go_to(request, asked_for(request) or resolve_url("analytics:log-service", region_id))
    return render(request, "analytics/logstore_create.html", {"form": form, "next": page_below(request)})


@require_http_methods(["GET", "HEAD", "POST"])
@on_logstore(UPDATE)
def logstore_edit(request: ConsoleRequest, logstore: Logstore) -> HttpResponse:
    """Change the retention or switch the report on; what that deletes is named, and confirmed, before."""
    path = store_path(logstore.project.name, logstore.name)
    refused = refusal(request, REPORT, path)
    form = LogstoreEditForm(request.POST or None, logstore=logstore, report_refusal=refused)
    if form.is_valid():
        try:
            form.save(request.user)
        except RuleError as error:
            add_violations(form, error.violations)
        else:
            messages.success(request, _("Logstore %(name)s is changed.") % {"name": logstore})
            return go_to(
                request, asked_for(request) or resolve_url("analytics:log-service", request.region.pk)
            )
    context = {"form": form, "logstore": logstore, "next": page_below(request)}
    return render(request, "analytics/logstore_edit.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@on_logstore(DELETE)
def logstore_delete(request: ConsoleRequest, logstore: Logstore) -> HttpResponse:
    """Show what goes with a Logstore and who cannot deliver then, and delete it once its name has been typed."""
    form = DeletionForm(request.POST or None, name=logstore.name)
    if form.is_valid():
        name = str(logstore)
        services.delete_logstore(logstore, request.user)
        messages.success(request, _("Logstore %(name)s is deleted.") % {"name": name})
        return go_to(request, "analytics:log-service", region_id=request.region.pk)
    return _deletion(request, form, logstore, reverse("analytics:logstore-delete", args=_place(logstore)))


@require_http_methods(["GET", "HEAD", "POST"])
@on_project(UPDATE_PROJECT)
def project_edit(request: ConsoleRequest, project: Project) -> HttpResponse:
    """Change the description of a project."""
    form = ProjectForm(request.POST or None, initial={"description": project.description})
    if request.method == "POST" and form.is_valid():
        try:
            form.save(project, request.user)
        except RuleError as error:
            add_violations(form, error.violations)
        else:
            messages.success(request, _("Project %(name)s is changed.") % {"name": project.name})
            return go_to(request, "analytics:log-service", region_id=request.region.pk)
    return render(request, "analytics/project_edit.html", {"form": form, "project": project})


@require_http_methods(["GET", "HEAD", "POST"])
@on_project(DELETE_PROJECT)
def project_delete(request: ConsoleRequest, project: Project) -> HttpResponse:
    """Show who cannot deliver without a project, and delete it once its name has been typed; not with Logstores."""
    form = DeletionForm(request.POST or None, name=project.name)
    if form.is_valid():
        name = project.name
        try:
            services.delete_project(project, request.user)
        except RuleError as error:
            add_violations(form, error.violations)
        else:
            messages.success(request, _("Project %(name)s is deleted.") % {"name": name})
            return go_to(request, "analytics:log-service", region_id=request.region.pk)
    url = reverse("analytics:project-delete", args=[project.region_id, project.name])
    return _deletion(request, form, project, url)


def _deletion(
    request: ConsoleRequest, form: DeletionForm, target: Logstore | Project, url: str
) -> HttpResponse:
    [goes] = what_goes([target])
    stores = (
        [] if isinstance(target, Logstore) else list(target.logstores.order_by("name")[: MOST_STORES + 1])
    )
    context = {
        "stores": stores[:MOST_STORES],
        "has_more_stores": len(stores) > MOST_STORES,
        "form": form,
        "target": target,
        "is_project": isinstance(target, Project),
        "goes": goes,
        "url": url,
        "kept_hours": KEPT_HOURS,
    }
    return render(request, "analytics/logstore_delete.html", context)


def _place(logstore: Logstore) -> tuple[str, str, str]:
    return logstore.project.region_id, logstore.project.name, logstore.name


def _before(request: ConsoleRequest) -> dict[str, Any] | None:
    """Return what a deleted Logstore had that is called as the one that the form or the address names."""
    asked = request.POST or request.GET
    project, name = asked.get("project", ""), asked.get("logstore_name") or asked.get("logstore", "")
    if project in ("", NEW_PROJECT):
        project = asked.get("project_name", "")
    if not project or not name:
        return None
    return settings_before(request.account, request.region, project, name)


def _named(asked: QueryDict, projects: Container[str]) -> dict[str, Any]:
    """Return what the form begins with: the names in the address, and a new project where there is none of the name."""
    project, initial = asked.get("project", ""), {"logstore_name": asked.get("logstore", "")}
    if project and project not in projects:
        return initial | {"project": NEW_PROJECT, "project_name": project}
    return initial | {"project": project}


def _stores(request: ConsoleRequest) -> dict[int, list[Any]]:
    found = Logstore.objects.filter(
        project__account=request.account, project__region=request.region
    ).annotate(
        records=Sum("parts__rows", filter=LIVE, default=0),
        size=Sum("parts__size", filter=LIVE, default=0),
        newest=Max("parts__max_time", filter=LIVE),
    )
    stores = defaultdict(list)
    for store in found:
        stores[store.project_id].append(store)
    return stores


def _flow_logs(request: ConsoleRequest) -> dict[tuple[str, str], list[dict[str, Any]]]:
    """Return the first flow logs by name of each Logstore, each with how many the Logstore has in total."""
    flow_logs = defaultdict(list)
    of_store = [F("project_name"), F("logstore_name")]
    found = (
        FlowLog.objects.filter(account=request.account, region=request.region)
        .annotate(
            place=Window(RowNumber(), partition_by=of_store, order_by=["name", "id"]),
            total=Window(Count("id"), partition_by=of_store),
        )
        .filter(place__lte=MOST_FLOW_LOGS)
        .order_by("name", "id")
    )
    for each in found.values("id", "name", "project_name", "logstore_name", "total"):
        url = reverse("flowlogs:flow-log-detail", args=[request.region.id, each["id"]])
        flow_logs[each["project_name"], each["logstore_name"]].append(
            {"name": each["name"], "url": url, "total": each["total"]}
        )
    return flow_logs
