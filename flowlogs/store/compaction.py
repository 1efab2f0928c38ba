"""Compaction inside an engine worker: the parts of an hour become one, sorted by interface, 5-tuple and start."""

from __future__ import annotations

from pathlib import Path

from flowlogs.record import TIME, quote

from .engine import PART_FORMAT, connect, files, literal
from .files import durable

SORT = ("eni-id", "srcaddr", "dstaddr", "srcport", "dstport", "protocol", "start")


def compact(sources: list[str], target: str, rows: int, spill: str) -> dict[str, int]:
    """Write one durable part from several and return ``rows``, ``size``, ``min_time`` and ``max_time``.

    Raises RuntimeError when the result does not hold exactly ``rows`` records.
    """
    path = Path(target)
    order = ", ".join(quote(name) for name in SORT)
    with connect(spill=Path(spill)) as connection, durable(path) as temporary:
        connection.execute(
            f"COPY (SELECT * FROM {files(sources)} ORDER BY {order}) TO {literal(str(temporary))} ({PART_FORMAT})"
        )
        written, low, high = connection.execute(
            f"SELECT count(*), min({quote(TIME)}), max({quote(TIME)}) FROM {files([str(temporary)])}"
        ).fetchall()[0]
        if written != rows:
            raise RuntimeError(f"compaction of {len(sources)} parts gave {written} records instead of {rows}")
    return {"rows": written, "size": path.stat().st_size, "min_time": low, "max_time": high}
