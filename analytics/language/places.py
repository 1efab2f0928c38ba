"""Where an expression of the SQL part stands in the query text."""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot import exp

from console.texts import Text

from .errors import QueryError, error_at


class Fault(Exception):
    """Something wrong at an expression; becomes a QueryError once the whole query text is at hand."""

    def __init__(self, node: exp.Expr, message: Text | str, expected: Sequence[Text | str] = ()) -> None:
        super().__init__(message)
        self.node = node
        self.message = message
        self.expected = tuple(expected)

    def located(self, text: str, begin: int) -> QueryError:
        """Return the error with its place, for a query text whose SQL part begins at an offset."""
        return error_at(text, begin + offset_of(self.node), self.message, self.expected)


def fault(node: exp.Expr, message: Text | str, expected: Sequence[Text | str] = ()) -> Fault:
    """Return the exception to raise for an expression that may not stand where it stands."""
    return Fault(node, message, expected)


def offset_of(node: exp.Expr) -> int:
    """Return the offset of an expression in the SQL part: of the first name in it, else of one around it."""
    current: exp.Expr | None = node
    while current is not None:
        places = [part.meta["start"] for part in current.walk() if "start" in part.meta]
        if places:
            return min(places)
        current = current.parent
    return 0
