"""What is done to several flow logs at once: each by its own service, each with its own answer."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.messages import get_messages
from django.test import Client

from console.models import Account, Policy, Region, User
from flowlogs import services
from flowlogs.models import FlowLog, Logstore
from tests.flowlogs.conftest import MakeFlowLog

LIST = "/cn-hangzhou/flow-logs/"
BATCH = f"{LIST}batch/"
FRAGMENT = {"HX-Request": "true"}


@pytest.fixture
def page(client: Client, owner: User) -> Client:
    """A client that is logged in as the owner."""
    client.force_login(owner)
    return client


@pytest.fixture
def three(make_flow_log: MakeFlowLog) -> list[FlowLog]:
    """Two started flow logs, and one that is not."""
    made = [make_flow_log(name=name) for name in ("alpha", "beta", "gamma")]
    services.stop(made[2], None)
    services.finish_transition(made[2].pk)
    return made


def text(response: Any) -> str:
    """Return an answer with runs of white space as one space."""
    return re.sub(r"\s+", " ", response.content.decode())


def said(response: Any) -> list[str]:
    """Return the messages that an answer leaves."""
    return [str(message) for message in get_messages(response.wsgi_request)]


def statuses() -> dict[str, str]:
    """Return the status of each flow log by its name."""
    return dict(FlowLog.objects.values_list("name", "status"))


def test_all_are_stopped(page: Client, three: list[FlowLog]) -> None:
    sent = {"act": "stop", "ids": [three[0].pk, three[1].pk], "next": f"{LIST}?sort=name"}
    response = page.post(BATCH, sent | {"confirmation": "stop"})
    assert response["Location"] == f"{LIST}?sort=name"
    assert said(response) == ["2 flow logs are stopping."]
    assert statuses() == {"alpha": "Deactivating", "beta": "Deactivating", "gamma": "Inactive"}


def test_stopping_several_asks_once_and_names_what_stops(page: Client, three: list[FlowLog]) -> None:
    sent = {"act": "stop", "ids": [three[0].pk, three[1].pk]}
    html = text(page.post(BATCH, sent))
    assert "2 flow logs will be stopped" in html
    assert "You can start them again at any time." in html
    assert "alpha" in html
    assert "beta" in html
    assert "gamma" not in html
    assert "to confirm" not in html, "nothing has to be typed"
    assert statuses() == {"alpha": "Active", "beta": "Active", "gamma": "Inactive"}
    confirmed = page.post(BATCH, sent | {"confirmation": "stop"}, headers=FRAGMENT)
    assert confirmed["HX-Trigger"] == "flow-logs-changed"
    assert confirmed.content == b""
    assert statuses() == {"alpha": "Deactivating", "beta": "Deactivating", "gamma": "Inactive"}


@pytest.mark.parametrize(("act", "became"), [("stop", "Deactivating"), ("start", "Active")])
def test_one_is_stopped_and_several_are_started_without_a_question(
    page: Client, three: list[FlowLog], act: str, became: str
) -> None:
    chosen = three[:1] if act == "stop" else three[:2]
    page.post(BATCH, {"act": act, "ids": [each.pk for each in chosen]})
    assert statuses()["alpha"] == became


@pytest.mark.parametrize("headers", [{}, FRAGMENT], ids=["page", "fragment"])
def test_what_is_refused_is_said_for_each(
    page: Client, three: list[FlowLog], headers: dict[str, str]
) -> None:
    sent = {"act": "stop", "ids": [each.pk for each in three], "confirmation": "stop"}
    response = page.post(BATCH, sent, headers=headers)
    html = text(response)
    assert "2 of 3 done" in html
    assert html.count("Refused") == 1
    assert "Not Started: Invalid flowlog status." in html
    assert statuses() == {"alpha": "Deactivating", "beta": "Deactivating", "gamma": "Inactive"}
    assert response.headers.get("HX-Retarget") == ("#panel-slot" if headers else None)
    assert response.headers.get("HX-Trigger") == ("flow-logs-changed" if headers else None)


def test_starting_says_what_is_missing(page: Client, three: list[FlowLog]) -> None:
    services.delete_logstore(Logstore.objects.get(), None)
    html = text(page.post(BATCH, {"act": "start", "ids": [three[2].pk]}))
    assert "Logstore flows does not exist." in html
    assert statuses()["gamma"] == "Inactive"


def test_deleting_asks_first_and_names_what_goes(page: Client, three: list[FlowLog]) -> None:
    sent = {"act": "delete", "ids": [three[0].pk, three[2].pk]}
    html = text(page.post(BATCH, sent))
    assert "2 flow logs will be deleted" in html
    assert "Windows up to now are still delivered. Records stay readable" in html
    assert "deliveries, ledgers and fees are kept" in html
    assert "alpha" in html
    assert "beta" not in html
    assert "That is not the number of flow logs." in text(page.post(BATCH, sent | {"confirmation": "3"}))
    assert statuses() == {"alpha": "Active", "beta": "Active", "gamma": "Inactive"}
    assert page.post(BATCH, sent | {"confirmation": "2"})["Location"] == LIST
    assert statuses() == {"alpha": "Deleting", "beta": "Active", "gamma": "Deleting"}


def test_nothing_chosen_is_a_hint(page: Client, three: list[FlowLog]) -> None:
    response = page.post(BATCH, {"act": "stop"})
    assert response["Location"] == LIST
    assert said(response) == ["Choose flow logs first."]


def test_an_unknown_action_is_not_there(page: Client, three: list[FlowLog]) -> None:
    assert page.post(BATCH, {"act": "explode", "ids": [three[0].pk]}).status_code == 404
    assert page.get(BATCH).status_code == 405


def test_those_of_others_are_left_alone(client: Client, stranger: User, three: list[FlowLog]) -> None:
    client.force_login(stranger)
    before = statuses()
    assert said(client.post(BATCH, {"act": "stop", "ids": [each.pk for each in three]})) == [
        "Choose flow logs first."
    ]
    assert statuses() == before


def test_those_of_another_region_are_left_alone(page: Client, three: list[FlowLog]) -> None:
    before = statuses()
    page.post("/cn-beijing/flow-logs/batch/", {"act": "stop", "ids": [each.pk for each in three]})
    assert statuses() == before


@pytest.mark.parametrize(
    ("action", "permission"),
    [("start", "ActiveFlowLog"), ("stop", "DeactiveFlowLog"), ("delete", "DeleteFlowLog")],
)
def test_who_may_only_read_is_told_which_action_is_missing(
    client: Client, reader: User, three: list[FlowLog], action: str, permission: str
) -> None:
    client.force_login(reader)
    before = statuses()
    sent = {"act": action, "ids": [three[0].pk, three[1].pk], "confirmation": "2"}
    response = client.post(BATCH, sent)
    assert response.status_code == 403
    assert f"vpc:{permission}" in response.content.decode()
    assert statuses() == before


def test_a_permission_for_one_flow_log_is_for_that_one(
    client: Client, reader: User, account: Account, three: list[FlowLog]
) -> None:
    resource = f"acs:vpc:cn-hangzhou:{account.pk}:flowlog/{three[0].pk}"
    allow = {"Effect": "Allow", "Action": "vpc:DeactiveFlowLog", "Resource": resource}
    reader.policies.add(
        Policy.objects.create(
            account=account, name="stops-one", document={"Version": "1", "Statement": [allow]}
        )
    )
    client.force_login(reader)
    html = text(
        client.post(BATCH, {"act": "stop", "ids": [three[0].pk, three[1].pk], "confirmation": "stop"})
    )
    assert "You need the permission vpc:DeactiveFlowLog." in html
    assert statuses() == {"alpha": "Deactivating", "beta": "Active", "gamma": "Inactive"}


def test_the_form_takes_no_other_site(page: Client, three: list[FlowLog]) -> None:
    sent = {"act": "stop", "ids": [three[0].pk], "next": "https://example.com/"}
    assert page.post(BATCH, sent)["Location"] == LIST


def test_the_bar_says_what_is_missing(
    client: Client, reader: User, region: Region, many_flow_logs: Callable[[int], None]
) -> None:
    many_flow_logs(1)
    client.force_login(reader)
    html = text(client.get(LIST))
    for action, permission in (("start", "Active"), ("stop", "Deactive"), ("delete", "Delete")):
        assert (
            f'name="act" value="{action}" disabled title="You need the permission vpc:{permission}FlowLog."'
            in html
        )
