"""The search page of a Logstore: a query, a time range, the count over time, records or a result."""

from __future__ import annotations

import json
import re
from typing import Any

from django.core.paginator import Paginator
from django.http import HttpResponse, HttpResponseRedirect, QueryDict
from django.shortcuts import render
from django.utils.translation import gettext
from django.views.decorators.http import require_safe
from django.views.decorators.vary import vary_on_headers

from analytics import run
from analytics.charts import KINDS, Spec, last_complete_of, suggest, tabulate
from analytics.forms import CHARTS, LAYOUTS, Search, SearchForm
from analytics.language import COLUMNS, add_term, problem
from analytics.ranges import DAY, MINUTE, TimeRange, step_label, written
from analytics.run import QueryError, Result, RunError, Slot
from analytics.views import answers, failures, pages
from analytics.views.access import UPDATE, reads_logstore, refusal, store_path
from analytics.views.fields import top_values
from analytics.views.logs import TABLE_ORDER, rows_of
from analytics.views.parts import has_sql, search_part
from console.requests import ConsoleRequest
from flowlogs.models import Logstore
from flowlogs.record import FIELD_BY_NAME, FIELD_NAMES, FIELDS

MOST_BARS = 240
EXAMPLE = "| select srcaddr, count(1) as logs group by srcaddr order by logs desc limit 10"
_CHANGES = ("add", "exclude", "only", "zoom")
_BAR = re.compile(r"([0-9a-f]{1,9})-([0-9a-f]{1,8})")
"""When a bar of the histogram begins (Unix s) and how long it is, in hexadecimal digits, of which a page has many."""


@require_safe
@reads_logstore
@vary_on_headers("HX-Request", "HX-Target", "HX-History-Restore-Request")
def search(request: ConsoleRequest, store: Logstore) -> HttpResponse:
    """Show what the query of the address finds; a click on a value or a bar changes the address first."""
    form = SearchForm(request.GET, now=pages.now())
    asked = form.search()
    if any(name in request.GET for name in _CHANGES):
        return HttpResponseRedirect(_changed(asked, request.GET))
    # Links to other pages of this result must speak of the same records, so they carry the pinned range.
    request.GET = QueryDict(asked.address()[1:])
    context = _frame(store, asked) | _found(store, asked, form.error)
    context["edit_refusal"] = refusal(request, UPDATE, store_path(store.project.name, store.name))
    if context.get("last_page", asked.page) < asked.page:
        return HttpResponseRedirect(asked.address(page=context["last_page"]))
    whole = not request.htmx or request.htmx.history_restore_request or request.htmx.target != "search"
    return render(request, f"analytics/search.html{'' if whole else '#search'}", context)


def _changed(asked: Search, parameters: QueryDict) -> str:
    """Return the address after a click on a value or a bar; a query that has a mistake stays as it is."""
    changes: dict[str, str | None] = {"at": None, "page": None}
    if problem(asked.text) is None:
        for name, base, negate in (
            ("add", asked.text, False),
            ("exclude", asked.text, True),
            ("only", "", False),
        ):
            field, _, value = parameters.get(name, "").partition(":")
            if field in COLUMNS:
                changes["q"] = add_term(base, field, value, negate)
    if bar := _BAR.fullmatch(parameters.get("zoom", "")):
        start, seconds = (int(part, 16) for part in bar.groups())
        changes |= {"range": None, "from": str(start), "to": str(start + seconds)}
    return asked.address(**changes)


def _frame(store: Logstore, asked: Search) -> dict[str, Any]:
    return {
        "store": store,
        "search": asked,
        "rows": min(12, asked.text.count("\n") + 1),
        "overview_url": pages.address(store, "overview"),
        "edit_url": pages.address(store, "logstore-edit"),
        "fields_json": {field.name: gettext(field.doc) for field in FIELDS},
        **pages.picker(asked.time),
    }


def _found(store: Logstore, asked: Search, range_error: str) -> dict[str, Any]:
    if range_error:
        return {"error": failures.Failure("error", range_error)}
    try:
        tab = asked.tab or ("graph" if has_sql(asked.text) else "raw")
        found = _graph(store, asked) if tab == "graph" else _raw(store, asked)
    except QueryError as error:
        return {"error": failures.of_query(error, asked.text)}
    except RunError as error:
        return {"error": failures.of_run(error)}
    tabs = {
        "raw_url": asked.address(tab="raw", page=None),
        "graph_url": asked.address(tab="graph", page=None),
    }
    return {"tab": tab, **tabs, **found}


def _raw(store: Logstore, asked: Search) -> dict[str, Any]:
    time = asked.time
    result = run.run_query(
        store,
        search_part(asked.text),
        time.start,
        time.end,
        limit=asked.page_size,
        offset=(asked.page - 1) * asked.page_size,
        width=time.step(MOST_BARS),
    )
    order = TABLE_ORDER if asked.layout == "table" else FIELD_NAMES
    paginator = Paginator(range(result.total or 0), asked.page_size)
    return {
        "page": paginator.get_page(asked.page),
        "last_page": paginator.num_pages,
        "logs": rows_of(result.columns, result.rows, order),
        "columns": [FIELD_BY_NAME[name] for name in order],
        "layouts": [(value, label, asked.address(layout=value)) for value, label in LAYOUTS.items()],
        "field_list": _field_list(store, asked),
        "field_values": json.dumps(
            dict(QueryDict(asked.address(tab=None, page=None, field=None)[1:]).items())
        ),
        "links_url": asked.address(links="1"),
        "download_url": pages.address(store, "download") + asked.address(tab="raw"),
        "histogram": histogram(result.histogram, time),
        "result": result,
        "matched": result.total,
        **_nothing_found(asked),
    }


def _graph(store: Logstore, asked: Search) -> dict[str, Any]:
    time = asked.time
    found: dict[str, Any] = {
        "empty_title": gettext("The query has no SQL"),
        "empty_text": gettext("Add it after a vertical bar, such as: %(example)s") % {"example": EXAMPLE},
    }
    if has_sql(asked.text):
        result = run.run_query(store, asked.text, time.start, time.end)
        found = {"result": result} | _drawn(store, asked, result)
    slots = run.histogram(store, asked.text, time.start, time.end, time.step(MOST_BARS))
    return found | {
        "histogram": histogram(slots, time),
        "matched": sum(slot.count for slot in slots),
    }


def _drawn(store: Logstore, asked: Search, result: Result) -> dict[str, Any]:
    if not result.rows:
        return {"empty_title": answers.NO_DATA, "empty_text": answers.NO_DATA_HINT}
    kinds = {kind: gettext(label) for kind, label in KINDS.items() if kind in CHARTS}
    kind = next((kind for kind in kinds if kind == asked.chart), None)
    spec = suggest(kind, result.columns, result.rows)
    until = _until(spec, result, asked.time)
    answer = answers.drawn(spec, result, until=until)
    table = tabulate(spec, result.columns, result.rows)
    numeric = [head["numeric"] for head in table["heads"]]
    return {
        "answer": {"kind": spec.kind},
        "chart_ends": pages.ends_early(until, asked.time) if "figure" in answer else "",
        "figure": {name: answer[name] for name in ("state", "kind", "figure", "styles")}
        if "figure" in answer
        else None,
        "table": table | {"cells": [list(zip(numeric, row, strict=True)) for row in table["rows"]]},
        "chart_kinds": [
            (value, label, asked.address(chart=value, tab="graph")) for value, label in kinds.items()
        ],
        "download_url": pages.address(store, "download") + asked.address(tab="graph"),
    }


def _until(spec: Spec, result: Result, time: TimeRange) -> int | None:
    """Return the end of the last complete bucket of a result over time, in a relative range."""
    settled = pages.settled(time)
    if settled is None or spec.kind == "ranking" or spec.x not in result.columns:
        return None
    place = result.columns.index(spec.x)
    return last_complete_of((row[place] for row in result.rows), settled)


def histogram(slots: tuple[Slot, ...], time: TimeRange) -> dict[str, Any]:
    """Return the bars of the counts over time: where each leads, what it says, and the outline of all of them."""
    most = max((slot.count for slot in slots), default=0)
    step = time.step(MOST_BARS)
    # no date where the time of day says it all, no seconds where there are none
    shown = slice(11 if time.seconds <= DAY else 5, None if step % MINUTE else -3)
    return {
        "bars": [
            {
                "start": slot.start,
                "count": slot.count,
                "zoom": f"{slot.start:x}-{slot.end - slot.start:x}",
                "label": f"{written(slot.start)[shown]}: {slot.count:,}",
            }
            for slot in slots
        ],
        "path": "M0 100"
        + "".join(f"V{_top(each.count, most)}H{at}" for at, each in enumerate(slots, 1))
        + "V100",
        "most": most,
        "step_label": step_label(step),
        "from": written(time.start),
        "middle": written((time.start + time.end) // 2),
        "to": written(time.end),
    }


def _top(count: int, most: int) -> int:
    """Return where a bar ends, in percent from above; a single record among millions must still show."""
    return 100 - max(2, round(100 * count / most)) if count else 100


def _field_list(store: Logstore, asked: Search) -> list[dict[str, Any]]:
    """Return every field, with its top values where the address names it."""
    return [
        {
            "field": field,
            "values": top_values(store, asked, field) if field.name == asked.field else None,
        }
        for field in FIELDS
    ]


def _nothing_found(asked: Search) -> dict[str, str]:
    if search_part(asked.text) == "*":
        text = gettext(
            "Nothing was delivered with a time in this range. Choose a longer one, or look at the flow logs."
        )
        return {"empty_title": gettext("No logs in this time range"), "empty_text": text}
    return {
        "empty_title": gettext("No logs match the query"),
        "empty_text": gettext("Choose a longer time range, or search for less."),
        "empty_url": asked.address(q=None, page=None),
        "empty_label": gettext("Clear the query"),
    }
