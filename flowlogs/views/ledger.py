"""The conservation ledger as a page."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render

from console.access import requires
from console.requests import ConsoleRequest
from flowlogs import ledger
from flowlogs.store import workers


@requires("vpc:DescribeFlowLogs")
def show(request: ConsoleRequest, region_id: str) -> HttpResponse:
    """Show where every decoded flow went, in the unit that the address asks for."""
    unit = request.GET.get("unit", "flows")
    if unit not in ledger.UNITS:
        unit = "flows"
    try:
        book = ledger.ledger(request.account)
    except workers.WorkerFailure as error:
        return render(
            request, "flowlogs/ledger.html", {"error": str(error), "unit": unit, "units": ledger.UNITS}
        )
    context = {
        "balanced": book.is_balanced,
        "exporters": [
            line for line in book.exporters if line.exporter.region_id in (None, request.region.pk)
        ],
        "flow_logs": [line for line in book.flow_logs if line.flow_log.region_id == request.region.pk],
        "unit": unit,
        "units": ledger.UNITS,
    }
    return render(request, "flowlogs/ledger.html", context)
