"""Log Service: the Logstores of a region, what they hold, and what delivers into them."""

import re
from collections.abc import Callable, Iterator
from html import unescape

import pytest
from django.test import Client
from django.utils import timezone

from console.models import Account, Region, User
from flowlogs.models import FlowLog, Logstore, Part, Project, Vpc
from tests.analytics.conftest import NOW, Deliver
from tests.analytics.made_logs import records

PAGE = "/cn-hangzhou/log-service/"
CREATE = f"{PAGE}create/"
NEW = {"project": "flow-prod", "logstore_name": "second", "ttl": "300"}


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


def test_thousands_of_flow_logs_keep_the_page_small(client: Client, owner: User, flow_log: FlowLog) -> None:
    fields = {field.attname: getattr(flow_log, field.attname) for field in FlowLog._meta.concrete_fields}
    more = [
        FlowLog(
            **fields
            | {"id": f"fl-bp{number:016d}", "name": f"later {number:04d}", "resource_id": f"vpc-{number}"}
        )
        for number in range(1000)
    ]
    FlowLog.objects.bulk_create(more)
    client.force_login(owner)
    response = client.get(PAGE)
    html = response.content.decode()
    assert re.findall(r'href="/cn-hangzhou/flow-logs/([^"]+)/"', html)[-5:] == [
        "fl-1", *(each.pk for each in more[:4]),
    ]  # fmt: skip
    assert '<a href="/cn-hangzhou/flow-logs/">and 996 more</a>' in html
    assert len(response.content) < 30_000


def test_a_reader_is_told_what_creating_takes(client: Client, reader: User, logstore: Logstore) -> None:
    assert client.get(CREATE).status_code == 302
    client.force_login(reader)
    assert 'disabled title="You need the permission log:CreateLogStore."' in client.get(PAGE).content.decode()
    for response in (client.get(CREATE), client.post(CREATE, NEW)):
        assert response.status_code == 403
        assert "log:CreateLogStore" in response.content.decode()
    assert Logstore.objects.count() == 1


def test_the_page_opens_as_a_panel(client: Client, owner: User, logstore: Logstore) -> None:
    client.force_login(owner)
    assert f'href="{CREATE}" data-panel' in client.get(PAGE).content.decode()
    panel = client.get(CREATE, headers={"HX-Request": "true"}).content.decode()
    assert "<dialog" in panel
    assert 'value="flow-prod"' in panel
    assert "<html" in client.get(CREATE).content.decode()


@pytest.mark.parametrize(
    ("entered", "days", "report"),
    [
        pytest.param({}, 300, False, id="days"),
        pytest.param({"ttl": ""}, 300, False, id="default"),
        pytest.param({"ttl": "3650"}, 3650, False, id="permanent"),
        pytest.param({"analysis_report": "on"}, 7, True, id="report"),
    ],
)
def test_a_logstore_is_created_in_a_project(
    client: Client, owner: User, logstore: Logstore, entered: dict[str, str], days: int, report: bool
) -> None:
    client.force_login(owner)
    assert client.post(CREATE, NEW | entered)["Location"] == PAGE
    made = Logstore.objects.get(name="second")
    assert (made.project, made.ttl, made.analysis_report) == (logstore.project, days, report)


@pytest.mark.parametrize("project", [{}, {"project": "+"}], ids=["the first", "one more"])
def test_a_logstore_is_created_with_a_new_project(
    client: Client, owner: User, account: Account, region: Region, project: dict[str, str]
) -> None:
    if project:
        Project.objects.create(account=account, region=region, name="flow-prod")
    client.force_login(owner)
    response = client.post(CREATE, {"project_name": "fresh", "logstore_name": "flows", **project})
    assert response.status_code == 302
    assert str(Logstore.objects.get()) == "fresh/flows"


@pytest.mark.parametrize(
    ("entered", "field", "said"),
    [
        pytest.param({"logstore_name": ""}, "logstore_name", "required", id="no name"),
        pytest.param({"logstore_name": "X"}, "logstore_name", "3 to 63 characters", id="bad name"),
        pytest.param({"logstore_name": "vpc_flow"}, "logstore_name", "already has", id="taken"),
        pytest.param({"project": "+"}, "project_name", "required", id="no project"),
        pytest.param({"project": "+", "project_name": "A"}, "project_name", "3 to 63", id="bad project"),
        pytest.param({"project": "+", "project_name": "flow-prod"}, "project_name", "in use", id="taken project"),
        pytest.param({"project_name": "fresh"}, "project_name", "Create project", id="two projects"),
        pytest.param({"project": "of-others"}, "project", "valid choice", id="no such project"),
        pytest.param({"ttl": "0"}, "ttl", "1 to 3650 days", id="no day"),
        pytest.param({"ttl": "3651"}, "ttl", "1 to 3650 days", id="too many days"),
        pytest.param({"ttl": "9" * 5000}, "ttl", "whole number", id="thousands of digits"),
    ],
)  # fmt: skip
def test_what_breaks_the_rules_is_said_beside_its_field(
    client: Client, owner: User, logstore: Logstore, entered: dict[str, str], field: str, said: str
) -> None:
    client.force_login(owner)
    errors = client.post(CREATE, NEW | entered).context["form"].errors
    assert list(errors) == [field]
    assert len(errors[field]) == 1
    assert said in errors[field][0]
    assert (Project.objects.count(), Logstore.objects.count()) == (1, 1)


def test_a_new_project_goes_with_its_logstore(
    client: Client, account: Account, reader: User, logstore: Logstore
) -> None:
    document = {
        "Version": "1",
        "Statement": [{"Effect": "Allow", "Action": "log:CreateLogStore", "Resource": "*"}],
    }
    reader.policies.create(account=account, name="stores", document=document)
    client.force_login(reader)
    response = client.post(CREATE, NEW | {"project": "+", "project_name": "fresh"})
    assert response.status_code == 403
    assert "log:CreateProject" in response.content.decode()
    assert not Project.objects.filter(name="fresh").exists()


@pytest.mark.parametrize(
    ("asked", "chosen"),
    [
        pytest.param(
            "project=flow-prod&logstore=lost",
            {"project": "flow-prod", "project_name": "", "logstore_name": "lost"},
            id="project is there",
        ),
        pytest.param(
            "project=gone&logstore=lost",
            {"project": "+", "project_name": "gone", "logstore_name": "lost"},
            id="project is gone",
        ),
        pytest.param("", {"project": "", "project_name": "", "logstore_name": ""}, id="no names"),
    ],
)
def test_the_address_fills_in_the_names(
    client: Client, owner: User, logstore: Logstore, asked: str, chosen: dict[str, str]
) -> None:
    client.force_login(owner)
    form = client.get(f"{CREATE}?{asked}").context["form"]
    assert {name: form[name].value() or "" for name in chosen} == chosen
    assert form["ttl"].value() == 300


def test_without_any_project_the_address_names_the_new_one(client: Client, owner: User) -> None:
    client.force_login(owner)
    html = client.get(f"{CREATE}?project=gone&logstore=%3Clost%3E").content.decode()
    assert 'name="project_name" value="gone"' in html
    assert 'name="logstore_name" value="&lt;lost&gt;"' in html


@pytest.mark.parametrize("missing", ["ProjectNotExist", "LogstoreNotExist"])
def test_a_failed_delivery_leads_to_the_form_with_its_names(
    client: Client, owner: User, flow_log: FlowLog, logstore: Logstore, missing: str
) -> None:
    gone: Project | Logstore = logstore.project if missing == "ProjectNotExist" else logstore
    gone.delete()
    FlowLog.objects.update(delivery_status="FAILED", delivery_error=missing)
    client.force_login(owner)
    html = client.get(f"/cn-hangzhou/flow-logs/{flow_log.pk}/").content.decode()
    (link,) = re.findall(r'href="([^"]+)" data-panel>Create a Logstore', html)
    form = client.get(unescape(link)).context["form"]
    entered = {name: form[name].value() for name in form.fields if form[name].value() is not None}
    assert client.post(CREATE, entered).status_code == 302
    made = Logstore.objects.get()
    assert (made.project.name, made.name) == ("flow-prod", "vpc_flow")


def test_without_its_token_the_form_changes_nothing(owner: User, logstore: Logstore) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(owner)
    assert client.post(CREATE, NEW).status_code == 403
    assert Logstore.objects.count() == 1


def test_the_projects_of_others_are_not_offered(client: Client, stranger: User, logstore: Logstore) -> None:
    client.force_login(stranger)
    assert "flow-prod" not in client.get(CREATE).content.decode()
    response = client.post(CREATE, NEW)
    assert "project_name" in response.context["form"].errors
    assert Logstore.objects.count() == 1
