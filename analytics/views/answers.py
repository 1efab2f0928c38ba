"""What a chart's query gave, as the JSON that the page draws."""

from __future__ import annotations

from typing import Any

from analytics.charts import Span, Spec, draw, styles, tabulate, tiles
from analytics.run import Result

NO_DATA = "No data in this range"
NO_DATA_HINT = "No record in this time range matches the query."
NOT_COMPLETE = "No bucket of this range is complete yet"
NOT_COMPLETE_HINT = "Records of the last minutes are still on their way. Choose a longer time range."


def drawn(spec: Spec, result: Result, span: Span | None = None, until: int | None = None) -> dict[str, Any]:
    """Return the answer for a result: a figure in both themes, single values or a table; or that it is empty.

    ``until`` (Unix s) is where the figure ends, for later buckets are not complete yet.
    """
    if not result.rows:
        return {"state": "empty", "kind": spec.kind, "message": NO_DATA, "hint": NO_DATA_HINT}
    answer: dict[str, Any] = {
        "state": "drawn",
        "kind": spec.kind,
        "table": tabulate(spec, result.columns, result.rows),
    }
    if spec.kind == "tiles":
        return answer | {"tiles": tiles(spec.tiles, result.columns, result.rows)}
    figure = draw(spec, result.columns, result.rows, span, until)
    if figure is None and until is not None and spec.kind != "table":
        return {"state": "empty", "kind": spec.kind, "message": NOT_COMPLETE, "hint": NOT_COMPLETE_HINT}
    if figure is not None:
        answer |= {"figure": figure, "styles": styles(figure)}
    return answer


def failed(message: str, hint: str = "") -> dict[str, Any]:
    """Return the answer for a query that gave no result."""
    return {"state": "failed", "message": message, "hint": hint}
