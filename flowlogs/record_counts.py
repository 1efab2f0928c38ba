"""What a Logstore says of some network interfaces, counted in its parts inside an engine worker. No Django."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from .record import TIME, quote
from .store.engine import connect, files, literal

Span = tuple[int, int]
"""``[since, until)`` in Unix seconds."""


class Counted(NamedTuple):
    """Records of one interface in one slot of the day, and packets and bytes in its last window."""

    interface: str
    slot: int
    records: int
    nodata: int
    skipdata: int
    packets: int
    bytes: int


def count(
    paths: Sequence[str], windows: Mapping[str, Span], since: int, until: int, slot: int
) -> list[Counted]:
    """Count the records of interfaces in ``[since, until)`` by slots of so many seconds.

    ``windows`` names the interfaces, each with the window whose packets and bytes are summed. Slots are numbered
    from ``since``. The parts are sorted by interface, so that the engine skips most of what they hold.
    Raises ``duckdb.Error``.
    """
    if not paths or not windows:
        return []
    interface, time, status = quote("eni-id"), quote(TIME), quote("log-status")
    rows = ", ".join(f"({literal(eni)}, {low}, {high})" for eni, (low, high) in sorted(windows.items()))
    names = ", ".join(literal(eni) for eni in sorted(windows))
    in_window = f"{status} = 'OK' AND {time} >= low AND {time} < high"
    with connect() as connection:
        found = connection.execute(
            f"""WITH windows(eni, low, high) AS (VALUES {rows})
            SELECT {interface}, ({time} - {int(since)}) // {int(slot)} AS slot,
                count(*) FILTER ({status} = 'OK'), count(*) FILTER ({status} = 'NODATA'),
                count(*) FILTER ({status} = 'SKIPDATA'),
                coalesce(sum(packets) FILTER ({in_window}), 0)::BIGINT,
                coalesce(sum(bytes) FILTER ({in_window}), 0)::BIGINT
            FROM {files(list(paths))} JOIN windows ON eni = {interface}
            WHERE {interface} IN ({names}) AND {time} >= {int(since)} AND {time} < {int(until)}
            GROUP BY ALL"""
        ).fetchall()
    return [Counted(*row) for row in found]
