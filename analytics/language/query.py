"""A whole query, ``search | SQL``, compiled for the engine."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

from console.texts import Text as _

from .conditions import to_condition
from .errors import QueryError, error_at
from .macros import macros_of
from .search import parse
from .sql import compile_sql
from .terms import Search

LONGEST = 65_536
_ALONE = re.compile(r"\s*(select|with)\s", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Compiled:
    """What the engine needs to run a query: nothing in it but names of the table ``log`` and literals.

    ``sql`` is None for a search alone; ``rows`` is how many rows of ``sql`` the caller gets, one more means
    that there are more. ``macros`` are to be made before.
    """

    search: Search
    condition: str
    sql: str | None
    rows: int
    macros: tuple[str, ...]


@lru_cache(maxsize=512)
def compile_query(text: str) -> Compiled:
    """Return a query text compiled for the engine; raises QueryError with the place of what is wrong."""
    _check_characters(text)
    if _ALONE.match(text):
        message = _("sql query must follow search query,please read syntax doc")
        raise error_at(text, 0, message, ["* | select …"])
    search, pipe = parse(text)
    condition = to_condition(search)
    if pipe is None:
        return Compiled(search, condition, None, 0, macros_of(condition))
    begin = len(text) - len(text[pipe + 1 :].lstrip())
    if begin == len(text):
        raise error_at(text, len(text), _("The SQL after | is missing"), ["select …"])
    printed = compile_sql(text, begin)
    return Compiled(search, condition, printed.text, printed.rows, macros_of(condition, printed.text))


def problem(text: str) -> QueryError | None:
    """Return what is wrong with a query text, or None: for an editor that marks the place."""
    try:
        compile_query(text)
    except QueryError as error:
        return error
    return None


def _check_characters(text: str) -> None:
    if len(text) > LONGEST:
        raise error_at(text, LONGEST, _("A query has at most %(most)s characters", most=LONGEST))
    for offset, letter in enumerate(text):
        if unicodedata.category(letter) in ("Cc", "Cs") and letter not in "\t\n\r":
            raise error_at(text, offset, _("A query cannot have control characters"))
