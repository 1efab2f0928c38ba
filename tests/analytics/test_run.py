"""Running queries for the console: the right parts, one look at the catalogue, errors in words, a log line."""

import csv
import io
import json
import logging
import os
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from analytics import run
from analytics.management.commands.query import EPILOG
from analytics.run import QueryError, run_query
from console.models import Account, Region
from flowlogs.demo.network import PROJECTS, SHOP
from flowlogs.models import Logstore, Part, Project
from flowlogs.record import TIME
from flowlogs.store import workers
from tests.analytics.made_logs import records, store

START = 1720774800  # 2024-07-12 09:00:00 UTC
HOUR = 3600
ROWS = records(400, START, START + 3 * HOUR)


@pytest.fixture
def logstore(account: Account, region: Region, home: Path) -> Logstore:
    """A Logstore with three parts, one an hour."""
    project = Project.objects.create(account=account, region=region, name="flows")
    logstore = Logstore.objects.create(project=project, name="vpc")
    store(logstore, ROWS)
    return logstore


@pytest.fixture
def pools() -> Iterator[None]:
    yield
    workers.configure(workers=2, idle=30)


def test_search_gives_records_total_and_histogram(logstore: Logstore) -> None:
    result = run_query(logstore, "action:REJECT", START, START + 3 * HOUR, limit=10, width=HOUR)
    rejected = [row for row in ROWS if row["action"] == "REJECT"]
    assert result.row_count == 10
    assert result.total == len(rejected)
    assert [row[0] for row in result.rows] == sorted((row[TIME] for row in rejected), reverse=True)[:10]
    counted = Counter(row[TIME] // HOUR * HOUR for row in rejected)
    assert {slot.start: slot.count for slot in result.histogram} == counted
    assert (result.truncated, result.complete, result.rows_scanned) == (False, True, len(ROWS))


def test_sql_gives_rows_with_types(logstore: Logstore) -> None:
    result = run_query(logstore, "* | select action, count(*) as c, avg(bytes) as b group by action")
    assert (result.columns, result.types) == (("action", "c", "b"), ("text", "long", "double"))
    assert {row[0]: row[1] for row in result.rows} == Counter(row["action"] for row in ROWS)
    assert result.total is None
    json.dumps(result.rows)


def test_without_times_all_there_is(logstore: Logstore) -> None:
    assert run_query(logstore, "*").total == len(ROWS)
    assert run_query(logstore, "*", START + HOUR).total == sum(row[TIME] >= START + HOUR for row in ROWS)
    assert run_query(logstore, "*", None, START + HOUR).total == sum(row[TIME] < START + HOUR for row in ROWS)


def test_parts_outside_the_time_are_not_read(logstore: Logstore) -> None:
    result = run_query(logstore, "*", START + HOUR, START + 2 * HOUR)
    assert (
        result.rows_scanned
        == result.total
        == sum(START + HOUR <= row[TIME] < START + 2 * HOUR for row in ROWS)
    )


def test_catalogue_is_asked_once(logstore: Logstore, django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(1):
        run_query(logstore, "* | select count(*)", START, START + HOUR)


def test_hidden_part_is_not_read(logstore: Logstore) -> None:
    first = Part.objects.order_by("min_time")[0]
    Part.objects.filter(pk=first.pk).update(removed_at=timezone.now())
    assert run_query(logstore, "*").total == len(ROWS) - first.rows


def test_missing_file_makes_the_result_incomplete(logstore: Logstore, home: Path) -> None:
    part = Part.objects.order_by("min_time")[0]
    (home / "store" / part.path).unlink()
    result = run_query(logstore, "*")
    assert (result.complete, result.total) == (False, len(ROWS) - part.rows)


def test_logstore_without_records_is_empty(logstore: Logstore) -> None:
    empty = Logstore.objects.create(project=logstore.project, name="empty")
    assert run_query(empty, "*").rows == []
    assert run_query(empty, "*").histogram == ()
    assert run_query(empty, "* | select count(*) as c").rows == [[0]]


def test_logstores_do_not_see_each_other(logstore: Logstore) -> None:
    other = Logstore.objects.create(project=logstore.project, name="other")
    store(other, records(5, START, START + HOUR, seed=1))
    assert run_query(other, "*").total == 5
    assert run_query(logstore, "*").total == len(ROWS)


def test_count_per_minute(logstore: Logstore) -> None:
    slots = run.count_per_minute(logstore, "direction:in | select 1", START, START + HOUR)
    expected = Counter(
        row[TIME] // 60 * 60 for row in ROWS if row["direction"] == "in" and row[TIME] < START + HOUR
    )
    assert len(slots) == 60
    assert {slot.start: slot.count for slot in slots if slot.count} == expected


@pytest.mark.parametrize(
    ("seconds", "width"), [(30, 1), (900, 15), (3600, 60), (86_400, 1800), (10**8, 1_666_667)]
)
def test_chosen_width_makes_at_most_sixty_sub_ranges(logstore: Logstore, seconds: int, width: int) -> None:
    slots = run.histogram(logstore, "*", START, START + seconds)
    assert slots[0].end - START <= width
    assert 1 < len(slots) <= 61


def test_too_fine_a_width_is_widened(logstore: Logstore) -> None:
    assert len(run.histogram(logstore, "*", 0, START + HOUR, width=1)) <= run.MOST_SLOTS + 1


def test_mistake_is_a_query_error_with_its_place(logstore: Logstore) -> None:
    with pytest.raises(QueryError) as caught:
        run_query(logstore, "* | select foo")
    assert (caught.value.line, caught.value.column) == (1, 12)


def test_time_range_that_ends_before_it_begins_is_refused(logstore: Logstore) -> None:
    with pytest.raises(run.InvalidTimeRange, match="Request time range is invalid"):
        run_query(logstore, "*", START, START)


def test_failure_of_the_engine_is_told(logstore: Logstore) -> None:
    with pytest.raises(run.QueryFailed, match="not in GROUP BY clause"):
        run_query(logstore, "* | select action group by dstport")


def test_damaged_part_is_logged_with_its_file_but_not_shown(
    logstore: Logstore, home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = home / "store" / Part.objects.order_by("min_time")[0].path
    path.write_bytes(b"PAR1 damaged PAR1")
    with pytest.raises(run.QueryFailed) as caught:
        run_query(logstore, "*")
    assert str(home) not in str(caught.value)
    assert str(path) in caplog.text


HEAVY = "* | select count(*) from log a, log b, log c, log d, log e"


def test_deadline_stops_a_query(logstore: Logstore, settings: Any, home: Path) -> None:
    settings.FLOWLOG_QUERY_DEADLINE = 1
    run_query(logstore, "*")
    began = time.monotonic()
    with pytest.raises(run.QueryTimeout, match="stopped after 1 s"):
        run_query(logstore, HEAVY)
    assert time.monotonic() - began < 2
    assert list((home / "spill").iterdir()) == []


def test_memory_is_bounded(logstore: Logstore, settings: Any, home: Path) -> None:
    settings.FLOWLOG_QUERY_MEMORY = 128
    with pytest.raises(run.QueryTooLarge, match=r"Query exceeded max memory size of 0\.125GB"):
        run_query(
            logstore, "* | select array_agg(a.srcaddr || b.srcaddr || c.srcaddr) from log a, log b, log c"
        )


def test_busy_workers_are_told_long_before_the_deadline(
    logstore: Logstore, settings: Any, pools: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workers.configure(workers=1)
    assert run.PATIENCE < 10
    monkeypatch.setattr(run, "PATIENCE", 0.1)
    settings.FLOWLOG_QUERY_DEADLINE = 30
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    job = ("tests.flowlogs.store.jobs:spin", {"started": str(pipe)})
    with ThreadPoolExecutor(1) as threads:
        held = threads.submit(workers.call, *job, deadline=20, kind="query")
        assert pipe.read_text()
        with pytest.raises(run.QueryBusy, match="Too many queued queries"):
            began = time.monotonic()
            run_query(logstore, "*")
        assert time.monotonic() - began < 5
        workers.shutdown()
        assert isinstance(held.exception(), workers.WorkerDied)


def test_query_is_logged_on_one_line(logstore: Logstore, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="analytics.run"):
        run_query(logstore, "*\n| select\ncount(*)")
    (line,) = [record.getMessage() for record in caplog.records if record.name == "analytics.run"]
    assert "\n" not in line
    assert f"logstore={logstore.pk} outcome=ok" in line
    assert "count(*)" in line


def query(*arguments: str) -> tuple[str, str]:
    out, err = io.StringIO(), io.StringIO()
    call_command("query", "--project", "flows", "--logstore", "vpc", *arguments, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


def test_command_prints_json(logstore: Logstore) -> None:
    out, err = query("--format", "json", "* | select action, count(*) as c group by action order by c desc")
    counted = Counter(row["action"] for row in ROWS)
    assert json.loads(out) == [{"action": action, "c": count} for action, count in counted.most_common()]
    assert err == ""


def test_command_prints_csv_with_all_records(logstore: Logstore) -> None:
    out, err = query("--format", "csv", "--limit", "1000", "*")
    rows = list(csv.DictReader(io.StringIO(out)))
    assert Counter(row["srcaddr"] for row in rows) == Counter(row["srcaddr"] or "-" for row in ROWS)
    assert sum(int(row["bytes"]) for row in rows if row["bytes"] != "-") == sum(
        row["bytes"] or 0 for row in ROWS
    )
    assert err == ""


def test_command_prints_a_table_and_says_what_is_left_out(logstore: Logstore) -> None:
    out, err = query("--limit", "2", "action:REJECT")
    lines = out.splitlines()
    assert len(lines) == 3
    assert lines[0].split()[:3] == ["__time__", "version", "account-id"]
    assert f"2 of {sum(row['action'] == 'REJECT' for row in ROWS)} records are shown." in err


def test_command_prints_an_empty_result(logstore: Logstore) -> None:
    assert query("--format", "json", "nothing-like-it")[0].strip() == "[]"
    assert len(query("nothing-like-it")[0].splitlines()) == 1


@pytest.mark.parametrize(
    "moments",
    [
        pytest.param((str(START), str(START + HOUR)), id="unix"),
        pytest.param(("2024-07-12T09:00:00Z", "2024-07-12T12:00+02:00"), id="iso"),
        pytest.param(("2024-07-12 09:00", "2024-07-12 10:00"), id="iso-without-zone"),
    ],
)
def test_command_takes_times(logstore: Logstore, moments: tuple[str, str]) -> None:
    out, _ = query("--from", moments[0], "--to", moments[1], "--format", "json", "* | select count(*) as c")
    assert json.loads(out) == [{"c": sum(row[TIME] < START + HOUR for row in ROWS)}]


def test_command_takes_times_relative_to_now(logstore: Logstore) -> None:
    now = int(time.time())
    store(logstore, [ROWS[0] | {TIME: now - 600}])
    assert json.loads(query("--from", "now-1h", "--format", "json", "* | select count(*) as c")[0]) == [
        {"c": 1}
    ]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        pytest.param(("(a",), 2, "line 1:1: The parenthesis is not closed", id="query"),
        pytest.param(("--from", "yesterday", "*"), 2, "'yesterday' is not a time", id="time"),
        pytest.param(("* | select sum(srcaddr)",), 1, "sum", id="engine"),
        pytest.param(("--logstore", "nope", "*"), 1, "There is no Logstore flows/nope.", id="logstore"),
        pytest.param(("--from", "5", "--to", "5", "*"), 1, "Request time range is invalid.", id="range"),
    ],
)
def test_command_fails_with_its_exit_code(
    logstore: Logstore, arguments: tuple[str, ...], code: int, message: str
) -> None:
    with pytest.raises(CommandError) as caught:
        query(*arguments)
    assert caught.value.returncode == code
    assert message in str(caught.value)


def test_command_shows_examples_that_work_on_the_demo() -> None:
    names = f"--project {PROJECTS[SHOP.region]} --logstore {SHOP.logs[0].logstore}"
    assert EPILOG.count(f"  python3 manage.py query {names} ") == 2


def test_command_asks_for_the_region_when_names_repeat(logstore: Logstore) -> None:
    elsewhere = Region.objects.exclude(pk=logstore.project.region_id)[0]
    project = Project.objects.create(account=logstore.project.account, region=elsewhere, name="flows")
    Logstore.objects.create(project=project, name="vpc")
    with pytest.raises(CommandError, match="add --region"):
        query("*")
    assert json.loads(query("--region", elsewhere.pk, "--format", "json", "*")[0]) == []
