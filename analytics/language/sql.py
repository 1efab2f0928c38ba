"""The SQL part of a query: text in, the engine's SQL out."""

from __future__ import annotations

from dataclasses import dataclass

import sqlglot
from sqlglot import exp
from sqlglot.errors import ParseError, TokenError
from sqlglot.tokenizer_core import Token, TokenType

from console.texts import Text as _

from .dialect import LogService
from .errors import QueryError, error_at
from .guard import check
from .kinds import whole_number
from .lower import resolve, translate
from .places import Fault, fault
from .series import take_series

DEFAULT_ROWS = 100
MOST_ROWS = 100_000


@dataclass(frozen=True, slots=True)
class Printed:
    """SQL for the engine, and how many of its rows the caller gets: one more means that there are more."""

    text: str
    rows: int


def compile_sql(text: str, begin: int) -> Printed:
    """Return the engine's SQL for the part of a query text that begins at an offset; raises QueryError."""
    part = text[begin:]
    try:
        tokens = sqlglot.tokenize(part, dialect=LogService)
        _refuse_semicolons(text, begin, tokens)
        return _printed(check(sqlglot.parse(part, dialect=LogService), exp.Null()))
    except TokenError as error:
        raise error_at(text, begin, _("A quotation or a comment in the SQL is not closed")) from error
    except ParseError as error:
        raise _syntax_error(text, begin, error) from error
    except Fault as error:
        raise error.located(text, begin) from error
    except RecursionError as error:
        raise error_at(text, begin, _("The SQL is nested too deeply")) from error


def _printed(query: exp.Query) -> Printed:
    limit, offset, rows = _limits(query)
    clause = f" LIMIT {limit} OFFSET {offset}" if offset else f" LIMIT {limit}"
    query.set("limit", None)
    query.set("offset", None)
    resolved = resolve(query)
    series = take_series(resolved)
    sql = translate(resolved).sql(dialect="duckdb", comments=False)
    return Printed(series.wrap(sql, clause) if series else sql + clause, rows)


def _limits(query: exp.Query) -> tuple[int, int, int]:
    """Return the LIMIT and OFFSET to print and the rows to give; what we cut ourselves asks for one more."""
    limit, offset = query.args.get("limit"), query.args.get("offset")
    first = _count(offset.expression) if offset else 0
    if limit is None:
        return DEFAULT_ROWS + 1, first, DEFAULT_ROWS
    wanted = _count(limit.expression)
    return (wanted, first, wanted) if wanted <= MOST_ROWS else (MOST_ROWS + 1, first, MOST_ROWS)


def _count(node: exp.Expr) -> int:
    count = whole_number(node)
    if count is None:
        raise fault(node, _("LIMIT takes whole numbers"), ["LIMIT 100", "LIMIT 200,100"])
    return count


def _refuse_semicolons(text: str, begin: int, tokens: list[Token]) -> None:
    for token in tokens:
        if token.token_type == TokenType.SEMICOLON:
            raise _near(text, begin + token.start, ";")


def _syntax_error(text: str, begin: int, error: ParseError) -> QueryError:
    """Return the documented syntax error at the token where the parser stopped."""
    first = error.errors[0] if error.errors else {}
    near = str(first.get("highlight") or "")
    lines = text[begin:].split("\n")
    line = min(int(first.get("line") or 1), len(lines))
    end = begin + sum(len(before) + 1 for before in lines[: line - 1]) + int(first.get("col") or 0)
    description = str(first.get("description") or "")
    expected = [description.removeprefix("Expecting ")] if description.startswith("Expecting ") else []
    return _near(text, max(begin, end - len(near)), near, expected)


def _near(text: str, offset: int, near: str, expected: list[str] | None = None) -> QueryError:
    place = error_at(text, offset, "")
    message = _(
        "syntax error error position is from column:%(first)s to column:%(last)s,error near < %(text)s >",
        first=place.column,
        last=place.column + len(near),
        text=near,
    )
    return QueryError(message, place.line, place.column, expected or ())
