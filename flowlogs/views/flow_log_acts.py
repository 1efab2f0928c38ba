"""What can be done to a flow log: edit, delete, start and stop."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render, resolve_url
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from console.htmx import go_to
from console.requests import ConsoleRequest
from flowlogs import services
from flowlogs.forms import FlowLogDeleteForm, FlowLogEditForm, add_violations, said
from flowlogs.models import FlowLog
from flowlogs.rules import GATE_CODES, RuleError
from flowlogs.views.access import on_flow_log
from flowlogs.views.shown import ACTIONS, LIST

DETAIL = "flowlogs:flow-log-detail"


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
