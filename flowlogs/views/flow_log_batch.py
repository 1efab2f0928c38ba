"""What is done to several flow logs of the list at once: start, stop, delete, each by the service of its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.forms import Form
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, resolve_url
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_POST

from console.access import ActionDenied, login_first, may, resource_name
from console.htmx import is_fragment, panel
from console.requests import ConsoleRequest
from flowlogs import services
from flowlogs.forms.batch import BatchDeleteForm, BatchStopForm
from flowlogs.models import FlowLog
from flowlogs.rules import RuleError
from flowlogs.views.flow_log_acts import asked_for, reasons_of
from flowlogs.views.shown import ACTIONS, LIST

MOST = 200
STOP, DELETE = "stop", "delete"
TEMPLATE = "flowlogs/flow_log_batch.html"
CHANGED = "flow-logs-changed"
"""The event at which the list asks for itself again."""
Service = Callable[[FlowLog, Any], None]
SERVICES: dict[str, Service] = {
    "start": lambda flow_log, by: services.start(flow_log, by),
    STOP: lambda flow_log, by: services.stop(flow_log, by),
    DELETE: lambda flow_log, by: services.delete(flow_log, by),
}
HEADINGS = {
    "start": gettext_lazy("Start flow logs"),
    STOP: gettext_lazy("Stop flow logs"),
    DELETE: gettext_lazy("Delete flow logs"),
}


@dataclass
class Result:
    """What became of one flow log; ``refusal`` says why nothing did."""

    flow_log: FlowLog
    refusal: str = ""


@require_POST
def flow_log_batch(request: Any, region_id: str) -> HttpResponse:
    """Do one thing to each chosen flow log; what is refused is said for each, the others go on.

    Deleting, and stopping several, ask first, naming what they are about. Who may not do it to any of them gets the
    answer 403.
    """
    if not request.user.is_authenticated:
        return login_first(request)
    action = request.POST.get("act", "")
    next_page = asked_for(request) or resolve_url(LIST, region_id)
    if not action:
        return redirect(next_page)
    if action not in SERVICES:
        raise Http404(_("There is no such action."))
    flow_logs = _chosen(request)
    if not flow_logs:
        messages.warning(request, _("Choose flow logs first."))
        return redirect(next_page)
    if not any(_may(request, action, flow_log) for flow_log in flow_logs):
        raise ActionDenied(ACTIONS[action])
    context: dict[str, Any] = {"heading": HEADINGS[action], "next": next_page, "act": action}
    form = _confirmation(request, action, len(flow_logs))
    if form and not form.is_valid():
        return panel(request, TEMPLATE, context | {"flow_logs": flow_logs, "form": form})
    results = [_done(SERVICES[action], flow_log, request) for flow_log in flow_logs]
    done = [result for result in results if not result.refusal]
    if len(done) < len(results):
        for result in done:
            result.flow_log.refresh_from_db(fields=["status"])
        response = panel(request, TEMPLATE, context | {"results": results, "done": len(done)})
        if is_fragment(request):
            response["HX-Trigger"] = CHANGED
        return response
    messages.success(request, _success(action, len(done)))
    if form and is_fragment(request):
        # an empty panel closes it; the list below asks for itself, and has the message
        return HttpResponse(headers={"HX-Trigger": CHANGED})
    return redirect(next_page)


def _confirmation(request: ConsoleRequest, action: str, number: int) -> Form | None:
    """Return the form that has to be confirmed before; none where nothing is asked."""
    sent = request.POST if "confirmation" in request.POST else None
    if action == DELETE:
        return BatchDeleteForm(sent, number=number)
    if action == STOP and number > 1:
        return BatchStopForm(sent)
    return None


def _chosen(request: ConsoleRequest) -> list[FlowLog]:
    mine = FlowLog.objects.filter(account=request.account, region=request.region)
    return list(mine.filter(pk__in=request.POST.getlist("ids")[:MOST]).order_by("name", "pk"))


def _may(request: ConsoleRequest, action: str, flow_log: FlowLog) -> bool:
    path = f"flowlog/{flow_log.pk}"
    return may(
        request.user, ACTIONS[action], resource_name("vpc", flow_log.region_id, flow_log.account_id, path)
    )


def _done(service: Service, flow_log: FlowLog, request: ConsoleRequest) -> Result:
    try:
        service(flow_log, request.user)
    except RuleError as error:
        status = flow_log.get_status_display()
        return Result(flow_log, _("%(status)s: %(error)s") % {"status": status, "error": reasons_of(error)})
    except ActionDenied as denied:
        text = _("You need the permission %(action)s.") % {"action": denied.action}
        return Result(flow_log, text)
    return Result(flow_log)


def _success(action: str, number: int) -> str:
    texts = {
        "start": ngettext("%(number)s flow log is starting.", "%(number)s flow logs are starting.", number),
        STOP: ngettext("%(number)s flow log is stopping.", "%(number)s flow logs are stopping.", number),
        DELETE: ngettext(
            "%(number)s flow log is being deleted.", "%(number)s flow logs are being deleted.", number
        ),
    }
    return texts[action] % {"number": number}
