"""Counting records of some interfaces in parts: at the bounds of the day, of the slots and of the windows."""

from pathlib import Path

import duckdb
import pytest

from flowlogs.record_counts import Counted, count

SINCE, UNTIL, SLOT = 1000, 2000, 500
ROW = ("eni-a", "OK", 3, 40)


@pytest.fixture
def part(tmp_path: Path) -> str:
    """A part with a record of eni-a at each bound, one of each status of eni-b, and one of eni-c."""
    rows = [(at, *ROW) for at in (999, 1000, 1199, 1200, 1399, 1400, 1499, 1500, 1999, 2000)]
    rows += [(1100, "eni-b", status, None, None) for status in ("NODATA", "NODATA", "SKIPDATA")]
    rows.append((1250, "eni-c", "OK", 3, 40))
    path = tmp_path / "part.parquet"
    with duckdb.connect() as connection:
        connection.execute(
            'CREATE TABLE records ("__time__" BIGINT, "eni-id" VARCHAR, "log-status" VARCHAR, '
            "packets BIGINT, bytes BIGINT)"
        )
        connection.executemany("INSERT INTO records VALUES (?, ?, ?, ?, ?)", rows)
        connection.execute(f"COPY records TO '{path}' (FORMAT parquet)")
    return str(path)


def test_every_bound_belongs_to_what_begins_there(part: str) -> None:
    found = count([part], {"eni-a": (1200, 1400)}, SINCE, UNTIL, SLOT)
    assert sorted(found) == [
        Counted("eni-a", 0, records=6, nodata=0, skipdata=0, packets=6, bytes=80),
        Counted("eni-a", 1, records=2, nodata=0, skipdata=0, packets=0, bytes=0),
    ]


def test_nodata_and_skipdata_are_no_records(part: str) -> None:
    assert count([part], {"eni-b": (0, 0)}, SINCE, UNTIL, SLOT) == [
        Counted("eni-b", 0, records=0, nodata=2, skipdata=1, packets=0, bytes=0)
    ]


@pytest.mark.parametrize("eni", ["eni-x", "eni'x", "'; DROP TABLE windows; --"])
def test_an_interface_without_records_is_absent(part: str, eni: str) -> None:
    assert count([part], {eni: (1200, 1400)}, SINCE, UNTIL, SLOT) == []


def test_nothing_to_read_is_nothing(part: str) -> None:
    assert count([], {"eni-a": (0, 1)}, SINCE, UNTIL, SLOT) == []
    assert count([part], {}, SINCE, UNTIL, SLOT) == []


def test_a_part_that_is_gone_is_an_error(part: str) -> None:
    Path(part).unlink()
    with pytest.raises(duckdb.Error):
        count([part], {"eni-a": (0, 1)}, SINCE, UNTIL, SLOT)
