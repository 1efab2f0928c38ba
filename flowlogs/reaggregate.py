"""How many records the traffic of the last day would have become at other intervals; inside an engine worker.

No Django. A record of a window that is no longer than the asked one falls into one window, so counting is exact.
A longer one is taken to have had packets in every window from its first packet to its last, one packet each at
least; where samples of some windows are still there, they say how far that is from what there really was, and the
whole time is corrected by it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import duckdb
import numpy as np

from .inventory_tables import interface_key
from .record import FIELDS, quote
from .store.engine import connect, files, literal
from .windows import MINUTE

LINES_MEASURED = 20_000


@dataclass(frozen=True)
class Wanted:
    """Which records a flow log takes, as ``jobs.Order`` has it."""

    traffic_type: str = "All"
    dual_stack: bool = False
    codes: tuple[int, ...] = ()


@dataclass(frozen=True)
class Samples:
    """Sample files with all samples of some windows (starts) of one interval, and the interfaces to look at."""

    paths: tuple[str, ...] = ()
    windows: tuple[int, ...] = ()
    interval: int = 0
    interfaces: tuple[str, ...] = ()


@dataclass(frozen=True)
class Question:
    """Parts and samples to read, of whom, since when (Unix s), and at which intervals (minutes).

    ``column`` is the record field that holds one of ``names``.
    """

    parts: tuple[str, ...]
    column: str
    names: tuple[str, ...]
    since: int
    wanted: Wanted
    intervals: tuple[int, ...]
    samples: Samples = Samples()
    spill: str = ""


@dataclass
class Counted:
    """Records and windows of ENIs with traffic, by interval; text bytes of a record.

    ``corrections`` says how many records a shorter interval really has for one that was counted, by samples.
    """

    records: dict[int, int] = field(default_factory=dict)
    busy: dict[int, int] = field(default_factory=dict)
    line: float = 0.0
    corrections: dict[int, float] = field(default_factory=dict)


def count(question: Question) -> Counted:
    """Count what the records and samples would be at each interval. Raises ``duckdb.Error``."""
    with connect(spill=Path(question.spill) if question.spill else None, memory="600MB") as connection:
        counted = Counted()
        if question.parts:
            _count_records(connection, question, counted)
        if question.samples.paths:
            counted.corrections = _corrections(connection, question)
        return counted


def _count_records(connection: duckdb.DuckDBPyConnection, question: Question, counted: Counted) -> None:
    names = ", ".join(literal(name) for name in question.names)
    own = f'"log-status" = \'OK\' AND {quote(question.column)} IN ({names}) AND "start" >= {question.since}'
    same = 'srcaddr, dstaddr, srcport, dstport, protocol, direction, "action", traffic_path, "type"'
    # a flow that goes on has the window's end, which is the first second of the next window
    last = f'CASE WHEN "end" > "start" AND "end" % {MINUTE} = 0 THEN "end" - 1 ELSE "end" END'
    connection.execute(
        f'CREATE TEMP TABLE seen AS SELECT hash("eni-id") AS eni, hash({same}) AS flow, "start" AS first, '
        f"{last} AS last, packets, {_wanted_record(question.wanted)} AS wanted "
        f"FROM {files(list(question.parts))} WHERE {own}"
    )
    for minutes in question.intervals:
        seconds = minutes * MINUTE
        spans = f"first // {seconds} AS low, last // {seconds} AS high"
        (busy,) = _row(
            connection,
            "SELECT count(*) FROM (SELECT DISTINCT eni, unnest(range(low, high + 1)) FROM "
            f"(SELECT DISTINCT eni, {spans} FROM seen))",
        )
        counted.records[minutes], counted.busy[minutes] = _recorded(connection, minutes), int(busy or 0)
    text = " + ".join(f"coalesce(strlen({quote(f.name)}::VARCHAR), 1)" for f in FIELDS)
    (line,) = _row(
        connection,
        f"SELECT avg({text} + {len(FIELDS)}) FROM (SELECT * FROM {files(list(question.parts))} "
        f"WHERE {own} AND {_wanted_record(question.wanted)} LIMIT {LINES_MEASURED})",
    )
    counted.line = float(line or 0)


def _recorded(connection: duckdb.DuckDBPyConnection, minutes: int, where: str = "wanted") -> int:
    """Return how many records the seen ones make at an interval."""
    seconds = minutes * MINUTE
    (found,) = _row(
        connection,
        "SELECT sum(windows) FROM (SELECT max(greatest(least(packets, high - low + 1), 1)) AS windows FROM "
        f"(SELECT *, first // {seconds} AS low, last // {seconds} AS high FROM seen WHERE {where}) "
        "GROUP BY eni, flow, low)",
    )
    return int(found or 0)


def _corrections(connection: duckdb.DuckDBPyConnection, question: Question) -> dict[int, float]:
    samples = question.samples
    for table, values in (
        ("chosen", np.array([interface_key(name) for name in samples.interfaces], dtype=np.uint64)),
        ("closed", np.array(samples.windows, dtype=np.uint32)),
    ):
        connection.register(f"{table}_columns", {"value": values})
        connection.execute(f"CREATE TEMP TABLE {table} AS SELECT * FROM {table}_columns")
    same = "direction, family, src_hi, src_lo, dst_hi, dst_lo, protocol, srcport, dstport, action, path"
    connection.execute(
        f'CREATE TEMP TABLE samples AS SELECT hash(eni, {same}) AS flow, "last" AS second '
        f'FROM {files(list(samples.paths))} WHERE "interval" = {samples.interval} '
        f'AND eni IN (SELECT value FROM chosen) AND "window" IN (SELECT value FROM closed) '
        f"AND {_wanted_sample(question.wanted)}"
    )
    base = _sampled(connection, samples.interval)
    shorter = [minutes for minutes in question.intervals if minutes < samples.interval]
    # what was counted of the very windows that the samples are of
    same_time = f"wanted AND first - first % {samples.interval * MINUTE} IN (SELECT value FROM closed)"
    recorded = _recorded(connection, samples.interval, same_time) if question.parts else 0
    if not base or not recorded:
        return {}
    return {
        minutes: _sampled(connection, minutes) / base * recorded / _recorded(connection, minutes, same_time)
        for minutes in shorter
    }


def _sampled(connection: duckdb.DuckDBPyConnection, minutes: int) -> float:
    """Return how many records the samples make at an interval."""
    (found,) = _row(
        connection, f"SELECT count(*) FROM (SELECT DISTINCT flow, second // {minutes * MINUTE} FROM samples)"
    )
    return found or 0


def _wanted_record(wanted: Wanted) -> str:
    conditions = [f"\"action\" = '{action}'" for action in _actions(wanted, "ACCEPT", "REJECT")]
    if not wanted.dual_stack:
        conditions.append("\"type\" = 'IPv4'")
    if wanted.codes:
        conditions.append(f"traffic_path IN ({', '.join(map(str, wanted.codes))})")
    return f"({' AND '.join(conditions)})" if conditions else "true"


def _wanted_sample(wanted: Wanted) -> str:
    conditions = [f"action = {action}" for action in _actions(wanted, "1", "0")]
    if not wanted.dual_stack:
        conditions.append("family = 4")
    if wanted.codes:
        conditions.append(f"path IN ({', '.join(map(str, wanted.codes))})")
    return " AND ".join(conditions) or "true"


def _actions(wanted: Wanted, allowed: str, denied: str) -> list[str]:
    """Return the only action that is taken, if there is one; single paths take allowed traffic only."""
    if wanted.traffic_type == "Allow" or wanted.codes:
        return [allowed]
    return [denied] if wanted.traffic_type == "Drop" else []


def _row(connection: duckdb.DuckDBPyConnection, query: str) -> tuple[float | None, ...]:
    found: tuple[float | None, ...] = connection.execute(query).fetchall()[0]
    return found
