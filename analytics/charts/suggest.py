"""What a result of unknown shape can be drawn as."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from .instants import is_time_column
from .spec import Columns, Kind, Rows, Spec
from .units import is_number

# Numbers that name something and are never drawn as an amount.
_NAMING_NUMBERS = {"srcport", "dstport", "port", "protocol", "tcp-flags", "traffic_path", "version"}
_CLOCK_NAMES = {"time", "t", "hour", "minute", "day", "date", "dt"}


def suggest(kind: Kind | None, columns: Columns, rows: Rows) -> Spec:
    """Return how to draw a result: as ``kind``, or as what suits it where ``kind`` is None.

    The first column of time, else of text, else the first, goes on the x axis; the other numbers are
    drawn, one series each; a further column of text names the series. A result without a number to
    draw is a table.
    """
    by_name: dict[str, list[Any]] = {name: [row[place] for row in rows] for place, name in enumerate(columns)}
    times = [name for name in columns if is_time_column(name, by_name[name])]
    numbers = [
        name
        for name in columns
        if name not in times and name not in _NAMING_NUMBERS and _is_numeric(by_name[name])
    ]
    texts = [name for name in columns if name not in times and name not in numbers]
    clocks = [name for name in texts if name.lower() in _CLOCK_NAMES]
    x = next(iter(times or clocks or texts or columns), "")
    y = tuple(name for name in numbers if name != x)
    if not y:
        return Spec("table", unit="plain")
    rest = [name for name in texts if name != x]
    spec = Spec("table", unit="plain", x=x, y=y, series=rest[0] if len(rest) == 1 and len(y) == 1 else "")
    return replace(spec, kind=kind or _fitting(bool(times or clocks), len(rows)))


def _fitting(over_time: bool, rows: int) -> Kind:
    if rows < 2:
        return "table"
    return "line" if over_time else "bar"


def _is_numeric(values: list[Any]) -> bool:
    return any(value is not None for value in values) and all(
        value is None or is_number(value) for value in values
    )
