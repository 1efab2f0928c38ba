"""The Flow Log pages: what the list shows and finds, the life cycle, and the details."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.messages import get_messages
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from console.models import Account, Region, Role, User
from flowlogs import services
from flowlogs.models import (
    Closing,
    Delivery,
    FlowLog,
    IntervalChange,
    Logstore,
    Vpc,
    Window,
)
from tests.flowlogs.conftest import MakeFlowLog, make_interface

LIST = "/cn-hangzhou/flow-logs/"
CREATE = f"{LIST}create/"
FRAGMENT = {"HX-Request": "true"}


@pytest.fixture
def page(client: Client, owner: User) -> Client:
    """A client that is logged in as the owner."""
    client.force_login(owner)
    return client


def names(html: str) -> list[str]:
    """Return the names of the flow logs in a list, in their order."""
    return re.findall(r'id="name-[^"]*"[^>]*>([^<]*)</a>', html)


def text(response: Any) -> str:
    """Return an answer with runs of white space as one space."""
    return re.sub(r"\s+", " ", response.content.decode())


def said(response: Any) -> list[str]:
    """Return the messages that an answer leaves."""
    return [str(message) for message in get_messages(response.wsgi_request)]


def test_an_empty_region_says_what_to_do(page: Client, region: Region) -> None:
    html = text(page.get(LIST))
    assert "No flow log yet" in html
    assert f'href="{CREATE}" data-panel' in html


def test_a_region_without_flow_logs_says_so_and_offers_none(page: Client, region: Region) -> None:
    Region.objects.filter(pk=region.pk).update(flow_logs_available=False)
    html = text(page.get(LIST))
    assert "Flow logs are not available in this region" in html
    assert f'href="{CREATE}"' not in html


def test_a_missing_gate_leads_to_the_authorization(page: Client, account: Account, region: Region) -> None:
    Role.objects.filter(account=account).delete()
    html = text(page.get(LIST))
    assert 'href="/authorize/"' in html
    assert f'href="{CREATE}"' not in html


def test_a_row_says_what_the_flow_log_does(page: Client, make_flow_log: MakeFlowLog, vpc: Vpc) -> None:
    Vpc.objects.filter(pk=vpc.pk).update(is_demo=True)
    flow_log = make_flow_log(
        name="egress",
        resource_type="VSwitch",
        resource_id="vsw-vpc-1-a",
        traffic_type="Allow",
        traffic_paths=["natGateway", "vbr"],
        interval=5,
    )
    html = text(page.get(LIST))
    for words in (
        flow_log.pk,
        "vsw-vpc-1-a",
        "Allowed Traffic",
        "5 min",
        "NAT gateway, Virtual border router (VBR)",
        "Demo",
        "status-success",
        'href="/cn-hangzhou/log-service/logs/flows/"',
    ):
        assert words in html, words


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        pytest.param("search=alpha", ["alpha"], id="by name"),
        pytest.param("search=eni-vsw-vpc-1-a-1", ["beta"], id="by resource"),
        pytest.param("search=web-1", ["beta"], id="by name of the resource"),
        pytest.param("search=ta+be", ["beta"], id="every word"),
        pytest.param("search=%25", [], id="no wildcards"),
        pytest.param("status=Inactive", ["gamma"], id="not started"),
        pytest.param("status=changing", ["alpha"], id="changing"),
        pytest.param("status=failed", ["beta"], id="failed"),
        pytest.param("status=nonsense", ["gamma", "beta", "alpha"], id="unknown status"),
        pytest.param("sort=name", ["alpha", "beta", "gamma"], id="by name up"),
        pytest.param("sort=-name", ["gamma", "beta", "alpha"], id="by name down"),
        pytest.param("sort=created", ["alpha", "beta", "gamma"], id="oldest first"),
        pytest.param("sort=nonsense", ["gamma", "beta", "alpha"], id="newest first"),
    ],
)
def test_the_address_filters_and_sorts(
    page: Client, make_flow_log: MakeFlowLog, query: str, expected: list[str]
) -> None:
    made = [
        make_flow_log(name="alpha", finished=False),
        make_flow_log(name="beta", resource_type="NetworkInterface", resource_id="eni-vsw-vpc-1-a-1"),
        make_flow_log(name="gamma"),
    ]
    now = timezone.now()
    for age, flow_log in enumerate(reversed(made)):
        FlowLog.objects.filter(pk=flow_log.pk).update(created_at=now - timedelta(hours=age))
    services.stop(made[2], None)
    services.finish_transition(made[2].pk)
    services.delivery_failed(made[1].pk, "UnknownError")
    assert names(page.get(f"{LIST}?{query}").content.decode()) == expected


def test_no_results_is_not_an_empty_region(page: Client, make_flow_log: MakeFlowLog) -> None:
    make_flow_log()
    html = text(page.get(f"{LIST}?search=nothing"))
    assert "No results" in html
    assert "Clear filter" in html
    assert "No flow log yet" not in html


def test_pages(page: Client, many_flow_logs: Callable[[int], None]) -> None:
    many_flow_logs(45)
    assert len(names(page.get(LIST).content.decode())) == 20
    assert len(names(page.get(f"{LIST}?page=3").content.decode())) == 5
    assert len(names(page.get(f"{LIST}?page_size=50").content.decode())) == 45
    assert len(names(page.get(f"{LIST}?page=999&page_size=7").content.decode())) == 5


def test_the_number_of_queries_of_the_list_is_fixed(
    page: Client, many_flow_logs: Callable[[int], None]
) -> None:
    counts = []
    for more in (3, 57):
        many_flow_logs(more)
        with CaptureQueriesContext(
            connection,
        ) as queries:
            page.get(f"{LIST}?page_size=50")
        counts.append(len(queries))
    assert counts[0] == counts[1]
    assert counts[1] <= 12


def test_it_asks_again_only_while_something_changes(page: Client, make_flow_log: MakeFlowLog) -> None:
    flow_log = make_flow_log(finished=False)
    waiting = page.get(f"{LIST}?sort=name", headers=FRAGMENT).content.decode()
    assert 'hx-get="/cn-hangzhou/flow-logs/?sort=name" hx-trigger="every 1s"' in waiting
    assert "<html" not in waiting
    services.finish_transition(flow_log.pk)
    assert "every 1s" not in page.get(LIST, headers=FRAGMENT).content.decode()


@pytest.mark.parametrize(
    ("code", "reason", "remedy"),
    [
        ("LogstoreNotExist", "The Logstore does not exist.", "Create a Logstore with the same name"),
        ("RoleRevoked", "Delivery is not authorized", "Authorize delivery again"),
    ],
)
def test_a_failed_delivery_says_why_and_what_to_do(
    page: Client, make_flow_log: MakeFlowLog, code: str, reason: str, remedy: str
) -> None:
    flow_log = make_flow_log()
    if code == "LogstoreNotExist":
        services.delete_logstore(Logstore.objects.get(), None)
    services.delivery_failed(flow_log.pk, code)
    html = text(page.get(LIST))
    assert "Delivery Failed" in html
    assert reason in html
    assert remedy in html


def test_a_missing_logstore_is_no_link(page: Client, make_flow_log: MakeFlowLog) -> None:
    make_flow_log()
    Logstore.objects.all().delete()
    html = text(page.get(LIST))
    assert "logs/<wbr>flows" in html
    assert 'href="/cn-hangzhou/log-service/logs/flows/"' not in html


def test_a_reader_sees_what_is_missing_for_each_action(
    client: Client, reader: User, make_flow_log: MakeFlowLog
) -> None:
    make_flow_log()
    client.force_login(reader)
    html = text(client.get(LIST))
    for action in ("DeactiveFlowLog", "ModifyFlowLogAttribute", "DeleteFlowLog", "CreateFlowLog"):
        assert f'disabled title="You need the permission vpc:{action}."' in html


def test_stop_and_start(page: Client, make_flow_log: MakeFlowLog) -> None:
    flow_log = make_flow_log(name="web")
    response = page.post(f"{LIST}{flow_log.pk}/stop/", {"next": f"{LIST}?sort=name"})
    assert response["Location"] == f"{LIST}?sort=name"
    assert said(response) == ["Flow log web is stopping."]
    services.finish_transition(flow_log.pk)
    response = page.post(f"{LIST}{flow_log.pk}/start/")
    assert response["Location"] == f"{LIST}{flow_log.pk}/"
    flow_log.refresh_from_db()
    assert flow_log.status == "Activating"


def test_the_wrong_state_is_an_error(page: Client, make_flow_log: MakeFlowLog) -> None:
    flow_log = make_flow_log(name="web")
    response = page.post(f"{LIST}{flow_log.pk}/start/")
    assert said(response) == ["web is in state Started. Invalid flowlog status."]
    assert "banner-error" in text(page.get(LIST))


def test_start_says_at_once_what_is_missing(
    page: Client, make_flow_log: MakeFlowLog, account: Account
) -> None:
    flow_log = make_flow_log(name="web")
    services.delete_logstore(Logstore.objects.get(), None)
    assert said(page.post(f"{LIST}{flow_log.pk}/start/")) == [
        "web is in state Not Started. Logstore flows does not exist. "
        "Create a Logstore with the same name, then start the flow log."
    ]
    account.roles.all().delete()
    assert said(page.post(f"{LIST}{flow_log.pk}/start/"))[-1].endswith("Pass the authorization steps first.")


def test_the_pager_sets_thousands_apart(page: Client, many_flow_logs: Callable[[int], None]) -> None:
    many_flow_logs(1)
    assert "<span>1 item</span>" in text(page.get(LIST))
    many_flow_logs(1042)
    assert "<span>1,043 items</span>" in text(page.get(LIST))


@pytest.mark.parametrize("status", ["Activating", "Deactivating", "Modifying", "Deleting"])
def test_what_is_changing_is_neither_started_nor_stopped(
    page: Client, make_flow_log: MakeFlowLog, status: str
) -> None:
    flow_log = make_flow_log()
    FlowLog.objects.update(status=status)
    for url in (LIST, f"{LIST}{flow_log.pk}/"):
        (toggle,) = re.findall(f'<button[^>]* id="toggle-{flow_log.pk}"[^>]*>', text(page.get(url)))
        assert "disabled" in toggle
        assert "hx-post" not in toggle


def test_it_does_not_lead_to_another_site(page: Client, make_flow_log: MakeFlowLog) -> None:
    flow_log = make_flow_log()
    response = page.post(f"{LIST}{flow_log.pk}/stop/", {"next": "https://example.com/"})
    assert response["Location"] == f"{LIST}{flow_log.pk}/"


def test_edit(page: Client, make_flow_log: MakeFlowLog) -> None:
    flow_log = make_flow_log(name="before")
    url = f"{LIST}{flow_log.pk}/edit/"
    assert 'value="before"' in text(page.get(url))
    page.post(url, {"name": "after", "description": "for audit", "interval": "1"})
    flow_log.refresh_from_db()
    assert (flow_log.name, flow_log.description, flow_log.interval) == ("after", "for audit", 1)
    assert flow_log.status == "Modifying"


def test_edit_says_what_is_wrong(page: Client, make_flow_log: MakeFlowLog) -> None:
    flow_log = make_flow_log(name="before")
    url = f"{LIST}{flow_log.pk}/edit/"
    wrong = {"name": "http://x", "description": "y", "interval": "10"}
    response = page.post(url, wrong)
    assert set(response.context["form"].errors) == {"name", "description"}


def test_delete_takes_the_name(page: Client, make_flow_log: MakeFlowLog) -> None:
    flow_log = make_flow_log(name="web")
    url = f"{LIST}{flow_log.pk}/delete/"
    assert "stay readable in logs/flows" in text(page.get(url))
    assert "That is not the name of the flow log." in text(page.post(url, {"confirmation": "Web"}))
    flow_log.refresh_from_db()
    assert flow_log.status == "Active"
    assert page.post(url, {"confirmation": "web"})["Location"] == LIST
    flow_log.refresh_from_db()
    assert flow_log.status == "Deleting"


def test_covered_interfaces_with_their_interval(page: Client, make_flow_log: MakeFlowLog) -> None:
    flow_log = make_flow_log(resource_type="VSwitch", resource_id="vsw-vpc-1-a")
    eni = "eni-vsw-vpc-1-a-1"
    IntervalChange.objects.create(
        network_interface_id=eni, interval=1, since=timezone.now() + timedelta(minutes=10)
    )
    html = text(page.get(f"{LIST}{flow_log.pk}/"))
    assert eni in html
    assert "10.0.0.1" in html
    assert "10 min" in html
    assert "1 min from" in html
    assert "eni-vsw-vpc-1-b-1" not in html


def test_last_deliveries_with_their_lag(page: Client, make_flow_log: MakeFlowLog, vpc: Vpc) -> None:
    flow_log = make_flow_log()
    start = 1_772_366_400
    window = Window.objects.create(vpc=vpc, interval=10, start=start)
    Delivery.objects.create(
        flow_log=flow_log,
        closing=Closing.objects.create(window=window, number=1),
        state=Delivery.State.DELIVERED,
        records=1234,
        nodata=5,
        skipdata=1,
        delivered_at=datetime.fromtimestamp(start + 600 + 63, UTC),
    )
    html = text(page.get(f"{LIST}{flow_log.pk}/"))
    assert "2026-03-01 12:00 – 12:10" in html
    for words in ("Supplement 1", "1,234", "63 s", "Delivered"):
        assert words in html, words


def test_the_number_of_queries_of_the_details_is_fixed(
    page: Client, make_flow_log: MakeFlowLog, vpc: Vpc
) -> None:
    flow_log = make_flow_log()
    counts = []
    for wave in range(2):
        for number in range(3):
            make_interface(vpc.vswitches.earliest("pk"), 10 + 3 * wave + number)
        services.coverage.refresh(vpc)
        with CaptureQueriesContext(connection) as queries:
            page.get(f"{LIST}{flow_log.pk}/")
        counts.append(len(queries))
    assert counts[0] == counts[1]


def test_the_ledger_has_nothing_unexplained(page: Client, make_flow_log: MakeFlowLog, vpc: Vpc) -> None:
    flow_log = make_flow_log()
    window = Window.objects.create(vpc=vpc, interval=10, start=1_772_366_400)
    Delivery.objects.create(
        flow_log=flow_log,
        closing=Closing.objects.create(window=window, number=0),
        **{f"{term}_flows": flows for term, flows in (("scope", 10), ("delivered", 7), ("filtered", 3))},
    )
    url = f"{LIST}{flow_log.pk}/ledger/"
    assert f'hx-get="{url}"' in text(page.get(f"{LIST}{flow_log.pk}/"))
    whole, part = page.get(url), page.get(url, headers=FRAGMENT)
    assert "<html" in text(whole)
    assert "<html" not in text(part)
    row = re.search(r'<th scope="row">Flows</th>(.*?)</tr>', text(part))
    assert row
    assert re.findall(r">([\d,]+)</td>", row[1]) == ["10", "7", "3", "0", "0", "0", "0"]
