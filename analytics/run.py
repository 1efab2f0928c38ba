"""Run queries for pages, dashboards and commands: parts from the catalogue, a worker, limits, the query log."""

from __future__ import annotations

import logging
import os
import shutil
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings

from analytics.exchange import Answer, Budget, EngineFailure, Log, OutOfMemory, OutOfTime, PartUnreadable
from analytics.language import MOST_ROWS, Compiled, QueryError, compile_query
from console.texts import Text as _
from flowlogs.models import Logstore
from flowlogs.store import workers
from flowlogs.store.catalogue import live_parts

logger = logging.getLogger(__name__)

MINUTE = 60
MOST_SLOTS = 20_000
PAGE_SLOTS = 60
MOST_THREADS = 4
KILL_AFTER = 0.75
# Seconds that a query waits for an engine worker: queries in line must not hold every web thread.
PATIENCE = 5.0
SPILL_BYTES = 2 * 2**30
# The address space of a worker beyond what the engine may use: the interpreter, libraries, stacks of threads.
OWN_ADDRESS_SPACE = 2 * 2**30
_WIDTHS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 21_600, 43_200, 86_400)
_FOREVER = 2**53


class RunError(Exception):
    """A query that gave no result; the message is safe to show."""


class InvalidTimeRange(RunError):
    """The time range ends before it begins."""


class QueryTimeout(RunError):
    """The query did not finish by its deadline."""


class QueryBusy(QueryTimeout):
    """All engine workers were busy for as long as a query waits for one."""


class QueryTooLarge(RunError):
    """The query needs more memory than it may have."""


class QueryFailed(RunError):
    """The engine could not answer the query."""


@dataclass(frozen=True, slots=True)
class Slot:
    """The count of matching records with ``__time__`` in ``[start, end)``."""

    start: int
    end: int
    count: int


@dataclass(frozen=True, slots=True)
class Result:
    """Rows of a query, and what is to be said about them.

    A value that does not apply is None. ``types`` are long, double, text, timestamp, date, boolean, array
    or map. ``truncated``: a limit that is not the query's own cut the rows. ``complete``: every part that
    the catalogue lists was there. ``total`` and ``histogram`` belong to a search without SQL.
    """

    columns: tuple[str, ...]
    types: tuple[str, ...]
    rows: list[list[Any]]
    rows_scanned: int
    elapsed_ms: int
    truncated: bool
    complete: bool
    total: int | None
    histogram: tuple[Slot, ...]

    @property
    def row_count(self) -> int:
        """How many rows there are."""
        return len(self.rows)


def run_query(
    logstore: Logstore,
    text: str,
    start: int | None = None,
    end: int | None = None,
    *,
    limit: int = 100,
    offset: int = 0,
    width: int | None = None,
) -> Result:
    """Run ``search | SQL`` over the records with ``__time__`` in ``[start, end)`` (Unix s; None: all there is).

    A search alone gives records, newest first, by ``limit`` and ``offset``, with their total and a histogram
    of ``width`` seconds (None: chosen). Raises QueryError with the place of a mistake, else a RunError.
    """
    compiled = compile_query(text)
    if compiled.sql is not None:
        return _run(logstore, text, compiled, start, end, "query", sql=compiled.sql, rows=compiled.rows)
    limit = max(0, min(limit, MOST_ROWS))
    return _run(
        logstore, text, compiled, start, end, "search", limit=limit, offset=max(0, offset), width=width
    )


def histogram(
    logstore: Logstore, text: str, start: int, end: int, width: int | None = None
) -> tuple[Slot, ...]:
    """Count the records that the search part finds per ``width`` seconds, aligned, cut at the range's ends."""
    return _run(logstore, text, compile_query(text), start, end, "count", width=width).histogram


def count_per_minute(logstore: Logstore, text: str, start: int, end: int) -> tuple[Slot, ...]:
    """Count the records that the search part finds in every minute of the range."""
    return histogram(logstore, text, start, end, MINUTE)


def _run(
    logstore: Logstore,
    text: str,
    compiled: Compiled,
    start: int | None,
    end: int | None,
    function: str,
    **arguments: Any,
) -> Result:
    began = time.monotonic()
    log, scanned = _log(logstore, compiled, start, end)
    if "width" in arguments:
        arguments["width"] = _width(log.end - log.start, arguments["width"])
    outcome = "failed"
    try:
        answer = _ask(function, log, arguments)
        outcome = "ok" if answer.complete else "incomplete"
    except RunError as error:
        outcome = type(error).__name__
        raise
    finally:
        elapsed = round((time.monotonic() - began) * 1000)
        logger.info(
            "query logstore=%s outcome=%s ms=%d scanned=%d from=%d to=%d text=%.500r",
            *(logstore.pk, outcome, elapsed, scanned, log.start, log.end, text),
        )
    return Result(
        columns=answer.columns,
        types=answer.types,
        rows=answer.rows,
        rows_scanned=scanned,
        elapsed_ms=elapsed,
        truncated=answer.truncated,
        complete=answer.complete,
        total=answer.total,
        histogram=tuple(Slot(*slot) for slot in answer.slots),
    )


def _log(logstore: Logstore, compiled: Compiled, start: int | None, end: int | None) -> tuple[Log, int]:
    """Return what is to be read and the number of records in it. One list of parts is one version of the store."""
    if start is not None and end is not None and start >= end:
        raise InvalidTimeRange(_("Request time range is invalid."))
    parts = live_parts(logstore, 0 if start is None else start, _FOREVER if end is None else end)
    store = Path(settings.FLOWLOG_STORE).absolute()
    log = Log(
        parts=tuple(str(store / part.path) for part in parts),
        start=min((part.min_time for part in parts), default=0) if start is None else start,
        end=max((part.max_time + 1 for part in parts), default=0) if end is None else end,
        now=int(time.time()),
        condition=compiled.condition,
        macros=compiled.macros,
    )
    return log, sum(part.rows for part in parts)


def _width(seconds: int, wanted: int | None) -> int:
    """Return the seconds of a sub-range: as wanted, but never so short that there are too many."""
    if wanted:
        return max(wanted, -(-seconds // MOST_SLOTS), 1)
    return next((width for width in _WIDTHS if seconds <= width * PAGE_SLOTS), -(-seconds // PAGE_SLOTS))


def _ask(function: str, log: Log, arguments: dict[str, Any]) -> Answer:
    """Call the engine in a worker; every way in which that fails becomes a RunError."""
    deadline: float = settings.FLOWLOG_QUERY_DEADLINE
    memory = settings.FLOWLOG_QUERY_MEMORY * 2**20
    try:
        with _spill_folder() as folder:
            budget = Budget(deadline, memory, _threads(), folder, SPILL_BYTES)
            answer: Answer = workers.call(
                f"analytics.engine:{function}",
                {"log": log, "budget": budget, **arguments},
                deadline=deadline + KILL_AFTER,
                patience=PATIENCE,
                memory_limit=memory + OWN_ADDRESS_SPACE,
                kind="query",
            )
            return answer
    except workers.WorkersBusy as error:
        raise QueryBusy(_("Too many queued queries")) from error
    except (workers.WorkerTimeout, OutOfTime) as error:
        raise QueryTimeout(
            _(
                "The query was stopped after %(seconds)s s; choose a shorter time range",
                seconds=f"{deadline:g}",
            )
        ) from error
    except OutOfMemory as error:
        raise QueryTooLarge(error.args[0]) from error
    except (MemoryError, workers.WorkerDied) as error:
        message = _("The query ended its engine process, most likely for lack of memory")
        raise QueryTooLarge(message) from error
    except PartUnreadable as error:
        logger.error("part %s cannot be read", error.file, exc_info=error)
        raise QueryFailed(error.args[0]) from error
    except EngineFailure as error:
        raise QueryFailed(error.args[0]) from error


@contextmanager
def _spill_folder() -> Iterator[str]:
    """Name a folder that the engine may make for one query; it goes away even when the worker was killed."""
    folder = Path(settings.FLOWLOG_HOME).absolute() / "spill" / uuid.uuid4().hex
    folder.parent.mkdir(parents=True, exist_ok=True)
    try:
        yield str(folder)
    finally:
        if folder.exists():
            shutil.rmtree(folder)


def _threads() -> int:
    return min(MOST_THREADS, len(os.sched_getaffinity(0)))


__all__ = [
    "InvalidTimeRange",
    "QueryBusy",
    "QueryError",
    "QueryFailed",
    "QueryTimeout",
    "QueryTooLarge",
    "Result",
    "RunError",
    "Slot",
    "count_per_minute",
    "histogram",
    "run_query",
]
