"""A query text in its two parts."""

from __future__ import annotations

from analytics.language.search import parse


def search_part(text: str) -> str:
    """Return the part of a query before its SQL; raises QueryError."""
    _, pipe = parse(text)
    return (text if pipe is None else text[:pipe]).strip() or "*"


def has_sql(text: str) -> bool:
    """Tell whether a query has SQL; raises QueryError."""
    return parse(text)[1] is not None
