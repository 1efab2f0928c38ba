"""The list of flow logs."""

from __future__ import annotations

from typing import Any

from django.core.paginator import Page, Paginator
from django.db.models import Q, QuerySet
from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from console import access
from console.access import requires
from console.htmx import is_fragment
from console.requests import ConsoleRequest
from flowlogs.forms import FlowLogFilter
from flowlogs.models import FlowLog
from flowlogs.services import circumstances
from flowlogs.services.flow_logs import TRANSIENT
from flowlogs.views.shown import CREATE, DESCRIBE, flow_logs_of, shown


@require_safe
@requires(DESCRIBE)
def flow_log_list(request: ConsoleRequest, region_id: str) -> HttpResponse:
    """List the flow logs of the region; while one of them changes its state, the page asks again by itself."""
    asked = FlowLogFilter(request.GET).values()
    used = circumstances.flow_logs_in(request.account, request.region)
    found = _filtered(flow_logs_of(request), asked).order_by(*FlowLogFilter.SORTS[asked["sort"]])
    page: Page[Any] = Paginator(found, asked["page_size"]).get_page(request.GET.get("page"))
    rows = shown(page.object_list, request)
    context = {
        "page": page,
        "rows": rows,
        "changing": any(row.is_transient for row in rows),
        "asked": asked,
        "statuses": FlowLogFilter.STATUSES,
        "sizes": ",".join(str(size) for size in FlowLogFilter.SIZES),
        "used": used,
        "quota": circumstances.quota(request.account),
        "gates": access.gates(request.account),
        "refusal": _refusal(request),
    }
    template = "flowlogs/flow_log_rows.html" if is_fragment(request) else "flowlogs/flow_log_list.html"
    return render(request, template, context)


def _filtered(flow_logs: QuerySet[Any], asked: dict[str, Any]) -> QuerySet[Any]:
    if asked["status"] == FlowLogFilter.TRANSIENT:
        flow_logs = flow_logs.filter(status__in=TRANSIENT)
    elif asked["status"] == FlowLogFilter.FAILED:
        flow_logs = flow_logs.filter(delivery_status=FlowLog.DeliveryStatus.FAILED)
    elif asked["status"]:
        flow_logs = flow_logs.filter(status=asked["status"])
    for word in asked["search"].split():
        flow_logs = flow_logs.filter(
            Q(name__icontains=word)
            | Q(pk__icontains=word)
            | Q(resource_id__icontains=word)
            | Q(resource_name__icontains=word)
        )
    return flow_logs


def _refusal(request: ConsoleRequest) -> str:
    """Return why the user cannot create a flow log here, if so."""
    if not access.allowed_here(request, CREATE):
        return _("You need the permission %(action)s.") % {"action": CREATE}
    if not request.region.flow_logs_available:
        return _("Flow logs are not available in this region.")
    return ""
