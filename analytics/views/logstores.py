"""Log Service: the Projects and Logstores of a region."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from django.db.models import Max, Q, Sum
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from console.access import requires
from console.requests import ConsoleRequest
from flowlogs.models import FlowLog, Logstore, Project

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
        for store in stores[project.pk]:
            where = {"region_id": region_id, "project": project.name, "logstore": store.name}
            store.search_url = reverse("analytics:search", kwargs=where)
            store.overview_url = reverse("analytics:overview", kwargs=where)
            store.flow_logs = flow_logs[project.name, store.name]
    return render(request, "analytics/log_service.html", {"projects": projects})


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


def _flow_logs(request: ConsoleRequest) -> dict[tuple[str, str], list[dict[str, str]]]:
    flow_logs = defaultdict(list)
    found = FlowLog.objects.filter(account=request.account, region=request.region).order_by("name")
    for id, name, project, logstore in found.values_list("id", "name", "project_name", "logstore_name"):
        url = reverse("flowlogs:flow-log-detail", args=[request.region.id, id])
        flow_logs[project, logstore].append({"name": name, "url": url})
    return flow_logs
