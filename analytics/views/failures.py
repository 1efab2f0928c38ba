"""Queries that gave no result, in words for a banner, with the place of a mistake."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from analytics.run import QueryBusy, QueryError, QueryTimeout, RunError

_SHOWN = 96
_BEFORE = 64


@dataclass(frozen=True, slots=True)
class Failure:
    """What a banner says; ``excerpt`` is the line of the query with the mistake, ``caret`` points into it."""

    kind: Literal["error", "warning"]
    title: str
    text: str = ""
    excerpt: str = ""
    caret: str = ""


def of_query(error: QueryError, query: str) -> Failure:
    """Return what is wrong with a query, where, and what could stand there."""
    lines = query.split("\n")
    line = lines[error.line - 1] if error.line <= len(lines) else ""
    first = max(0, error.column - 1 - _BEFORE)
    shown = line[first : first + _SHOWN].replace("\t", " ").rstrip("\r")
    lead = "… " if first else ""
    return Failure(
        kind="error",
        title=error.message,
        text=f"Line {error.line}, column {error.column}. "
        + (f"Expected: {', '.join(error.expected)}." if error.expected else ""),
        excerpt=lead + shown,
        caret=" " * (len(lead) + error.column - 1 - first) + "^",
    )


def of_run(error: RunError) -> Failure:
    """Return why a query could not finish."""
    if isinstance(error, QueryBusy):
        return Failure("warning", str(error), "All engine workers are busy. Run the query again in a moment.")
    if isinstance(error, QueryTimeout):
        return Failure("warning", str(error), "Nothing is shown, because a part of a result would mislead.")
    return Failure("error", str(error))
