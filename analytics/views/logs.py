"""Records as rows of a page: what each value reads as, what it means, and the term that finds it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.utils.translation import gettext

from analytics.ranges import written
from flowlogs.record import FIELD_BY_NAME, FIELD_NAMES, PROTOCOL_NAMES, TIME, TRAFFIC_PATHS

_FLAGS = {1: "FIN", 2: "SYN", 4: "RST", 8: "PSH", 16: "ACK", 32: "URG", 64: "ECE", 128: "CWR"}
_MARKS = {
    ("action", "ACCEPT"): "success",
    ("action", "REJECT"): "error",
    ("log-status", "SKIPDATA"): "warning",
    ("log-status", "NODATA"): "off",
}


# A table shows first who talked to whom and what came of it.
_FLOW_FIRST = (
    "action", "direction", "srcaddr", "srcport", "dstaddr", "dstport", "protocol", "packets", "bytes", "eni-id",
)  # fmt: skip
TABLE_ORDER = (*_FLOW_FIRST, *(name for name in FIELD_NAMES if name not in _FLOW_FIRST))


def rows_of(
    columns: Sequence[str], rows: Sequence[Sequence[Any]], order: Sequence[str] = FIELD_NAMES
) -> list[dict[str, Any]]:
    """Return time and cells of each record, its fields in an order."""
    at = {name: place for place, name in enumerate(columns)}
    return [
        {
            "time": written(row[at[TIME]]),
            "cells": [cell(name, row[at[name]]) for name in order],
        }
        for row in rows
    ]


def cell(field: str, value: Any) -> dict[str, Any]:
    """Return one value for the page; ``term`` is empty where the field does not apply."""
    return {
        "field": field,
        "text": "-" if value is None else str(value),
        "term": "" if value is None else f"{field}:{value}",
        "number": FIELD_BY_NAME[field].type == "long",
        "hint": "" if value is None else _hint(field, value),
        "mark": _MARKS.get((field, value), ""),
    }


def _hint(field: str, value: Any) -> str:
    if field == "protocol":
        return PROTOCOL_NAMES.get(value, "")
    if field == "traffic_path":
        path = TRAFFIC_PATHS.get(value)
        return (path and gettext(path)) or ""
    if field in ("start", "end"):
        return f"{written(value)} UTC"
    if field == "tcp-flags":
        return " ".join(name for bit, name in _FLAGS.items() if value & bit)
    return ""
