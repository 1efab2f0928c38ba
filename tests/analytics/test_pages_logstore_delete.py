"""Deleting a Logstore or project names before it acts what goes, and which flow logs cannot deliver then."""

import re
from html import unescape
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from console.models import Account, Change, Region, User
from flowlogs import services
from flowlogs.models import FlowLog, Logstore, Part, Project, Vpc
from flowlogs.services.logstores import what_goes

PAGE = "/cn-hangzhou/log-service/"
STORE = f"{PAGE}flow-prod/vpc_flow/delete/"
PROJECT = "/cn-hangzhou/projects/flow-prod/delete/"


@pytest.fixture
def flow_logs(logstore: Logstore, account: Account, region: Region) -> list[FlowLog]:
    """Seven flow logs into the Logstore, one of which is started, and one beside it."""
    vpc = Vpc.objects.create(id="vpc-1", account=account, region=region)
    return FlowLog.objects.bulk_create(
        FlowLog(
            id=f"fl-{number}", account=account, region=region, name=f"log-{number}", resource_type="VPC",
            resource_id="vpc-1", vpc=vpc, project_name="flow-prod",
            logstore_name="beside" if number == 7 else "vpc_flow", status="Inactive" if number else "Active",
        )
        for number in range(8)
    )  # fmt: skip


@pytest.fixture
def parts(logstore: Logstore) -> None:
    """1,500 records in two parts, and one that is hidden."""
    for number, rows in enumerate((1000, 500, 77)):
        Part.objects.create(
            logstore=logstore, path=f"p{number}", hour=0, rows=rows, size=1024 * rows, min_time=0, max_time=1,
            removed_at="2026-01-01T00:00Z" if rows == 77 else None,
        )  # fmt: skip


def words(response: Any) -> str:
    """Return an answer without its tags."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", unescape(response.content.decode())))


def test_it_names_what_goes_and_who_fails(
    client: Client, owner: User, flow_logs: list[FlowLog], parts: None
) -> None:
    client.force_login(owner)
    assert f'href="{STORE}" data-panel' in client.get(PAGE).content.decode()
    html = words(client.get(STORE))
    assert "1,500 records go for good, 1.5 MB on disk." in html
    assert "7 flow logs cannot deliver then: log-0, log-1, log-2, log-3, log-4, …." in html
    assert "1 of them is started, and stops." in html
    assert "kept for 72 hours" in html


def test_it_takes_the_name_and_then_the_flow_logs_fail(
    client: Client, owner: User, flow_logs: list[FlowLog]
) -> None:
    client.force_login(owner)
    assert "That is not the name." in words(client.post(STORE, {"confirmation": "vpc-flow"}))
    assert Logstore.objects.exists()
    answer = client.post(STORE, {"confirmation": "vpc_flow"}, follow=True)
    assert "Logstore flow-prod/vpc_flow is deleted." in words(answer)
    assert not Logstore.objects.exists()
    assert set(FlowLog.objects.filter(delivery_status="FAILED").values_list("pk", flat=True)) == {
        f"fl-{number}" for number in range(7)
    }


def test_a_project_goes_once_it_is_empty(client: Client, owner: User, flow_logs: list[FlowLog]) -> None:
    client.force_login(owner)
    assert f'href="{PROJECT}" data-panel' in client.get(PAGE).content.decode()
    for answer in (client.get(PROJECT), client.post(PROJECT, {"confirmation": "flow-prod"})):
        html = answer.content.decode()
        assert "flow-prod cannot be deleted yet" in html
        assert 'href="/cn-hangzhou/log-service/flow-prod/vpc_flow/">vpc_flow</a>' in html
        assert f'href="{STORE}" data-panel>Delete</a>' in html
        assert '<button class="button button-danger" disabled>' in html
    assert Project.objects.exists()
    services.delete_logstore(Logstore.objects.get(), None)
    html = words(client.get(PROJECT))
    assert "8 flow logs cannot deliver then" in html
    assert "on disk" not in html
    client.post(PROJECT, {"confirmation": "flow-prod"})
    assert not Project.objects.exists()
    assert set(FlowLog.objects.values_list("delivery_error", flat=True)) == {"ProjectNotExist"}


EDIT = "/cn-hangzhou/projects/flow-prod/edit/"


def test_the_description_of_a_project_is_edited_and_noted(
    client: Client, owner: User, logstore: Logstore
) -> None:
    client.force_login(owner)
    assert f'href="{EDIT}" data-panel' in client.get(PAGE).content.decode()
    assert client.post(EDIT, {"description": "Traffic of <production>"})["Location"] == PAGE
    assert Project.objects.get().description == "Traffic of <production>"
    assert "Traffic of &lt;production&gt;" in client.get(PAGE).content.decode()
    assert "Traffic of &lt;production&gt;</textarea>" in client.get(EDIT).content.decode()
    assert Change.objects.get(action="log:UpdateProject").user_name == owner.username
    client.post(EDIT, {"description": ""})
    assert Project.objects.get().description == ""


def test_a_description_that_breaks_the_rules_is_told_beside_its_field(
    client: Client, owner: User, logstore: Logstore
) -> None:
    client.force_login(owner)
    answer = client.post(EDIT, {"description": "http://x"})
    assert answer.status_code == 200
    assert 'aria-describedby="id_description_error"' in answer.content.decode()
    assert Project.objects.get().description == ""


def test_a_reader_may_not(client: Client, reader: User, logstore: Logstore) -> None:
    client.force_login(reader)
    html = client.get(PAGE).content.decode()
    for action in ("DeleteLogStore", "DeleteProject", "UpdateProject"):
        assert f'disabled title="You need the permission log:{action}."' in html
    for url in (STORE, PROJECT):
        assert client.post(url, {"confirmation": "vpc_flow"}).status_code == 403
    assert Logstore.objects.exists()


def test_the_admin_site_names_the_same(
    client: Client, admin_user: User, flow_logs: list[FlowLog], parts: None, logstore: Logstore
) -> None:
    client.force_login(admin_user)
    url = f"/admin/flowlogs/logstore/{logstore.pk}/delete/"
    html = words(client.get(url))
    assert "1,500 records go for good, 1.5 MB on disk." in html
    assert "7 flow logs cannot deliver then: log-0" in html
    assert "8 flow logs cannot deliver then" in words(
        client.get(f"/admin/flowlogs/project/{logstore.project_id}/delete/")
    )
    many = {"action": "delete_selected", "_selected_action": [str(logstore.pk)]}
    assert "1,500 records go for good" in words(client.post("/admin/flowlogs/logstore/", many))
    client.post(url, {"post": "yes"})
    assert not Logstore.objects.exists()


def test_it_takes_two_queries_for_many(logstore: Logstore, flow_logs: list[FlowLog], parts: None) -> None:
    second = Logstore.objects.create(project=logstore.project, name="beside")
    rows = [logstore, second, logstore.project]
    with CaptureQueriesContext(connection) as found:
        goes = what_goes(rows)
    assert len(found) == 2
    assert [(each.records, len(each.flow_logs)) for each in goes] == [(1500, 7), (0, 1), (0, 8)]
