"""View ENI Collection Scope: what is covered, who decides how often, and what the Logstore has of each ENI."""

import re
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from console.models import User
from flowlogs import scope, services
from flowlogs.models import Coverage, FlowLog, IntervalChange, Part, Vpc
from flowlogs.store import workers
from tests.flowlogs.conftest import MakeFlowLog, make_interface
from tests.flowlogs.factories import START, Lab, flow

LIST = "/cn-hangzhou/flow-logs/"
HOUR = 3600


@pytest.fixture
def page(client: Client, owner: User) -> Client:
    """A client that is logged in as the owner."""
    client.force_login(owner)
    return client


def text(response: Any) -> str:
    """Return an answer with runs of white space as one space."""
    return re.sub(r"\s+", " ", response.content.decode())


def rows(html: str) -> dict[str, str]:
    """Return the rows of the table by the identifier of their ENI."""
    found = re.findall(r"<tr>(.*?)</tr>", html.partition("<tbody>")[2])
    return {re.findall(r'class="identifier">([^<]*)<', row)[0]: row for row in found}


def collected(flow_log: FlowLog, now: float | None = None) -> dict[str, scope.Collected]:
    """Count what the Logstore has of all ENIs of a flow log."""
    covered = scope.interfaces(list(scope.covered(flow_log)))
    return scope.collected(flow_log, covered, now)


def test_records_are_those_of_the_logstore(lab: Lab) -> None:
    flow_log = lab.flow_log()
    lab.move(START + 100)
    lab.send(flow(at=START + 90), flow(src="10.0.1.2", at=START + 95, srcport=7))
    lab.finish()
    lab.move(lab.now + 60)
    lab.send(flow(at=lab.now - 5, srcport=9, packets=11, bytes=1300), flow(dst="10.0.1.2", at=lab.now - 5))
    lab.lose("c1", "kernel")
    begun = int(lab.now) // 600 * 600
    lab.finish(begun)
    found = collected(flow_log)
    assert found.keys() == {"eni-a", "eni-b", "eni-c"}

    # the same, counted record by record
    last = scope.last_windows(flow_log)[10]
    assert last == begun
    counts: dict[str, Counter[str]] = {eni: Counter() for eni in found}
    for record in lab.rows():
        count = counts[record["eni-id"]]
        count[record["log-status"]] += 1
        if record["log-status"] == "OK" and last <= record["start"] < last + 600:
            count["packets"] += record["packets"]
            count["bytes"] += record["bytes"]
    for eni, count in counts.items():
        got = found[eni]
        assert (got.records, got.nodata, got.skipdata) == (count["OK"], count["NODATA"], count["SKIPDATA"]), (
            eni
        )
        assert (got.packets, got.bytes) == (count["packets"], count["bytes"]), eni
    assert sum(got.packets for got in found.values()) > 0
    assert sum(got.skipdata for got in found.values()) > 0
    assert sum(got.nodata for got in found.values()) > 0


def test_records_older_than_a_day_do_not_count(lab: Lab) -> None:
    flow_log = lab.flow_log()
    lab.move(START + 100)
    lab.send(flow(at=START + 90))
    lab.finish()
    at = START + 95
    assert collected(flow_log, at + 86_400)["eni-a"].records == 0
    assert collected(flow_log, at + 86_400 - 60)["eni-a"].records == 1


def test_the_page_shows_what_is_counted(lab: Lab, client: Client, owner: User) -> None:
    flow_log = lab.flow_log()
    lab.move(START + 100)
    lab.send(flow(at=START + 90, packets=5, bytes=700))
    lab.lose("c1", "kernel")
    lab.finish()
    client.force_login(owner)
    url = f"{LIST}{flow_log.pk}/scope/"
    before = text(client.get(url))
    assert f'hx-get="{url}?counts=1" hx-trigger="load"' in before
    assert "skeleton" in before
    counted = text(client.get(f"{url}?counts=1"))
    assert "skeleton" not in counted
    assert 'hx-trigger="load"' not in counted
    row = rows(counted)["eni-a"]
    assert "5 packets" in row
    assert "700 B" in row
    assert "1 record<" in row
    assert "SKIPDATA 1" in row
    assert "error-text" in row
    assert 'class="loss"' in row


def test_who_is_covered_since_when_and_who_decides(page: Client, make_flow_log: MakeFlowLog) -> None:
    every_vpc = make_flow_log(name="whole", interval=10)
    vswitch = make_flow_log(name="quick", resource_type="VSwitch", resource_id="vsw-vpc-1-a", interval=1)
    found = rows(text(page.get(f"{LIST}{every_vpc.pk}/scope/")))
    assert found.keys() == {"eni-vsw-vpc-1-a-1", "eni-vsw-vpc-1-a-2", "eni-vsw-vpc-1-b-1"}
    assert f'<a href="{LIST}{vswitch.pk}/">quick</a>' in found["eni-vsw-vpc-1-a-1"]
    assert "by this flow log" in found["eni-vsw-vpc-1-b-1"]
    assert "10.0.0.1" in found["eni-vsw-vpc-1-a-1"]
    assert rows(text(page.get(f"{LIST}{vswitch.pk}/scope/"))).keys() == {
        "eni-vsw-vpc-1-a-1",
        "eni-vsw-vpc-1-a-2",
    }


def test_the_interval_in_force_and_the_one_to_come(page: Client, make_flow_log: MakeFlowLog) -> None:
    flow_log = make_flow_log(resource_type="VSwitch", resource_id="vsw-vpc-1-a")
    IntervalChange.objects.create(
        network_interface_id="eni-vsw-vpc-1-a-1", interval=1, since=timezone.now() + timedelta(minutes=10)
    )
    row = rows(text(page.get(f"{LIST}{flow_log.pk}/scope/")))["eni-vsw-vpc-1-a-1"]
    assert ">10 min<" in row
    assert "1 min from" in row


@pytest.mark.parametrize(
    ("spans", "strip"),
    [
        pytest.param([(30, None)], [("ok", 48)], id="all day"),
        pytest.param([(12, None)], [("none", 24), ("ok", 24)], id="since noon"),
        pytest.param(
            [(12.25, None)], [("none", 23), ("late", 1), ("ok", 24)], id="half of a half hour is a part"
        ),
        pytest.param(
            [(30, 18), (6, None)], [("ok", 12), ("none", 24), ("ok", 12)], id="stopped and started again"
        ),
        pytest.param(
            [(30, 26), (12, None)], [("none", 24), ("ok", 24)], id="what ended before does not count"
        ),
        pytest.param(
            [(30, 12.1), (11.9, None)], [("ok", 23), ("late", 2), ("ok", 23)], id="a moment without it"
        ),
    ],
)
def test_the_strip_is_the_coverage_of_the_day(
    page: Client,
    make_flow_log: MakeFlowLog,
    spans: list[tuple[float, float | None]],
    strip: list[tuple[str, int]],
) -> None:
    flow_log = make_flow_log(resource_type="NetworkInterface", resource_id="eni-vsw-vpc-1-a-1")
    Coverage.objects.all().delete()
    now = timezone.now()
    for since, until in spans:
        Coverage.objects.create(
            flow_log=flow_log,
            network_interface_id="eni-vsw-vpc-1-a-1",
            since=now - timedelta(hours=since),
            until=None if until is None else now - timedelta(hours=until),
        )
    (row,) = rows(text(page.get(f"{LIST}{flow_log.pk}/scope/"))).values()
    found = re.findall(r'<i class="(\w+)" style="flex-grow:(\d+)"></i>', row)
    merged = [(kind, int(slots)) for kind, slots in found]
    # the page is a moment later than the coverage
    assert [kind for kind, slots in merged if slots > 1] == [kind for kind, slots in strip if slots > 1]
    for kind in ("ok", "none"):
        assert abs(total(merged, kind) - total(strip, kind)) <= 1


def total(strip: list[tuple[str, int]], kind: str) -> int:
    """Return how many slots of a strip are of a kind."""
    return sum(slots for each, slots in strip if each == kind)


@pytest.mark.parametrize(
    ("search", "expected"),
    [
        ("web-2", ["eni-vsw-vpc-1-a-2"]),
        ("vpc-1-b", ["eni-vsw-vpc-1-b-1"]),
        ("10.0.0.1", ["eni-vsw-vpc-1-a-1"]),
        ("10.0.0.77", []),
        ("nothing", []),
    ],
)
def test_search(page: Client, make_flow_log: MakeFlowLog, search: str, expected: list[str]) -> None:
    flow_log = make_flow_log()
    html = text(page.get(f"{LIST}{flow_log.pk}/scope/", {"search": search}))
    assert list(rows(html)) == expected
    if not expected:
        assert "No results" in html


def test_all_of_them_can_be_reached(page: Client, make_flow_log: MakeFlowLog, vpc: Vpc) -> None:
    for number in range(10, 52):
        make_interface(vpc.vswitches.earliest("pk"), number)
    flow_log = make_flow_log()
    seen = [
        eni
        for number in (1, 2, 3)
        for eni in rows(text(page.get(f"{LIST}{flow_log.pk}/scope/?page={number}")))
    ]
    assert len(seen) == len(set(seen)) == 45


def test_others_into_the_same_logstore_are_named(page: Client, make_flow_log: MakeFlowLog) -> None:
    flow_log = make_flow_log(name="first")
    assert "are counted too" not in text(page.get(f"{LIST}{flow_log.pk}/scope/"))
    make_flow_log(name="second", resource_type="VSwitch", resource_id="vsw-vpc-1-b")
    html = text(page.get(f"{LIST}{flow_log.pk}/scope/"))
    assert "are counted too: <a" in html
    assert ">second</a>" in html


def test_a_failure_says_so_and_offers_another_try(
    page: Client, make_flow_log: MakeFlowLog, logstore: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    flow_log = make_flow_log()
    now = int(timezone.now().timestamp())
    Part.objects.create(
        logstore=logstore,
        path="gone.parquet",
        hour=now // HOUR * HOUR,
        rows=1,
        size=1,
        min_time=now - 9,
        max_time=now,
    )

    def busy(*_args: Any, **_kwargs: Any) -> None:
        raise workers.WorkersBusy("all 2 engine workers were busy for 5 s")

    monkeypatch.setattr(workers, "call", busy)
    html = text(page.get(f"{LIST}{flow_log.pk}/scope/?counts=1"))
    assert "could not be counted" in html
    assert "all 2 engine workers were busy" in html
    assert f'href="{LIST}{flow_log.pk}/scope/?counts=1">Try again' in html
    assert len(rows(html)) == 3


def test_a_flow_log_that_is_not_started_says_what_to_do(page: Client, make_flow_log: MakeFlowLog) -> None:
    flow_log = make_flow_log()
    services.stop(flow_log, None)
    services.finish_transition(flow_log.pk)
    html = text(page.get(f"{LIST}{flow_log.pk}/scope/"))
    assert "No ENI is covered" in html
    assert "Start the flow log" in html


def test_the_number_of_queries_is_fixed(page: Client, make_flow_log: MakeFlowLog, vpc: Vpc) -> None:
    flow_log = make_flow_log()
    counts = []
    for wave in range(2):
        for number in range(6):
            make_interface(vpc.vswitches.earliest("pk"), 10 + 6 * wave + number)
        services.coverage.refresh(vpc)
        with CaptureQueriesContext(connection) as queries:
            page.get(f"{LIST}{flow_log.pk}/scope/?counts=1")
        counts.append(len(queries))
    assert counts[0] == counts[1]
    assert counts[0] <= 20
