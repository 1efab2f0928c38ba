"""What a chart's query gave, as the JSON that the page draws."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from analytics.charts import Span, Spec, draw, styles, tabulate, tiles
from analytics.run import Result

NO_DATA = _("No data in this range")
NO_DATA_HINT = _("No record in this time range matches the query.")
NOT_COMPLETE = _("No bucket of this range is complete yet")
NOT_COMPLETE_HINT = _("Records of the last minutes are still on their way. Choose a longer time range.")


def drawn(spec: Spec, result: Result, span: Span | None = None, until: int | None = None) -> dict[str, Any]:
    """Return the answer for a result: a figure in both themes, single values or a table; or that it is empty.

    ``until`` (Unix s) is where the figure ends, for later buckets are not complete yet.
    """
    if not result.rows:
        return {"state": "empty", "kind": spec.kind, "message": str(NO_DATA), "hint": str(NO_DATA_HINT)}
    spec = spec.said(gettext)
    table = tabulate(spec, result.columns, result.rows)
    more = ngettext("%(count)s more row in the query", "%(count)s more rows in the query", table["more"])
    table["more_text"] = more % {"count": table["more"]} if table["more"] else ""
    answer: dict[str, Any] = {"state": "drawn", "kind": spec.kind, "table": table}
    if spec.kind == "tiles":
        return answer | {"tiles": tiles(spec.tiles, result.columns, result.rows)}
    figure = draw(spec, result.columns, result.rows, span, until, gettext)
    if figure is None and until is not None and spec.kind != "table":
        return {
            "state": "empty",
            "kind": spec.kind,
            "message": str(NOT_COMPLETE),
            "hint": str(NOT_COMPLETE_HINT),
        }
    if figure is not None:
        answer |= {"figure": figure, "styles": styles(figure)}
    return answer


def failed(message: str, hint: str = "") -> dict[str, Any]:
    """Return the answer for a query that gave no result."""
    return {"state": "failed", "message": message, "hint": hint}
