"""What is done to several network resources of a list at once: delete them, or create flow logs of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from console.access import ActionDenied, allowed_here, login_first
from console.htmx import go_to, is_fragment, panel
from console.keys import key_of
from console.requests import ConsoleRequest
from flowlogs.models import FlowLog
from flowlogs.networks.forms import SeveralDeleteForm
from flowlogs.networks.kind import Kind
from flowlogs.resources import INSTANCE
from flowlogs.rules import RuleError
from flowlogs.services import network_batch as service
from flowlogs.views import network_shown as shown
from flowlogs.views.flow_log_acts import asked_for, reasons_of
from flowlogs.views.network_access import refusal
from flowlogs.views.shown import CREATE

MOST = 200
DELETE, FLOW_LOGS = "delete", "flow-logs"
TEMPLATE = "flowlogs/network/batch.html"
CHANGED = "network-changed"
"""The event at which the list asks for itself again."""
WATCHED = {"eni": str(FlowLog.ResourceType.ENI), "instance": INSTANCE}
"""The kinds of which several can be chosen in the form of a flow log, and what they are called there."""


@dataclass(frozen=True)
class Refused:
    """A resource that cannot be deleted, and why."""

    resource: Any
    name: str
    reason: str


@require_POST
def batch(request: Any, region_id: str, *, kind: Kind) -> HttpResponse:
    """Delete the chosen resources, which is asked first, or go on to the form of flow logs of them.

    Where one cannot be deleted none is. Who may not do it to any of them gets the answer 403.
    """
    if not request.user.is_authenticated:
        return login_first(request)
    if request.account is None:
        raise ActionDenied(kind.actions["delete"])
    act = request.POST.get("act", DELETE)
    next_page = asked_for(request) or shown.url(kind, "list", region_id)
    if not act:
        return redirect(next_page)
    if act != DELETE and (act != FLOW_LOGS or kind.slug not in WATCHED):
        raise Http404(_("There is no such action."))
    resources = _chosen(request, kind)
    _require(request, kind, act, resources)
    if not resources:
        messages.warning(request, _("Choose something in the list first."))
        return redirect(next_page)
    if act == FLOW_LOGS:
        return go_to(request, _form_of_flow_logs(request, kind, resources))
    return _delete(request, kind, resources, next_page)


batch.verb = "delete"  # type: ignore[attr-defined]


def acts(request: ConsoleRequest, kind: Kind, rows: list[shown.ShownRow]) -> list[tuple[str, str, str]]:
    """Return what can be done to chosen rows: name, words, and why the user may not, if so."""
    refused = {row.acts["delete"].refusal for row in rows}
    found = [(DELETE, _("Delete"), "" if "" in refused else next(iter(refused), ""))]
    if kind.slug in WATCHED and request.region.flow_logs_available:
        denied = (
            ""
            if allowed_here(request, CREATE)
            else _("You need the permission %(action)s.") % {"action": CREATE}
        )
        found.append((FLOW_LOGS, _("Create flow logs"), denied))
    return found


def _chosen(request: ConsoleRequest, kind: Kind) -> list[Any]:
    """Return the chosen resources of the account in the region, by name."""
    sent = (key_of(kind.model, text) for text in request.POST.getlist("ids")[:MOST])
    keys = [key for key in sent if key is not None]
    found = kind.listed(kind.within(request.account, request.region).filter(pk__in=keys))
    return sorted(found, key=lambda each: (kind.named(each), str(each.pk)))


def _require(request: ConsoleRequest, kind: Kind, act: str, resources: list[Any]) -> None:
    """Raise ActionDenied unless the user may do this, to one of the chosen or to all there are."""
    if act == FLOW_LOGS:
        if not allowed_here(request, CREATE):
            raise ActionDenied(CREATE)
    elif all(refusal(request, kind, "delete", each) for each in resources or [None]):
        raise ActionDenied(kind.actions["delete"])


def _form_of_flow_logs(request: ConsoleRequest, kind: Kind, resources: list[Any]) -> str:
    query = QueryDict(mutable=True)
    query["resource_type"] = WATCHED[kind.slug]
    query.setlist("resource_id", [each.pk for each in resources])
    form = reverse("flowlogs:flow-log-create", args=[request.region.pk])
    return f"{form}?{query.urlencode()}"


def _delete(request: ConsoleRequest, kind: Kind, resources: list[Any], next_page: str) -> HttpResponse:
    form = SeveralDeleteForm(request.POST if "confirmation" in request.POST else None, number=len(resources))
    context = {
        "kind": kind,
        "here": request.path,
        "next": next_page,
        "list_url": shown.url(kind, "list", request.region.pk),
        "chosen": [(each, kind.named(each)) for each in resources],
    }
    if not form.is_valid():
        return panel(request, TEMPLATE, context | {"form": form})
    try:
        service.delete_all(kind, resources, request.user)
    except service.NotAllDeletedError as error:
        reasons = [Refused(each, kind.named(each), _words(reason)) for each, reason in error.reasons]
        return panel(request, TEMPLATE, context | {"refused": reasons})
    messages.success(request, _deleted(kind, len(resources)))
    if is_fragment(request):
        # an empty panel closes it; the list below asks for itself, and has the message
        return HttpResponse(headers={"HX-Trigger": CHANGED})
    return redirect(next_page)


def _deleted(kind: Kind, number: int) -> str:
    text = ngettext("%(number)s deleted: %(kinds)s.", "%(number)s deleted: %(kinds)s.", number)
    return text % {"number": number, "kinds": kind.one if number == 1 else kind.many}


def _words(reason: RuleError | ActionDenied) -> str:
    if isinstance(reason, RuleError):
        return reasons_of(reason)
    return _("You need the permission %(action)s.") % {"action": reason.action}
