"""The pages of the admin site ask the same number of queries whatever there is, and little of large tables."""

from typing import Any

import pytest
from django.contrib import admin
from django.db import connection
from django.db.models import Model
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from console import changes
from console.models import Account, Heartbeat, Policy, Region, Role, User
from flowlogs import services
from flowlogs.models import (
    Closing,
    Collector,
    Delivery,
    Exporter,
    FlowLog,
    Gateway,
    Instance,
    InventoryMark,
    InventoryPart,
    InventoryVersion,
    Logstore,
    Loss,
    NetworkAcl,
    NetworkAclRule,
    NetworkInterface,
    NetworkInterfaceAddress,
    Part,
    Project,
    RouteEntry,
    SampleFile,
    SampleSlice,
    SecurityGroup,
    SecurityGroupRule,
    Stream,
    Unattributed,
    Usage,
    Vpc,
    VpcCidrBlock,
    VSwitch,
    Window,
)
from tests.flowlogs.test_admin import NOW, admin_client, one_of_each

__all__ = ["admin_client", "one_of_each"]

MODELS = [model for model in admin.site._registry if model._meta.app_label in ("console", "flowlogs")]
MORE = 12


@pytest.fixture
def one_of_all(one_of_each: FlowLog, account: Account) -> FlowLog:
    """At least one row of every model of the console too."""
    Heartbeat.objects.create(name="beat", at=NOW)
    changes.note("vpc:CreateVpc", "Vpc", "vpc-1", by=None, account_id=account.pk, region_id="cn-hangzhou")
    return one_of_each


def address(model: type[Model], page: str, *args: Any) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=args)


def first(model: Any) -> Any:
    """The row that there was from the beginning."""
    return model._base_manager.order_by("pk").first()


def counted(client: Client, rows: dict[type[Model], Any]) -> dict[str, tuple[int, int]]:
    """Return for each model the queries of its list, and of the page of a row."""
    found = {}
    for model, row in rows.items():
        numbers = []
        for url in (address(model, "changelist"), address(model, "change", row.pk)):
            with CaptureQueriesContext(
                connection,
            ) as captured:
                assert client.get(url).status_code == 200, url
            numbers.append(len(captured))
        found[model.__name__] = tuple(numbers)
    return found


def grow(flow_log: FlowLog, many_flow_logs: Any, account: Account) -> None:
    """Add rows to every table, most of them to what there was at first."""
    vpc, exporter, collector = flow_log.vpc, first(Exporter), first(Collector)
    group, acl, gateway = first(SecurityGroup), first(NetworkAcl), first(Gateway)
    many_flow_logs(MORE)
    for number in range(MORE):
        VpcCidrBlock.objects.create(vpc=vpc, cidr=f"172.{number}.0.0/16")
        vswitch = VSwitch.objects.create(
            pk=f"vsw-{number}", vpc=vpc, cidr_block=f"10.1.{number}.0/24", network_acl=acl
        )
        instance = Instance.objects.create(pk=f"i-{number}", vpc=vpc, instance_type="ecs.g7.large")
        eni = NetworkInterface.objects.create(pk=f"eni-{number}", vpc=vpc, vswitch=vswitch, instance=instance)
        eni.security_groups.add(group)
        NetworkInterfaceAddress.objects.create(network_interface=eni, vpc=vpc, address=f"10.1.{number}.7")
        peer = SecurityGroup.objects.create(pk=f"sg-more-{number}", vpc=vpc)
        SecurityGroupRule.objects.create(security_group=group, direction="ingress", peer_group=peer)
        NetworkAclRule.objects.create(network_acl=acl, direction="egress", order=number + 1, policy="drop")
        NetworkAcl.objects.create(pk=f"nacl-more-{number}", vpc=vpc)
        Gateway.objects.create(pk=f"vpn-{number}", vpc=vpc, kind="vpn")
        RouteEntry.objects.create(vpc=vpc, destination=f"10.{number}.0.0/16", gateway=gateway)
        services.bind_exporter(exporter, None, eni)
        Exporter.objects.create(pk=f"exp-more-{number}", address=f"192.0.2.{number + 2}", account=account)
        Stream.objects.create(exporter=exporter, port=3000 + number, domain=0, version=10)
        Unattributed.objects.create(
            exporter=exporter,
            srcaddr="10.9.0.1",
            dstaddr="10.9.0.2",
            protocol=17,
            dstport=number,
            last_seen=NOW,
        )
        Loss.objects.create(
            collector=collector, exporter=exporter, since=0, until=1, unit="flows", count=1, reason="sequence"
        )
        InventoryVersion.objects.create(since=number, content=b"", digest=str(number))
        InventoryPart.objects.create(digest=str(number), content=b"", replaced=number)
        InventoryMark.objects.create(key=f"network/more-{number}")
        Collector.objects.create(pk=f"collector-more-{number}")
        window = Window.objects.create(vpc=vpc, interval=10, start=600 * number)
        closing = Closing.objects.create(window=window, number=0)
        Closing.objects.create(window=first(Window), number=number + 1)
        Delivery.objects.create(flow_log=flow_log, closing=closing)
        other = FlowLog.objects.exclude(pk=flow_log.pk)[number]
        Delivery.objects.create(flow_log=other, closing=first(Closing))
        file = SampleFile.objects.create(collector=collector, path=f"samples/more-{number}", rows=1, size=1)
        SampleSlice.objects.create(file=file, window=window, closing=closing, flows=1, packets=1, bytes=1)
        Usage.objects.create(flow_log=flow_log, vpc=vpc, span=3600, start=3600 * (number + 1))
        project = Project.objects.create(account=account, region=vpc.region, name=f"more-{number}")
        Logstore.objects.create(project=project, name="flows")
        logstore = Logstore.objects.create(project=first(Project), name=f"more-{number}")
        Part.objects.create(
            logstore=logstore, path=f"parts/{number}", hour=0, rows=1, size=1, min_time=0, max_time=1
        )
        Account.objects.create(id=f"20000000000000{number:02}", name=f"More {number}")
        Region.objects.create(id=f"more-{number}", name=f"More {number}", area="More")
        policy = Policy.objects.create(account=account, name=f"more-{number}", document={})
        User.objects.create_user(f"more-{number}", account=account).policies.add(policy)
        Role.objects.create(account=account, name=f"more-{number}")
        Heartbeat.objects.create(name=f"more-{number}", at=NOW)
        changes.note(f"vpc:More{number}", "Vpc", vpc.pk, by=None, account_id=account.pk, values={"a": (1, 2)})
    services.coverage.refresh(vpc)


def test_lists_and_pages_cost_the_same_queries_whatever_there_is(
    admin_client: Client, one_of_all: FlowLog, many_flow_logs: Any, account: Account
) -> None:
    rows = {model: first(model) for model in MODELS}
    counted(admin_client, rows)
    before = counted(admin_client, rows)
    grow(one_of_all, many_flow_logs, account)
    after = counted(admin_client, rows)
    assert {name: numbers for name, numbers in after.items() if numbers != before[name]} == {}
    assert max(number for numbers in after.values() for number in numbers) <= 20


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_lists_count_and_offer_no_more_than_they_must(model: type[Model]) -> None:
    served = admin.site._registry[model]
    assert served.show_full_result_count is False
    assert served.list_max_show_all <= 200
    related = {field.name: field for field in model._meta.get_fields() if field.is_relation}
    large = {Account, User, Vpc, VSwitch, NetworkInterface, Instance, SecurityGroup, NetworkAcl, Gateway}
    chosen = {name for name, field in related.items() if field.concrete and field.related_model in large}
    if any(getattr(served, f"has_{verb}_permission")(_Administrator()) for verb in ("add", "change")):
        form = served.get_form(_Administrator(), None)
        assert {name for name in chosen if name in form.base_fields} <= set(served.raw_id_fields)


class _Administrator:
    """A request of somebody who may do everything."""

    class user:
        is_superuser = is_active = is_staff = True

        @staticmethod
        def has_perm(*_permission: Any) -> bool:
            return True
