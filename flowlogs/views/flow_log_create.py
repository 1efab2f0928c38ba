"""Creating a flow log."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpResponse, QueryDict
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from console import access
from console.access import requires
from console.htmx import go_to, is_fragment
from console.requests import ConsoleRequest
from flowlogs import services
from flowlogs.forms import FlowLogForm, add_violations
from flowlogs.rules import REPORT_RETENTION, RuleError
from flowlogs.services.logstores import records_beyond
from flowlogs.views.shown import CREATE, LIST


@require_http_methods(["GET", "HEAD", "POST"])
@requires(CREATE)
def flow_log_create(request: ConsoleRequest, region_id: str) -> HttpResponse:
    """Show the form of a new flow log, again with other choices, or create one."""
    form = _create_form(request)
    if form.is_bound and form.is_valid():
        try:
            flow_log = services.create_flow_log(
                request.account, request.region, request.user, **form.values()
            )
        except RuleError as error:
            add_violations(form, error.violations)
        else:
            messages.success(request, _("Flow log %(name)s is created.") % {"name": flow_log.name})
            return go_to(request, LIST, region_id=region_id)
    context = {
        "form": form,
        "problems": form.problems() if "refresh" in request.POST else [],
        "gates": access.gates(request.account),
        "report_deletes": _deleted_by_report(form),
        "report_days": REPORT_RETENTION,
    }
    return render(request, "flowlogs/flow_log_create.html", context)


def _create_form(request: ConsoleRequest) -> FlowLogForm:
    """Return the form as it was sent, or, to see other choices, as it would look with these values."""
    here: dict[str, Any] = {
        "account": request.account,
        "region": request.region,
        "grouped": not is_fragment(request),
    }
    if request.method != "POST":
        return FlowLogForm(**here)
    if "refresh" in request.POST:
        return FlowLogForm(initial=_entered(request.POST), **here)
    return FlowLogForm(request.POST, **here)


def _entered(data: QueryDict) -> dict[str, Any]:
    """Return what was entered as the initial values of a form."""
    values: dict[str, Any] = {name: data[name] for name in FlowLogForm.base_fields if name in data}
    return values | {
        "traffic_paths": data.getlist("traffic_paths"),
        "analysis_report": "analysis_report" in data,
    }


def _deleted_by_report(form: FlowLogForm) -> int:
    """Return how many records the report's shorter retention would delete from the chosen Logstore."""
    if form.logstore is None or form.logstore.analysis_report:
        return 0
    return records_beyond(form.logstore, REPORT_RETENTION)
