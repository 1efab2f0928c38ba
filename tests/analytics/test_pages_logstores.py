"""Log Service: the Logstores of a region, what they hold, and what delivers into them."""

from collections.abc import Callable, Iterator

import pytest
from django.test import Client
from django.utils import timezone

from console.models import Account, Region, User
from flowlogs.models import FlowLog, Logstore, Part, Project, Vpc
from tests.analytics.conftest import NOW, Deliver
from tests.analytics.made_logs import records

PAGE = "/cn-hangzhou/log-service/"


@pytest.fixture
def flow_log(logstore: Logstore, account: Account, region: Region) -> FlowLog:
    """A flow log that delivers into the Logstore."""
    vpc = Vpc.objects.create(id="vpc-1", account=account, region=region, name="prod")
    return FlowLog.objects.create(
        id="fl-1", account=account, region=region, name="all traffic", resource_type="VPC", resource_id="vpc-1",
        vpc=vpc, project_name="flow-prod", logstore_name="vpc_flow",
    )  # fmt: skip


def test_it_shows_what_a_logstore_holds(
    client: Client, reader: User, logstore: Logstore, deliver: Deliver, flow_log: FlowLog
) -> None:
    deliver(records(300, NOW - 7200, NOW))
    hidden = Part.objects.earliest("pk")
    Part.objects.filter(pk=hidden.pk).update(removed_at=timezone.now())
    client.force_login(reader)
    response = client.get(PAGE)
    (project,) = response.context["projects"]
    (store,) = project.stores
    assert store.records == 300 - hidden.rows
    assert store.size == sum(part.size for part in Part.objects.exclude(pk=hidden.pk))
    html = response.content.decode()
    assert 'href="/cn-hangzhou/log-service/flow-prod/vpc_flow/"' in html
    assert 'href="/cn-hangzhou/log-service/flow-prod/vpc_flow/overview/"' in html
    assert 'href="/cn-hangzhou/flow-logs/fl-1/"' in html
    assert "300 days" in html


def test_it_shows_nothing_of_others(
    client: Client, logstore: Logstore, stranger: User, owner: User, flow_log: FlowLog
) -> None:
    client.force_login(stranger)
    assert client.get(PAGE).context["projects"] == []
    client.force_login(owner)
    assert client.get(PAGE.replace("cn-hangzhou", "cn-beijing")).context["projects"] == []


def test_an_empty_region_says_what_to_do(client: Client, owner: User) -> None:
    client.force_login(owner)
    html = client.get(PAGE).content.decode()
    assert "No project in this region" in html
    assert 'href="/cn-hangzhou/flow-logs/create/"' in html


def test_a_project_without_a_logstore_and_a_permanent_one_say_so(
    client: Client, owner: User, account: Account, region: Region, logstore: Logstore
) -> None:
    Project.objects.create(account=account, region=region, name="bare")
    Logstore.objects.update(ttl=3650)
    client.force_login(owner)
    html = client.get(PAGE).content.decode()
    assert "This project has no Logstore." in html
    assert "Permanent" in html


def test_who_may_see_it(client: Client, reader: User, logstore: Logstore) -> None:
    assert client.get(PAGE).status_code == 302
    client.force_login(reader)
    assert client.get(PAGE).status_code == 200
    reader.policies.clear()
    response = client.get(PAGE)
    assert response.status_code == 403
    assert "log:ListProject" in response.content.decode()


def test_the_navigation_leads_here(client: Client, reader: User) -> None:
    client.force_login(reader)
    assert 'href="/cn-hangzhou/log-service/" aria-current="page"' in client.get(PAGE).content.decode()


@pytest.mark.parametrize("count", [1, 30])
def test_the_number_of_database_queries_is_fixed(
    count: int,
    client: Client,
    owner: User,
    account: Account,
    region: Region,
    django_assert_num_queries: Callable[..., Iterator[None]],
) -> None:
    for number in range(count):
        project = Project.objects.create(account=account, region=region, name=f"project-{number}")
        for name in ("first", "second"):
            store = Logstore.objects.create(project=project, name=name)
            Part.objects.create(
                logstore=store, path=f"{number}-{name}", hour=0, rows=1, size=1, min_time=0, max_time=1
            )
    client.force_login(owner)
    client.get(PAGE)
    with django_assert_num_queries(8):
        client.get(PAGE)
