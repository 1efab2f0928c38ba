"""Changes to a query text that a page makes for its user."""

from __future__ import annotations

from flowlogs.record import NOT_APPLICABLE

from .search import parse
from .terms import And, Everything, Or, Search, quoted_if_needed


def add_term(query: str, field: str, value: str | int | None, negate: bool = False) -> str:
    """Return a query with ``field:value`` added to its search part, or ``not field:value``; SQL stays.

    None is the value of a field that does not apply. A term that is there already is not added again.
    Raises QueryError when the query cannot be understood.
    """
    tree, pipe = parse(query)
    sql = "" if pipe is None else query[pipe:]
    search = (query if pipe is None else query[:pipe]).strip()
    shown = NOT_APPLICABLE if value is None else quoted_if_needed(str(value))
    term = f"{'not ' if negate else ''}{field}:{shown}"
    search = _joined(search, tree, term)
    return f"{search} {sql}" if sql else search


def _joined(search: str, tree: Search, term: str) -> str:
    added, _ = parse(term)
    if isinstance(tree, Everything):
        return term
    if added in (tree.operands if isinstance(tree, And) else (tree,)):
        return search
    return f"({search}) and {term}" if isinstance(tree, Or) else f"{search} and {term}"
