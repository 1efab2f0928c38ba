"""Queries that gave no result, in words for a banner, with the place of a mistake."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from django.utils.translation import gettext

from analytics.run import QueryBusy, QueryError, QueryTimeout, RunError
from console.texts import Text
from console.wording import in_words

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
        title=in_words(error),
        text=_place(error),
        excerpt=lead + shown,
        caret=" " * (len(lead) + error.column - 1 - first) + "^",
    )


def _place(error: QueryError) -> str:
    place: dict[str, object] = {"line": error.line, "column": error.column}
    if not error.expected:
        return gettext("Line %(line)s, column %(column)s.") % place
    place["expected"] = gettext(", ").join(map(in_words, error.expected))
    return gettext("Line %(line)s, column %(column)s. Expected: %(expected)s.") % place


def of_run(error: RunError) -> Failure:
    """Return why a query could not finish."""
    if isinstance(error, QueryBusy):
        hint = gettext("All engine workers are busy. Run the query again in a moment.")
        return Failure("warning", in_words(error), hint)
    if isinstance(error, QueryTimeout):
        hint = gettext("Nothing is shown, because a part of a result would mislead.")
        return Failure("warning", in_words(error), hint)
    said = error.args[0] if error.args else ""
    if said and not isinstance(said, Text):
        return Failure("error", gettext("The engine cannot run this query."), said)
    return Failure("error", in_words(error))
