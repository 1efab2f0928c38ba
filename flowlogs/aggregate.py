"""Samples → records inside an engine worker: one group-by over columns, one part for each Logstore.

No Django. The term counts of the ledger are each taken where they happen: the scope from the samples, what is
delivered and filtered from the records, and the part is read back and compared before anyone may list it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import numpy as np

from .inventory_tables import interface_key
from .record import FIELDS, TIME, quote
from .store.engine import PART_FORMAT, connect, files, literal
from .store.files import durable

KEY = "direction, family, src_hi, src_lo, dst_hi, dst_lo, protocol, srcport, dstport, action, path"
SORT = "rank, src_hi, src_lo, dst_hi, dst_lo, srcport, dstport, protocol, start"
LINE_OVERHEAD = 1
BIGGEST_SECOND = 4_294_967_295


@dataclass(frozen=True)
class Interface:
    """An interface that records are written for."""

    id: str
    account: str
    vm: str
    vswitch: str
    vpc: str


@dataclass(frozen=True)
class Order:
    """What one flow log wants from a closing: interfaces (by place), filters, and the Logstore to fill."""

    flow_log: str
    logstore: int
    interfaces: tuple[int, ...]
    traffic_type: str
    dual_stack: bool
    paths: tuple[int, ...] = ()
    since: int = 0
    until: int = BIGGEST_SECOND
    skipdata: tuple[int, ...] = ()


@dataclass(frozen=True)
class Job:
    """One closing: files of samples, the window, the interfaces, the orders and where to write the parts.

    With ``final``, interfaces without a sample in ``window_files`` (all files of the window) get NODATA.
    With ``late``, the samples are counted and their interfaces get SKIPDATA, once for all ``late_files``.
    An order for Logstore 0 is only counted. ``interfaces`` are in the order of their ids.
    """

    files: tuple[str, ...]
    window: int
    interval: int
    interfaces: tuple[Interface, ...]
    orders: tuple[Order, ...]
    parts: dict[int, str]
    final: bool = False
    late: bool = False
    window_files: tuple[str, ...] = ()
    late_files: tuple[str, ...] = ()
    spill: str = ""
    memory: str = "900MB"


@dataclass
class Count:
    """What one order came to, in flows, packets and bytes where it names three."""

    scope: tuple[int, int, int] = (0, 0, 0)
    delivered: tuple[int, int, int] = (0, 0, 0)
    filtered: tuple[int, int, int] = (0, 0, 0)
    records: int = 0
    nodata: int = 0
    skipdata: int = 0
    size: int = 0

    @property
    def rows(self) -> int:
        """Rows in the part: records, NODATA and SKIPDATA."""
        return self.records + self.nodata + self.skipdata


@dataclass
class PartFile:
    """A part that is durable on disk and not yet listed."""

    logstore: int
    path: str
    rows: int
    size: int
    min_time: int
    max_time: int


@dataclass
class Outcome:
    """What a closing came to: counts in step with the orders, and the parts."""

    counts: list[Count] = field(default_factory=list)
    parts: list[PartFile] = field(default_factory=list)


def close(job: Job) -> Outcome:
    """Aggregate the samples of a closing and write its parts.

    Raises ``OSError`` or ``duckdb.Error`` where reading or writing fails; nothing final is left then but
    parts that nobody lists.
    """
    with connect(spill=Path(job.spill) if job.spill else None, memory=job.memory) as connection:
        connection.execute(IP_MACRO)
        register_interfaces(connection, job)
        _aggregate(connection, job)
        plans = [_plan(connection, job, order) for order in job.orders]
        outcome = Outcome(counts=[plan.count for plan in plans])
        for logstore, path in job.parts.items():
            orders = [plan for plan in plans if plan.order.logstore == logstore]
            part = _write_part(connection, job, logstore, Path(path), orders)
            if part is not None:
                outcome.parts.append(part)
        return outcome


@dataclass(frozen=True)
class _Plan:
    """An order with its counts and the interfaces that it marks."""

    order: Order
    count: Count
    ranks: str
    nodata: tuple[int, ...]
    skipdata: tuple[int, ...]


def _plan(connection: duckdb.DuckDBPyConnection, job: Job, order: Order) -> _Plan:
    ranks = _ranks(connection, job, order)
    count = _count(connection, job, order, ranks)
    if not order.logstore:
        return _Plan(order, count, ranks, (), ())
    skipdata = set(order.skipdata)
    if job.late:
        # one SKIPDATA record stands beside the OK records, however often something arrives late
        late = _seen(connection, job, order, job.files) - _seen(connection, job, order, job.late_files)
        skipdata |= late & set(order.interfaces)
    nodata: set[int] = set()
    if job.final:
        nodata = set(order.interfaces) - _seen(connection, job, order, job.window_files) - skipdata
    count.nodata, count.skipdata = len(nodata), len(skipdata)
    return _Plan(order, count, ranks, tuple(sorted(nodata)), tuple(sorted(skipdata)))


def _seen(connection: duckdb.DuckDBPyConnection, job: Job, order: Order, paths: tuple[str, ...]) -> set[int]:
    """Return the interfaces with a sample of the window in some files."""
    if not paths:
        return set()
    found = connection.execute(
        f"SELECT DISTINCT rank FROM {files(list(paths))} JOIN interfaces ON eni = key "
        f"WHERE {_of_window(job, order)}"
    )
    return {int(rank) for rank in found.fetchnumpy()["rank"]}


def register_interfaces(connection: duckdb.DuckDBPyConnection, job: Job) -> None:
    """Make the table ``interfaces`` that records take their identifiers from; ``rank`` is the place in the job."""
    names = job.interfaces
    connection.register(
        "interface_columns",
        {
            "rank": np.arange(len(names), dtype=np.uint32),
            "key": np.array([interface_key(name.id) for name in names], dtype=np.uint64),
            **{
                column: np.array([getattr(name, column) for name in names], dtype=object)
                for column in ("id", "account", "vm", "vswitch", "vpc")
            },
        },
    )
    connection.execute("CREATE TEMP TABLE interfaces AS SELECT * FROM interface_columns")


def _cohort(order: Order) -> str:
    """Name the table of records that an order draws from: orders with the same dates share one."""
    return f"records_{order.since}_{order.until}"


def _of_window(job: Job, order: Order) -> str:
    of_window = f'"window" = {job.window} AND "interval" = {job.interval}'
    return f'{of_window} AND "last" >= {order.since} AND "last" < {order.until}'


def _aggregate(connection: duckdb.DuckDBPyConnection, job: Job) -> None:
    """Make one table of records for each cohort; ``rank`` names the interface."""
    for order in {_cohort(order): order for order in job.orders}.values():
        source = (
            f"FROM {files(list(job.files))} WHERE {_of_window(job, order)}"
            if job.files
            else f"FROM {EMPTY_SAMPLES}"
        )
        grouped = f"""
            SELECT eni, {KEY}, sum(packets)::UBIGINT AS packets, sum(bytes)::UBIGINT AS bytes,
                   min("start") AS "start", max("end") AS "end", bit_or(tcp_flags) AS tcp_flags,
                   count(*)::UBIGINT AS samples
            {source} GROUP BY eni, {KEY}"""
        connection.execute(
            f"CREATE TEMP TABLE {_cohort(order)} AS "
            f"SELECT rank, grouped.* EXCLUDE (eni) FROM ({grouped}) AS grouped JOIN interfaces ON eni = key"
        )


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


def _ranks(connection: duckdb.DuckDBPyConnection, job: Job, order: Order) -> str:
    """Return a condition on ``rank`` for the interfaces of an order."""
    if len(order.interfaces) == len(job.interfaces):
        return "true"
    name = f"scope_{abs(hash(order))}"
    connection.register(f"{name}_columns", {"rank": np.array(order.interfaces, dtype=np.uint32)})
    connection.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS SELECT rank FROM {name}_columns")
    return f"rank IN (SELECT rank FROM {name})"


def _count(connection: duckdb.DuckDBPyConnection, job: Job, order: Order, ranks: str) -> Count:
    count = Count()
    if job.files:
        sums = "count(*), coalesce(sum(packets), 0)::BIGINT, coalesce(sum(bytes), 0)::BIGINT"
        count.scope = _row(
            connection,
            f"SELECT {sums} FROM {files(list(job.files))} JOIN interfaces ON eni = key "
            f"WHERE {_of_window(job, order)} AND {ranks}",
        )
    if job.late or not order.logstore:
        return count
    wanted = _wanted(order)
    sums = ", ".join(
        f"coalesce(sum({column}) FILTER ({condition}), 0)::BIGINT"
        for condition in (wanted, f"NOT ({wanted})")
        for column in ("samples", "packets", "bytes")
    )
    *terms, count.records = _row(
        connection, f"SELECT {sums}, count(*) FILTER ({wanted}) FROM {_cohort(order)} WHERE {ranks}"
    )
    count.delivered, count.filtered = tuple(terms[:3]), tuple(terms[3:])
    return count


def _row(connection: duckdb.DuckDBPyConnection, query: str) -> Any:
    return tuple(int(value) for value in connection.execute(query).fetchall()[0])


def _write_part(
    connection: duckdb.DuckDBPyConnection, job: Job, logstore: int, path: Path, plans: list[_Plan]
) -> PartFile | None:
    expected = sum(plan.count.rows for plan in plans)
    if not expected:
        return None
    record_columns = ", ".join(f"{expression} AS {quote(name)}" for name, expression in RECORD.items())
    rows = " UNION ALL ".join(query for plan in plans for query in _rows(job, plan))
    with durable(path) as temporary:
        connection.execute(
            f"COPY (SELECT {record_columns} FROM ({rows}) AS r JOIN interfaces USING (rank) ORDER BY {SORT}) "
            f"TO {literal(str(temporary))} ({PART_FORMAT})"
        )
        written = files([str(temporary)])
        rows_written, low, high, packets, octets = _row(
            connection,
            f"SELECT count(*), min({quote(TIME)}), max({quote(TIME)}), coalesce(sum(packets), 0)::BIGINT, "
            f"coalesce(sum(bytes), 0)::BIGINT FROM {written}",
        )
        delivered = [sum(plan.count.delivered[term] for plan in plans) for term in (1, 2)]
        if [rows_written, packets, octets] != [expected, *delivered]:
            raise RuntimeError(
                f"part {path.name} holds {rows_written} records, {packets} packets, {octets} bytes; "
                f"{expected} records, {delivered[0]} packets, {delivered[1]} bytes were aggregated"
            )
        _share_size(connection, written, plans)
    return PartFile(logstore, str(path), rows_written, path.stat().st_size, low, high)


def _share_size(connection: duckdb.DuckDBPyConnection, written: str, plans: list[_Plan]) -> None:
    """Note the text bytes of the records of each order, the unit of generation fees, shared by rows."""
    columns = " + ".join(f"coalesce(strlen({quote(f.name)}::VARCHAR), 1)" for f in FIELDS)
    line = len(FIELDS) - 1 + LINE_OVERHEAD
    (total,) = _row(connection, f"SELECT coalesce(sum({columns} + {line}), 0)::BIGINT FROM {written}")
    rows = sum(plan.count.rows for plan in plans)
    for plan in plans:
        plan.count.size = total * plan.count.rows // rows


def _rows(job: Job, plan: _Plan) -> list[str]:
    """Return queries for all rows that an order puts into its part: OK, NODATA and SKIPDATA."""
    order, queries = plan.order, []
    if not job.late:
        condition = f"{_wanted(order)} AND {plan.ranks}"
        queries.append(f"SELECT *, 'OK' AS status FROM {_cohort(order)} WHERE {condition}")
    start, end = max(job.window, order.since), min(job.window + 60 * job.interval, order.until)
    for status, ranks in (("NODATA", plan.nodata), ("SKIPDATA", plan.skipdata)):
        if ranks:
            values = ", ".join(f"({int(rank)})" for rank in ranks)
            nulls = ", ".join(f"NULL AS {column}" for column in (*KEY.split(", "), "packets", "bytes"))
            queries.append(
                f'SELECT rank::UINTEGER AS rank, {nulls}, {start}::UINTEGER AS "start", {end}::UINTEGER AS "end", '
                f"NULL AS tcp_flags, NULL AS samples, '{status}' AS status FROM (VALUES {values}) AS silent(rank)"
            )
    return queries


def count_samples(
    paths: list[str], windows: list[tuple[int, int]]
) -> list[tuple[str, int, int, int, int, int, int, int]]:
    """Count samples by file, interface, window and second of their last packet.

    Returns rows of path, interface key, window start, interval, second, flows, packets, bytes.
    """
    wanted = ", ".join(f"({int(start)}, {int(interval)})" for start, interval in windows)
    with connect() as connection:
        rows = connection.execute(
            f'SELECT filename, eni, "window", "interval", "last", count(*), sum(packets)::BIGINT, sum(bytes)::BIGINT '
            f"FROM read_parquet([{', '.join(literal(path) for path in paths)}], filename = true) "
            f'WHERE ("window", "interval") IN ({wanted}) GROUP BY ALL'
        )
        return rows.fetchall()


def _ok(expression: str) -> str:
    return f"CASE WHEN status = 'OK' THEN {expression} END"


RECORD: dict[str, str] = {
    "version": "1::BIGINT",
    "account-id": "account",
    "eni-id": "id",
    "vm-id": _ok("nullif(vm, '')"),
    "vswitch-id": _ok("vswitch"),
    "vpc-id": _ok("vpc"),
    "type": "CASE family WHEN 4 THEN 'IPv4' WHEN 6 THEN 'IPv6' END",
    "protocol": "protocol::BIGINT",
    "srcaddr": "address_text(family, src_hi, src_lo)",
    "srcport": "srcport::BIGINT",
    "dstaddr": "address_text(family, dst_hi, dst_lo)",
    "dstport": "dstport::BIGINT",
    "direction": "CASE direction WHEN 0 THEN 'in' WHEN 1 THEN 'out' END",
    "action": "CASE action WHEN 1 THEN 'ACCEPT' WHEN 0 THEN 'REJECT' END",
    "packets": "packets::BIGINT",
    "bytes": "bytes::BIGINT",
    "start": '"start"::BIGINT',
    "end": '"end"::BIGINT',
    "tcp-flags": "tcp_flags::BIGINT",
    "log-status": "status",
    "traffic_path": "path::BIGINT",
    TIME: '"start"::BIGINT',
}

EMPTY_SAMPLES = (
    "(SELECT 0::UBIGINT AS eni, 0::UTINYINT AS direction, 4::UTINYINT AS family, 0::UBIGINT AS src_hi, "
    "0::UBIGINT AS src_lo, 0::UBIGINT AS dst_hi, 0::UBIGINT AS dst_lo, 0::UTINYINT AS protocol, "
    "0::USMALLINT AS srcport, 0::USMALLINT AS dstport, 0::UTINYINT AS action, 0::UTINYINT AS path, "
    '0::UBIGINT AS packets, 0::UBIGINT AS bytes, 0::UINTEGER AS "start", 0::UINTEGER AS "end", '
    "0::USMALLINT AS tcp_flags) WHERE false"
)


def _ip_macro() -> str:
    """Return the macro that prints an address: dotted, or IPv6 as RFC 5952 wants it.

    RFC 5952, section 4.2: the longest run of two or more zero groups becomes ``::``, the first of equal ones.
    """
    four = " || '.' || ".join(f"((lo >> {shift}) & 255)::VARCHAR" for shift in (24, 16, 8, 0))
    groups = [
        f"printf('%x', (({half} >> {shift}) & 65535)::INTEGER)"
        for half in ("hi", "lo")
        for shift in (48, 32, 16, 0)
    ]
    six = f"concat_ws(':', {', '.join(groups)})"
    cases = " ".join(
        f"WHEN regexp_matches(six, '(^|:)0(:0){{{run - 1}}}(:|$)') "
        f"THEN regexp_replace(six, '(^|:)0(:0){{{run - 1}}}(:|$)', '::')"
        for run in range(8, 1, -1)
    )
    compressed = f"list_transform([{six}], lambda six: CASE {cases} ELSE six END)[1]"
    return f"CREATE MACRO address_text(family, hi, lo) AS CASE family WHEN 4 THEN {four} WHEN 6 THEN {compressed} END"


IP_MACRO = _ip_macro()
assert len(RECORD) == len(FIELDS) + 1
