"""Editing a Logstore: what a shorter retention deletes is named, and confirmed, before it is set."""

import re
from html import unescape
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from console.models import Account, Change, User
from flowlogs.models import Logstore, Part
from flowlogs.services.logstores import held_beyond

PAGE = "/cn-hangzhou/log-service/"
SEARCH = f"{PAGE}flow-prod/vpc_flow/"
EDIT = f"{SEARCH}edit/"
DAY = 86_400


@pytest.fixture
def parts(logstore: Logstore) -> None:
    """1,000 records of 100 days ago, 500 of 20 days ago, 70 of today; some of 100 days ago that are hidden."""
    now = int(timezone.now().timestamp())
    for days, rows, removed_at in (
        (100, 1000, None), (20, 500, None), (0, 70, None), (100, 7, timezone.now())
    ):  # fmt: skip
        time = now - days * DAY
        Part.objects.create(
            logstore=logstore, path=f"p{rows}", hour=0, rows=rows, size=1024 * rows, min_time=time, max_time=time,
            removed_at=removed_at,
        )  # fmt: skip


@pytest.fixture
def page(client: Client, owner: User, logstore: Logstore) -> Client:
    """A client of the owner."""
    client.force_login(owner)
    return client


def words(response: Any) -> str:
    """Return an answer without its tags."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", unescape(response.content.decode())))


def settings() -> tuple[int, bool]:
    """Return retention and report as they are stored."""
    return Logstore.objects.values_list("ttl", "analysis_report").get()


def allow(user: User, account: Account, *actions: str, resource: str = "*") -> None:
    """Let a RAM user do so."""
    statement = {"Effect": "Allow", "Action": list(actions), "Resource": resource}
    user.policies.create(
        account=account, name=f"may-{len(actions)}", document={"Version": "1", "Statement": [statement]}
    )


def test_both_pages_lead_to_the_panel(page: Client) -> None:
    for url in (PAGE, SEARCH):
        assert f'href="{EDIT}" data-panel' in page.get(url).content.decode()
    panel = page.get(EDIT, headers={"HX-Request": "true"}).content.decode()
    assert "(optional)" not in panel
    assert "<dialog" in panel
    assert 'name="ttl" value="300"' in panel
    assert 'name="confirmed"' not in panel
    assert "<html" in page.get(EDIT).content.decode()


@pytest.mark.parametrize("days", [301, 3650], ids=["longer", "permanent"])
def test_a_longer_retention_is_set_at_once_and_noted(
    page: Client, parts: None, days: int, owner: User
) -> None:
    answer = page.post(EDIT, {"ttl": days}, follow=True)
    assert "Logstore flow-prod/vpc_flow is changed." in words(answer)
    assert settings() == (days, False)
    change = Change.objects.get()
    assert (change.action, change.resource_type, change.resource_id) == (
        "log:UpdateLogStore", "Logstore", "flow-prod/vpc_flow",
    )  # fmt: skip
    assert change.values == {"ttl": [300, days]}


@pytest.mark.parametrize(
    ("entered", "said", "days", "after"),
    [
        pytest.param({"ttl": "30"}, "1,000 records are older and go for good", 30, (30, False), id="30 days"),
        pytest.param({"ttl": "10"}, "1,500 records are older and go for good, 1.5 MB", 10, (10, False), id="10 days"),
        pytest.param({"ttl": "200"}, "It holds no records that are older.", 200, (200, False), id="nothing older"),
        pytest.param({"ttl": "300", "analysis_report": "on"}, "1,500 records are older", 7, (7, True), id="report"),
        pytest.param({"ttl": "", "analysis_report": "on"}, "kept for 7 days only", 7, (7, True), id="report alone"),
    ],
)  # fmt: skip
def test_a_shorter_one_names_what_goes_and_takes_a_tick(
    page: Client, parts: None, entered: dict[str, str], said: str, days: int, after: tuple[int, bool]
) -> None:
    answer = page.post(EDIT, entered)
    assert said in words(answer)
    assert f'name="confirmed" value="{days}" id="id_confirmed" aria-invalid' in answer.content.decode()
    assert (settings(), Change.objects.count()) == ((300, False), 0)
    assert page.post(EDIT, entered | {"confirmed": str(days)}).status_code == 302
    assert settings() == after


def test_a_tick_counts_only_for_the_retention_it_was_given_to(page: Client, parts: None) -> None:
    answer = page.post(EDIT, {"ttl": "1", "confirmed": "30"})
    assert list(answer.context["form"].errors) == ["confirmed"]
    assert "1,500 records are older" in words(answer)
    assert settings() == (300, False)


def test_the_report_is_offered_where_it_is_off_and_then_no_more(page: Client) -> None:
    assert 'name="analysis_report"' in page.get(EDIT).content.decode()
    page.post(EDIT, {"analysis_report": "on", "confirmed": "7"})
    change = Change.objects.get()
    assert (change.action, change.values) == (
        "log:CreateIndex", {"ttl": [300, 7], "analysis_report": [False, True]},
    )  # fmt: skip
    html = page.get(EDIT).content.decode()
    assert 'name="analysis_report"' not in html
    assert "The Log Analysis Report of this Logstore is on." in html
    page.post(EDIT, {"ttl": "60"})
    assert settings() == (60, True)


@pytest.mark.parametrize(
    ("ttl", "said"),
    [
        pytest.param("", "required", id="none"),
        pytest.param("0", "1 to 3650 days", id="no day"),
        pytest.param("-5", "1 to 3650 days", id="negative"),
        pytest.param("3651", "1 to 3650 days", id="too many days"),
        pytest.param("9" * 5000, "whole number", id="thousands of digits"),
    ],
)
def test_the_rule_is_that_of_creation(page: Client, ttl: str, said: str) -> None:
    errors = page.post(EDIT, {"ttl": ttl, "confirmed": ttl[:9]}).context["form"].errors
    assert list(errors) == ["ttl"]
    assert len(errors["ttl"]) == 1
    assert said in errors["ttl"][0]
    assert settings() == (300, False)


def test_it_goes_on_where_the_panel_was_opened(page: Client) -> None:
    assert page.post(EDIT, {"ttl": "301", "next": f"{SEARCH}?q=a"})["Location"] == f"{SEARCH}?q=a"
    assert page.post(EDIT, {"ttl": "302", "next": "https://example.com/"})["Location"] == PAGE


def test_a_reader_sees_it_disabled(client: Client, reader: User, logstore: Logstore) -> None:
    client.force_login(reader)
    for url in (PAGE, SEARCH):
        html = client.get(url).content.decode()
        assert re.search(r'disabled title="You need the permission log:UpdateLogStore\.">Edit', html)
        assert EDIT not in html
    for answer in (client.get(EDIT), client.post(EDIT, {"ttl": "301"})):
        assert answer.status_code == 403
        assert "log:UpdateLogStore" in answer.content.decode()
    assert settings() == (300, False)


def test_the_permission_is_on_the_logstore(
    client: Client, account: Account, reader: User, logstore: Logstore
) -> None:
    resource = f"acs:log:cn-hangzhou:{account.pk}:project/flow-prod/logstore/vpc_flow"
    allow(reader, account, "log:UpdateLogStore", resource=resource)
    Logstore.objects.create(project=logstore.project, name="beside")
    client.force_login(reader)
    assert f'href="{EDIT}"' in client.get(PAGE).content.decode()
    assert client.post(EDIT.replace("vpc_flow", "beside"), {"ttl": "301"}).status_code == 403
    assert client.post(EDIT, {"ttl": "301"}).status_code == 302
    assert Logstore.objects.get(name="vpc_flow").ttl == 301


def test_the_report_takes_its_own_permission(
    client: Client, account: Account, reader: User, logstore: Logstore
) -> None:
    allow(reader, account, "log:UpdateLogStore")
    client.force_login(reader)
    html = client.get(EDIT).content.decode()
    assert re.search(r'<input type="checkbox" name="analysis_report"[^>]* disabled', html)
    assert "You need the permission log:CreateIndex." in html
    client.post(EDIT, {"ttl": "301", "analysis_report": "on", "confirmed": "7"})
    assert settings() == (301, False)


def test_the_logstores_of_others_are_not_there(client: Client, stranger: User, logstore: Logstore) -> None:
    client.force_login(stranger)
    assert client.post(EDIT, {"ttl": "301"}).status_code == 404
    assert settings() == (300, False)


def test_without_its_token_the_form_changes_nothing(owner: User, logstore: Logstore) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(owner)
    assert client.post(EDIT, {"ttl": "301"}).status_code == 403
    assert settings() == (300, False)


def test_counting_takes_one_query(logstore: Logstore, parts: None, django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(1):
        assert held_beyond(logstore, 30) == (1000, 1_024_000)
    assert held_beyond(logstore, 3650) == (0, 0)
