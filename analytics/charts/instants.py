"""Values of a time column as instants in UTC."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from typing import Any

_LEAST, _MOST = 946_684_800, 4_102_444_800  # 2000 and 2100: a number in between may be a Unix second.
_TEXT = re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)?)?")
_TIME_NAMES = {"time", "t", "ts", "__time__", "start", "end", "minute", "hour", "day", "date", "dt", "window"}


def seconds(value: Any) -> float | None:
    """Return a value as Unix seconds, or None where it is no instant. What names no zone is UTC."""
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, int | float):
        return value if _LEAST <= value < _MOST else None
    if isinstance(value, str):
        return _of_text(value)
    if isinstance(value, datetime):
        return (value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp()
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day, tzinfo=UTC).timestamp()
    return None


def stamp(at: float) -> str:
    """Return Unix seconds as Plotly takes a date: without a zone, read as UTC."""
    text = datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S.%f")
    return text.removesuffix(".000000")


def is_time_column(name: str, values: list[Any]) -> bool:
    """Tell whether a column holds instants. Numbers count only under a name of time."""
    present = [value for value in values if value is not None]
    if not present or any(seconds(value) is None for value in present):
        return False
    return not isinstance(present[0], int | float) or name.lower() in _TIME_NAMES


def _of_text(text: str) -> float | None:
    if not _TEXT.fullmatch(text):
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
