"""Dashboards: the page with its empty figures, and each chart's answer as JSON."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils.translation import gettext, ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from analytics.charts import Span, last_complete
from analytics.dashboards import DASHBOARDS, Chart, Dashboard
from analytics.forms import RangeForm
from analytics.ranges import TimeRange
from analytics.run import QueryBusy, Result, RunError, run_query
from analytics.views import answers, pages
from analytics.views.access import reads_logstore
from console.requests import ConsoleRequest
from console.wording import in_words
from flowlogs.models import Logstore

MOST_POINTS = 200


@require_safe
@reads_logstore
def dashboard(request: ConsoleRequest, store: Logstore, dashboard: str) -> HttpResponse:
    """Show a dashboard; its charts are fetched as they come into view, all up to the same instant."""
    found = DASHBOARDS[dashboard]
    form = RangeForm(request.GET, now=pages.now(), default=found.default_range)
    time = form.time
    context = {
        "store": store,
        "dashboard": found,
        "charts": [_figure(store, found, chart, time) for chart in found.charts],
        "search_url": pages.address(store, "search") + pages.query_string(time),
        "refreshes": request.GET.get("refresh") == "1m",
        "error": form.error,
        **pages.picker(time),
    }
    return render(request, "analytics/dashboard.html", context)


@require_safe
@never_cache
@reads_logstore
def chart(request: ConsoleRequest, store: Logstore, dashboard: str, chart: str) -> HttpResponse:
    """Answer one chart: its figure or values, its table, what it cost, and the query that gave it."""
    board = DASHBOARDS.get(dashboard)
    found = board.chart(chart) if board else None
    if board is None or found is None:
        message = gettext("There is no chart %(dashboard)s/%(chart)s.")
        raise Http404(message % {"dashboard": dashboard, "chart": chart})
    form = RangeForm(request.GET, now=pages.now(), default=board.default_range)
    if form.error:
        return JsonResponse(answers.failed(form.error), status=400)
    time = form.time
    step = time.step(MOST_POINTS)
    try:
        result = run_query(store, found.text(step), time.start, time.end)
    except RunError as error:
        return JsonResponse(_failed(error) | {"query_url": _query_url(store, found, time)})
    span = Span(time.start, time.end, step) if found.is_over_time else None
    until = _until(time, step) if span else None
    answer = answers.drawn(found.spec, result, span, until)
    end = pages.ends_early(until, time) if "figure" in answer else ""
    answer["status"] = _status(result, end)
    return JsonResponse(answer | {"query_url": _query_url(store, found, time)})


def _status(result: Result, end: str) -> str:
    """Return what an answer cost, and what is missing from it, for the line below the chart."""
    numbers = {"count": f"{result.rows_scanned:,}", "duration": f"{result.elapsed_ms:,}"}
    said = [
        ngettext(
            "%(count)s row scanned in %(duration)s ms",
            "%(count)s rows scanned in %(duration)s ms",
            result.rows_scanned,
        )
        % numbers
    ]
    if end:
        said.append(end)
    if not result.complete:
        said.append(gettext("incomplete: a part of the Logstore could not be found"))
    return gettext("; ").join(said)


def _failed(error: RunError) -> dict[str, Any]:
    answer = answers.failed(in_words(error))
    if isinstance(error, QueryBusy):
        # the page asks again by itself, and says this meanwhile
        answer["waiting"] = gettext("Waiting: all engine workers are busy.")
    return answer


def _until(time: TimeRange, step: int) -> int | None:
    """Return the end of the last complete bucket of a relative range."""
    settled = pages.settled(time)
    return None if settled is None else last_complete(settled, step)


def _figure(store: Logstore, board: Dashboard, chart: Chart, time: TimeRange) -> dict[str, Any]:
    return {
        "id": chart.id,
        "title": gettext(chart.title),
        "size": chart.size,
        "height": chart.height,
        "note": chart.note and gettext(chart.note),
        "query": chart.text(time.step(MOST_POINTS)),
        "query_url": _query_url(store, chart, time),
        "url": pages.address(store, "chart", dashboard=board.id, chart=chart.id) + pages.query_string(time),
    }


def _query_url(store: Logstore, chart: Chart, time: TimeRange) -> str:
    """Return the search page with the very query of the chart and the range that it speaks of."""
    shown = "table" if chart.spec.kind == "tiles" else chart.spec.kind
    text = chart.text(time.step(MOST_POINTS))
    return pages.address(store, "search") + pages.query_string(time, q=text, tab="graph", chart=shown)
