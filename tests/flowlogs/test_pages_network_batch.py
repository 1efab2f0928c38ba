"""What is done to several network resources at once: all of them, or none and it is said why."""

import re
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.contrib.messages import get_messages
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from console.models import Account, Change, Policy, Region, User
from flowlogs.models import NetworkInterface, RouteEntry, SecurityGroup, SecurityGroupRule, Vpc, VSwitch
from tests.flowlogs.conftest import make_interface, make_vpc

HERE = "/cn-hangzhou/"
FRAGMENT = {"HX-Request": "true"}
FIRST, SECOND = "eni-vsw-vpc-1-a-1", "eni-vsw-vpc-1-a-2"


@pytest.fixture
def page(client: Client, owner: User) -> Client:
    """A client that is logged in as the owner."""
    client.force_login(owner)
    return client


def send(page: Client, path: str, ids: list[Any], **more: Any) -> Any:
    """Send the form of a list."""
    headers = more.pop("headers", {})
    return page.post(f"{HERE}{path}/batch/", {"act": "delete", "ids": ids, **more}, headers=headers)


def text(response: Any) -> str:
    """Return an answer with runs of white space as one space."""
    return re.sub(r"\s+", " ", response.content.decode())


def said(response: Any) -> list[str]:
    """Return the messages that an answer leaves."""
    return [str(message) for message in get_messages(response.wsgi_request)]


def there() -> set[str]:
    """Return the ENIs that there are."""
    return set(NetworkInterface.objects.values_list("pk", flat=True))


def test_deleting_asks_first_and_names_what_goes(page: Client, vpc: Vpc) -> None:
    before = there()
    answer = text(send(page, "enis", [FIRST, SECOND]))
    assert "These will be deleted: 2 (ENIs)" in answer
    assert FIRST in answer
    assert "flows of them that arrive later count as unattributed" in answer
    assert "That is not their number." in text(send(page, "enis", [FIRST, SECOND], confirmation="3"))
    assert there() == before


@pytest.mark.parametrize("path", ["security-group-rules", "network-acl-rules", "routes", "enis"])
@pytest.mark.parametrize("sent", [f"{10**19}", f"-{10**19}", "9" * 5000, "x", "\x00"])
def test_what_no_row_can_be_called_is_not_there(page: Client, vpc: Vpc, path: str, sent: str) -> None:
    answer = send(page, path, [sent])
    assert (answer.status_code, answer["Location"]) == (302, f"{HERE}{path}/")
    assert said(answer) == ["Choose something in the list first."]
    assert page.get(f"{HERE}{path}/", {"after": sent}).status_code == 200


def test_all_are_deleted_and_noted(page: Client, vpc: Vpc, owner: User) -> None:
    answer = send(page, "enis", [FIRST, SECOND], confirmation="2", next=f"{HERE}enis/?sort=-name")
    assert (answer.status_code, answer["Location"]) == (302, f"{HERE}enis/?sort=-name")
    assert said(answer) == ["2 deleted: ENIs."]
    assert not there() & {FIRST, SECOND}
    noted = Change.objects.filter(action="ecs:DeleteNetworkInterface", user_name=owner.username)
    assert set(noted.values_list("resource_id", flat=True)) == {FIRST, SECOND}


def test_a_panel_closes_and_the_list_asks_for_itself(page: Client, vpc: Vpc) -> None:
    answer = send(page, "enis", [FIRST], confirmation="1", headers=FRAGMENT)
    assert (answer.content, answer["HX-Trigger"]) == (b"", "network-changed")
    below = text(page.get(f"{HERE}enis/", headers=FRAGMENT))
    assert "hx-swap-oob" in below
    assert "1 deleted: ENI." in below


def test_where_one_cannot_be_deleted_none_is(page: Client, vpc: Vpc) -> None:
    free = VSwitch.objects.create(pk="vsw-free", vpc=vpc, name="free", cidr_block="10.0.7.0/24")
    changes = Change.objects.count()
    answer = send(page, "vswitches", [free.pk, "vsw-vpc-1-a"], confirmation="2", headers=FRAGMENT)
    assert answer["HX-Retarget"] == "#panel-slot"
    answer = text(answer)
    assert "1 of 2 cannot be deleted, so none is" in answer
    assert f"It still has ENIs: {FIRST}, {SECOND}. Delete them first." in answer
    assert "vsw-free" not in answer
    assert VSwitch.objects.filter(pk="vsw-free").exists()
    assert Change.objects.count() == changes


def test_what_only_names_each_other_goes_together(page: Client, vpc: Vpc) -> None:
    web, app = (SecurityGroup.objects.create(pk=pk, vpc=vpc, name=pk) for pk in ("sg-app", "sg-web"))
    SecurityGroupRule.objects.create(security_group=app, direction="ingress", peer_group=web)
    assert "cannot be deleted" in text(send(page, "security-groups", [web.pk], confirmation="1"))
    assert send(page, "security-groups", [web.pk, app.pk], confirmation="2").status_code == 302
    assert not SecurityGroup.objects.exists()


@pytest.mark.parametrize("ids", [["eni-vsw-vpc-x-a-1"], ["nothing"], [], ["\x00"]])
def test_only_what_is_of_this_account_and_region_is_chosen(
    page: Client, vpc: Vpc, stranger: User, ids: list[str]
) -> None:
    theirs = make_vpc(stranger.account, Region.objects.get(pk="cn-hangzhou"), "vpc-x")  # type: ignore[arg-type]
    eni = make_interface(theirs.vswitches.earliest("pk"), 1)
    before = there()
    answer = send(page, "enis", ids, confirmation="1")
    assert said(answer) == ["Choose something in the list first."]
    assert there() == before
    assert eni.pk in before


def test_rules_have_numbers_for_keys(page: Client, vpc: Vpc) -> None:
    group = SecurityGroup.objects.create(pk="sg-1", vpc=vpc, name="web")
    rule = SecurityGroupRule.objects.create(security_group=group, direction="ingress", cidr="0.0.0.0/0")
    assert send(page, "security-group-rules", [rule.pk, "no number"], confirmation="1").status_code == 302
    assert not SecurityGroupRule.objects.exists()
    assert not RouteEntry.objects.exists()


@pytest.mark.parametrize(("path", "type"), [("enis", "NetworkInterface"), ("instances", "Instance")])
def test_flow_logs_are_created_of_several(page: Client, vpc: Vpc, path: str, type: str) -> None:
    ids = [FIRST, SECOND] if path == "enis" else ["i-vsw-vpc-1-a-1", "i-vsw-vpc-1-a-2"]
    place = urlsplit(send(page, path, ids, act="flow-logs")["Location"])
    assert place.path == f"{HERE}flow-logs/create/"
    assert parse_qs(place.query) == {"resource_type": [type], "resource_id": ids}
    answer = text(page.get(f"{place.path}?{place.query}"))
    assert all(f'value="{pk}"' in answer for pk in ids)


@pytest.mark.parametrize(("path", "act"), [("vpcs", "flow-logs"), ("enis", "explode")])
def test_there_are_no_other_acts(page: Client, vpc: Vpc, path: str, act: str) -> None:
    assert send(page, path, ["vpc-1"], act=act).status_code == 404


@pytest.mark.parametrize(
    ("act", "action"), [("delete", "ecs:DeleteNetworkInterface"), ("flow-logs", "vpc:CreateFlowLog")]
)
def test_who_may_not_is_told_the_action(
    client: Client, vpc: Vpc, reader: User, act: str, action: str
) -> None:
    client.force_login(reader)
    before = there()
    answer = send(client, "enis", [FIRST], act=act, confirmation="1")
    assert answer.status_code == 403
    assert action in text(answer)
    assert there() == before
    listed = client.get(f"{HERE}enis/").content.decode()
    assert f'value="{act}" disabled title="You need the permission {action}."' in listed


def test_who_may_delete_one_of_two_deletes_none(
    client: Client, vpc: Vpc, reader: User, account: Account
) -> None:
    document = {
        "Version": "1",
        "Statement": [
            {
                "Effect": "Allow",
                "Action": "ecs:DeleteNetworkInterface",
                "Resource": f"acs:ecs:*:*:eni/{FIRST}",
            }
        ],
    }
    reader.policies.add(Policy.objects.create(account=account, name="one", document=document))
    client.force_login(reader)
    answer = text(send(client, "enis", [FIRST, SECOND], confirmation="2"))
    assert "1 of 2 cannot be deleted" in answer
    assert "You need the permission ecs:DeleteNetworkInterface." in answer
    assert {FIRST, SECOND} <= there()
    assert send(client, "enis", [FIRST], confirmation="1").status_code == 302


def test_asking_costs_the_same_for_many(page: Client, vpc: Vpc) -> None:
    def count(ids: list[str]) -> int:
        with CaptureQueriesContext(connection) as queries:
            assert send(page, "enis", ids).status_code == 200
        return len(queries)

    assert count([FIRST]) == count(sorted(there()))
