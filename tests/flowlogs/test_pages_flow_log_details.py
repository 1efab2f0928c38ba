"""The tabs of one flow log: configuration, deliveries, ledger, history, each with its state in the address."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from console.models import User
from flowlogs import services, usage
from flowlogs.models import Closing, Delivery, FlowLog, Instance, Vpc, Window
from flowlogs.views.flow_log_detail import span
from tests.flowlogs.conftest import MakeFlowLog, make_interface

LIST = "/cn-hangzhou/flow-logs/"
FRAGMENT = {"HX-Request": "true"}
START = 1_772_366_400
MakeDeliveries = Callable[..., None]


@pytest.fixture
def page(client: Client, owner: User) -> Client:
    """A client that is logged in as the owner."""
    client.force_login(owner)
    return client


@pytest.fixture
def deliver(vpc: Vpc) -> MakeDeliveries:
    """Write deliveries of so many windows down."""

    def write(flow_log: FlowLog, count: int, since: int = START, number: int = 0, **values: Any) -> None:
        for place in range(count):
            window, _ = Window.objects.get_or_create(vpc=vpc, interval=10, start=since + 600 * place)
            closing, _ = Closing.objects.get_or_create(window=window, number=number)
            given = {"state": Delivery.State.DELIVERED, "records": 1234, **values}
            Delivery.objects.create(
                flow_log=flow_log,
                closing=closing,
                delivered_at=datetime.fromtimestamp(window.end + 63, UTC),
                **given,
            )

    return write


def text(response: Any) -> str:
    """Return an answer with runs of white space as one space."""
    return re.sub(r"\s+", " ", response.content.decode())


def test_the_configuration_has_every_field(page: Client, make_flow_log: MakeFlowLog) -> None:
    flow_log = make_flow_log(
        name="egress",
        resource_type="VSwitch",
        resource_id="vsw-vpc-1-a",
        traffic_type="Allow",
        traffic_paths=["natGateway"],
        interval=5,
        description="for audit",
    )
    FlowLog.objects.filter(pk=flow_log.pk).update(tags={"env": "prod"})
    html = text(page.get(f"{LIST}{flow_log.pk}/"))
    for words in (flow_log.pk, "egress", "vSwitch", "vsw-vpc-1-a", "vpc-1", "Allowed Traffic", "IPv4", "5 minutes",
                  "NAT gateway", "logs/flows", "for audit", "env: prod", "Started", "No delivery yet"):  # fmt: skip
        assert words in html, words
    assert f'href="{LIST}{flow_log.pk}/edit/" data-panel' in html
    assert f'href="{LIST}{flow_log.pk}/tags/" data-panel' in html
    assert f'href="{LIST}{flow_log.pk}/scope/"' in html


def test_who_may_not_edit_is_told_why(client: Client, reader: User, make_flow_log: MakeFlowLog) -> None:
    flow_log = make_flow_log()
    client.force_login(reader)
    html = text(client.get(f"{LIST}{flow_log.pk}/"))
    for action in ("DeactiveFlowLog", "ModifyFlowLogAttribute", "DeleteFlowLog", "TagResources"):
        assert f'disabled title="You need the permission vpc:{action}."' in html


def test_an_unknown_tab_is_the_first(page: Client, make_flow_log: MakeFlowLog) -> None:
    flow_log = make_flow_log()
    html = text(page.get(f"{LIST}{flow_log.pk}/?tab=nonsense"))
    assert f'<a href="{LIST}{flow_log.pk}/" aria-current="page">Configuration</a>' in html


def test_what_it_generated_this_month(
    page: Client, make_flow_log: MakeFlowLog, deliver: MakeDeliveries
) -> None:
    flow_log = make_flow_log()
    deliver(flow_log, 1, size=7 * 2**30)
    usage.record(Closing.objects.get(), timezone.now())
    html = text(page.get(f"{LIST}{flow_log.pk}/"))
    assert "7.0 GB" in html
    assert "$0.74" in html


def test_old_instance_families_of_its_vpc_are_named(
    page: Client, make_flow_log: MakeFlowLog, vpc: Vpc
) -> None:
    flow_log = make_flow_log()
    Instance.objects.create(pk="i-old", vpc=vpc, instance_type="ecs.s3.large")
    assert "i-old (ecs.s3.large)" in text(page.get(f"{LIST}{flow_log.pk}/"))
    vpc.account.blocks_old_families = False
    vpc.account.save()
    assert "i-old" not in text(page.get(f"{LIST}{flow_log.pk}/"))


def test_deliveries_with_their_lag_and_attempts(
    page: Client, make_flow_log: MakeFlowLog, deliver: MakeDeliveries
) -> None:
    flow_log = make_flow_log()
    deliver(flow_log, 1, number=1, nodata=5, skipdata=1)
    Closing.objects.update(attempt=3)
    html = text(page.get(f"{LIST}{flow_log.pk}/?tab=deliveries"))
    for words in ("2026-03-01 12:00 – 12:10", "Supplement 1", "1,234", "63 s", ">3</td>", "Delivered"):
        assert words in html, words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 s"),
        (120, "120 s"),
        (121, "2 min"),
        (3599, "59 min"),
        (3600, "1 h 0 min"),
        (85_620, "23 h 47 min"),
        (172_799, "47 h 59 min"),
        (180_000, "2 d 2 h"),
    ],
)
def test_a_lag_is_told_in_the_unit_that_suits_it(seconds: int, words: str) -> None:
    assert span(seconds) == words


def test_a_long_lag_has_its_seconds_in_the_title(
    page: Client, make_flow_log: MakeFlowLog, deliver: MakeDeliveries
) -> None:
    flow_log = make_flow_log()
    deliver(flow_log, 1)
    Delivery.objects.update(delivered_at=datetime.fromtimestamp(START + 600 + 85_620, UTC))
    html = text(page.get(f"{LIST}{flow_log.pk}/?tab=deliveries"))
    assert 'title="85,620 s">23 h 47 min</td>' in html


@pytest.mark.parametrize("tab", ["deliveries", "ledger"])
def test_the_latest_window_is_first_whenever_it_was_delivered(
    page: Client, make_flow_log: MakeFlowLog, deliver: MakeDeliveries, tab: str
) -> None:
    flow_log = make_flow_log()
    deliver(flow_log, 2, since=START + 1200)
    deliver(flow_log, 2)
    deliver(flow_log, 1, since=START + 1200, number=1)
    window = Window.objects.create(vpc=flow_log.vpc, interval=1, start=START + 900)
    Delivery.objects.create(flow_log=flow_log, closing=Closing.objects.create(window=window, number=0))
    html = text(page.get(f"{LIST}{flow_log.pk}/?tab={tab}"))
    found = re.findall(r"2026-03-01 (\d\d:\d\d) – \d\d:\d\d</span>(?: <span class=\"tag\">(\w+ \d))?", html)
    assert found == [
        ("12:30", ""), ("12:20", "Supplement 1"), ("12:20", ""), ("12:15", ""), ("12:10", ""), ("12:00", "")
    ]  # fmt: skip


@pytest.mark.parametrize("tab", ["deliveries", "ledger"])
def test_all_of_them_can_be_reached(
    page: Client, make_flow_log: MakeFlowLog, deliver: MakeDeliveries, tab: str
) -> None:
    flow_log = make_flow_log()
    deliver(flow_log, 45)
    deliver(make_flow_log(name="other"), 3)
    seen: list[str] = []
    for number in (1, 2, 3):
        html = text(page.get(f"{LIST}{flow_log.pk}/?tab={tab}&page={number}"))
        seen += re.findall(r"2026-03-01 \d\d:\d\d – \d\d:\d\d", html)
    assert len(seen) == len(set(seen)) == 45
    assert seen == sorted(seen, reverse=True)


@pytest.mark.parametrize(
    ("unit", "expected"),
    [
        ("flows", ["10", "6", "2", "1", "1", "0"]),
        ("packets", ["100", "60", "20", "10", "10", "0"]),
        ("bytes", ["1.0 KB", "512 B", "512 B", "0 B", "0 B", "0"]),
        ("nonsense", ["10", "6", "2", "1", "1", "0"]),
    ],
)
def test_the_ledger_of_each_closing(
    page: Client, make_flow_log: MakeFlowLog, deliver: MakeDeliveries, unit: str, expected: list[str]
) -> None:
    flow_log = make_flow_log()
    flows = {"scope": 10, "delivered": 6, "filtered": 2, "late": 1, "quarantined": 1}
    sizes = {"scope": 1024, "delivered": 512, "filtered": 512}
    terms = {f"{term}_flows": count for term, count in flows.items()}
    terms |= {f"{term}_packets": 10 * count for term, count in flows.items()}
    terms |= {f"{term}_bytes": size for term, size in sizes.items()}
    deliver(flow_log, 1, **terms)
    html = text(page.get(f"{LIST}{flow_log.pk}/?tab=ledger&unit={unit}"))
    cells = re.findall(r'<td class="number" data-label="([^"]+)">([^<]*)</td>', html)
    assert [value for _label, value in cells] == expected
    labels = ["In scope", "Delivered", "Filtered", "Late", "Quarantined", "Unexplained"]
    assert [label for label, _value in cells] == labels


def test_what_is_unexplained_stands_out(
    page: Client, make_flow_log: MakeFlowLog, deliver: MakeDeliveries
) -> None:
    flow_log = make_flow_log()
    deliver(flow_log, 1, scope_flows=10, delivered_flows=7)
    html = text(page.get(f"{LIST}{flow_log.pk}/?tab=ledger"))
    assert '<td class="number error-text" data-label="Unexplained">3</td>' in html


def test_the_sum_of_the_ledger_has_nothing_unexplained(
    page: Client, make_flow_log: MakeFlowLog, deliver: MakeDeliveries
) -> None:
    flow_log = make_flow_log()
    deliver(flow_log, 1, scope_flows=10, delivered_flows=7, filtered_flows=3)
    url = f"{LIST}{flow_log.pk}/ledger/"
    assert f'hx-get="{url}"' in text(page.get(f"{LIST}{flow_log.pk}/?tab=ledger"))
    whole, part = page.get(url), page.get(url, headers=FRAGMENT)
    assert "<html" in text(whole)
    assert "<html" not in text(part)
    row = re.search(r'<th scope="row" class="nowrap">Flows</th>(.*?)</tr>', text(part))
    assert row
    assert re.findall(r">([\d,]+)</td>", row[1]) == ["10", "7", "3", "0", "0", "0", "0"]


def test_the_history_says_who_changed_what_from_what(
    page: Client, make_flow_log: MakeFlowLog, owner: User
) -> None:
    flow_log = make_flow_log(name="before")
    services.modify(flow_log, owner, name="after", interval=1)
    services.finish_transition(flow_log.pk)
    html = text(page.get(f"{LIST}{flow_log.pk}/?tab=history"))
    for words in (
        '<span class="muted">Name:</span> <del>before</del>',
        "Sampling interval:</span> <del>10 min</del>",
        "</span> 1 min</p>",
        "Edited",
        "vpc:ModifyFlowLogAttribute",
        "alice",
        "The system",
        "Created",
    ):
        assert words in html, words
    assert html.index("Edited") < html.index("vpc:CreateFlowLog"), "the oldest is first"


def test_the_number_of_queries_is_fixed(
    page: Client, make_flow_log: MakeFlowLog, deliver: MakeDeliveries, vpc: Vpc
) -> None:
    flow_log = make_flow_log()
    deliver(flow_log, 2)
    counts = []
    for wave in range(2):
        for number in range(3):
            make_interface(vpc.vswitches.earliest("pk"), 10 + 3 * wave + number)
        services.coverage.refresh(vpc)
        deliver(flow_log, 5, since=START + 86_400 * (wave + 1))
        services.modify(flow_log, None, description=f"wave {wave}")
        counts.append([queries(page, f"{LIST}{flow_log.pk}/{tab}") for tab in TABS])
    assert counts[0] == counts[1]
    assert max(counts[0]) <= 20


TABS = ("", "?tab=deliveries", "?tab=ledger", "?tab=history", "scope/")


def queries(page: Client, url: str) -> int:
    """Return how many queries a page takes."""
    with CaptureQueriesContext(connection) as found:
        assert page.get(url).status_code == 200
    return len(found)


def test_closed_windows_that_wait_are_told(page: Client, make_flow_log: MakeFlowLog) -> None:
    flow_log = make_flow_log()
    address = f"/cn-hangzhou/flow-logs/{flow_log.pk}/?tab=deliveries"
    assert "to be delivered" not in page.get(address).content.decode()
    for number in range(2):
        window = Window.objects.create(vpc=flow_log.vpc, interval=10, start=600 * number)
        Closing.objects.create(window=window, number=0)
    assert "2 closed windows of this VPC wait to be delivered" in page.get(address).content.decode()
