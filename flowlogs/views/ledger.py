"""The conservation ledger as a page."""

from __future__ import annotations

from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _

from console.access import allowed_here, requires
from console.requests import ConsoleRequest
from flowlogs import ledger
from flowlogs.services import quarantine
from flowlogs.store import workers
from flowlogs.views.exporters import FEW, UNCLAIMED
from flowlogs.views.flow_log_detail import UNITS

ROWS = 20


@requires("vpc:DescribeFlowLogs")
def show(request: ConsoleRequest, region_id: str) -> HttpResponse:
    """Show where every decoded flow went, in the unit that the address asks for.

    Two lists, a page of each; whether anything is unexplained is told of all lines.
    """
    unit = request.GET.get("unit", "flows")
    if unit not in UNITS:
        unit = "flows"
    try:
        book = ledger.ledger(request.account)
    except workers.WorkerFailure as error:
        return render(request, "flowlogs/ledger.html", {"error": str(error), "unit": unit, "units": UNITS})
    region = request.region.pk
    exporters = [line for line in book.exporters if line.exporter.region_id in (None, region)]
    unclaimed = [line for line in exporters if line.exporter.account_id is None]
    are_folded = len(unclaimed) > FEW and request.GET.get("show") != UNCLAIMED
    if are_folded:
        exporters = [line for line in exporters if line.exporter.account_id is not None]
    flow_logs = [line for line in book.flow_logs if line.flow_log.region_id == region]
    page = Paginator(flow_logs, ROWS).get_page(request.GET.get("page"))
    refusal = _("You need the permission %(action)s.") % {"action": quarantine.ACTION}
    context = {
        "balanced": book.is_balanced,
        "exporters": Paginator(exporters, ROWS).get_page(request.GET.get("exporters")),
        "page": page,
        "folded": ledger.summed(unclaimed) if are_folded else None,
        "unclaimed": sum(not line.exporter.is_everybody_else for line in unclaimed),
        "quarantines": quarantine.of([line.flow_log for line in page]),
        "refusal": "" if allowed_here(request, quarantine.ACTION) else refusal,
        "here": request.get_full_path(),
        "unit": unit,
        "units": UNITS,
    }
    return render(request, "flowlogs/ledger.html", context)
