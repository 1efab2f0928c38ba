"""The list of flow logs: what its address asks for, as a page, as rows that change, and as a file."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django.core.paginator import Page, Paginator
from django.http import HttpResponse, HttpResponseRedirect, QueryDict, StreamingHttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_safe

from console import access
from console.access import requires
from console.csvsafe import csv_cell
from console.htmx import is_fragment
from console.requests import ConsoleRequest
from flowlogs import listing, usage
from flowlogs.forms.listed import COLUMNS, SEPARATOR, Column, FlowLogFilter, chosen_columns, is_filtered
from flowlogs.models import FlowLog
from flowlogs.services import circumstances
from flowlogs.views.shown import (
    ACTIONS,
    CREATE,
    DESCRIBE,
    Act,
    ShownFlowLog,
    blocking,
    count_volumes,
    flow_logs_of,
    missing_gates,
    shown,
)

COLUMNS_COOKIE = "flowlog_columns"
YEAR = 31_536_000
ROW_ACTS = {
    "start": gettext_lazy("Start"),
    "stop": gettext_lazy("Stop"),
    "edit": gettext_lazy("Edit"),
    "delete": gettext_lazy("Delete"),
    "scope": gettext_lazy("View ENI Collection Scope"),
}
WAITING = "changing"
"""The parameter by which a page asks again for the rows that it saw changing."""
AT_ONCE = 200


@dataclass(frozen=True)
class Choice:
    """A column in the menu of columns."""

    column: Column
    is_shown: bool


@require_safe
@requires(DESCRIBE)
def flow_log_list(request: ConsoleRequest, region_id: str) -> HttpResponse:
    """List the flow logs of the region; the page asks again by itself for those that change their state."""
    if len(sent := request.GET.getlist("columns")) > 1:
        return HttpResponseRedirect(_with_columns(request, sent))
    waiting = _take_waiting(request)
    asked = FlowLogFilter(request.GET).values()
    columns = chosen_columns(asked["columns"], request.COOKIES.get(COLUMNS_COOKIE, ""))
    if not is_fragment(request) and columns != chosen_columns(asked["columns"]):
        # who is given the address is to see the same
        return HttpResponseRedirect(_with_columns(request, columns))
    context = _context(request, asked, columns)
    if waiting and is_fragment(request):
        return _rows_again(request, waiting, context)
    template = "flowlogs/flow_log_rows.html" if is_fragment(request) else "flowlogs/flow_log_list.html"
    response = render(request, template, context)
    if asked["columns"]:
        response.set_cookie(
            COLUMNS_COOKIE, SEPARATOR.join(columns), max_age=YEAR, samesite="Lax", httponly=True
        )
    return response


@require_safe
@requires(DESCRIBE)
def flow_log_warnings(request: ConsoleRequest, region_id: str) -> HttpResponse:
    """Say which flow logs watch VPCs with ECS instances that do not support them; the page fetches it later."""
    watched = FlowLog.objects.filter(account=request.account, region=request.region)
    template = "flowlogs/flow_log_warnings.html"
    return render(request, template, blocking(request, watched.values("vpc")))


@require_safe
@requires(DESCRIBE)
def flow_log_export(request: ConsoleRequest, region_id: str) -> StreamingHttpResponse:
    """Send all flow logs that the list shows under its filter, on whatever page, as a CSV file."""
    asked = FlowLogFilter(request.GET).values()
    found = listing.matching(request.account, request.region, asked)
    ids = list(found.order_by(*FlowLogFilter.ordering(asked["sort"])).values_list("pk", flat=True))
    name = f"flow-logs-{region_id}-{timezone.now():%Y%m%d-%H%M%S}.csv"
    return StreamingHttpResponse(
        _lines(request, ids),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"},
    )


def _context(request: ConsoleRequest, asked: dict[str, Any], columns: tuple[str, ...]) -> dict[str, Any]:
    found = listing.matching(request.account, request.region, asked)
    # the page first, by identifiers alone: what a row says about its resource is looked up for its rows only
    ids = found.order_by(*FlowLogFilter.ordering(asked["sort"])).values_list("pk", flat=True)
    page: Page[Any] = Paginator(ids, asked["page_size"]).get_page(request.GET.get("page"))
    rows = _rows(request, list(page.object_list), with_volumes="volume" in columns)
    shown_columns = [column for column in COLUMNS if column.key in columns]
    usual = {name: Act("", _not_here(request, ACTIONS[name])) for name in ("edit", "delete")}
    return {
        "page": page,
        "rows": rows,
        "waiting": [row.flow_log.pk for row in rows if row.is_transient],
        "asked": asked,
        "is_filtered": is_filtered(asked),
        "is_deleted": asked["status"] == listing.DELETED,
        "here": _address(request, request.GET),
        "state": request.GET.urlencode(),
        "columns": columns,
        "headings": [(column, f"-{column.sort}") for column in shown_columns],
        "labels": _labels(shown_columns),
        "choices": [Choice(column, column.key in columns) for column in COLUMNS],
        "kept": [(name, value) for name, value in request.GET.items() if name not in ("columns", "page")],
        "filter": FlowLogFilter,
        "sizes": ",".join(str(size) for size in FlowLogFilter.SIZES),
        "used": circumstances.flow_logs_in(request.account, request.region),
        "quota": circumstances.quota(request.account),
        "gates": missing_gates(access.gates(request.account)),
        "refusal": _refusal(request),
        "batch": _batch_refusals(request),
        "words": {name: str(word) for name, word in ROW_ACTS.items()},
        "usual_acts": usual,
        "usual": {name: act.refusal for name, act in usual.items()},
    }


def _rows(request: ConsoleRequest, ids: Sequence[str], *, with_volumes: bool) -> list[ShownFlowLog]:
    """Return the flow logs with these identifiers, in their order, as the pages show them."""
    found = {
        flow_log.pk: flow_log for flow_log in flow_logs_of(request, even_deleted=True).filter(pk__in=ids)
    }
    rows = shown((found[pk] for pk in ids if pk in found), request)
    if with_volumes:
        fees = usage.month_fees(request.account, request.region, ids)
        count_volumes(rows, usage.month_of(ids), fees)
    return rows


def _rows_again(request: ConsoleRequest, waiting: list[str], context: dict[str, Any]) -> HttpResponse:
    """Send the rows that were changing and are through with it; all of the list when one of them is gone."""
    there = {row.flow_log.pk for row in context["rows"]}
    if not there.issuperset(waiting):
        response = render(request, "flowlogs/flow_log_rows.html", context)
        response["HX-Retarget"] = response["HX-Reselect"] = "#flow-logs"
        return response
    context["changed"] = [
        row for row in context["rows"] if row.flow_log.pk in waiting and not row.is_transient
    ]
    return render(request, "flowlogs/flow_log_changed.html", context)


def _take_waiting(request: ConsoleRequest) -> list[str]:
    """Return the flow logs that the page waits for, and leave them out of every address that it will show."""
    sent = request.GET.copy()
    waiting = (sent.pop(WAITING, None) or [""])[0]
    request.GET = sent  # type: ignore[assignment]
    return [pk for pk in waiting.split(SEPARATOR) if pk]


def _with_columns(request: ConsoleRequest, columns: Sequence[str]) -> str:
    """Return the address with these columns in one parameter, also where the menu sent them as many."""
    sent = request.GET.copy()
    sent["columns"] = SEPARATOR.join(columns)
    return _address(request, sent)


def _address(request: ConsoleRequest, sent: QueryDict) -> str:
    return f"{request.path}?{sent.urlencode()}" if sent else request.path


def _labels(columns: Sequence[Column]) -> str:
    """Return the names of the columns as a style, for cards: once for the table instead of in every cell."""
    quoted = ((place, str(column.label).replace('"', "")) for place, column in enumerate(columns, start=3))
    return "".join(f'--label-{place}:"{label}";' for place, label in quoted)


def _refusal(request: ConsoleRequest) -> str:
    """Return why the user cannot create a flow log here, if so."""
    if refused := _not_here(request, CREATE):
        return refused
    if not request.region.flow_logs_available:
        return _("Flow logs are not available in this region.")
    return ""


def _not_here(request: ConsoleRequest, action: str) -> str:
    """Return that the user may not do this to everything in the region, if so."""
    if access.allowed_here(request, action):
        return ""
    return _("You need the permission %(action)s.") % {"action": action}


def _batch_refusals(request: ConsoleRequest) -> list[tuple[str, str, str]]:
    """Return what can be done to several flow logs: its name, its word, and why the user may not, if so."""
    words = {"start": _("Start"), "stop": _("Stop"), "delete": _("Delete")}
    return [(name, word, _not_here(request, ACTIONS[name])) for name, word in words.items()]


def _lines(request: ConsoleRequest, ids: Sequence[str]) -> Iterator[str]:
    writer = csv.writer(_Echo())
    yield writer.writerow([csv_cell(heading) for heading in HEADINGS])
    fees = usage.month_fees(request.account, request.region, ids)
    for at in range(0, len(ids), AT_ONCE):
        some = ids[at : at + AT_ONCE]
        rows = _rows(request, some, with_volumes=False)
        count_volumes(rows, usage.month_of(some), fees)
        for row in rows:
            yield writer.writerow([csv_cell(str(value)) for value in _cells(row)])


HEADINGS = (
    "FlowLogId",
    "FlowLogName",
    "Description",
    "ResourceType",
    "ResourceId",
    "ResourceName",
    "VpcId",
    "TrafficType",
    "IpVersion",
    "AggregationInterval",
    "TrafficPath",
    "Status",
    "DeliverStatus",
    "DeliverErrorMessage",
    "ProjectName",
    "LogStoreName",
    "BytesThisMonth",
    "FeeThisMonthUSD",
    "CreationTime",
    "Tags",
    "DeletionTime",
)
"""As the API names them: a file for machines is the same in every language."""
MOMENT = "%Y-%m-%dT%H:%M:%SZ"


def _cells(row: ShownFlowLog) -> tuple[Any, ...]:
    flow_log = row.flow_log
    return (
        flow_log.pk,
        flow_log.name,
        flow_log.description,
        flow_log.resource_type,
        flow_log.resource_id,
        row.resource_name or "",
        flow_log.vpc_id,
        flow_log.traffic_type,
        flow_log.ip_version,
        flow_log.interval,
        " ".join(flow_log.traffic_paths) or "all",
        flow_log.status,
        flow_log.delivery_status,
        flow_log.delivery_error,
        flow_log.project_name,
        flow_log.logstore_name,
        row.volume.size,
        row.fee,
        flow_log.created_at.strftime(MOMENT),
        " ".join(f"{key}:{value}" for key, value in sorted(flow_log.tags.items())),
        flow_log.deleted_at.strftime(MOMENT) if flow_log.deleted_at else "",
    )


class _Echo:
    """A file that gives back what is written to it."""

    def write(self, text: str) -> str:
        """Return the text."""
        return text
