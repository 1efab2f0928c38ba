"""Made-up flow log records in real Parquet parts, for tests that must count them independently."""

from __future__ import annotations

import csv
import random
import secrets
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import duckdb
from django.conf import settings

from flowlogs.models import Logstore, Part
from flowlogs.record import FIELD_NAMES, FIELDS, TIME

Record = dict[str, Any]
PORTS = (22, 53, 80, 443, 3306, 3389, 6379, 8080)


def records(count: int, start: int, end: int, seed: int = 7) -> list[Record]:
    """Return so many records of ten ENIs with times in `[start, end)`; one in twenty is NODATA."""
    dice = random.Random(seed)
    return [_record(dice, dice.randrange(start, end)) for _ in range(count)]


def _record(dice: random.Random, at: int) -> Record:
    eni = dice.randrange(10)
    record: Record = dict.fromkeys(FIELD_NAMES)
    record |= {
        "version": 1,
        "account-id": "1000000000000042",
        "eni-id": f"eni-bp{eni:08d}",
        "vm-id": f"i-bp{eni:08d}",
        "vswitch-id": f"vsw-bp{eni // 3:08d}",
        "vpc-id": f"vpc-bp{eni // 6:08d}",
        "start": at,
        "end": at + dice.randrange(60),
        "log-status": "NODATA",
        TIME: at,
    }
    if dice.random() < 0.05:
        return record
    inward = dice.random() < 0.5
    here, there = _address(eni), f"192.168.0.{dice.randrange(1, 60)}"
    if dice.random() < 0.3:
        # Between two of our own: one flow, seen by both sides.
        there = _address(dice.randrange(10))
    rejected = inward and dice.random() < 0.2
    packets = dice.randrange(1, 5000)
    return record | {
        "type": "IPv4",
        "protocol": dice.choice((6, 6, 6, 17)),
        "srcaddr": there if inward else here,
        "srcport": dice.randrange(1024, 65536),
        "dstaddr": here if inward else there,
        "dstport": dice.choice(PORTS),
        "direction": "in" if inward else "out",
        "action": "REJECT" if rejected else "ACCEPT",
        "packets": packets,
        "bytes": packets * dice.randrange(40, 1500),
        "tcp-flags": dice.choice((2, 18, 27)),
        "log-status": "OK",
        "traffic_path": dice.choice((0, 2, 7, 13)),
    }


def _address(eni: int) -> str:
    return f"10.0.{eni // 3}.{eni}"


def store(logstore: Logstore, logs: Iterable[Record]) -> list[Part]:
    """Write records into the Logstore, one part an hour, as delivery does."""
    by_hour: dict[int, list[Record]] = defaultdict(list)
    for log in logs:
        by_hour[log[TIME] - log[TIME] % 3600].append(log)
    return [_part(logstore, hour, rows) for hour, rows in sorted(by_hour.items())]


def _part(logstore: Logstore, hour: int, rows: Sequence[Record]) -> Part:
    name = f"parts/{logstore.pk}/test-{hour}-{secrets.token_hex(4)}.parquet"
    path = Path(settings.FLOWLOG_STORE) / name
    path.parent.mkdir(parents=True, exist_ok=True)
    write_parquet(path, rows)
    times = [row[TIME] for row in rows]
    return Part.objects.create(
        logstore=logstore, path=name, hour=hour, rows=len(rows), size=path.stat().st_size,
        min_time=min(times), max_time=max(times),
    )  # fmt: skip


def write_parquet(path: Path, rows: Sequence[Record]) -> None:
    """Write records as a Parquet file with the columns of the record and the time."""
    names = [*FIELD_NAMES, TIME]
    source = path.with_suffix(".csv")
    with source.open("w", newline="") as file:
        csv.writer(file).writerows(_cells(names, rows))
    types = {field.name: "BIGINT" if field.type == "long" else "VARCHAR" for field in FIELDS} | {
        TIME: "BIGINT"
    }
    columns = ", ".join(f"'{name}': '{kind}'" for name, kind in types.items())
    duckdb.connect().execute(
        f"COPY (SELECT * FROM read_csv('{source}', header=false, nullstr='\\N', columns={{{columns}}})) "
        f"TO '{path}' (FORMAT parquet, COMPRESSION zstd)"
    )
    source.unlink()


def _cells(names: Sequence[str], rows: Sequence[Record]) -> Iterator[list[Any]]:
    for row in rows:
        yield ["\\N" if row[name] is None else row[name] for name in names]
