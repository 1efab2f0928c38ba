"""Samples that no delivered closing has taken yet, counted in their files inside an engine worker. No Django."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from .inventory_tables import interface_key
from .store.engine import connect, files


class Slice(NamedTuple):
    """The samples of one file in one window; ``is_quarantined`` says that their closing was set aside."""

    path: str
    window: int
    interval: int
    is_quarantined: bool


class Scope(NamedTuple):
    """A flow log, by its number, covers an interface in ``[since, until)`` (Unix s)."""

    flow_log: int
    interface: str
    since: int
    until: int


def count(slices: Sequence[Slice], scopes: Sequence[Scope]) -> list[tuple[int, bool, int, int, int]]:
    """Return rows of flow log, whether quarantined, flows, packets and bytes. Raises ``duckdb.Error``."""
    if not slices or not scopes:
        return []
    paths = sorted({each.path for each in slices})
    number = {path: place for place, path in enumerate(paths)}
    # file_index is the engine's number of a file in the list
    with connect() as connection:
        for table, columns in (
            ("slices", _slice_columns(slices, number)),
            ("scopes", _scope_columns(scopes)),
        ):
            connection.register(f"{table}_columns", columns)
            connection.execute(f"CREATE TEMP TABLE {table} AS SELECT * FROM {table}_columns")
        return connection.execute(
            f"""SELECT flow_log, is_quarantined, count(*), sum(packets)::BIGINT, sum(bytes)::BIGINT
            FROM {files(paths)}
            JOIN slices ON file_index = file AND "window" = slice_start AND "interval" = minutes
            JOIN scopes ON eni = key AND "last" >= since AND "last" < until
            GROUP BY ALL"""
        ).fetchall()


def _slice_columns(slices: Sequence[Slice], number: dict[str, int]) -> dict[str, Any]:
    return {
        "file": np.array([number[each.path] for each in slices], dtype=np.uint64),
        "slice_start": np.array([each.window for each in slices], dtype=np.uint32),
        "minutes": np.array([each.interval for each in slices], dtype=np.uint8),
        "is_quarantined": np.array([each.is_quarantined for each in slices], dtype=bool),
    }


def _scope_columns(scopes: Sequence[Scope]) -> dict[str, Any]:
    return {
        "flow_log": np.array([scope.flow_log for scope in scopes], dtype=np.uint32),
        "key": np.array([interface_key(scope.interface) for scope in scopes], dtype=np.uint64),
        "since": np.array([scope.since for scope in scopes], dtype=np.uint32),
        "until": np.array([scope.until for scope in scopes], dtype=np.uint32),
    }
