"""Queries inside an engine worker: a fresh engine, the parts of one Logstore, and nothing else in reach.

The language has already refused what may not run. This is the second wall: files are opened by exact name,
the settings are locked, time, memory, spilled and returned bytes are bounded, and the caller kills the
process when all that fails. No Django here.
"""

from __future__ import annotations

import marshal
import resource
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from analytics.answers import names_and_types, plain_rows
from analytics.exchange import Answer, Budget, EngineFailure, Log, OutOfMemory, OutOfTime, PartUnreadable
from console.texts import Text
from flowlogs.record import FIELDS, TIME, TOPIC, quote
from flowlogs.store.engine import files, literal

_ = Text
MOST_BYTES = 128 * 2**20
_SQL_TYPES = {"long": "BIGINT", "text": "VARCHAR"}
_TOPIC_COLUMN = quote("__topic__")
_RECORD = ", ".join(quote(name) for name in (TIME, *(field.name for field in FIELDS)))
# Records of one second stand in this order, so that pages neither repeat nor skip one.
_NEWEST_FIRST = (
    f'{quote(TIME)} DESC, "eni-id", direction, srcaddr, srcport, dstaddr, dstport, protocol, action'
)


def query(log: Log, budget: Budget, sql: str, rows: int) -> Answer:
    """Run SQL over ``log`` and return at most so many rows; ``truncated`` tells that there were more."""
    with _engine(log, budget) as (connection, complete):
        _require_select(connection, sql)
        cursor = connection.execute(sql)
        names, types = names_and_types(cursor.description)
        fetched = plain_rows(types, cursor.fetchmany(rows + 1))
        return _bounded(Answer(names, types, fetched[:rows], complete, truncated=len(fetched) > rows))


def search(log: Log, budget: Budget, limit: int, offset: int, width: int) -> Answer:
    """Return matching records, newest first, how many there are, and the count per ``width`` seconds."""
    with _engine(log, budget) as (connection, complete):
        slots = _counts(connection, log, width)
        low, high, skipped = _page_bounds(slots, log, limit, offset)
        cursor = connection.execute(
            f"SELECT {_RECORD} FROM log WHERE {quote(TIME)} >= {low} AND {quote(TIME)} < {high} "
            f"ORDER BY {_NEWEST_FIRST} LIMIT {int(limit)} OFFSET {int(offset - skipped)}"
        )
        names, types = names_and_types(cursor.description)
        rows = plain_rows(types, cursor.fetchall())
        return _bounded(
            Answer(names, types, rows, complete, total=sum(slot[2] for slot in slots), slots=slots)
        )


def count(log: Log, budget: Budget, width: int) -> Answer:
    """Return only the count of matching records per ``width`` seconds."""
    with _engine(log, budget) as (connection, complete):
        slots = _counts(connection, log, width)
        return Answer((), (), [], complete, total=sum(slot[2] for slot in slots), slots=slots)


def _counts(connection: duckdb.DuckDBPyConnection, log: Log, width: int) -> list[tuple[int, int, int]]:
    """Count per sub-range ``[from, to)``; they are aligned to their width and cut at the ends of the range."""
    origin = log.start - log.start % width
    counted = dict(
        connection.execute(
            f"SELECT ({quote(TIME)} - {origin}) // {int(width)}, count(*) FROM log GROUP BY ALL"
        ).fetchall()
    )
    return [
        (max(log.start, begin), min(log.end, begin + width), counted.get((begin - origin) // width, 0))
        for begin in range(origin, log.end, width)
    ]


def _page_bounds(
    slots: list[tuple[int, int, int]], log: Log, limit: int, offset: int
) -> tuple[int, int, int]:
    """Return the time that holds a page, and the records newer than it: most of a long range is not sorted."""
    high, skipped, seen = log.end, 0, 0
    for begin, _end, matching in reversed(slots):
        seen += matching
        if seen <= offset:
            high, skipped = begin, seen
        if seen >= offset + limit:
            return begin, high, skipped
    return log.start, high, skipped


@contextmanager
def _engine(log: Log, budget: Budget) -> Iterator[tuple[duckdb.DuckDBPyConnection, bool]]:
    """Open an engine that knows only the view ``log``; yields it and whether every part is there."""
    started = time.monotonic()
    parts = [part for part in log.parts if Path(part).exists()]
    _soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (budget.spill_bytes, hard))
    connection = duckdb.connect(":memory:", config={"threads": str(budget.threads)})
    alarm = threading.Timer(budget.seconds, connection.interrupt)
    try:
        alarm.start()
        _prepare(connection, log, budget, parts)
        yield connection, len(parts) == len(log.parts)
    except (duckdb.Error, MemoryError) as error:
        raise _failure(error, log, budget, time.monotonic() - started) from error
    finally:
        alarm.cancel()
        connection.close()


def _prepare(connection: duckdb.DuckDBPyConnection, log: Log, budget: Budget, parts: list[str]) -> None:
    paths = ", ".join(map(literal, parts))
    for statement in (
        f"SET memory_limit = '{budget.memory // 2**20}MiB'",
        f"SET temp_directory = {literal(budget.spill)}",
        f"SET max_temp_directory_size = '{budget.spill_bytes // 2**20}MiB'",
        "SET autoinstall_known_extensions = false",
        "SET autoload_known_extensions = false",
        "SET python_enable_replacements = false",
        "SET error_on_division_by_zero = false",
        f"SET allowed_paths = [{paths}]",
        "SET enable_external_access = false",
        f"CREATE MACRO flc_from() AS ({log.start})",
        f"CREATE MACRO flc_to() AS ({log.end})",
        f"CREATE MACRO flc_now() AS (make_timestamp({log.now * 1_000_000}))",
        *log.macros,
        _view(log, files(parts) if parts else _nothing()),
        "SET lock_configuration = true",
    ):
        connection.execute(statement)


def _view(log: Log, source: str) -> str:
    return (
        f"CREATE VIEW log AS SELECT * FROM (SELECT {_RECORD}, {literal(TOPIC)} AS {_TOPIC_COLUMN} FROM {source}) "
        f"WHERE {quote(TIME)} >= {log.start} AND {quote(TIME)} < {log.end} AND ({log.condition})"
    )


def _nothing() -> str:
    """Return a source with the columns of a record and no row."""
    columns = [f"NULL::BIGINT AS {quote(TIME)}"]
    columns += [f"NULL::{_SQL_TYPES[field.type]} AS {quote(field.name)}" for field in FIELDS]
    return f"(SELECT {', '.join(columns)} WHERE false)"


def _require_select(connection: duckdb.DuckDBPyConnection, sql: str) -> None:
    statements = connection.extract_statements(sql)
    if [statement.type for statement in statements] != [duckdb.StatementType.SELECT]:
        raise EngineFailure(_("Only one query is allowed"))


def _bounded(answer: Answer) -> Answer:
    size = len(marshal.dumps(answer.rows))
    if size > MOST_BYTES:
        raise OutOfMemory(
            _(
                "The result has %(size)s MiB; at most %(most)s MiB are returned",
                size=size // 2**20,
                most=MOST_BYTES // 2**20,
            )
        )
    return answer


def _failure(error: Exception, log: Log, budget: Budget, seconds: float) -> EngineFailure:
    """Return what went wrong in words for the person who asked, without a path or our own SQL."""
    if isinstance(error, duckdb.InterruptException):
        return OutOfTime(_("The query was stopped after %(seconds)s s", seconds=f"{seconds:.1f}"))
    if isinstance(error, duckdb.OutOfMemoryException | MemoryError):
        size = f"{budget.memory / 2**30:.3g}"
        return OutOfMemory(_("Query exceeded max memory size of %(size)sGB", size=size))
    if damaged := next((part for part in log.parts if part in str(error)), None):
        return PartUnreadable(_("A part of the Logstore could not be read"), damaged)
    if isinstance(error, duckdb.IOException | duckdb.PermissionException):
        return EngineFailure(_("The engine could not read what the query needs"))
    if isinstance(error, duckdb.InternalException | duckdb.FatalException):
        return EngineFailure(_("The engine failed on this query"))
    return EngineFailure(_sentence(str(error)))


def _sentence(message: str) -> Text | str:
    first = message.split("\n", 1)[0]
    _kind, separator, rest = first.partition("Error: ")
    sentence = rest if separator else first
    before, separator, _advice = sentence.partition(" must appear in the GROUP BY clause")
    if separator:
        column = before.removeprefix("column ").strip('"')
        return _(
            "Column '%(column)s' not in GROUP BY clause;please add the column in the index attribute",
            column=column,
        )
    return sentence
