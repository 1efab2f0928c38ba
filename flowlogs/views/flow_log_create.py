"""Creating flow logs: the form, and beside it what they would come to."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from django.contrib import messages
from django.core.cache import cache
from django.http import HttpResponse, QueryDict
from django.shortcuts import render, resolve_url
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods

from console import access
from console.access import requires
from console.htmx import go_to, is_fragment
from console.requests import ConsoleRequest
from flowlogs import services
from flowlogs.estimates import Estimate, estimate
from flowlogs.forms import FlowLogForm, add_violations
from flowlogs.forms.fields import count_spare_rows, focus_on_first_error
from flowlogs.models import FlowLog
from flowlogs.preview import Preview, preview
from flowlogs.resources import INSTANCE
from flowlogs.rules import REPORT_RETENTION, RuleError
from flowlogs.services import circumstances
from flowlogs.services.logstores import records_beyond
from flowlogs.views.flow_log_acts import page_below
from flowlogs.views.network_access import list_action, may_list
from flowlogs.views.shown import CREATE, LIST, RESOURCE_PAGES

SECTIONS = {
    "live": (),
    "resource": ("resource_id",),
    "path": ("traffic_paths",),
    "target": ("project_name", "logstore_name"),
    "tag": (),
    "cost": (),
}
"""Parts of the form that are fetched alone, each with the fields that it has messages of.

What it costs is fetched after all else, since the traffic of a day is counted for it.
"""
SAID = (
    *("name", "resource_id", "ip_version", "traffic_paths", "project_name", "logstore_name"),
    *("description", "tags"),
)
CHOSEN = {**{str(kind): slug for kind, slug in RESOURCE_PAGES.items()}, INSTANCE: "instance"}
"""What can be chosen, and the kinds of network resources that these are."""
ESTIMATE_KEPT = 60
"""Seconds for which the same question has the same answer."""
MOST_TRIES = 10
"""How often the page asks by itself while the engine is busy."""


@dataclass
class Outlook:
    """What the form, as it is now, would create: how many flow logs, what they cover and what that costs."""

    preview: Preview
    flow_logs: int
    used: int
    quota: int
    takes_new_enis: bool
    estimate: Estimate | None = None

    @property
    def total(self) -> int:
        """How many flow logs the region would have."""
        return self.used + self.flow_logs


@require_http_methods(["GET", "HEAD", "POST"])
@requires(CREATE)
def flow_log_create(request: ConsoleRequest, region_id: str) -> HttpResponse:
    """Show the form of new flow logs, again with other choices, or create them."""
    section = request.POST.get("refresh") if is_fragment(request) else None
    form = _create_form(request, section)
    if form.is_bound and form.is_valid():
        try:
            flow_logs = services.create_flow_logs(
                request.account, request.region, request.user, form.resource_ids, **form.values()
            )
        except RuleError as error:
            add_violations(form, error.violations)
        else:
            messages.success(request, _created(flow_logs))
            return go_to(request, _list_below(request))
    if form.is_bound:
        focus_on_first_error(form)
    return _shown(request, form, section)


def _shown(request: ConsoleRequest, form: FlowLogForm, section: str | None) -> HttpResponse:
    """Show the form, or the part of it that was asked for."""
    context: dict[str, Any] = {"form": form, "section": section}
    if section == "tag":
        return render(request, "flowlogs/flow_log_live.html", context)
    outlook = context["outlook"] = _outlook(request, form)
    # without scripts nothing can be fetched later
    if outlook and form.is_live and (section == "cost" or not is_fragment(request)):
        outlook.estimate = _estimate(request, form, outlook.preview)
    if section == "cost":
        return render(request, "flowlogs/flow_log_cost.html", context | _next_try(request, outlook))
    context |= {"report_deletes": _deleted_by_report(form), "report_days": REPORT_RETENTION}
    if section in SECTIONS:
        context["said_fields"] = [name for name in SAID if name not in SECTIONS[section]]
        return render(request, "flowlogs/flow_log_live.html", context)
    context |= {"gates": access.gates(request.account), "next": _list_below(request)}
    return render(request, "flowlogs/flow_log_create.html", context)


def _list_below(request: ConsoleRequest) -> str:
    """Return the address of the list as it was when the form was opened over it, with its filter but no page."""
    plain = resolve_url(LIST, region_id=request.region.pk)
    below = urlsplit(page_below(request) or request.GET.get("next", ""))
    if below.scheme or below.netloc or below.path != plain:
        return plain
    asked = QueryDict(below.query, mutable=True)
    asked.pop("page", None)
    return f"{plain}?{asked.urlencode()}" if asked else plain


def _next_try(request: ConsoleRequest, outlook: Outlook | None) -> dict[str, Any]:
    """Return which time the page asks again for what it costs; after a while, only when told to."""
    before = request.POST.get("tries", "")
    tries = int(before) + 1 if before.isdecimal() and len(before) < 3 else 1
    if outlook and outlook.estimate and outlook.estimate.is_waiting and tries > MOST_TRIES:
        outlook.estimate.is_waiting, outlook.estimate.failed = False, True
    return {"tries": tries}


def _created(flow_logs: list[FlowLog]) -> str:
    if len(flow_logs) == 1:
        return _("Flow log %(name)s is created.") % {"name": flow_logs[0].name}
    count = len(flow_logs)
    return ngettext("%(count)s flow log is created.", "%(count)s flow logs are created.", count) % {
        "count": count
    }


def _create_form(request: ConsoleRequest, section: str | None) -> FlowLogForm:
    """Return the form as it was sent, or, to see other choices, as it would look with these values."""
    here: dict[str, Any] = {"account": request.account, "region": request.region}
    here["refused"] = {
        kind: list_action(slug) for kind, slug in CHOSEN.items() if not may_list(request, slug)
    }
    # a part of the form without them needs no list of resources
    here["searches"] = section not in SECTIONS or section == "resource"
    if request.method != "POST":
        return FlowLogForm(initial=_entered(request.GET, report=False), **here)
    if "refresh" not in request.POST:
        return FlowLogForm(request.POST, **here)
    spare = count_spare_rows(request.POST)
    adds = "tag" in request.POST.getlist("refresh")
    form = FlowLogForm(initial=_entered(request.POST), spare_tags=max(spare, 1) + adds, **here)
    form.is_live = True
    return form


def _entered(data: QueryDict, *, report: bool = True) -> dict[str, Any]:
    """Return what was entered, or is asked for by an address, as the initial values of a form."""
    values: dict[str, Any] = {name: data[name] for name in FlowLogForm.base_fields if name in data}
    for name in ("resource_id", "traffic_paths"):
        if name in data:
            values[name] = [value for value in data.getlist(name) if value]
    tags = FlowLogForm.base_fields["tags"].widget
    values["tags"] = tags.value_from_datadict(data, {}, "tags")
    return values | ({"analysis_report": "analysis_report" in data} if report else {})


def _outlook(request: ConsoleRequest, form: FlowLogForm) -> Outlook | None:
    """Return what the form would create; nothing while no resource is chosen."""
    if not form.resource_ids:
        return None
    account, region = request.account, request.region
    first = form.first()
    found = preview(account, region, first, form.resource_ids)
    return Outlook(
        preview=found,
        flow_logs=len(form.resource_ids),
        used=circumstances.flow_logs_in(account, region),
        quota=circumstances.quota(account),
        takes_new_enis=first.resource_type != FlowLog.ResourceType.ENI,
    )


def _estimate(request: ConsoleRequest, form: FlowLogForm, there: Preview) -> Estimate | None:
    """Return what the flow logs would generate and cost, as computed within the last minute."""
    if not there.enis or form.lacks_paths:
        return None
    values, ids = form.first(), form.resource_ids
    asked = (
        request.account.pk,
        request.region.pk,
        request.user.pk,
        values.resource_type,
        sorted(ids),
        values.traffic_type,
        values.ip_version,
        sorted(values.traffic_paths),
        form.will_be_indexed,
        request.account.index_price,
        there.enis,
    )
    key = "flow-log-estimate:" + hashlib.sha256(repr(asked).encode()).hexdigest()
    found: Estimate | None = cache.get(key)
    if found is None:
        found = estimate(
            request.account,
            request.region,
            request.user,
            values,
            ids,
            there,
            indexed=form.will_be_indexed,
        )
        if not (found.failed or found.is_waiting):
            cache.set(key, found, ESTIMATE_KEPT)
    return found


def _deleted_by_report(form: FlowLogForm) -> int:
    """Return how many records the report's shorter retention would delete from the chosen Logstore."""
    if form.logstore is None or form.logstore.analysis_report:
        return 0
    return records_beyond(form.logstore, REPORT_RETENTION)
