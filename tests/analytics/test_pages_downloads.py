"""CSV downloads: what the page shows, and nothing that a spreadsheet would run."""

import csv
import io

import pytest
from django.test import Client

from console.models import User
from flowlogs.models import Logstore
from flowlogs.record import FIELD_NAMES, TIME
from tests.analytics.conftest import NOW, Deliver
from tests.analytics.made_logs import Record, records

ADDRESS = "/cn-hangzhou/log-service/flow-prod/vpc_flow/download/"
RANGE = {"from": str(NOW - 3600), "to": str(NOW)}


@pytest.fixture
def logs(deliver: Deliver, client: Client, reader: User) -> list[Record]:
    """Deliver an hour of records and log in."""
    made = records(120, NOW - 3600, NOW)
    deliver(made)
    client.force_login(reader)
    return sorted(made, key=lambda log: -log[TIME])


def download(client: Client, **parameters: str) -> list[list[str]]:
    """Return the cells of a download."""
    response = client.get(ADDRESS, {**RANGE, **parameters})
    assert response.status_code == 200
    assert response["Content-Type"] == "text/csv; charset=utf-8"
    return list(csv.reader(io.StringIO(response.content.decode(), newline="")))


def test_the_page_that_is_shown_comes_down(client: Client, logs: list[Record]) -> None:
    head, *rows = download(client, page="2", page_size="50")
    assert set(head) == {TIME, *FIELD_NAMES}
    assert len(rows) == 50
    assert [row[head.index(TIME)] for row in rows] == [str(log[TIME]) for log in logs[50:100]]
    assert {row[head.index("srcaddr")] for row in rows if row[head.index("log-status")] == "NODATA"} <= {"-"}


def test_the_result_of_sql_comes_down_whole(client: Client, logs: list[Record]) -> None:
    head, *rows = download(client, q="* | select srcport, bytes limit 1000")
    assert head == ["srcport", "bytes"]
    assert len(rows) == len(logs)


def test_the_raw_tab_of_a_query_with_sql_comes_down_raw(client: Client, logs: list[Record]) -> None:
    head, *_ = download(client, q="* | select srcport", tab="raw")
    assert TIME in head


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        ("=1+1", "'=1+1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("+cmd|x", "'+cmd|x"),
        ("-2+3", "'-2+3"),
        ("-5", "-5"),
        ("-", "-"),
        ('a"b', 'a"b'),
    ],
)
def test_no_cell_is_a_formula(value: str, cell: str, client: Client, logs: list[Record]) -> None:
    _, row = download(client, q=f"* | select '{value}' as \"=name\", count(1) as n")
    assert row == [cell, str(len(logs))]
    assert download(client, q=f"* | select '{value}' as \"=name\", count(1) as n")[0][0] == "'=name"


def test_the_file_is_named_after_the_logstore_and_the_range(client: Client, logs: list[Record]) -> None:
    disposition = client.get(ADDRESS, RANGE)["Content-Disposition"]
    assert disposition == f'attachment; filename="vpc_flow-{NOW - 3600}-{NOW}.csv"'


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"q": "(a"}, "not closed"),
        ({"q": "* | select nothing"}, "nothing"),
        ({"range": "1y", "from": ""}, "1y"),
    ],
)
def test_what_fails_is_no_file(
    parameters: dict[str, str], message: str, client: Client, reader: User, logstore: Logstore
) -> None:
    client.force_login(reader)
    response = client.get(ADDRESS, {**RANGE, **parameters})
    assert (response.status_code, response["Content-Type"]) == (400, "text/plain; charset=utf-8")
    assert message in response.content.decode()
