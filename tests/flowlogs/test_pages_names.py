"""Network resources are named and offered only to users who may list their kind, whatever the page."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from console.models import Account, Policy, User
from console.policies import VERSION
from flowlogs.models import Exporter, ExporterBinding, FlowLog, Instance, Vpc
from tests.flowlogs.conftest import MakeFlowLog

HERE = "/cn-hangzhou"
VPCS = "vpc:DescribeVpcs"
Without = Callable[..., None]


@pytest.fixture
def without(account: Account, reader: User) -> Without:
    """Deny the reader actions, and allow others."""

    def deny(*actions: str, allowed: tuple[str, ...] = ()) -> None:
        said = [("Deny", actions), ("Allow", allowed)]
        statements = [
            {"Effect": effect, "Action": list(words), "Resource": "*"} for effect, words in said if words
        ]
        document = {"Version": VERSION, "Statement": statements}
        reader.policies.add(Policy.objects.create(account=account, name="less", document=document))

    return deny


@pytest.fixture
def page(client: Client, reader: User, vpc: Vpc) -> Callable[[str], str]:
    """Open a page as the reader, of a network whose VPC and vSwitches have names nothing else has."""
    Vpc.objects.update(name="secret-vpc")
    vpc.vswitches.update(name="secret-switch")
    client.force_login(reader)
    return lambda path: client.get(f"{HERE}{path}").content.decode().partition("<main")[2]


@pytest.mark.parametrize(
    ("path", "word", "action"),
    [
        ("/overview/", "secret-vpc", VPCS),
        ("/overview/", "10.0.0.0/8", VPCS),
        ("/overview/", "secret-switch", "vpc:DescribeVSwitches"),
        ("/overview/", "ecs.n1.small", "ecs:DescribeInstances"),
        ("/vswitches/", "secret-vpc", VPCS),
        ("/vswitches/vsw-vpc-1-a/", "secret-vpc", VPCS),
        ("/enis/", "secret-vpc", VPCS),
        ("/enis/eni-vsw-vpc-1-a-1/", "secret-switch", "vpc:DescribeVSwitches"),
        ("/vswitches/create/", "secret-vpc", VPCS),
        ("/vswitches/vsw-vpc-1-a/edit/", "secret-acl", "vpc:DescribeNetworkAcls"),
        ("/flow-logs/", "secret-vpc", VPCS),
        ("/flow-logs/export/", "secret-vpc", VPCS),
        ("/flow-logs/warnings/", "ecs.n1.small", "ecs:DescribeInstances"),
        ("/flow-logs/create/?resource_type=VPC", "secret-vpc", VPCS),
        ("/flow-logs/create/?resource_type=VPC&resource_id=vpc-1", "secret-vpc", VPCS),
        ("/flow-logs/create/?resource_type=VSwitch", "secret-switch", "vpc:DescribeVSwitches"),
        ("/exporters/", "secret-vpc", VPCS),
        ("/exporters/EXPORTER/bind/", "secret-switch", "vpc:DescribeVSwitches"),
        ("/flow-logs/FLOWLOG/scope/", "web-1", "ecs:DescribeNetworkInterfaces"),
        ("/flow-logs/FLOWLOG/scope/", "ecs.n1.small", "ecs:DescribeInstances"),
    ],
)
def test_a_name_is_shown_only_with_the_action_that_lists_it(
    page: Callable[[str], str],
    client: Client,
    without: Without,
    make_flow_log: MakeFlowLog,
    account: Account,
    vpc: Vpc,
    path: str,
    word: str,
    action: str,
) -> None:
    flow_log = make_flow_log()
    vpc.network_acls.create(pk="nacl-1", name="secret-acl")
    if path == "/overview/":
        FlowLog.objects.update(status=FlowLog.Status.INACTIVE)
    vpc.instances.filter(pk="i-vsw-vpc-1-a-1").update(instance_type="ecs.n1.small")
    exporter = Exporter.objects.create(
        pk="exp-1", account=account, region_id="cn-hangzhou", address="192.0.2.1"
    )
    ExporterBinding.objects.create(exporter=exporter, vpc=vpc)
    path = path.replace("EXPORTER", str(exporter.pk)).replace("FLOWLOG", flow_log.pk)
    allowed = ("vpc:*", "ecs:*")
    without("x:Y", allowed=allowed)
    assert word in _whole(client, path)
    Policy.objects.filter(name="less").delete()
    without(action, allowed=allowed)
    assert word not in _whole(client, path)


def _whole(client: Client, path: str) -> str:
    response = client.get(f"{HERE}{path}")
    assert response.status_code == 200
    return b"".join(response).decode()  # type: ignore[call-overload]


def test_the_overview_without_vpcs_says_which_action_is_missing_and_keeps_the_sums(
    page: Callable[[str], str], without: Without
) -> None:
    without(VPCS)
    text = page("/overview/")
    assert "You need the permission vpc:DescribeVpcs to see VPCs here." in text
    assert "of 3 in this region" in text
    assert "3 ENIs are logged by nothing" in text
    assert "vpc-1" not in text.replace("vsw-vpc-1", "")


def test_a_form_asks_for_the_id_of_what_it_may_not_offer(
    page: Callable[[str], str], without: Without, client: Client
) -> None:
    without(VPCS, allowed=("vpc:CreateVSwitch",))
    assert "Its ID: to choose, you need the permission vpc:DescribeVpcs." in page("/vswitches/create/")
    client.post(f"{HERE}/vswitches/create/", {"vpc_id": "vpc-1", "cidr_block": "10.0.9.0/24"})
    assert Vpc.objects.get().vswitches.filter(cidr_block="10.0.9.0/24").exists()


def test_the_choice_of_flow_logs_says_which_action_would_offer_something(
    page: Callable[[str], str], without: Without
) -> None:
    without(VPCS, allowed=("vpc:CreateFlowLog",))
    assert "You need the permission vpc:DescribeVpcs." in page("/flow-logs/create/")


def test_what_is_refused_says_why_in_a_description_that_the_keyboard_reaches(
    page: Callable[[str], str],
) -> None:
    text = page("/vpcs/")
    [shown] = re.findall(
        r'class="button button-primary" aria-disabled="true" aria-describedby="(why-\w+)">Create<',
        text,
    )
    why = "You need the permission vpc:CreateVpc."
    assert f'<span class="tooltip" role="tooltip" id="{shown}">{why}</span>' in text
    ids = re.findall(r'id="(why-[^"]+)"', text)
    assert len(ids) == len(set(ids)) > 3


@pytest.mark.parametrize("way", ["create", "edit", "import"])
def test_entering_an_instance_of_an_old_family_says_which_flow_logs_it_affects(
    client: Client, owner: User, make_flow_log: MakeFlowLog, settings: Any, tmp_path: Path, way: str
) -> None:
    settings.FLOWLOG_STORE = tmp_path
    make_flow_log(name="front")
    client.force_login(owner)
    old, new = (
        {"vpc_id": "vpc-1", "id": "i-9", "instance_type": f"ecs.{each}"} for each in ("n1.small", "g7.large")
    )
    for values, is_old in ((new, False), (old, True)):
        Instance.objects.filter(pk="i-9").delete()
        assert ("front" in _entered(client, way, values)) is is_old


def _entered(client: Client, way: str, values: dict[str, str]) -> str:
    """Enter an instance and return the messages of the page that follows."""
    path = f"{HERE}/instances/"
    if way == "edit":
        Instance.objects.create(pk="i-9", vpc_id="vpc-1", instance_type="ecs.c7.large")
        response = client.post(f"{path}i-9/edit/", values, follow=True)
    elif way == "create":
        response = client.post(f"{path}create/", values, follow=True)
    else:
        text = "id,vpc_id,instance_type\ni-9,vpc-1," + values["instance_type"]
        shown = client.post(f"{path}import/", {"text": text}, follow=True)
        token, effect = shown.context["token"], getattr(shown.context["batch"], "effect", "")
        response = client.post(f"{path}import/", {"draft": token, "effect": effect}, follow=True)
    assert Instance.objects.filter(pk="i-9", instance_type=values["instance_type"]).exists()
    return response.content.decode().partition('id="toasts"')[2].partition("<dialog")[0]


def test_a_region_with_nothing_to_choose_leads_to_its_vpcs(client: Client, owner: User) -> None:
    client.force_login(owner)
    text = client.get("/cn-beijing/flow-logs/create/").content.decode()
    assert '<a href="/cn-beijing/vpcs/">Create or import a VPC' in text
    text = client.get("/cn-beijing/flow-logs/create/?resource_search=nothing").content.decode()
    assert "Create or import a VPC" not in text
