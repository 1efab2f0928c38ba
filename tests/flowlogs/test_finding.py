"""The search of the top bar: what it finds, for whom, and what it costs."""

from collections.abc import Callable

import pytest
from django.test import Client

from console.models import Account, Policy, User
from flowlogs.models import Exporter, Gateway, Logstore, NetworkInterface, Vpc, VSwitch
from tests.flowlogs.conftest import MakeFlowLog, make_interface


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


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("10.0.0.77", "10.0.0.77"),
        ("10.0.0.", "10.0.0.1"),
        ("fd00::5", "fd00::5"),
        ("47.1.2.", "47.1.2.3"),
        ("eni-vsw-vpc-1-a-1", ""),
    ],
    ids=["secondary", "begin", "IPv6", "begin of public", "identifier"],
)
def test_an_eni_that_an_address_finds_says_which(
    client: Client, owner: User, vpc: Vpc, text: str, told: str
) -> None:
    eni = NetworkInterface.objects.get(pk="eni-vsw-vpc-1-a-1")
    for kind, address in (("secondary", "10.0.0.77"), ("ipv6", "fd00::5")):
        eni.addresses.create(vpc=vpc, address=address, kind=kind)
    NetworkInterface.objects.filter(pk=eni.pk).update(public_ip="47.1.2.3")
    client.force_login(owner)
    [line] = [each for each in found(client, text).split("<li>") if f'/enis/{eni.pk}/"' in each]
    said = f"cn-hangzhou · {told}" if told else "cn-hangzhou"
    assert f"<small>{said}</small>" in line


@pytest.mark.parametrize(("count", "is_more"), [(6, False), (7, True)])
def test_more_than_is_shown_is_told_with_the_list(
    client: Client, owner: User, many_flow_logs: Callable[[int], None], count: int, is_more: bool
) -> None:
    many_flow_logs(count)
    client.force_login(owner)
    page = found(client, "log-")
    assert page.count("<li>") == 6
    link = '<a href="/cn-hangzhou/flow-logs/?search=log-">cn-hangzhou</a>'
    assert (link in page) == ("More:" in page) == is_more
    if is_more:
        assert client.get("/cn-hangzhou/flow-logs/", {"search": "log-"}).content.count(b'name="ids"') == 7


@pytest.mark.parametrize(
    ("slug", "text"), [("enis", "web & 1"), ("vswitches", "web & 1"), ("gateways", "web & 1")]
)
def test_more_leads_to_the_list_of_the_kind(
    client: Client, owner: User, vpc: Vpc, slug: str, text: str
) -> None:
    vswitch = vpc.vswitches.earliest("pk")
    for number in range(3, 10):
        make_interface(vswitch, number)
        VSwitch.objects.create(
            pk=f"vsw-{number}", vpc=vpc, cidr_block=f"10.1.{number}.0/24", name=f"{text}{number}"
        )
        Gateway.objects.create(pk=f"ngw-{number}", vpc=vpc, kind="nat", name=f"{text}{number}")
    NetworkInterface.objects.update(name=text)
    client.force_login(owner)
    page = found(client, text)
    assert f'<a href="/cn-hangzhou/{slug}/?search=web+%26+1">cn-hangzhou</a>' in page
    assert client.get(f"/cn-hangzhou/{slug}/", {"search": text}).status_code == 200


def test_more_exporters_are_told_without_a_list(client: Client, owner: User, account: Account) -> None:
    for number in range(7):
        Exporter.objects.create(
            pk=f"exp-{number}",
            account=account,
            region_id="cn-hangzhou",
            address=f"192.0.2.{number}",
            name="e",
        )
    client.force_login(owner)
    page = found(client, "192.0.2.")
    assert page.count("<li>") == 6
    assert "There are more" in page


def test_what_is_not_found_is_said_of_what_may_be_seen(client: Client, owner: User) -> None:
    client.force_login(owner)
    assert 'Nothing that you may see is called "x"' in found(client, "x")


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
