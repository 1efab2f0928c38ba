"""What can be done to a flow log: edit, its interval alone in the list, delete, start and stop."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render, resolve_url
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_POST

from console.htmx import go_to, is_fragment
from console.requests import ConsoleRequest
from console.wording import sentences
from flowlogs import services
from flowlogs.forms import INTERVALS, MINUTES, FlowLogDeleteForm, FlowLogEditForm, add_violations, said
from flowlogs.models import FlowLog
from flowlogs.rules import GATE_CODES, RuleError
from flowlogs.views.access import on_flow_log
from flowlogs.views.shown import ACTIONS, LIST, shown

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
            return go_to(request, back(request, flow_log))
    context = {"flow_log": flow_log, "form": form, "next": page_below(request)}
    return render(request, "flowlogs/flow_log_edit.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@on_flow_log(ACTIONS["edit"])
def flow_log_interval(request: ConsoleRequest, flow_log: FlowLog) -> HttpResponse:
    """Change the sampling interval, in its cell of the list or on a page of its own."""
    if request.method == "POST":
        _change_interval(request, flow_log)
        return redirect(back(request, flow_log))
    if is_fragment(request) and request.GET.get("cancel"):
        [row] = shown([flow_log], request)
        return render(
            request, "flowlogs/flow_log_sampling.html", {"row": row, "flow_log": flow_log, "id": flow_log.pk}
        )
    context = {"flow_log": flow_log, "intervals": INTERVALS, "next": resolve_url(LIST, flow_log.region_id)}
    template = "flow_log_interval_cell" if is_fragment(request) else "flow_log_interval"
    return render(request, f"flowlogs/{template}.html", context)


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
        messages.error(request, refused(flow_log, error))
    else:
        messages.success(request, _("Flow log %(name)s is starting.") % {"name": flow_log.name})
    return redirect(back(request, flow_log))


@require_POST
@on_flow_log(ACTIONS["stop"])
def flow_log_stop(request: ConsoleRequest, flow_log: FlowLog) -> HttpResponse:
    """Stop a flow log."""
    try:
        services.stop(flow_log, request.user)
    except RuleError as error:
        messages.error(request, refused(flow_log, error))
    else:
        messages.success(request, _("Flow log %(name)s is stopping.") % {"name": flow_log.name})
    return redirect(back(request, flow_log))


@require_POST
@on_flow_log(ACTIONS["start"])
def flow_log_deliver_again(request: ConsoleRequest, flow_log: FlowLog) -> HttpResponse:
    """Have what could not be delivered be delivered again."""
    try:
        count = services.deliver_again(flow_log, request.user)
    except RuleError as error:
        messages.error(request, refused(flow_log, error))
    else:
        messages.success(request, _queued(count))
    return redirect(back(request, flow_log))


def _queued(count: int) -> str:
    if not count:
        return _("There is nothing that can be delivered again.")
    text = ngettext("%(count)s closing is delivered again.", "%(count)s closings are delivered again.", count)
    return text % {"count": count}


def _change_interval(request: ConsoleRequest, flow_log: FlowLog) -> None:
    # several cells of the list may be open at once, all in one form
    sent = request.POST.get(f"interval-{flow_log.pk}") or request.POST.get("interval", "")
    minutes = MINUTES.get(sent, 0)
    try:
        services.modify(flow_log, request.user, interval=minutes)
    except RuleError as error:
        messages.error(request, refused(flow_log, error))
    else:
        text = _("The sampling interval of %(name)s is now %(minutes)s min.")
        messages.success(request, text % {"name": flow_log.name, "minutes": minutes})


def refused(flow_log: FlowLog, error: RuleError) -> str:
    """Return why a flow log is neither started nor stopped, and what to do about it."""
    status = FlowLog.objects.get(pk=flow_log.pk).get_status_display()
    return _("%(name)s is in state %(status)s. %(error)s") % {
        "name": flow_log.name,
        "status": status,
        "error": reasons_of(error),
    }


def reasons_of(error: RuleError) -> str:
    """Return which rules are broken, and what to do where it is not the flow log that is wrong."""
    reasons = [said(violation.code, violation.params) for violation in error.violations]
    if any(violation.code in GATE_CODES.values() for violation in error.violations):
        reasons.append(_("Pass the authorization steps first."))
    return sentences(*reasons)


def page_below(request: ConsoleRequest) -> str:
    """Return the address of the page over which a panel opens."""
    sent = request.POST.get("next", "")
    return sent or (request.htmx.current_url_abs_path or "" if request.htmx else "")


def back(request: ConsoleRequest, flow_log: FlowLog) -> str:
    """Return where the user came from, or the page of the flow log."""
    return asked_for(request) or resolve_url(DETAIL, region_id=flow_log.region_id, flow_log_id=flow_log.pk)


def asked_for(request: ConsoleRequest) -> str:
    """Return the address of ours that a form names to go on to, if it does."""
    asked = request.POST.get("next", "")
    ours = url_has_allowed_host_and_scheme(asked, {request.get_host()}, require_https=request.is_secure())
    return asked if ours else ""
