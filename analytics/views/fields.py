"""Quick Analysis: the ten most frequent values of a field among the records that a search finds."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext
from django.views.decorators.http import require_safe

from analytics.charts import human
from analytics.forms import Search, SearchForm
from analytics.run import QueryError, RunError, run_query
from analytics.views import pages
from analytics.views.access import reads_logstore
from analytics.views.logs import cell
from analytics.views.parts import search_part
from console.requests import ConsoleRequest
from console.wording import in_words
from flowlogs.models import Logstore
from flowlogs.record import FIELD_BY_NAME, Field, quote

_MEASURED = ("packets", "bytes")


@require_safe
@reads_logstore
def field(request: ConsoleRequest, store: Logstore, field: str) -> HttpResponse:
    """Show the top values of one field, as a fragment of the search page."""
    if field not in FIELD_BY_NAME:
        raise Http404(gettext("There is no field %(field)s.") % {"field": field})
    form = SearchForm(request.GET, now=pages.now())
    values = {"error": form.error} if form.error else top_values(store, form.search(), FIELD_BY_NAME[field])
    return render(request, "analytics/search/field.html", {"values": values, "field": FIELD_BY_NAME[field]})


def top_values(store: Logstore, asked: Search, field: Field) -> dict[str, Any]:
    """Return the ten most frequent values with their shares, for sizes also least, most, mean and sum."""
    name = quote(field.name)
    measures = f"min({name}), max({name}), avg({name}), sum({name})" if field.name in _MEASURED else ""
    try:
        search = search_part(asked.text)
        top = run_query(
            store,
            f"{search} | select {name} as value, count(1) as logs, sum(count(1)) over () as total "
            f"group by {name} order by logs desc, value limit 10",
            asked.time.start,
            asked.time.end,
        )
        measured = (
            run_query(store, f"{search} | select {measures}", asked.time.start, asked.time.end).rows[0]
            if measures
            else ()
        )
    except (QueryError, RunError) as error:
        return {"error": in_words(error)}
    labels = (gettext("Min"), gettext("Max"), gettext("Avg"), gettext("Sum"))
    return {
        "top": [_share(field, *row) for row in top.rows],
        "measures": [(label, human(value, "plain")) for label, value in zip(labels, measured, strict=False)],
    }


def _share(field: Field, value: Any, logs: int, total: int) -> dict[str, Any]:
    percent = 100 * logs / total
    shown = cell(field.name, value)
    # A field that does not apply is searched as it is written.
    return {
        **shown,
        "term": shown["term"] or f"{field.name}:-",
        "percent": f"{percent:.2f}",
        "share": f"{percent:.1f} %",
    }
