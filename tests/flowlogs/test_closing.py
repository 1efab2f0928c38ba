"""Which windows exist, silent ones too, and when they close, first and for good."""

from dataclasses import replace

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from flowlogs import closing, inventory, reception, services
from flowlogs.collector import status as collector_status
from flowlogs.models import (
    Closing,
    Collector,
    FlowLog,
    IntervalChange,
    Loss,
    NetworkInterface,
    Vpc,
    VSwitch,
    Window,
)
from flowlogs.services import coverage

from .factories import LATE_LIMIT, LATENESS, START, flow

END = START + 600
Kind = Closing.Kind


def closings() -> list[tuple[int, int, str]]:
    """Return window start relative to START, number and kind of all closings."""
    rows = Closing.objects.order_by("window__start", "number").values_list("window__start", "number", "kind")
    return [(start - START, number, kind) for start, number, kind in rows]


def starts(interval: int | None = None) -> list[int]:
    windows = Window.objects.order_by("start")
    windows = windows.filter(interval=interval) if interval else windows
    return [start - START for start in windows.values_list("start", flat=True)]


# ---- windows ----------------------------------------------------------------------------------------


def test_windows_of_covered_interfaces_exist_without_any_traffic(lab):
    lab.flow_log()
    lab.move(START + 1300)
    lab.work()
    assert starts() == [-600, 0, 600, 1200]


def test_only_the_vpc_that_changed_is_looked_at_again(lab):
    """Interval changes are as many as interfaces: those of all VPCs are not read for a change in one."""
    lab.flow_log()
    other = Vpc.objects.create(pk="vpc-2", account=lab.account, region=lab.region)
    vswitch = VSwitch.objects.create(pk="vsw-9", vpc=other, cidr_block="10.9.0.0/24")
    services.create_flow_log(
        lab.account, lab.region, None, resource_type="VPC", resource_id="vpc-2", project_name="logs",
        logstore_name="flows", interval=1,
    )  # fmt: skip
    for flow_log in FlowLog.objects.all():
        services.finish_transition(flow_log.pk)

    def spans():
        version = inventory.record()
        with CaptureQueriesContext(connection) as queries:
            found = closing.capture_spans((version.pk, version.digest))
        read = [query["sql"] for query in queries if "flowlogs_intervalchange" in query["sql"]]
        return found, len(read) == 1 and "vpc-1" not in read[0].partition("WHERE")[2] and "vpc-2" in read[0]

    assert set(spans()[0]) == {("vpc-1", 10)}
    NetworkInterface.objects.create(pk="eni-9", vpc=other, vswitch=vswitch)
    coverage.refresh(other)
    found, is_narrow = spans()
    assert is_narrow
    closing.forget()
    assert found == spans()[0]
    assert set(found) == {("vpc-1", 10), ("vpc-2", 1)}


def test_without_a_flow_log_there_are_no_windows(lab):
    lab.move(START + 1300)
    lab.work()
    assert starts() == []


def test_windows_end_with_the_coverage(lab):
    flow_log = lab.flow_log()
    lab.move(START + 100)
    services.stop(flow_log, None)
    lab.settle(flow_log)
    lab.move(START + 3000)
    lab.work()
    assert starts() == [-600, 0]


def test_a_gap_behind_a_window_that_a_sample_made_early_is_filled(lab):
    lab.flow_log()
    Window.objects.create(vpc=lab.vpc, interval=10, start=START + 3000)
    lab.move(START + 3100)
    lab.work()
    assert starts() == list(range(-600, 3001, 600))


def test_a_change_of_interval_takes_effect_at_the_common_boundary(lab):
    flow_log = lab.flow_log()
    lab.move(START + 130)
    services.modify(flow_log, None, interval=1)
    lab.settle(flow_log)
    lab.move(START + 800)
    lab.work()
    assert starts(10) == [-600, 0]
    assert starts(1) == [600, 660, 720, 780]


def test_the_shortest_interval_of_all_flow_logs_counts(lab):
    lab.flow_log()
    lab.flow_log("other", interval=5, resource_type="NetworkInterface", resource_id="eni-c")
    lab.move(START + 700)
    lab.work()
    assert starts(10) == [-600, 0, 600]
    assert starts(5) == [0, 300, 600]
    intervals = dict(IntervalChange.objects.order_by("since").values_list("network_interface", "interval"))
    assert intervals == {"eni-a": 10, "eni-b": 10, "eni-c": 5}


def test_sweeping_again_creates_and_closes_nothing(lab):
    lab.flow_log()
    lab.move(START + 700)
    lab.work()
    before = (starts(), closings())
    lab.work()
    assert (starts(), closings()) == before


def test_a_process_that_starts_anew_fills_what_is_missing(lab):
    lab.flow_log()
    lab.move(START + 3100)
    lab.work()
    Window.objects.filter(start__in=(START, START + 600)).delete()
    closing.forget()
    lab.work()
    assert starts() == list(range(-600, 3001, 600))


@pytest.mark.parametrize("vpcs", [1, 30])
def test_the_cost_of_a_sweep_does_not_grow_with_windows(lab, vpcs, django_assert_max_num_queries):
    lab.flow_log(interval=1)
    Window.objects.bulk_create(
        Window(vpc=lab.vpc, interval=1, start=START - 60 * n, is_final=True, closings_made=2)
        for n in range(2, vpcs * 60)
    )
    lab.move(START + 30)
    lab.sweep()
    with django_assert_max_num_queries(12):
        lab.sweep()


# ---- when a window closes ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        pytest.param(END + LATENESS - 1, [], id="a second before its lateness is over"),
        pytest.param(END + LATENESS, [(0, 0, "records")], id="at its end and lateness"),
        pytest.param(END + LATE_LIMIT, [(0, 0, "final")], id="late: the first closing is the last"),
    ],
)
def test_a_window_closes_after_its_lateness(lab, at, expected):
    lab.flow_log()
    lab.move(at)
    lab.sweep()
    assert [found for found in closings() if found[0] == 0] == expected


def test_a_window_closes_for_good_at_the_late_limit(lab):
    lab.flow_log()
    lab.work_until(END + LATE_LIMIT - 1)
    assert [found for found in closings() if found[0] == 0] == [(0, 0, "records")]
    lab.move(END + LATE_LIMIT)
    lab.work()
    assert [found for found in closings() if found[0] == 0] == [(0, 0, "records"), (0, 1, "final")]
    assert Window.objects.get(start=START).is_final
    lab.work_until(END + LATE_LIMIT + 300)
    assert len([found for found in closings() if found[0] == 0]) == 2


def test_late_samples_within_the_limit_make_supplements_a_minute_apart(lab):
    lab.flow_log()
    lab.work_until(END + LATENESS + 10)
    for second in range(END + 80, END + 280, 10):
        lab.move(second)
        lab.send(flow(at=START + 300, srcport=second % 60_000))
        lab.work()
    supplements = [found for found in closings() if found[0] == 0 and found[2] == "records"]
    assert 3 <= len(supplements) - 1 <= 4


def test_samples_beyond_the_limit_make_a_late_closing(lab):
    lab.flow_log()
    lab.work_until(END + LATE_LIMIT + 10)
    lab.move(END + LATE_LIMIT + 100)
    lab.send(flow(at=START + 300))
    lab.work_until(END + LATE_LIMIT + 200)
    assert [found for found in closings() if found[0] == 0][-1] == (0, 2, "late")


def test_late_closings_are_a_minute_apart_and_one_at_a_time(lab):
    lab.flow_log()
    lab.work_until(END + LATE_LIMIT + 70, step=60)
    for second in range(END + LATE_LIMIT + 80, END + LATE_LIMIT + 280, 10):
        lab.move(second)
        lab.send(flow(at=START + 300, srcport=second % 60_000))
        lab.work()
    late = [found for found in closings() if found[2] == "late"]
    assert 3 <= len(late) <= 4
    lab.move(lab.now + 100)
    lab.send(flow(at=START + 300))
    lab.sweep()
    lab.move(lab.now + 100)
    lab.send(flow(at=START + 300))
    lab.sweep()
    assert len([found for found in closings() if found[2] == "late"]) == len(late) + 1


def test_no_second_closing_while_one_is_under_way(lab):
    lab.flow_log()
    lab.move(END + LATENESS)
    lab.sweep()
    lab.move(END + LATE_LIMIT + 5)
    lab.sweep()
    assert [found for found in closings() if found[0] == 0] == [(0, 0, "records")]


def test_a_quarantined_closing_does_not_hold_its_window(lab):
    lab.flow_log()
    lab.move(END + LATENESS)
    lab.sweep()
    Closing.objects.update(state=Closing.State.QUARANTINED)
    lab.move(END + LATE_LIMIT + 5)
    lab.sweep()
    assert (0, 1, "final") in closings()


def test_many_windows_that_wait_do_not_starve_those_that_are_due(lab, monkeypatch):
    """Newest first, but only what is due counts."""
    monkeypatch.setattr(closing, "CLOSED_AT_ONCE", 3)
    lab.flow_log(interval=1)
    lab.work_until(START + 900, step=30)
    due = [start for start in starts() if start + 60 + LATE_LIMIT <= 880]
    assert due
    assert set(due) <= {start for start, _, kind in closings() if kind == "final"}


def test_an_outage_is_worked_off_newest_first(lab, monkeypatch):
    lab.flow_log()
    lab.move(START + 6000)
    monkeypatch.setattr(closing, "CLOSED_AT_ONCE", 2)
    lab.sweep()
    assert [start for start, *_ in closings()] == [4200, 4800]


# ---- the horizon ------------------------------------------------------------------------------------


def test_before_any_collector_ran_nothing_closes(lab):
    Collector.objects.all().delete()
    assert closing.horizon([]) is None


def horizon() -> int | None:
    return closing.horizon(reception.collectors())


def test_the_horizon_is_what_every_running_collector_has_decoded(lab):
    lab.receiver("c2")
    lab.move(START)
    lab.work()
    assert horizon() == START
    lab.receivers["c2"].status = replace(lab.receivers["c2"].status, stopped=True)
    lab.move(START + 10)
    lab.work()
    assert horizon() == START
    lab.move(START + 20)
    lab.work()
    assert horizon() == START + 20, "a collector that is silent for 15 s is down and holds nothing back"


def test_a_stopped_collector_holds_back_until_its_segments_are_decoded(lab):
    lab.move(START)
    lab.send(flow(at=START - 5))
    lab.stop("c1")
    reception.collectors()
    lab.move(START + 100)
    assert horizon() < START
    lab.work()
    assert horizon() == START + 100


def test_a_host_that_is_gone_with_its_segments_holds_back_no_longer_than_the_late_limit(lab):
    lab.move(START)
    lab.stop("c1")
    reception.collectors()
    collector_status.status_path(lab.spool, "c1").unlink()
    lab.move(START + LATE_LIMIT - 1)
    assert horizon() < START
    lab.move(START + LATE_LIMIT + 1)
    assert horizon() == START + LATE_LIMIT + 1


def test_a_replay_of_the_past_holds_windows_back_until_it_is_through(lab):
    lab.move(START)
    lab.work()
    Collector.objects.create(
        pk="history", is_history=True, decoded_through=(START - 7200) * 1000, sealed_through=START * 1000
    )
    assert horizon() == START - 7200
    lab.work()
    assert horizon() == START
    assert Collector.objects.get(pk="history").retired_at is not None


def test_a_collector_that_lags_keeps_windows_open(lab):
    lab.flow_log()
    lab.move(END + LATENESS)
    lab.tell("c1", sealed_through_ns=(END - 5) * 10**9)
    lab.receivers["c1"].status = replace(lab.receivers["c1"].status, sealed_through_ns=(END - 5) * 10**9)
    lab.work()
    assert [found for found in closings() if found[0] == 0] == []


# ---- hints ------------------------------------------------------------------------------------------


def test_a_lost_hint_is_given_again_and_never_before_time(lab):
    lab.flow_log()
    lab.move(END + LATENESS)
    first = lab.sweep()
    assert first
    lab.move(lab.now + 10)
    assert lab.sweep() == []
    lab.move(lab.now + closing.HINT_AGAIN.total_seconds())
    assert lab.sweep() == first


def test_a_dead_worker_is_replaced_after_its_lease(lab):
    lab.flow_log()
    lab.move(END + LATENESS)
    hinted = lab.sweep()
    Closing.objects.update(
        state=Closing.State.DELIVERING, lease=timezone.now() + closing.HINT_AGAIN, attempt=1
    )
    lab.move(lab.now + closing.HINT_AGAIN.total_seconds() + 1)
    assert lab.sweep() == hinted


def test_only_so_many_hints_are_outstanding(lab, monkeypatch):
    monkeypatch.setattr(closing, "MOST_HINTS", 2)
    lab.flow_log(interval=1)
    lab.move(START + 600)
    assert len(lab.sweep()) == 2
    assert lab.sweep() == []


def test_coverage_that_is_refreshed_twice_changes_nothing(lab):
    lab.flow_log()
    assert not coverage.refresh(lab.vpc)
    assert not Loss.objects.exists()
