"""The engine connection of pipeline workers: bounded memory, two threads, spilling into the store."""

from __future__ import annotations

import secrets
from pathlib import Path

import duckdb

SAMPLE_FORMAT = "FORMAT parquet, COMPRESSION lz4_raw"
PART_FORMAT = "FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 3, ROW_GROUP_SIZE 122880"


def connect(
    *, threads: int = 2, memory: str = "900MB", spill: Path | None = None
) -> duckdb.DuckDBPyConnection:
    """Return a fresh in-memory connection that can reach files but no network and installs nothing.

    It spills into a folder of its own in ``spill``: two engines in one folder would overwrite each other's files.
    """
    connection = duckdb.connect()
    connection.execute(f"SET threads = {int(threads)}")
    connection.execute(f"SET memory_limit = '{memory}'")
    connection.execute("SET autoinstall_known_extensions = false")
    connection.execute("SET autoload_known_extensions = false")
    if spill is not None:
        spill.mkdir(parents=True, exist_ok=True)
        connection.execute(f"SET temp_directory = {literal(str(spill / secrets.token_hex(6)))}")
    return connection


def literal(text: str) -> str:
    """Return text as a quoted SQL literal."""
    return "'" + text.replace("'", "''") + "'"


def files(paths: list[str]) -> str:
    """Return a table expression that reads Parquet files."""
    return f"read_parquet([{', '.join(literal(path) for path in paths)}])"
