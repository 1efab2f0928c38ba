"""A flow log that was deleted: all that is kept of it can be read, nothing can be done to it, and it is found."""

import csv
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from console.models import Account, Region, User
from flowlogs import services
from flowlogs.models import Closing, Coverage, Delivery, FlowLog, Logstore, NetworkInterface, Vpc, Window
from tests.flowlogs.conftest import MakeFlowLog, make_interface
from tests.flowlogs.test_finding import found

LIST = "/cn-hangzhou/flow-logs/"
READ = ("", "?tab=deliveries", "?tab=ledger", "?tab=history", "scope/", "ledger/")
DONE = ("start/", "stop/", "edit/", "delete/", "tags/", "interval/", "deliver-again/")
START = 1_772_366_400


def text(response: Any) -> str:
    """Return an answer with runs of white space as one space."""
    assert response.status_code == 200
    return re.sub(r"\s+", " ", response.content.decode())


def delivered(flow_log: FlowLog, count: int, **values: Any) -> None:
    for place in range(count):
        window = Window.objects.create(vpc=flow_log.vpc, interval=10, start=START + 600 * place)
        closing = Closing.objects.create(window=window, number=0, state=Closing.State.DELIVERED)
        given = {"state": Delivery.State.DELIVERED, "records": 1234, **values}
        at = datetime.fromtimestamp(window.end + 63, UTC)
        Delivery.objects.create(flow_log=flow_log, closing=closing, delivered_at=at, **given)


@pytest.fixture
def gone(make_flow_log: MakeFlowLog, owner: User) -> FlowLog:
    """A flow log that delivered a window and that its owner deleted."""
    flow_log = make_flow_log(name="front-door", description="for audit")
    delivered(flow_log, 1, scope_flows=10, delivered_flows=7, filtered_flows=3)
    services.delete(flow_log, owner)
    services.finish_transition(flow_log.pk)
    return FlowLog.everything.get(pk=flow_log.pk)


@pytest.fixture
def page(client: Client, owner: User) -> Client:
    """A client that is logged in as the owner."""
    client.force_login(owner)
    return client


@pytest.mark.parametrize(
    ("part", "words"),
    [
        ("", ["front-door", "for audit", "logs/flows", "ENIs it covered", "12:00 – 12:10"]),
        ("?tab=deliveries", ["2026-03-01 12:00 – 12:10", "1,234", "63 s"]),
        ("?tab=ledger", ["2026-03-01 12:00 – 12:10", ">10</td>", ">7</td>"]),
        ("?tab=history", ["vpc:CreateFlowLog", "vpc:DeleteFlowLog", "alice"]),
        ("scope/", ["eni-vsw-vpc-1-a-1", "eni-vsw-vpc-1-b-1", "Covered until"]),
        ("ledger/", ["front-door", ">10</td>"]),
    ],
    ids=["configuration", "deliveries", "ledger", "history", "scope", "sums"],
)
def test_what_is_kept_can_be_read(page: Client, gone: FlowLog, part: str, words: list[str]) -> None:
    html = text(page.get(f"{LIST}{gone.pk}/{part}"))
    for each in words:
        assert each in html, each


@pytest.mark.parametrize("part", READ[:-1])
def test_each_tab_says_who_deleted_it_and_offers_nothing(page: Client, gone: FlowLog, part: str) -> None:
    Delivery.objects.update(state=Delivery.State.FAILED, quarantined_flows=5, reason="LogstoreNotExist")
    Closing.objects.update(delivered_at=timezone.now())
    FlowLog.everything.update(delivery_status="FAILED", delivery_error="LogstoreNotExist")
    html = text(page.get(f"{LIST}{gone.pk}/{part}"))
    assert '<span class="tag">Deleted</span>' in html
    assert f"Deleted on {gone.deleted_at:%Y-%m-%d %H:%M:%S} UTC by alice." in html
    assert "flow-log-acts" not in html
    for act in DONE:
        assert f"{gone.pk}/{act}" not in html, act


@pytest.mark.parametrize("act", DONE)
@pytest.mark.parametrize("method", ["get", "post"])
def test_nothing_can_be_done_to_it(page: Client, gone: FlowLog, act: str, method: str) -> None:
    answer = getattr(page, method)(f"{LIST}{gone.pk}/{act}")
    assert answer.status_code == (
        405 if method == "get" and act in ("start/", "stop/", "deliver-again/") else 404
    )


def test_what_nobody_in_the_account_deleted_was_the_system(page: Client, make_flow_log: MakeFlowLog) -> None:
    flow_log = make_flow_log()
    services.delete(flow_log, None)
    services.finish_transition(flow_log.pk)
    assert "UTC by the system." in text(page.get(f"{LIST}{flow_log.pk}/"))


@pytest.mark.parametrize("part", READ)
def test_it_is_not_there_for_others(
    client: Client, gone: FlowLog, stranger: User, owner: User, nobody: User, part: str
) -> None:
    client.force_login(stranger)
    assert client.get(f"{LIST}{gone.pk}/{part}").status_code == 404
    client.force_login(nobody)
    assert client.get(f"{LIST}{gone.pk}/{part}").status_code == 403
    client.force_login(owner)
    assert client.get(f"/cn-beijing/flow-logs/{gone.pk}/{part}").status_code == 404


@pytest.fixture
def nobody(account: Account) -> User:
    """A RAM user without any policy."""
    return User.objects.create_user("carol", account=account)


def test_it_links_only_to_what_is_there(page: Client, gone: FlowLog, logstore: Logstore, vpc: Vpc) -> None:
    url = f"{LIST}{gone.pk}/"
    links = ("/log-service/logs/flows/", f'href="/cn-hangzhou/vpcs/{vpc.pk}/"')
    before = text(page.get(url))
    assert [link in before for link in links] == [True, True]
    logstore.delete()
    Vpc.objects.update(deleted_at=timezone.now())
    after = text(page.get(url))
    assert [link in after for link in links] == [False, False]
    assert "logs/flows" in after


def test_the_scope_says_when_each_eni_was_covered(page: Client, gone: FlowLog) -> None:
    first, *_rest = Coverage.objects.filter(flow_log=gone).order_by("network_interface")
    NetworkInterface.objects.filter(pk="eni-vsw-vpc-1-a-2").update(deleted_at=timezone.now())
    html = text(page.get(f"{LIST}{gone.pk}/scope/"))
    assert 'href="/cn-hangzhou/enis/eni-vsw-vpc-1-a-1/"' in html
    assert 'href="/cn-hangzhou/enis/eni-vsw-vpc-1-a-2/"' not in html
    assert f"{first.since:%Y-%m-%d %H:%M:%S}</td>" in html
    assert f"{first.until:%Y-%m-%d %H:%M:%S}</td>" in html
    one = text(page.get(f"{LIST}{gone.pk}/scope/?search=10.0.1.1"))
    assert re.findall(r"href=\"/cn-hangzhou/enis/([^/\"]+)/\"", one) == ["eni-vsw-vpc-1-b-1"]
    assert "It covered no ENI that matches." in text(page.get(f"{LIST}{gone.pk}/scope/?search=10.9.9.9"))


@pytest.mark.parametrize("start", [-600, 600], ids=["before it was deleted", "after"])
def test_windows_wait_for_it_only_from_before_it_was_deleted(page: Client, gone: FlowLog, start: int) -> None:
    assert gone.deleted_at
    window = Window.objects.create(
        vpc=gone.vpc, interval=10, start=int(gone.deleted_at.timestamp()) // 600 * 600 + start
    )
    Closing.objects.create(window=window, number=0)
    html = text(page.get(f"{LIST}{gone.pk}/?tab=deliveries"))
    assert ("waits to be delivered" in html) == (start < 0)


def test_one_that_never_delivered_is_shown_too(page: Client, make_flow_log: MakeFlowLog, owner: User) -> None:
    flow_log = make_flow_log()
    services.delete(flow_log, owner)
    services.finish_transition(flow_log.pk)
    for part in READ:
        text(page.get(f"{LIST}{flow_log.pk}/{part}"))
    assert "The flow log was deleted before." in text(page.get(f"{LIST}{flow_log.pk}/?tab=deliveries"))


def test_the_number_of_queries_is_fixed(page: Client, gone: FlowLog, vpc: Vpc) -> None:
    before = [queries(page, f"{LIST}{gone.pk}/{part}") for part in READ[:-1]]
    for number in range(6):
        eni = make_interface(vpc.vswitches.earliest("pk"), 10 + number)
        Coverage.objects.create(
            flow_log=gone, network_interface=eni, since=gone.created_at, until=gone.deleted_at
        )
    for place in range(1, 6):
        window = Window.objects.create(vpc=vpc, interval=10, start=START + 600 * place)
        Delivery.objects.create(flow_log=gone, closing=Closing.objects.create(window=window, number=0))
    assert [queries(page, f"{LIST}{gone.pk}/{part}") for part in READ[:-1]] == before
    assert max(before) <= 19


def queries(page: Client, url: str) -> int:
    """Return how many queries a page takes."""
    with CaptureQueriesContext(connection) as taken:
        assert page.get(url).status_code == 200
    return len(taken)


def test_it_is_found_by_its_whole_identifier_alone(page: Client, gone: FlowLog) -> None:
    html = found(page, gone.pk)
    assert f'href="{LIST}{gone.pk}/"' in html
    assert '<span class="tag">Deleted</span>' in html
    assert f'href="{LIST}{gone.pk}/"' in found(page, gone.pk.upper())
    for part in (gone.pk[:-1], "front-door", "fl-"):
        assert gone.pk not in found(page, part), part


def test_only_who_may_see_it_finds_it(client: Client, gone: FlowLog, stranger: User, nobody: User) -> None:
    for user in (stranger, nobody):
        client.force_login(user)
        assert f"{LIST}{gone.pk}/" not in found(client, gone.pk)


def test_one_that_is_there_is_found_once(page: Client, make_flow_log: MakeFlowLog, region: Region) -> None:
    flow_log = make_flow_log()
    html = found(page, flow_log.pk)
    assert html.count(f'href="{LIST}{flow_log.pk}/"') == 1
    assert "Deleted" not in html


def test_the_list_shows_deleted_ones_when_asked(
    page: Client, gone: FlowLog, make_flow_log: MakeFlowLog
) -> None:
    there = make_flow_log(name="still-there")
    html = text(page.get(f"{LIST}?status=deleted"))
    assert f'<a href="{gone.pk}/">front-door</a>' in html
    assert there.pk not in html
    [row] = re.findall(r"<tbody>(.*?)</tbody>", html)
    assert "Deleted</span><p>" in row
    assert "changing=" not in html
    for offer in ("<button", "<input", *(f'href="{gone.pk}/{act}"' for act in (*DONE, "scope/"))):
        assert offer not in row, offer
    assert 'name="act" value="stop"' not in html
    for status in ("", "changing", "Deleting", "failed"):
        assert gone.pk not in text(page.get(f"{LIST}?status={status}"))


def test_the_list_of_deleted_ones_is_searched_sorted_and_sent_as_others(
    page: Client, gone: FlowLog, make_flow_log: MakeFlowLog, owner: User
) -> None:
    other = make_flow_log(name="back-door")
    services.delete(other, owner)
    services.finish_transition(other.pk)
    by_name = text(page.get(f"{LIST}?status=deleted&sort=name"))
    assert by_name.index("back-door</a>") < by_name.index("front-door</a>")
    assert "back-door" not in text(page.get(f"{LIST}?status=deleted&search=front"))
    answer: Any = page.get(f"{LIST}export/?status=deleted&sort=-name")
    first, second = csv.DictReader(b"".join(answer.streaming_content).decode().splitlines())
    assert (first["FlowLogName"], second["FlowLogName"]) == ("front-door", "back-door")
    assert first["DeletionTime"] == f"{gone.deleted_at:%Y-%m-%dT%H:%M:%SZ}"


def test_the_list_of_deleted_ones_takes_a_fixed_number_of_queries(
    page: Client, gone: FlowLog, many_flow_logs: Callable[[int], None]
) -> None:
    before = queries(page, f"{LIST}?status=deleted")
    many_flow_logs(10)
    FlowLog.objects.update(status=FlowLog.Status.DELETING, deleted_at=timezone.now())
    assert queries(page, f"{LIST}?status=deleted") == before
