"""Answers of the engine as plain values: what JSON and pickle carry without knowing the engine."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

Rows = list[list[Any]]

_LONG = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT")
_NAMES = {"VARCHAR": "text", "BOOLEAN": "boolean", "DATE": "date", "DOUBLE": "double", "FLOAT": "double"}


def names_and_types(description: Sequence[Sequence[Any]]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the names of result columns and their types: long, double, text, timestamp, date, …"""
    return tuple(str(column[0]) for column in description), tuple(
        _type(str(column[1])) for column in description
    )


def plain_rows(types: Sequence[str], rows: Sequence[Sequence[Any]]) -> Rows:
    """Return rows as lists of values that JSON can carry; only columns that need it are converted."""
    converters = [(place, _CONVERTERS[kind]) for place, kind in enumerate(types) if kind in _CONVERTERS]
    plain = [list(row) for row in rows]
    for place, convert in converters:
        for row in plain:
            row[place] = convert(row[place])
    return plain


def _type(name: str) -> str:
    if name.endswith("]"):
        return "array"
    if name.startswith("MAP"):
        return "map"
    if name.startswith("TIMESTAMP"):
        return "timestamp"
    if name.startswith("DECIMAL"):
        return "double"
    if name.removeprefix("U") in _LONG:
        return "long"
    return _NAMES.get(name, "text")


def _number(value: Any) -> float | None:
    """Return a finite number, or None: JSON has no infinity."""
    return float(value) if value is not None and math.isfinite(value) else None


def _time(value: Any) -> str | None:
    return None if value is None else value.isoformat(sep=" ", timespec="milliseconds")


def _day(value: Any) -> str | None:
    return None if value is None else value.isoformat()


def _nested(value: Any) -> Any:
    match value:
        case list():
            return [_nested(item) for item in value]
        case dict():
            return {str(key): _nested(item) for key, item in value.items()}
        case datetime():
            return _time(value)
        case date():
            return _day(value)
        case float() | Decimal():
            return _number(value)
        case None | bool() | int() | str():
            return value
    return str(value)


_CONVERTERS: dict[str, Callable[[Any], Any]] = {
    "double": _number,
    "timestamp": _time,
    "date": _day,
    "array": _nested,
    "map": _nested,
    "text": lambda value: value if value is None or isinstance(value, str) else str(value),
}
