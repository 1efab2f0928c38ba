"""What new flow logs would cover, against a plain count over every ENI."""

from dataclasses import replace
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from console.models import Account, Region
from flowlogs.models import FlowLog, Logstore, NetworkInterface, Vpc
from flowlogs.preview import Preview, overlap, preview
from flowlogs.rules import FlowLogValues
from tests.flowlogs.conftest import MakeFlowLog, make_interface, make_vpc

VALUES = FlowLogValues("VPC", "vpc-1", "logs", "flows")
SCOPES = {
    "VPC": ("VPC", ("vpc-1",)),
    "vSwitch": ("VSwitch", ("vsw-vpc-1-a",)),
    "ENIs": ("NetworkInterface", ("eni-vsw-vpc-1-a-1", "eni-vsw-vpc-1-b-1", "eni-vsw-vpc-1-b-2")),
}


@pytest.fixture
def crowd(vpc: Vpc, make_flow_log: MakeFlowLog, account: Account, region: Region) -> Vpc:
    """Seven ENIs in two vSwitches, one of them deleted, with flow logs of every kind; and another VPC."""
    Account.objects.update(flow_log_quota=100)
    first, second = vpc.vswitches.order_by("pk")
    for number in (3, 4):
        make_interface(first, number)
    make_interface(second, 2)
    make_interface(second, 3, deleted_at=timezone.now())
    make_interface(make_vpc(account, region, "vpc-2").vswitches.earliest("pk"), 1)
    eni = {"resource_type": "NetworkInterface"}
    make_flow_log(name="one", **eni, resource_id="eni-vsw-vpc-1-a-1", interval=1)
    make_flow_log(name="two", **eni, resource_id="eni-vsw-vpc-1-b-2", interval=10, traffic_type="Drop")
    make_flow_log(name="subnet", resource_type="VSwitch", resource_id="vsw-vpc-1-a", interval=5)
    make_flow_log(name="off", interval=1, resource_type="VSwitch", resource_id="vsw-vpc-1-b")
    FlowLog.objects.filter(name="off").update(status=FlowLog.Status.INACTIVE)
    make_flow_log(name="elsewhere", resource_id="vpc-2", interval=1)
    return vpc


def scope(kind: str, ids: tuple[str, ...]) -> list[NetworkInterface]:
    return [
        eni
        for eni in NetworkInterface.objects.all()
        if {"VPC": eni.vpc_id, "VSwitch": eni.vswitch_id, "NetworkInterface": eni.pk}[kind] in ids
    ]


def plain(kind: str, ids: tuple[str, ...], interval: int) -> dict[str, Any]:
    """Return the same, ENI by ENI."""
    cases: dict[tuple[int, str], int] = {}
    doubles: dict[str, int] = {}
    faster: dict[int, int] = {}
    captured = 0
    for eni in scope(kind, ids):
        own = (eni.vpc_id, eni.vswitch_id, eni.pk)
        covering = [each for each in FlowLog.objects.order_by("name") if each.resource_id in own]
        started = [each for each in covering if each.status == "Active"]
        captured += bool(started)
        shortest = min((each.interval for each in started), default=interval)
        because = (
            next((each.name for each in started if each.interval == shortest), "")
            if shortest < interval
            else ""
        )
        cases[min(shortest, interval), because] = cases.get((min(shortest, interval), because), 0) + 1
        if started and shortest > interval:
            faster[shortest] = faster.get(shortest, 0) + 1
        for each in covering:
            doubles[each.name] = doubles.get(each.name, 0) + 1
    return {
        "enis": len(scope(kind, ids)),
        "captured": captured,
        "cases": cases,
        "faster": faster,
        "doubles": doubles,
    }


def summary(found: Preview) -> dict[str, Any]:
    return {
        "enis": found.enis,
        "captured": found.captured,
        "cases": {
            (case.interval, case.because_of.name if case.because_of else ""): case.enis
            for case in found.cases
        },
        "faster": {each.before: each.enis for each in found.faster},
        "doubles": {double.flow_log.name: double.enis for double in found.doubles},
    }


@pytest.mark.parametrize("interval", [1, 5, 10])
@pytest.mark.parametrize("name", SCOPES)
def test_it_is_what_a_count_of_every_eni_gives(
    crowd: Vpc, account: Account, region: Region, name: str, interval: int
) -> None:
    kind, ids = SCOPES[name]
    values = replace(VALUES, resource_type=kind, interval=interval)
    assert summary(preview(account, region, values, ids)) == plain(kind, ids, interval)


def test_a_flow_log_of_the_vpc_counts_for_all(
    crowd: Vpc, account: Account, region: Region, make_flow_log: MakeFlowLog
) -> None:
    make_flow_log(name="whole", interval=5)
    for kind, ids in SCOPES.values():
        values = replace(VALUES, resource_type=kind)
        assert summary(preview(account, region, values, ids)) == plain(kind, ids, 10)


@pytest.mark.parametrize("name", SCOPES)
def test_every_started_flow_log_that_covers_them_is_told(
    crowd: Vpc, account: Account, region: Region, name: str
) -> None:
    kind, ids = SCOPES[name]
    enis = scope(kind, ids)
    expected = {}
    for flow_log in FlowLog.objects.filter(status=FlowLog.Status.ACTIVE):
        own = [eni for eni in enis if flow_log.resource_id in (eni.vpc_id, eni.vswitch_id, eni.pk)]
        if own:
            expected[flow_log.name] = len(own)
    found = preview(account, region, replace(VALUES, resource_type=kind, logstore_name="other"), ids).covering
    assert {each.flow_log.name: each.enis for each in found} == expected
    assert [each.enis for each in found] == sorted(expected.values(), reverse=True)


@pytest.mark.parametrize("name", SCOPES)
def test_queries_do_not_grow_with_enis_and_flow_logs(
    crowd: Vpc,
    account: Account,
    region: Region,
    name: str,
    many_flow_logs: Any,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    many_flow_logs(90)
    kind, ids = SCOPES[name]
    with django_assert_max_num_queries(6):
        preview(account, region, replace(VALUES, resource_type=kind), ids)


def test_what_another_account_has_is_not_seen(crowd: Vpc, stranger: Any, region: Region) -> None:
    assert preview(stranger.account, region, VALUES, ["vpc-1"]) == Preview()
    assert preview(stranger.account, region, replace(VALUES, resource_type="x"), ["vpc-1"]) == Preview()


def test_a_new_logstore_has_nothing_twice(crowd: Vpc, account: Account, region: Region) -> None:
    assert preview(account, region, replace(VALUES, create_logstore=True), ["vpc-1"]).doubles == []
    assert preview(account, region, replace(VALUES, logstore_name="other"), ["vpc-1"]).doubles == []


def test_what_is_refused_is_not_recorded_twice(crowd: Vpc, account: Account, region: Region) -> None:
    assert preview(account, region, replace(VALUES, traffic_paths=("vbr",)), ["vpc-1"]).doubles
    refused = replace(VALUES, traffic_type="Drop", traffic_paths=("vbr",))
    assert preview(account, region, refused, ["vpc-1"]).doubles == []


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        pytest.param({}, {}, True, id="all and all"),
        pytest.param({"traffic_type": "Allow"}, {"traffic_type": "Drop"}, False, id="allowed and denied"),
        pytest.param({}, {"traffic_type": "Drop"}, True, id="all and denied"),
        pytest.param({"traffic_paths": ("vbr",)}, {"traffic_type": "Drop"}, False, id="paths take no denied"),
        pytest.param({"traffic_paths": ("vbr",)}, {"traffic_paths": ("ecr",)}, False, id="two paths"),
        pytest.param(
            {"traffic_paths": ("ipv4Gateway",)},
            {"traffic_paths": ("internetGateway",)},
            True,
            id="paths that share a code",
        ),
        pytest.param({"traffic_paths": ("vbr",)}, {}, True, id="a path and all"),
    ],
)
def test_which_flow_logs_record_the_same_traffic(
    one: dict[str, Any], other: dict[str, Any], expected: bool
) -> None:
    first, second = replace(VALUES, **one), replace(VALUES, **other)
    assert overlap(first, second) is expected
    assert overlap(second, first) is expected


def test_it_says_which_flow_logs_get_more_records(
    crowd: Vpc, account: Account, region: Region, logstore: Logstore
) -> None:
    found = preview(account, region, replace(VALUES, interval=1), ["vpc-1"])
    assert {each.before: [other.name for other in each.flow_logs] for each in found.faster} == {
        5: ["subnet"],
        10: ["two"],
    }
