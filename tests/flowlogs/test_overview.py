"""The overview of a region: its numbers against coverage counted another way, and what it advises."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from console.models import Account, Region, Role, User
from flowlogs import services
from flowlogs.models import Coverage, Exporter, ExporterBinding, FlowLog, NetworkInterface, Usage, Vpc
from flowlogs.models.usage import HOUR
from flowlogs.overview import LOSS, NONE, OK, overview
from tests.browsing import Visitor
from tests.flowlogs.conftest import MakeFlowLog, make_interface, make_vpc

PAGE = "/cn-hangzhou/overview/"
NOW = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)


def covered_now() -> int:
    return Coverage.objects.filter(until__isnull=True).values("network_interface").distinct().count()


@pytest.mark.parametrize(
    "watched",
    [
        [],
        [("VPC", "vpc-1")],
        [("VSwitch", "vsw-vpc-1-a")],
        [("NetworkInterface", "eni-vsw-vpc-1-a-1")],
        [("NetworkInterface", "eni-vsw-vpc-1-a-1"), ("VSwitch", "vsw-vpc-1-a")],
        [("NetworkInterface", "eni-vsw-vpc-1-a-1"), ("NetworkInterface", "eni-vsw-vpc-1-b-1")],
        [("VSwitch", "vsw-vpc-1-b"), ("VPC", "vpc-1")],
    ],
    ids=lambda watched: "+".join(pk for _kind, pk in watched) or "nothing",
)
def test_logged_interfaces_are_those_that_are_covered(
    account: Account,
    region: Region,
    make_flow_log: MakeFlowLog,
    watched: list[tuple[str, str]],
) -> None:
    for kind, pk in watched:
        make_flow_log(resource_type=kind, resource_id=pk)
    state = overview(account, region)
    assert (state.logged, state.interfaces) == (covered_now(), NetworkInterface.objects.count())


def test_a_stopped_flow_log_logs_nothing(
    account: Account, region: Region, make_flow_log: MakeFlowLog
) -> None:
    flow_log = make_flow_log()
    services.stop(flow_log, None)
    services.finish_transition(flow_log.pk)
    assert (overview(account, region).logged, covered_now()) == (0, 0)


def test_bare_vswitches_are_named_with_how_many_are_not_logged(
    account: Account, region: Region, make_flow_log: MakeFlowLog
) -> None:
    make_flow_log(resource_type="NetworkInterface", resource_id="eni-vsw-vpc-1-a-1")
    [state] = overview(account, region).vpcs
    assert [(vswitch.pk, number) for vswitch, number in state.bare_vswitches] == [
        ("vsw-vpc-1-a", 1),
        ("vsw-vpc-1-b", 1),
    ]


def test_what_is_not_logged_leads_to_the_list_of_it_and_a_vpc_to_its_page(
    client: Client, owner: User, make_flow_log: MakeFlowLog
) -> None:
    make_flow_log(resource_type="NetworkInterface", resource_id="eni-vsw-vpc-1-a-1")
    client.force_login(owner)
    page = client.get(PAGE).content.decode()
    enis = reverse("flowlogs:eni-list", args=["cn-hangzhou"])
    assert f'<a href="{enis}?vswitch=vsw-vpc-1-b&amp;logged=no">1 not logged in' in page
    assert f'<a href="{enis}?logged=no">2 ENIs are logged by nothing</a>' in page
    assert f'href="{reverse("flowlogs:vpc-detail", args=["cn-hangzhou", "vpc-1"])}"' in page
    assert len(client.get(f"{enis}?logged=no").context["table"].rows) == 2


def test_the_last_day_is_shown_hour_by_hour(
    account: Account, region: Region, make_flow_log: MakeFlowLog
) -> None:
    flow_log = make_flow_log()
    hour = int(NOW.timestamp()) // HOUR * HOUR
    for ago, skipdata in ((0, 0), (1, 2), (23, 0), (24, 5)):
        Usage.objects.create(
            flow_log=flow_log,
            vpc=flow_log.vpc,
            span=HOUR,
            start=hour - ago * HOUR,
            records=10,
            skipdata=skipdata,
        )
    [state] = overview(account, region, NOW).vpcs
    assert state.strip == [OK, *[NONE] * 21, LOSS, OK]
    assert (state.volume.records, state.delivered_hours, state.lossy_hours) == (30, 3, 1)


def test_nothing_of_another_account_or_region_counts(
    account: Account, region: Region, vpc: Vpc, stranger: User
) -> None:
    other = make_vpc(stranger.account, region, "vpc-2")  # type: ignore[arg-type]
    make_interface(other.vswitches.first(), 9)  # type: ignore[arg-type]
    make_vpc(account, Region.objects.get(pk="cn-beijing"), "vpc-3")
    assert [each.vpc.pk for each in overview(account, region).vpcs] == ["vpc-1"]


def test_it_costs_the_same_number_of_queries_however_much_there_is(
    client: Client,
    owner: User,
    account: Account,
    region: Region,
    make_flow_log: MakeFlowLog,
    many_flow_logs: Callable[[int], None],
    django_assert_num_queries: Callable[[int], object],
) -> None:
    make_flow_log(resource_type="NetworkInterface", resource_id="eni-vsw-vpc-1-a-1")
    client.force_login(owner)
    client.get(PAGE)
    with django_assert_num_queries(16) as few:  # type: ignore[attr-defined]
        client.get(PAGE)
    many_flow_logs(30)
    for number in range(2, 8):
        make_interface(make_vpc(account, region, f"vpc-{number}").vswitches.first(), 5)  # type: ignore[arg-type]
    with django_assert_num_queries(len(few)):  # type: ignore[attr-defined]
        client.get(PAGE)
    Account.objects.update(blocks_old_families=False)
    with django_assert_num_queries(len(few) - 1):  # type: ignore[attr-defined]
        client.get(PAGE)


def test_no_flow_log_is_advised_where_instances_keep_it_out(
    client: Client, owner: User, account: Account, region: Region, vpc: Vpc
) -> None:
    vpc.instances.filter(pk="i-vsw-vpc-1-a-1").update(instance_type="ecs.n1.small")
    client.force_login(owner)
    page = client.get(PAGE).content.decode()
    assert "VPC vpc-1 can have no new flow log" in page
    assert "i-vsw-vpc-1-a-1 (ecs.n1.small). Upgrade or release these instances." in page
    assert "resource_id=vpc-1" not in page
    make_interface(make_vpc(account, region, "vpc-2").vswitches.first(), 1)  # type: ignore[arg-type]
    page = client.get(PAGE).content.decode()
    assert "1 of them is in VPC vpc-2." in page
    assert "resource_id=vpc-2" in page
    Account.objects.update(blocks_old_families=False)
    assert "resource_id=vpc-1" in client.get(PAGE).content.decode()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda account: Role.objects.all().delete(), "Flow logs need an authorization first"),
        (
            lambda account: Region.objects.update(flow_logs_available=False),
            "Flow logs are not available in this region",
        ),
        (lambda account: Vpc.objects.update(deleted_at=timezone.now()), "This region has no VPC yet"),
        (lambda account: Account.objects.update(flow_log_quota=0), "The quota of this region is used up"),
        (lambda account: None, "3 ENIs are logged by nothing"),
        (lambda account: None, "Nothing sends flows yet"),
        (
            lambda account: NetworkInterface.objects.update(deleted_at=timezone.now()),
            "No VPC of this region has an ENI yet",
        ),
    ],
    ids=["gates", "region", "no VPC", "quota", "bare", "no exporter", "no ENI"],
)
def test_it_says_what_to_do_next(
    client: Client, owner: User, vpc: Vpc, change: Callable[[object], object], said: str
) -> None:
    change(owner.account)
    client.force_login(owner)
    assert said in client.get(PAGE).content.decode()


def stop(flow_log: FlowLog) -> None:
    services.stop(flow_log, None)
    services.finish_transition(flow_log.pk)


def test_a_flow_log_that_is_stopped_is_marked_and_only_has_to_be_started(
    client: Client, owner: User, make_flow_log: MakeFlowLog
) -> None:
    stop(make_flow_log(name="asleep"))
    client.force_login(owner)
    page = client.get(PAGE).content.decode()
    assert "asleep</a> (Not Started)</span>" in page
    assert "asleep is not started" in page
    assert "Until it is, 3 ENIs of VPC vpc-1 are logged by nothing." in page
    assert "are logged by nothing</a>" not in page, "no second one is advised"
    for number in range(3):
        make_flow_log(
            name=f"awake-{number}", resource_type="NetworkInterface", resource_id="eni-vsw-vpc-1-a-1"
        )
    page = client.get(PAGE).content.decode()
    assert "awake-2</a></span>" in page, "those that log something come first"
    assert "(Not Started)" not in page
    assert 'flow-logs/?search=vpc-1">All 4</a>' in page
    assert client.get("/cn-hangzhou/flow-logs/?search=vpc-1").context["page"].paginator.count == 4


def test_where_all_is_well_it_says_so_and_where_to_look(
    client: Client, owner: User, make_flow_log: MakeFlowLog, account: Account, vpc: Vpc
) -> None:
    exporter = Exporter.objects.create(id="exp-1", account=account, address="192.0.2.1")
    ExporterBinding.objects.create(exporter=exporter, vpc=vpc)
    flow_log = make_flow_log()
    client.force_login(owner)
    page = client.get(PAGE).content.decode()
    assert "Every ENI of this region is logged" in page
    assert "The first records arrive about a minute after the end of the first window." in page
    assert 'href="/cn-hangzhou/log-service/"' in page.partition("next-title")[2]
    services.delivery_failed(flow_log.pk, "UnknownError")
    assert "Every ENI of this region is logged" not in client.get(PAGE).content.decode()


def test_more_failures_than_are_named_lead_to_the_list_of_them(
    client: Client, owner: User, make_flow_log: MakeFlowLog
) -> None:
    for number in range(5):
        services.delivery_failed(make_flow_log(name=f"log-{number}").pk, "UnknownError")
    client.force_login(owner)
    page = client.get(PAGE).content.decode()
    assert "2 more flow logs do not deliver" in page
    assert 'href="/cn-hangzhou/flow-logs/?status=failed"' in page
    found = client.get("/cn-hangzhou/flow-logs/?status=failed")
    assert found.context["page"].paginator.count == 5


def test_who_may_not_create_is_told_what_is_bare_and_whom_to_ask(
    client: Client, reader: User, vpc: Vpc
) -> None:
    client.force_login(reader)
    page = client.get(PAGE).content.decode()
    assert "3 ENIs are logged by nothing" in page
    assert "You need the permission vpc:CreateFlowLog. The owner of the account can give it to you." in page


def test_a_failing_delivery_is_said_with_its_remedy(
    client: Client, owner: User, make_flow_log: MakeFlowLog
) -> None:
    flow_log = make_flow_log(name="front")
    FlowLog.objects.filter(pk=flow_log.pk).update(delivery_status="FAILED", delivery_error="LogstoreNotExist")
    client.force_login(owner)
    page = client.get(PAGE).content.decode()
    assert "front does not deliver" in page
    assert "Create a Logstore with the same name" in page


def test_the_number_of_a_vpc_is_said_beside_that_of_the_region(
    client: Client, owner: User, account: Account, region: Region, vpc: Vpc
) -> None:
    make_interface(make_vpc(account, region, "vpc-2").vswitches.first(), 1)  # type: ignore[arg-type]
    client.force_login(owner)
    page = client.get(PAGE).content.decode()
    assert "4 ENIs are logged by nothing" in page
    assert "3 of them are in VPC" in page


def test_flow_logs_of_a_vpc_with_such_instances_are_said_to_miss_traffic(
    client: Client, owner: User, account: Account, vpc: Vpc, make_flow_log: MakeFlowLog
) -> None:
    make_flow_log()
    exporter = Exporter.objects.create(pk="exp-1", account=account, address="192.0.2.1")
    ExporterBinding.objects.create(exporter=exporter, vpc=vpc)
    client.force_login(owner)
    assert "Every ENI of this region is logged" in client.get(PAGE).content.decode()
    vpc.instances.filter(pk="i-vsw-vpc-1-a-1").update(instance_type="ecs.n1.small")
    page = client.get(PAGE).content.decode()
    assert "Every ENI of this region is logged" not in page
    assert "Flow logs of VPC vpc-1 may miss traffic, and it can have no new one" in page
    assert "i-vsw-vpc-1-a-1 (ecs.n1.small). Upgrade or release these instances." in page
    scope = client.get(f"/cn-hangzhou/flow-logs/{FlowLog.objects.get().pk}/scope/").content.decode()
    assert "i-vsw-vpc-1-a-1 (ecs.n1.small)" in scope


def test_failing_deliveries_lead_to_the_list_of_them(
    client: Client, owner: User, make_flow_log: MakeFlowLog
) -> None:
    flow_log = make_flow_log(name="front")
    client.force_login(owner)
    address = '<a href="/cn-hangzhou/flow-logs/?status=failed">'
    assert address not in client.get(PAGE).content.decode()
    FlowLog.objects.filter(pk=flow_log.pk).update(delivery_status="FAILED")
    assert address in client.get(PAGE).content.decode()
    assert "front" in client.get("/cn-hangzhou/flow-logs/?status=failed").content.decode()


def test_a_revoked_role_is_said_once_and_by_its_name(
    client: Client, owner: User, make_flow_log: MakeFlowLog
) -> None:
    flow_log = make_flow_log(name="front")
    FlowLog.objects.filter(pk=flow_log.pk).update(delivery_status="FAILED", delivery_error="RoleRevoked")
    client.force_login(owner)
    assert "front does not deliver" in client.get(PAGE).content.decode()
    Role.objects.all().delete()
    for address in (PAGE, "/cn-hangzhou/flow-logs/"):
        page = client.get(address).content.decode()
        assert "front does not deliver" not in page
        assert (
            "the role or its policy is missing. Until then no flow log can be created, and none delivers."
            in page
        )
        assert "not activated" not in page


def test_without_log_service_alone_flow_logs_go_on_delivering(client: Client, owner: User, vpc: Vpc) -> None:
    Account.objects.update(log_service_activated_at=None)
    client.force_login(owner)
    page = client.get(PAGE).content.decode()
    assert "Simple Log Service is not activated yet. Until then no flow log can be created." in page


def test_a_reader_sees_create_disabled_with_the_action(client: Client, reader: User, vpc: Vpc) -> None:
    client.force_login(reader)
    page = client.get(PAGE).content.decode()
    assert "You need the permission vpc:CreateFlowLog." in page
    assert "data-panel" not in page.partition("<main")[2]


@pytest.mark.browser
@pytest.mark.parametrize("width", [1440, 390])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_page_has_no_accessibility_finding(
    visit: Callable[..., Visitor], owner: User, make_flow_log: MakeFlowLog, width: int, theme: str
) -> None:
    make_flow_log(resource_type="VSwitch", resource_id="vsw-vpc-1-a")
    visitor = visit(owner, width=width, theme=theme)
    visitor.go(PAGE)
    assert visitor.findings() == []
