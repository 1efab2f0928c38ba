"""Results as CSV: the page of records that is shown, or the rows of the SQL."""

from __future__ import annotations

import csv
from typing import Any

from django.http import HttpResponse
from django.views.decorators.http import require_safe

from analytics.csvsafe import csv_cell
from analytics.forms import Search, SearchForm
from analytics.run import QueryError, Result, RunError, run_query
from analytics.views import pages
from analytics.views.access import reads_logstore
from analytics.views.parts import has_sql, search_part
from console.requests import ConsoleRequest
from console.wording import in_words
from flowlogs.models import Logstore
from flowlogs.record import NOT_APPLICABLE


@require_safe
@reads_logstore
def download(request: ConsoleRequest, store: Logstore) -> HttpResponse:
    """Send what the search page shows as a CSV file; a query that fails answers 400 and says why."""
    form = SearchForm(request.GET, now=pages.now())
    asked = form.search()
    try:
        if form.error:
            return HttpResponse(form.error, status=400, content_type="text/plain; charset=utf-8")
        result = _result(store, asked)
    except (QueryError, RunError) as error:
        return HttpResponse(in_words(error), status=400, content_type="text/plain; charset=utf-8")
    name = f"{store.name}-{asked.time.start}-{asked.time.end}.csv"
    response = HttpResponse(
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"},
    )
    writer = csv.writer(response)
    writer.writerow([csv_cell(column) for column in result.columns])
    writer.writerows([csv_cell(_text(value)) for value in row] for row in result.rows)
    return response


def _result(store: Logstore, asked: Search) -> Result:
    time = asked.time
    if asked.tab != "raw" and has_sql(asked.text):
        return run_query(store, asked.text, time.start, time.end)
    offset = (asked.page - 1) * asked.page_size
    return run_query(
        store, search_part(asked.text), time.start, time.end, limit=asked.page_size, offset=offset
    )


def _text(value: Any) -> str:
    return NOT_APPLICABLE if value is None else str(value)
