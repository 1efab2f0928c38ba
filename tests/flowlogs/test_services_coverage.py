"""Coverage and intervals follow the flow logs that are on and the interfaces that exist, with dates."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
import time_machine
from django.db import connection
from hypothesis import given
from hypothesis import strategies as st

from console.models import Account, Region, User
from flowlogs import services
from flowlogs.models import (
    Coverage,
    FlowLog,
    IntervalChange,
    InventoryVersion,
    NetworkInterface,
    Vpc,
    VSwitch,
)
from flowlogs.services import coverage
from flowlogs.services.coverage import Change, scheduled
from tests.flowlogs.conftest import MakeFlowLog, make_interface, make_vpc

MINUTE = 60
NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
T = int(NOON.timestamp())


def at(minute: float) -> int:
    """Return the Unix second of a minute after noon."""
    return T + int(minute * MINUTE)


@pytest.mark.parametrize(
    ("history", "wanted", "now", "expected"),
    [
        pytest.param([], 0, 3, [], id="never captured"),
        pytest.param([], 10, 3, [(0, 10)], id="begins with the window that contains now"),
        pytest.param([], 1, 3.5, [(3, 1)], id="begins with the minute"),
        pytest.param([(0, 10)], 10, 3, [(0, 10)], id="nothing to do"),
        pytest.param([(0, 10)], 1, 3, [(0, 10), (10, 1)], id="shorter waits for the boundary"),
        pytest.param([(0, 1)], 10, 3, [(0, 1), (10, 10)], id="longer waits for the boundary"),
        pytest.param([(0, 5)], 10, 12, [(0, 5), (20, 10)], id="5 to 10"),
        pytest.param([(0, 10)], 1, 10, [(0, 10), (10, 1)], id="at the boundary it is now"),
        pytest.param([(0, 10)], 0, 3, [(0, 10), (10, 0)], id="ends with the window"),
        pytest.param([(0, 10), (10, 0)], 10, 5, [(0, 10)], id="started again before the end"),
        pytest.param([(0, 10), (10, 1)], 5, 3, [(0, 10), (10, 5)], id="another plan replaces the first"),
        pytest.param([(0, 10), (10, 1)], 10, 3, [(0, 10)], id="the plan is taken back"),
        pytest.param([(0, 10), (10, 0)], 10, 12, [(0, 10), (10, 10)], id="started again in the next window"),
        pytest.param([(0, 10), (10, 0)], 1, 12, [(0, 10), (10, 0), (12, 1)], id="begins later"),
        pytest.param(
            [(0, 1), (11, 0)],
            10,
            12,
            [(0, 1), (11, 0), (12, 1), (20, 10)],
            id="goes on at the old interval where the new window began before the end",
        ),
        pytest.param([(0, 1), (11, 0)], 0, 12, [(0, 1), (11, 0)], id="still not captured"),
    ],
)
def test_scheduled(
    history: list[tuple[float, int]], wanted: int, now: float, expected: list[tuple[float, int]]
) -> None:
    given_history = [(at(minute), interval) for minute, interval in history]
    assert scheduled(given_history, wanted, at(now)) == [
        (at(minute), minutes) for minute, minutes in expected
    ]


@given(
    st.lists(
        st.tuples(st.integers(0, 1500), st.sampled_from([0, 1, 5, 10])),
        min_size=1,
        max_size=12,
    )
)
def test_whatever_is_asked_for_windows_are_whole_and_none_is_captured_twice(
    steps: list[tuple[int, int]],
) -> None:
    history: list[Change] = []
    now = T
    for seconds, wanted in steps:
        now += seconds
        before = history
        history = scheduled(before, wanted, now)
        assert scheduled(history, wanted, now) == history
        assert (history[-1][1] if history else 0) == wanted
        in_force = [interval for since, interval in history if since <= now]
        assert not wanted or in_force[-1], "what is to be captured is captured now"
        for since, interval in history:
            assert not interval or since % (interval * MINUTE) == 0
        for (_, interval), (until, _) in pairwise(history):
            assert not interval or until % (interval * MINUTE) == 0
        assert [since for since, _ in history] == sorted({since for since, _ in history})


@pytest.fixture
def transaction_of_its_own(django_capture_on_commit_callbacks: Any) -> Any:
    """Return a context that ends like a commit; a test's transaction still holds what it did before, so drop that."""

    def begin() -> Any:
        connection.run_on_commit.clear()
        return django_capture_on_commit_callbacks(execute=True)

    return begin


def covered() -> set[tuple[str, str]]:
    rows = Coverage.objects.filter(until__isnull=True)
    return set(rows.values_list("flow_log__name", "network_interface"))


def intervals(interface: str) -> list[tuple[datetime, int]]:
    rows = IntervalChange.objects.filter(network_interface=interface).order_by("since")
    return list(rows.values_list("since", "interval"))


FIRST, SECOND, OTHER = "eni-vsw-vpc-1-a-1", "eni-vsw-vpc-1-a-2", "eni-vsw-vpc-1-b-1"


def test_each_resource_type_covers_its_interfaces(make_flow_log: MakeFlowLog) -> None:
    make_flow_log(name="vpc")
    make_flow_log(name="switch", resource_type="VSwitch", resource_id="vsw-vpc-1-a")
    make_flow_log(name="eni", resource_type="NetworkInterface", resource_id=OTHER)
    assert covered() == {
        ("vpc", FIRST),
        ("vpc", SECOND),
        ("vpc", OTHER),
        ("switch", FIRST),
        ("switch", SECOND),
        ("eni", OTHER),
    }


def test_refreshing_twice_changes_nothing(make_flow_log: MakeFlowLog, vpc: Vpc) -> None:
    make_flow_log()
    rows = list(Coverage.objects.values()), list(IntervalChange.objects.values())
    versions = InventoryVersion.objects.count()
    assert coverage.refresh(vpc) is False
    coverage.refresh_all()
    assert rows == (list(Coverage.objects.values()), list(IntervalChange.objects.values()))
    assert InventoryVersion.objects.count() == versions


def test_a_transient_flow_log_covers_nothing_until_it_is_started(
    make_flow_log: MakeFlowLog, vpc: Vpc
) -> None:
    make_flow_log(finished=False)
    coverage.refresh(vpc)
    assert covered() == set()


def test_the_shortest_interval_counts(make_flow_log: MakeFlowLog, owner: User) -> None:
    with time_machine.travel(NOON + timedelta(minutes=3), tick=False):
        make_flow_log(name="slow")
        quick = make_flow_log(name="quick", interval=1, resource_type="NetworkInterface", resource_id=FIRST)
    boundary = NOON + timedelta(minutes=10)
    assert intervals(FIRST) == [(NOON, 10), (boundary, 1)]
    assert intervals(SECOND) == [(NOON, 10)]
    with time_machine.travel(NOON + timedelta(minutes=25), tick=False):
        services.stop(quick, owner)
        services.finish_transition(quick.pk)
    assert intervals(FIRST) == [(NOON, 10), (boundary, 1), (NOON + timedelta(minutes=30), 10)]


def test_stopping_ends_coverage_now_and_capture_with_the_window(
    make_flow_log: MakeFlowLog, owner: User
) -> None:
    with time_machine.travel(NOON + timedelta(minutes=3, seconds=7, milliseconds=500), tick=False):
        flow_log = make_flow_log()
    with time_machine.travel(NOON + timedelta(minutes=14, seconds=1), tick=False):
        services.stop(flow_log, owner)
        services.finish_transition(flow_log.pk)
    row = Coverage.objects.get(network_interface=FIRST)
    assert (row.since, row.until) == (
        NOON + timedelta(minutes=3, seconds=7),
        NOON + timedelta(minutes=14, seconds=1),
    )
    assert intervals(FIRST) == [(NOON, 10), (NOON + timedelta(minutes=20), 0)]


def test_a_changed_interval_keeps_coverage_open(make_flow_log: MakeFlowLog, owner: User) -> None:
    flow_log = make_flow_log()
    services.modify(flow_log, owner, interval=1)
    coverage.refresh(flow_log.vpc)
    services.finish_transition(flow_log.pk)
    assert Coverage.objects.filter(until__isnull=False).count() == 0
    assert [interval for _, interval in intervals(FIRST)][-1] == 1


def test_deleting_a_flow_log_ends_capture(make_flow_log: MakeFlowLog, owner: User) -> None:
    flow_log = make_flow_log()
    services.delete(flow_log, owner)
    services.finish_transition(flow_log.pk)
    assert [interval for _, interval in intervals(FIRST)] == [10, 0]


def test_a_new_interface_joins_by_itself(
    make_flow_log: MakeFlowLog, vpc: Vpc, transaction_of_its_own: Any
) -> None:
    make_flow_log(name="vpc")
    with transaction_of_its_own():
        new = make_interface(VSwitch.objects.get(pk="vsw-vpc-1-b"), 9)
    assert ("vpc", new.pk) in covered()
    assert [interval for _, interval in intervals(new.pk)] == [10]


def test_many_new_interfaces_in_one_transaction_refresh_once(
    make_flow_log: MakeFlowLog, vpc: Vpc, transaction_of_its_own: Any, monkeypatch: Any
) -> None:
    refreshed: list[str] = []
    monkeypatch.setattr(coverage, "refresh", refreshed.append)
    with transaction_of_its_own():
        for number in range(5):
            make_interface(VSwitch.objects.get(pk="vsw-vpc-1-b"), 20 + number)
    assert refreshed == ["vpc-1"]


def test_an_interface_that_moves_to_another_vswitch_changes_its_flow_logs(
    make_flow_log: MakeFlowLog, transaction_of_its_own: Any
) -> None:
    make_flow_log(name="switch", resource_type="VSwitch", resource_id="vsw-vpc-1-a")
    interface = NetworkInterface.objects.get(pk=FIRST)
    with transaction_of_its_own():
        interface.vswitch_id = "vsw-vpc-1-b"
        interface.save()
    assert covered() == {("switch", SECOND)}


def test_an_interface_that_leaves_for_another_vpc_is_no_longer_covered_here(
    make_flow_log: MakeFlowLog, account: Account, region: Region, transaction_of_its_own: Any
) -> None:
    make_flow_log(name="vpc")
    away = make_vpc(account, region, "vpc-2")
    interface = NetworkInterface.objects.get(pk=FIRST)
    with transaction_of_its_own():
        interface.vpc, interface.vswitch_id = away, "vsw-vpc-2-a"
        interface.save()
    assert covered() == {("vpc", SECOND), ("vpc", OTHER)}
    assert [interval for _, interval in intervals(FIRST)] == [10, 0]


def test_an_interface_that_is_deleted_was_covered_until_then_and_is_captured_to_the_end_of_the_window(
    make_flow_log: MakeFlowLog,
) -> None:
    with time_machine.travel(NOON + timedelta(minutes=3), tick=False):
        make_flow_log(name="vpc")
    with time_machine.travel(NOON + timedelta(minutes=14, seconds=1), tick=False):
        services.remove_network_interface(NetworkInterface.objects.get(pk=FIRST), None)
    assert covered() == {("vpc", SECOND), ("vpc", OTHER)}
    row = Coverage.objects.get(network_interface=FIRST)
    assert row.until == NOON + timedelta(minutes=14, seconds=1)
    assert intervals(FIRST) == [(NOON, 10), (NOON + timedelta(minutes=20), 0)]
    with time_machine.travel(NOON + timedelta(minutes=30), tick=False):
        assert coverage.refresh("vpc-1") is False


@pytest.mark.parametrize("interfaces", [3, 30])
def test_a_refresh_costs_the_same_queries_whatever_the_number_of_interfaces(
    make_flow_log: MakeFlowLog, vpc: Vpc, interfaces: int, django_assert_max_num_queries: Any
) -> None:
    vswitch = VSwitch.objects.get(pk="vsw-vpc-1-b")
    for number in range(interfaces):
        make_interface(vswitch, 50 + number)
    flow_log = make_flow_log(finished=False)
    type(flow_log).objects.update(status="Active")
    with django_assert_max_num_queries(10):
        assert coverage.refresh(vpc)


def noted() -> list[Any]:
    """Return all that a refresh writes."""
    return [
        sorted(Coverage.objects.values_list("flow_log", "network_interface", "since", "until"), key=str),
        sorted(IntervalChange.objects.values_list("network_interface", "since", "interval"), key=str),
        sorted(FlowLog.objects.values_list("pk", "captured"), key=str),
    ]


def join(vpc: Vpc) -> list[str]:
    return [make_interface(VSwitch.objects.get(pk=f"vsw-vpc-1-{letter}"), 77).pk for letter in "ab"]


def change_places(vpc: Vpc) -> list[str]:
    NetworkInterface.objects.filter(pk=FIRST).update(vswitch="vsw-vpc-1-b")
    NetworkInterface.objects.filter(pk=OTHER).update(vswitch="vsw-vpc-1-a")
    return [FIRST, OTHER]


def leave(vpc: Vpc) -> list[str]:
    NetworkInterface.objects.filter(pk__in=[FIRST, OTHER]).update(deleted_at=NOON)
    return [FIRST, OTHER]


@pytest.mark.parametrize("act", [join, change_places, leave], ids=["join", "change-places", "leave"])
@pytest.mark.parametrize("interval", [10, 1], ids=["usual", "otherwise"])
def test_of_few_interfaces_a_refresh_writes_what_one_of_all_would(
    make_flow_log: MakeFlowLog, vpc: Vpc, act: Any, interval: int, time_machine: Any
) -> None:
    time_machine.move_to(NOON, tick=False)
    make_flow_log(name="vpc")
    make_flow_log(name="switch", resource_type="VSwitch", resource_id="vsw-vpc-1-b", interval=interval)
    time_machine.move_to(NOON + timedelta(minutes=43), tick=False)
    coverage.refresh(vpc)
    enis = act(vpc)
    assert coverage.refresh(vpc, only=enis) is True
    written = noted()
    assert coverage.refresh(vpc) is False
    assert noted() == written


def test_of_few_interfaces_the_others_are_not_looked_at(
    make_flow_log: MakeFlowLog, vpc: Vpc, django_assert_max_num_queries: Any
) -> None:
    make_flow_log(name="vpc")
    enis = join(vpc)
    with django_assert_max_num_queries(10) as queries:
        coverage.refresh(vpc, only=enis)
    read = [query["sql"] for query in queries if query["sql"].startswith("SELECT")]
    tables = {"networkinterface", "coverage", "intervalchange"}
    found = {table: [sql for sql in read if f'FROM "flowlogs_{table}"' in sql] for table in tables}
    assert all(len(those) == 1 and enis[0] in those[0] for those in found.values())
