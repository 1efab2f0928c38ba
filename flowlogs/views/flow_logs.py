"""Flow logs: the list, creating one, and what can be done to each."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.paginator import Page, Paginator
from django.db.models import Q, QuerySet
from django.http import HttpResponse, QueryDict
from django.shortcuts import redirect, render, resolve_url
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from console import access
from console.access import requires
from console.htmx import go_to, is_fragment
from console.requests import ConsoleRequest
from flowlogs import services
from flowlogs.forms import (
    FlowLogDeleteForm,
    FlowLogEditForm,
    FlowLogFilter,
    FlowLogForm,
    add_violations,
    said,
)
from flowlogs.models import FlowLog
from flowlogs.rules import GATE_CODES, REPORT_RETENTION, RuleError
from flowlogs.services import circumstances
from flowlogs.services.flow_logs import TRANSIENT
from flowlogs.services.logstores import records_beyond
from flowlogs.views.access import on_flow_log
from flowlogs.views.shown import ACTIONS, flow_logs_of, shown

CREATE = "vpc:CreateFlowLog"
DESCRIBE = "vpc:DescribeFlowLogs"
LIST = "flowlogs:flow-log-list"
DETAIL = "flowlogs:flow-log-detail"


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


@require_http_methods(["GET", "HEAD", "POST"])
@on_flow_log(ACTIONS["edit"])
def flow_log_edit(request: ConsoleRequest, flow_log: FlowLog) -> HttpResponse:
    """Change name, description or interval."""
    initial = {name: getattr(flow_log, name) for name in ("name", "description", "interval")}
    form = FlowLogEditForm(request.POST or None, initial=initial)
    if form.is_valid():
        try:
            services.modify(flow_log, request.user, **form.cleaned_data)
        except RuleError as error:
            add_violations(form, error.violations)
        else:
            messages.success(request, _("Flow log %(name)s is changed.") % {"name": flow_log.name})
            return go_to(request, _back(request, flow_log))
    context = {"flow_log": flow_log, "form": form, "next": _page_below(request)}
    return render(request, "flowlogs/flow_log_edit.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@on_flow_log(ACTIONS["delete"])
def flow_log_delete(request: ConsoleRequest, flow_log: FlowLog) -> HttpResponse:
    """Show what deleting means, and delete once the name has been typed."""
    form = FlowLogDeleteForm(request.POST or None, name=flow_log.name)
    if form.is_valid():
        try:
            services.delete(flow_log, request.user)
        except RuleError as error:
            add_violations(form, error.violations)
        else:
            messages.success(request, _("Flow log %(name)s is being deleted.") % {"name": flow_log.name})
            return go_to(request, LIST, region_id=flow_log.region_id)
    return render(request, "flowlogs/flow_log_delete.html", {"flow_log": flow_log, "form": form})


@require_POST
@on_flow_log(ACTIONS["start"])
def flow_log_start(request: ConsoleRequest, flow_log: FlowLog) -> HttpResponse:
    """Start a flow log."""
    try:
        services.start(flow_log, request.user)
    except RuleError as error:
        messages.error(request, _refused(flow_log, error))
    else:
        messages.success(request, _("Flow log %(name)s is starting.") % {"name": flow_log.name})
    return redirect(_back(request, flow_log))


@require_POST
@on_flow_log(ACTIONS["stop"])
def flow_log_stop(request: ConsoleRequest, flow_log: FlowLog) -> HttpResponse:
    """Stop a flow log."""
    try:
        services.stop(flow_log, request.user)
    except RuleError as error:
        messages.error(request, _refused(flow_log, error))
    else:
        messages.success(request, _("Flow log %(name)s is stopping.") % {"name": flow_log.name})
    return redirect(_back(request, flow_log))


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


def _refused(flow_log: FlowLog, error: RuleError) -> str:
    """Return why a flow log is neither started nor stopped, and what to do about it."""
    reasons = [said(violation.code, violation.params) for violation in error.violations]
    if any(violation.code in GATE_CODES.values() for violation in error.violations):
        reasons.append(_("Pass the authorization steps first."))
    status = FlowLog.objects.get(pk=flow_log.pk).get_status_display()
    return _("%(name)s is in state %(status)s. %(error)s") % {
        "name": flow_log.name,
        "status": status,
        "error": " ".join(reasons),
    }


def _page_below(request: ConsoleRequest) -> str:
    """Return the address of the page over which a panel opens."""
    sent = request.POST.get("next", "")
    return sent or (request.htmx.current_url_abs_path or "" if request.htmx else "")


def _back(request: ConsoleRequest, flow_log: FlowLog) -> str:
    """Return where the user came from, or the page of the flow log."""
    asked = request.POST.get("next", "")
    if url_has_allowed_host_and_scheme(asked, {request.get_host()}, require_https=request.is_secure()):
        return asked
    return resolve_url(DETAIL, region_id=flow_log.region_id, flow_log_id=flow_log.pk)
