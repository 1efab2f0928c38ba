"""The search of the top bar: what it finds, for whom, and what it costs."""

from collections.abc import Callable

import pytest
from django.test import Client

from console.models import Policy, User
from flowlogs.models import Logstore, NetworkInterface, Vpc
from tests.flowlogs.conftest import MakeFlowLog


def found(client: Client, text: str) -> str:
    page = client.get("/find/", {"q": text})
    assert page.status_code == 200
    return page.content.decode().partition('id="find-results"')[2].partition("<dialog")[0]


@pytest.mark.parametrize(
    "text", ["front", "FRONT", "fl-", "vpc-1"], ids=["name", "any case", "prefix", "its resource"]
)
def test_a_flow_log_is_found(client: Client, owner: User, make_flow_log: MakeFlowLog, text: str) -> None:
    flow_log = make_flow_log(name="front-door")
    client.force_login(owner)
    assert f'href="/cn-hangzhou/flow-logs/{flow_log.pk}/"' in found(client, text)


@pytest.mark.parametrize("text", ["10.0.0.2", "10.0.0.", "eni-vsw-vpc-1-a-2"])
def test_records_of_an_address_or_resource_are_one_click_away(
    client: Client, owner: User, vpc: Vpc, logstore: Logstore, text: str
) -> None:
    client.force_login(owner)
    page = found(client, text)
    assert ("/cn-hangzhou/log-service/logs/flows/" in page or "logs/flows" in page) == (text != "10.0.0.")


@pytest.mark.parametrize(
    "text", ["eni-vsw-vpc-1-a-1", "FRONT", "47.1.2.3", "47.1.2.", "10.0.0.1", "10.0.0."],
    ids=["identifier", "part of the name", "public", "begin of public", "private", "begin of private"],
)  # fmt: skip
def test_an_eni_is_found(client: Client, owner: User, vpc: Vpc, text: str) -> None:
    eni = NetworkInterface.objects.get(pk="eni-vsw-vpc-1-a-1")
    eni.addresses.update(address="10.0.0.1")
    NetworkInterface.objects.filter(pk=eni.pk).update(name="web-front-1", public_ip="47.1.2.3")
    client.force_login(owner)
    assert f'href="/cn-hangzhou/enis/{eni.pk}/"' in found(client, text)


def test_nothing_of_another_account_is_found(
    client: Client, stranger: User, make_flow_log: MakeFlowLog
) -> None:
    flow_log = make_flow_log(name="front-door")
    client.force_login(stranger)
    for text in (flow_log.pk, "front", "10.0.0.1", "flows", "vpc-1"):
        assert "<li>" not in found(client, text)


def test_a_ram_user_finds_only_what_they_may_see(
    client: Client, reader: User, make_flow_log: MakeFlowLog
) -> None:
    flow_log = make_flow_log(name="front-door")
    client.force_login(reader)
    assert flow_log.pk in found(client, "front")
    policy = Policy.objects.create(
        account=reader.account,
        name="no-flow-logs",
        document={
            "Version": "1",
            "Statement": [{"Effect": "Deny", "Action": "vpc:DescribeFlowLogs", "Resource": "*"}],
        },
    )
    reader.policies.add(policy)
    assert flow_log.pk not in found(client, "front")


@pytest.mark.parametrize("text", ["%", "_", "'", "<b>", "\x00", "…", "a" * 500])
def test_any_text_may_be_searched(client: Client, owner: User, vpc: Vpc, text: str) -> None:
    client.force_login(owner)
    assert "<b>" not in found(client, text)


def test_it_costs_the_same_however_much_is_found(
    client: Client,
    owner: User,
    many_flow_logs: Callable[[int], None],
    django_assert_max_num_queries: Callable[[int], object],
) -> None:
    many_flow_logs(30)
    client.force_login(owner)
    with django_assert_max_num_queries(16):  # type: ignore[attr-defined]
        page = found(client, "log-")
    assert page.count("<li>") == 6


def test_what_is_an_identifier_here_is_not_looked_for_by_name(
    client: Client, owner: User, stranger: User, vpc: Vpc, make_flow_log: MakeFlowLog
) -> None:
    flow_log = make_flow_log(name="of-eni-vsw-vpc-1-a-1")
    client.force_login(owner)
    assert flow_log.pk not in found(client, "eni-vsw-vpc-1-a-1")
    assert flow_log.pk in found(client, "eni-vsw-vpc-1-a")
    Vpc.objects.update(account=stranger.account)
    assert flow_log.pk in found(client, "eni-vsw-vpc-1-a-1")
