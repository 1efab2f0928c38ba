"""The one error of the query language: where it is and what was expected there."""

from __future__ import annotations

from collections.abc import Sequence

from console.texts import Text


class QueryError(Exception):
    """A query that cannot be understood or may not run; the message is safe to show.

    ``line`` and ``column`` count from 1 in the whole query text; ``expected`` lists what could stand there:
    texts are words, strings are the query's own. ``message`` is in English.
    """

    def __init__(
        self, message: Text | str, line: int = 1, column: int = 1, expected: Sequence[Text | str] = ()
    ) -> None:
        super().__init__(message, line, column, tuple(expected))
        self.message = str(message)
        self.line = line
        self.column = column
        self.expected = tuple(expected)

    def __str__(self) -> str:
        text = f"line {self.line}:{self.column}: {self.message}"
        return f"{text}; expected {', '.join(map(str, self.expected))}" if self.expected else text


def error_at(text: str, offset: int, message: Text | str, expected: Sequence[Text | str] = ()) -> QueryError:
    """Return a QueryError for a place given as an offset in the query text."""
    before = text[:offset]
    return QueryError(message, before.count("\n") + 1, offset - before.rfind("\n"), expected)
