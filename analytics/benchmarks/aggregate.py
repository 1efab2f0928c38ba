"""Aggregate a window and deliver its records; storage after compaction; memory while it runs."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

from flowlogs import aggregate
from flowlogs.decoding import write_samples
from flowlogs.jobs import Job, Order
from flowlogs.record import FIELD_NAMES, quote
from flowlogs.record_sql import IP_MACRO, RECORD
from flowlogs.store import compaction, workers
from flowlogs.store.engine import PART_FORMAT, connect, files, literal
from flowlogs.store.files import durable

from . import recipe
from .measure import Measure, in_turn
from .memory import pss_of_tree

SAMPLES = 2_000_000
FILES = 8
MANY_SAMPLES = 10_000_000
LEAST_SAMPLES_A_SECOND = 1_000_000
LEAST_RATIO = 0.8
MOST_BYTES_A_RECORD = 13
MOST_MEMORY_MB = 1_500
MINUTES = 10
MEGABYTE = 1_000_000


def run(folder: Path) -> Iterator[Measure]:
    """Measure speed, storage and memory of a 10-minute window."""
    paths = _sample_files(folder, SAMPLES)
    part = folder / "part.parquet"
    job = _job(paths, part)
    outcomes = []
    ours, theirs = in_turn(
        lambda: outcomes.append(aggregate.close(job)), lambda: _bare_engine(paths, folder / "bare.parquet")
    )
    if outcomes[-1].counts[0].delivered[0] != SAMPLES:
        raise RuntimeError("not every sample was delivered")
    yield Measure(
        "aggregate + deliver, two cores",
        SAMPLES / ours,
        "samples/s",
        target=LEAST_SAMPLES_A_SECOND,
        baseline=SAMPLES / theirs,
        least_ratio=LEAST_RATIO,
    )
    yield _storage(folder)
    yield _memory(folder)


def _sample_files(folder: Path, count: int) -> list[str]:
    paths = []
    for number in range(FILES):
        path = folder / f"samples-{count}-{number}.parquet"
        write_samples([recipe.samples(count // FILES, MINUTES * 60, seed=recipe.SEED)], path)
        paths.append(str(path))
    return paths


def _job(paths: list[str], part: Path, window: int = recipe.WINDOW) -> Job:
    interfaces = recipe.interfaces()
    order = Order("fl-bench", 1, tuple(range(len(interfaces))), "All", dual_stack=True)
    return Job(
        tuple(paths),
        window,
        MINUTES,
        interfaces,
        (order,),
        {1: str(part)},
        final=True,
        window_files=tuple(paths),
    )


def _bare_engine(paths: list[str], target: Path) -> None:
    """Aggregate, join, sort and write in one statement, as the engine does it alone, made durable."""
    with connect() as connection, durable(target) as temporary:
        connection.execute(IP_MACRO)
        job = _job(paths, target)
        aggregate.register_interfaces(connection, job)
        columns = ", ".join(f"{expression} AS {quote(name)}" for name, expression in RECORD.items())
        connection.execute(
            f"COPY (SELECT {columns} FROM (SELECT eni, {aggregate.KEY}, sum(packets)::UBIGINT AS packets, "
            f'sum(bytes)::UBIGINT AS bytes, min("start") AS "start", max("end") AS "end", '
            f"bit_or(tcp_flags) AS tcp_flags, 'OK' AS status FROM {files(paths)} GROUP BY eni, {aggregate.KEY}) AS g "
            f"JOIN interfaces ON eni = key ORDER BY {aggregate.SORT}) TO {literal(str(temporary))} ({PART_FORMAT})"
        )


def hour_part(folder: Path) -> tuple[str, int]:
    """Make an hour of six windows as one compacted part and return its path and rows."""
    parts = []
    for number in range(6):
        path = folder / f"window-{number}.parquet"
        samples = recipe.samples(SAMPLES // 2, MINUTES * 60, seed=recipe.SEED + number)
        shift = number * MINUTES * 60
        for column in ("window", "start", "end", "last"):
            samples[column] = samples[column] + shift
        source = folder / f"window-samples-{number}.parquet"
        write_samples([samples], source)
        aggregate.close(_job([str(source)], path, recipe.WINDOW + shift))
        parts.append(str(path))
    with connect() as connection:
        rows = connection.execute(f"SELECT count(*) FROM {files(parts)}").fetchall()[0][0]
        names = [
            row[0] for row in connection.execute(f"DESCRIBE SELECT * FROM {files(parts[:1])}").fetchall()
        ]
    if set(FIELD_NAMES) - set(names):
        raise RuntimeError("a field is missing from the part")
    target = folder / "hour.parquet"
    compaction.compact(parts, str(target), rows, str(folder / "spill"))
    return str(target), rows


def _storage(folder: Path) -> Measure:
    """Measure an hour of six windows after compaction, every field, no sampling."""
    path, rows = hour_part(folder)
    return Measure(
        "storage after compaction",
        Path(path).stat().st_size / rows,
        "bytes/record",
        target=MOST_BYTES_A_RECORD,
        smaller_is_better=True,
    )


def _memory(folder: Path) -> Measure:
    """Measure the peak PSS of the engine worker that aggregates ten million samples."""
    paths = _sample_files(folder, MANY_SAMPLES)
    peak = 0
    done = threading.Event()

    def watch() -> None:
        nonlocal peak
        while not done.wait(0.05):
            peak = max(peak, pss_of_tree(workers.process_ids()))

    watcher = threading.Thread(target=watch)
    watcher.start()
    started = time.perf_counter()
    workers.call("flowlogs.aggregate:close", {"job": _job(paths, folder / "many.parquet")}, deadline=300)
    done.set()
    watcher.join()
    return Measure(
        f"engine worker that aggregates 10 M samples ({time.perf_counter() - started:.1f} s), PSS",
        peak / MEGABYTE,
        "MB",
        target=MOST_MEMORY_MB,
        smaller_is_better=True,
    )
