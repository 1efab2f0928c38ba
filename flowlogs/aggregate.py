"""Samples → records inside an engine worker: one group-by over columns, one part for each Logstore.

No Django. The term counts of the ledger are each taken where they happen: the scope from the samples, what is
delivered and filtered from the records, and the part is read back and compared before anyone may list it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import numpy as np

from .inventory_tables import interface_key
from .jobs import Count, Job, Order, Outcome, PartFile, Span, Terms
from .record import FIELDS, TIME, quote
from .record_sql import IP_MACRO, RECORD
from .store.engine import PART_FORMAT, connect, files, literal
from .store.files import durable

KEY = "direction, family, src_hi, src_lo, dst_hi, dst_lo, protocol, srcport, dstport, action, path"
SORT = "rank, src_hi, src_lo, dst_hi, dst_lo, srcport, dstport, protocol, start"
LINE_OVERHEAD = 1


def close(job: Job) -> Outcome:
    """Aggregate the samples of a closing and write its parts.

    Raises ``OSError`` or ``duckdb.Error`` where reading or writing fails; nothing final is left then but
    parts that nobody lists.
    """
    with connect(spill=Path(job.spill) if job.spill else None, memory=job.memory) as connection:
        return _Closing(connection, job).run()


class _Closing:
    """One closing in work. ``spans`` numbers each distinct span of all orders, so that one scan serves them all."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, job: Job) -> None:
        self.connection = connection
        self.job = job
        self.spans = sorted({span for order in job.orders for span in order.spans()})
        self.number = {span: number for number, span in enumerate(self.spans)}

    def run(self) -> Outcome:
        connection, job = self.connection, self.job
        connection.execute(IP_MACRO)
        register_interfaces(connection, job)
        self._register_spans()
        scopes = self._scopes(job.files)
        # what this closing takes is counted already
        others = tuple(sorted(set(job.window_files) - set(job.files)))
        if not job.late:
            self._aggregate()
        counts = [self._count(number, order, scopes) for number, order in enumerate(job.orders)]
        seen = set(scopes) | set(self._scopes(others))
        self._mark(counts, seen, set(scopes) if job.late else set())
        parts = [self._write(logstore, Path(path), counts) for logstore, path in job.parts.items()]
        late = {self.spans[number].place for number in scopes} if job.late else set()
        return Outcome(
            counts, [part for part in parts if part is not None], [job.interfaces[p].id for p in sorted(late)]
        )

    def _register_spans(self) -> None:
        """Make ``spans`` (number, rank, key, since, until) and ``scopes`` (order, span)."""
        interfaces = self.job.interfaces
        _register(
            self.connection,
            "spans",
            number=np.arange(len(self.spans), dtype=np.uint32),
            rank=np.array([span.place for span in self.spans], dtype=np.uint32),
            key=np.array([interface_key(interfaces[span.place].id) for span in self.spans], dtype=np.uint64),
            since=np.array([span.since for span in self.spans], dtype=np.uint32),
            until=np.array([span.until for span in self.spans], dtype=np.uint32),
        )
        pairs = [
            (place, self.number[span])
            for place, order in enumerate(self.job.orders)
            for span in order.spans()
        ]
        _register(
            self.connection,
            "scopes",
            wanted_by=np.array([order for order, _ in pairs], dtype=np.uint32),
            span=np.array([span for _, span in pairs], dtype=np.uint32),
        )

    def _grouped(self, paths: tuple[str, ...], keys: str, sums: str) -> str:
        """Return a query that sums the samples of the window in some files by span number, rank and other keys.

        Where every span is the whole window, grouping by interface first saves a join of every sample.
        """
        source = f"FROM {files(list(paths))}" if paths else NO_SAMPLES
        window = f'"window" = {self.job.window} AND "interval" = {self.job.interval}'
        if all(span == Span(span.place) for span in self.spans):
            return (
                f"SELECT number, rank, grouped.* EXCLUDE (eni) FROM (SELECT eni{keys}, {sums} {source} "
                f"WHERE {window} GROUP BY eni{keys}) AS grouped JOIN spans ON eni = key"
            )
        return (
            f"SELECT number, any_value(rank) AS rank{keys}, {sums} {source} "
            f'JOIN spans ON eni = key AND "last" >= since AND "last" < until '
            f"WHERE {window} GROUP BY number{keys}"
        )

    def _scopes(self, paths: tuple[str, ...]) -> dict[int, Terms]:
        """Return flows, packets and bytes of the samples in each span that has any."""
        if not paths:
            return {}
        sums = "count(*), sum(packets)::BIGINT, sum(bytes)::BIGINT"
        rows = self.connection.execute(self._grouped(paths, "", sums)).fetchall()
        return {number: _terms(terms) for number, _, *terms in rows}

    def _aggregate(self) -> None:
        sums = (
            "sum(packets)::UBIGINT AS packets, sum(bytes)::UBIGINT AS bytes, "
            'min("start") AS "start", max("end") AS "end", bit_or(tcp_flags) AS tcp_flags, '
            "count(*)::UBIGINT AS samples"
        )
        self.connection.execute(
            f"CREATE TEMP TABLE records AS {self._grouped(self.job.files, f', {KEY}', sums)}"
        )

    def _count(self, number: int, order: Order, scopes: dict[int, Terms]) -> Count:
        found = [scopes[span] for span in map(self.number.get, order.spans()) if span in scopes]
        count = Count(scope=_sum(found))
        if self.job.late or not order.logstore:
            return count
        wanted = _wanted(order)
        sums = ", ".join(
            f"coalesce(sum({column}) FILTER ({condition}), 0)::BIGINT"
            for condition in (wanted, f"NOT ({wanted})")
            for column in ("samples", "packets", "bytes")
        )
        *terms, count.records = _row(
            self.connection, f"SELECT {sums}, count(*) FILTER ({wanted}) {_records_of(number)}"
        )
        count.delivered, count.filtered = _terms(terms[:3]), _terms(terms[3:])
        return count

    def _mark(self, counts: list[Count], seen: set[int], late: set[int]) -> None:
        """Decide who gets NODATA and SKIPDATA, into ``markers``; one of either for an interface and order.

        The record speaks of the time in which the window and the coverage overlap.
        """
        rows: list[tuple[int, int, bool, int, int]] = []
        for number, (order, count) in enumerate(zip(self.job.orders, counts, strict=True)):
            spans_of: dict[int, list[Span]] = {}
            for span in order.spans() if order.logstore else ():
                spans_of.setdefault(span.place, []).append(span)
            for place, spans in spans_of.items():
                numbers = {self.number[span] for span in spans}
                since = max(self.job.window, min(span.since for span in spans))
                until = min(self.job.end, max(span.until for span in spans))
                if place in order.skipdata or (numbers & late and place not in order.skipped):
                    rows.append((number, place, True, since, until))
                    count.skipdata += 1
                elif self.job.final and not numbers & seen and place not in order.skipped:
                    rows.append((number, place, False, since, until))
                    count.nodata += 1
        columns = [np.array(column) for column in zip(*rows, strict=True)] or [
            np.empty(0, dtype=np.uint32)
        ] * 5
        names = ("wanted_by", "rank", "is_skipdata", "start", "end")
        _register(self.connection, "markers", **dict(zip(names, columns, strict=True)))

    def _write(self, logstore: int, path: Path, counts: list[Count]) -> PartFile | None:
        orders = [number for number, order in enumerate(self.job.orders) if order.logstore == logstore]
        own = [counts[number] for number in orders]
        expected = [
            sum(count.rows for count in own),
            *(sum(count.delivered[term] for count in own) for term in (1, 2)),
        ]
        if not expected[0]:
            return None
        columns = ", ".join(f"{expression} AS {quote(name)}" for name, expression in RECORD.items())
        rows = " UNION ALL ".join(query for number in orders for query in self._rows(number))
        with durable(path) as temporary:
            self.connection.execute(
                f"COPY (SELECT {columns} FROM ({rows}) AS r JOIN interfaces USING (rank) ORDER BY {SORT}) "
                f"TO {literal(str(temporary))} ({PART_FORMAT})"
            )
            written = files([str(temporary)])
            *found, low, high = _row(
                self.connection,
                "SELECT count(*), coalesce(sum(packets), 0)::BIGINT, coalesce(sum(bytes), 0)::BIGINT, "
                f"min({quote(TIME)}), max({quote(TIME)}) FROM {written}",
            )
            if found != expected:
                raise RuntimeError(
                    f"part {path.name} holds {found} records, packets and bytes; {expected} were aggregated"
                )
            _share_size(self.connection, written, own)
        return PartFile(logstore, str(path), found[0], path.stat().st_size, low, high)

    def _rows(self, number: int) -> list[str]:
        """Return queries for all rows that an order puts into its part: OK, NODATA and SKIPDATA."""
        nulls = ", ".join(f"NULL AS {column}" for column in (*KEY.split(", "), "packets", "bytes"))
        marked = (
            f'SELECT rank, {nulls}, "start", "end", NULL AS tcp_flags, '
            f"CASE WHEN is_skipdata THEN 'SKIPDATA' ELSE 'NODATA' END AS status "
            f"FROM markers WHERE wanted_by = {number}"
        )
        if self.job.late:
            return [marked]
        taken = (
            f'SELECT rank, {KEY}, packets, bytes, "start", "end", tcp_flags, \'OK\' AS status '
            f"{_records_of(number)} AND {_wanted(self.job.orders[number])}"
        )
        return [taken, marked]


def register_interfaces(connection: duckdb.DuckDBPyConnection, job: Job) -> None:
    """Make the table ``interfaces``; ``rank`` is the place of an interface, ``key`` what samples call it."""
    names = job.interfaces
    _register(
        connection,
        "interfaces",
        rank=np.arange(len(names), dtype=np.uint32),
        key=np.array([interface_key(name.id) for name in names], dtype=np.uint64),
        **{
            column: np.array([getattr(name, column) for name in names], dtype=object)
            for column in ("id", "account", "vm", "vswitch", "vpc")
        },
    )


def _register(connection: duckdb.DuckDBPyConnection, table: str, **columns: Any) -> None:
    connection.register(f"{table}_columns", columns)
    connection.execute(f"CREATE TEMP TABLE {table} AS SELECT * FROM {table}_columns")


def _records_of(order: int) -> str:
    return f"FROM records WHERE number IN (SELECT span FROM scopes WHERE wanted_by = {order})"


def _wanted(order: Order) -> str:
    """Return the condition under which an order takes a record: traffic type, IP version, path.

    With single paths denied traffic is not recorded.
    """
    conditions = []
    if order.traffic_type == "Allow" or order.paths:
        conditions.append("action = 1")
    if order.traffic_type == "Drop":
        conditions.append("action = 0")
    if not order.dual_stack:
        conditions.append("family = 4")
    if order.paths:
        conditions.append(f"path IN ({', '.join(str(int(path)) for path in order.paths)})")
    return " AND ".join(conditions) or "true"


def _sum(found: list[Terms]) -> Terms:
    return _terms([sum(terms[place] for terms in found) for place in range(3)])


def _terms(values: list[int]) -> Terms:
    flows, packets, octets = values
    return flows, packets, octets


def _row(connection: duckdb.DuckDBPyConnection, query: str) -> list[int]:
    return [int(value) for value in connection.execute(query).fetchall()[0]]


def _share_size(connection: duckdb.DuckDBPyConnection, written: str, counts: list[Count]) -> None:
    """Note the text bytes of the records of each order, the unit of generation fees, shared by rows."""
    columns = " + ".join(f"coalesce(strlen({quote(f.name)}::VARCHAR), 1)" for f in FIELDS)
    line = len(FIELDS) - 1 + LINE_OVERHEAD
    (total,) = _row(connection, f"SELECT coalesce(sum({columns} + {line}), 0)::BIGINT FROM {written}")
    rows = sum(count.rows for count in counts)
    for count in counts:
        count.size = total * count.rows // rows


NO_SAMPLES = (
    'FROM (SELECT 0::UBIGINT AS eni, 0::UINTEGER AS "window", 0::UTINYINT AS "interval", 0::UBIGINT AS src_hi, '
    "0::UBIGINT AS src_lo, 0::UBIGINT AS dst_hi, 0::UBIGINT AS dst_lo, 0::UTINYINT AS direction, "
    "4::UTINYINT AS family, 0::UTINYINT AS protocol, 0::USMALLINT AS srcport, 0::USMALLINT AS dstport, "
    "0::UTINYINT AS action, 0::UTINYINT AS path, 0::UBIGINT AS packets, 0::UBIGINT AS bytes, "
    '0::UINTEGER AS "start", 0::UINTEGER AS "end", 0::UINTEGER AS "last", 0::USMALLINT AS tcp_flags '
    "WHERE false)"
)
