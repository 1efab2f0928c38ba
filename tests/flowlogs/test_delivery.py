"""From samples to records in Logstores: what was sent is there, exactly once, and the ledger explains the rest."""

import threading
from datetime import timedelta

import pytest
from django.db import OperationalError
from django.utils import timezone

from console.services import authorize_delivery, revoke_delivery
from flowlogs import delivery, leases, plans, services
from flowlogs.collector import status as collector_status
from flowlogs.models import (
    Closing,
    Collector,
    Coverage,
    Delivery,
    ExporterBinding,
    FlowLog,
    Logstore,
    Loss,
    Part,
    Window,
)
from flowlogs.store import workers

from .factories import LATE_LIMIT, LATENESS, START, Lab, flow, truth

END = START + 600
ALL = ("eni-a", "eni-b", "eni-c")


def mixed_traffic(lab: Lab, *, start: int = START, seconds: range = range(5, 595, 59)) -> None:
    """Send flows of many kinds while the clock goes through a window."""
    for number, second in enumerate(seconds):
        at = start + second
        lab.move(at + 2)
        lab.send(
            flow(at=at, srcport=443, dstport=50_000 + number),
            flow("203.0.113.5", "10.0.1.1", at=at, dstport=443 if number % 2 else 22, tcp_flags=2),
            flow("10.0.1.2", "10.0.2.1", at=at, protocol=17, srcport=5353, dstport=53, tcp_flags=0),
            flow("10.0.1.2", "10.0.2.1", at=at, protocol=1, srcport=0, dstport=0, icmp=2048, tcp_flags=0),
            flow("10.0.7.7", "198.51.100.9", at=at),
        )


# ---- records ----------------------------------------------------------------------------------------


def test_records_are_what_was_sent(lab):
    flow_log = lab.flow_log()
    mixed_traffic(lab)
    lab.finish()
    assert lab.records() == truth(lab.sent)
    assert sum(row["packets"] for row in lab.rows() if row["action"] == "REJECT") == 5 * 5
    lab.assert_balanced(flow_log, scope=60, delivered=60, filtered=0, late=0, quarantined=0, open=0)
    lab.assert_nothing_pending()
    flow_log.refresh_from_db()
    assert flow_log.delivery_status == FlowLog.DeliveryStatus.SUCCESS


def test_samples_wait_as_open_until_their_window_is_delivered(lab):
    flow_log = lab.flow_log()
    mixed_traffic(lab, seconds=range(5, 100, 50))
    lab.work()
    lab.assert_balanced(flow_log, scope=12, open=12, delivered=0)
    lab.work_until(END + LATENESS + 20)
    lab.assert_balanced(flow_log, scope=12, open=0, delivered=12)


def test_samples_of_a_closing_that_waits_for_a_worker_are_open(lab):
    flow_log = lab.flow_log()
    mixed_traffic(lab, seconds=range(5, 100, 50))
    lab.move(END + LATENESS)
    lab.sweep()
    lab.assert_balanced(flow_log, scope=12, open=12, delivered=0)


def test_records_of_several_windows_and_intervals(lab):
    flow_log = lab.flow_log()
    mixed_traffic(lab)
    services.modify(flow_log, None, interval=1)
    lab.settle(flow_log)
    mixed_traffic(lab, start=END, seconds=range(1, 200, 17))
    lab.finish(END)
    assert lab.records() == truth(lab.sent)
    assert {(w.start - START, w.interval) for w in Window.objects.filter(slices__isnull=False)} == {
        (0, 10), (600, 1), (660, 1), (720, 1), (780, 1),
    }  # fmt: skip
    lab.assert_balanced(flow_log, open=0, late=0)


def test_flow_logs_that_overlap_each_get_what_they_ask_for(lab):
    everything = lab.flow_log()
    denied = lab.flow_log("denied", traffic_type="Drop")
    one = lab.flow_log("one", resource_type="NetworkInterface", resource_id="eni-c")
    switch = lab.flow_log("flows", resource_type="VSwitch", resource_id="vsw-1", traffic_type="Allow")
    mixed_traffic(lab)
    lab.finish()
    sent = lab.sent
    allowed_there = truth(sent, lambda sample: sample["action"] == 1, {"eni-a", "eni-b"})
    assert lab.records() == truth(sent) + allowed_there
    assert lab.records("denied") == truth(sent, lambda sample: sample["action"] == 0)
    assert lab.records("one") == truth(sent, only={"eni-c"})
    lab.assert_balanced(everything, delivered=60, filtered=0)
    lab.assert_balanced(denied, delivered=5, filtered=55)
    lab.assert_balanced(one, scope=20, delivered=20)
    lab.assert_balanced(switch, delivered=35, filtered=5)


def test_a_stopped_flow_log_keeps_what_came_before_it_stopped(lab):
    flow_log = lab.flow_log()
    mixed_traffic(lab, seconds=range(5, 300, 59))
    lab.move(START + 300)
    services.stop(flow_log, None)
    lab.settle(flow_log)
    before = list(lab.sent)
    mixed_traffic(lab, seconds=range(310, 590, 59))
    lab.finish()
    assert lab.records() == truth(before)
    lab.assert_balanced(flow_log, scope=30, delivered=30, open=0)


def test_a_flow_log_that_starts_within_a_window_begins_there(lab):
    first = lab.flow_log()
    mixed_traffic(lab, seconds=range(5, 300, 59))
    lab.move(START + 300)
    second = lab.flow_log("second")
    earlier = len(lab.sent)
    mixed_traffic(lab, seconds=range(310, 590, 59))
    lab.finish()
    assert lab.records() == truth(lab.sent)
    assert lab.records("second") == truth(lab.sent[earlier:])
    lab.assert_balanced(first, delivered=60)
    lab.assert_balanced(second, delivered=30)


def test_an_interface_that_appears_within_a_window_is_captured_since_then(lab):
    flow_log = lab.flow_log()
    lab.move(START + 200)
    lab.interface("eni-new", "vsw-1", "10.0.1.9")
    lab.cover()
    for at in (START + 210, START + 220):
        lab.move(at + 1)
        lab.send(flow("10.0.1.9", at=at))
    lab.finish()
    assert lab.records() == truth(lab.sent)
    assert sum(lab.records().values()) == 1
    silent = [mark for mark in lab.markers() if mark[2] >= 0]
    assert [mark for mark in silent if mark[0] == "eni-new"] == []
    lab.assert_balanced(flow_log, delivered=2)


def test_two_collectors_of_one_vpc_are_one_stream_of_records(lab):
    flow_log = lab.flow_log()
    lab.receiver("c2")
    for second in range(10, 500, 30):
        lab.move(START + second)
        lab.send(flow(at=START + second - 1))
        lab.send(flow("10.0.1.2", at=START + second - 1), collector="c2")
    lab.finish()
    assert lab.records() == truth(lab.sent)
    lab.assert_balanced(flow_log, open=0)


def test_a_replayed_past_becomes_records_of_its_time(lab):
    """As the demo's history: a collector of the past delivers windows that are long over, none of them late."""
    flow_log = lab.flow_log()
    lab.receiver("past")
    mixed_traffic(lab, seconds=range(5, 595, 118))
    for second in (100, 300, 500):
        lab.move(START + second)
        lab.send(flow("10.0.2.1", at=START + second), collector="past")
    lab.tell("past")
    lab.receivers.pop("past")
    collector_status.status_path(lab.spool, "past").unlink()
    Collector.objects.filter(pk="past").delete()
    Collector.objects.create(
        pk="past", is_history=True, decoded_through=START * 1000, sealed_through=(START + 600) * 1000
    )
    lab.finish()
    assert lab.records() == truth(lab.sent)
    lab.assert_balanced(flow_log, late=0, open=0)


# ---- NODATA and SKIPDATA ----------------------------------------------------------------------------


def marks(lab: Lab, logstore: str = "flows") -> list[tuple[str, str, int, int]]:
    """Return the markers of the window at START."""
    return [mark for mark in lab.markers(logstore) if 0 <= mark[2] < 600]


def test_silence_is_told_at_the_late_limit_and_not_before(lab):
    lab.flow_log()
    lab.move(START + 40)
    lab.send(flow())
    lab.work_until(END + LATE_LIMIT - 20, step=60)
    assert marks(lab) == []
    lab.finish()
    assert marks(lab) == [(eni, "NODATA", 0, 600) for eni in ("eni-b", "eni-c")]
    lab.assert_balanced()


def test_silence_is_told_in_windows_of_the_interface_s_own_interval(lab):
    lab.flow_log()
    lab.flow_log("quick", interval=5, resource_type="NetworkInterface", resource_id="eni-c")
    lab.finish()
    assert [mark for mark in marks(lab) if mark[0] != "eni-c"] == [
        ("eni-a", "NODATA", 0, 600), ("eni-b", "NODATA", 0, 600),
    ]  # fmt: skip
    both = [("eni-c", "NODATA", 0, 300), ("eni-c", "NODATA", 300, 600)]
    assert [mark for mark in marks(lab) if mark[0] == "eni-c"] == both
    assert marks(lab, "quick") == both


def test_late_traffic_within_the_limit_is_no_silence(lab):
    lab.flow_log()
    lab.work_until(END + LATENESS + 100, step=60)
    lab.send(*(flow(src, at=START + 50) for src in ("10.0.1.1", "10.0.1.2", "10.0.2.1")))
    lab.finish()
    assert marks(lab) == []
    assert lab.records() == truth(lab.sent)


def test_supplements_add_to_what_is_there(lab):
    flow_log = lab.flow_log()
    mixed_traffic(lab)
    lab.work_until(END + LATENESS + 10)
    first = lab.records()
    assert first == truth(lab.sent)
    lab.move(END + 200)
    lab.send(flow(at=START + 50), flow(at=START + 50, dstport=8443))
    lab.finish()
    assert lab.records() == first + truth(lab.sent[-2:])
    lab.assert_balanced(flow_log, delivered=62, late=0)
    assert Part.objects.filter(hour=START - START % 3600, closing__window__start=START).count() == 2


def test_a_sequence_gap_marks_the_window_of_its_receipt_only(lab):
    flow_log = lab.flow_log()
    for second in range(10, 1200, 20):
        lab.move(START + second)
        lab.send(flow(at=START + second - 1), flow("10.0.1.2", at=START + second - 1), lost=second == 310)
    lab.finish(END)
    assert marks(lab) == [(eni, "SKIPDATA", 0, 600) for eni in ALL]
    assert [mark for mark in lab.markers() if mark[2] == 600] == [("eni-c", "NODATA", 600, 1200)]
    assert Loss.objects.get().count == 2
    assert lab.records() == truth(lab.sent)
    lab.assert_balanced(flow_log, open=0)


def test_a_loss_concerns_only_what_its_exporter_observes(lab):
    ExporterBinding.objects.all().delete()
    for interface in lab.vpc.network_interfaces.filter(pk__in=("eni-a", "eni-b")):
        services.bind_exporter(lab.exporter, None, interface)
    lab.flow_log()
    lab.move(START + 100)
    Loss.objects.create(
        collector_id=lab.known("c1"), exporter=lab.exporter, since=START * 1000 + 5, until=START * 1000 + 5,
        unit="flows", count=3, reason="sequence",
    )  # fmt: skip
    lab.finish()
    assert marks(lab) == [
        ("eni-a", "SKIPDATA", 0, 600),
        ("eni-b", "SKIPDATA", 0, 600),
        ("eni-c", "NODATA", 0, 600),
    ]


@pytest.mark.parametrize("reason", [collector_status.KERNEL, collector_status.SPOOL])
def test_a_loss_of_the_collector_concerns_everything_observed(lab, reason):
    lab.flow_log()
    lab.move(START + 100)
    lab.send(flow(at=START + 90))
    lab.lose("c1", reason, count=9)
    lab.finish()
    assert marks(lab) == [(eni, "SKIPDATA", 0, 600) for eni in ALL]
    assert lab.records() == truth(lab.sent)


def test_skipdata_is_told_once_however_many_closings_there_are(lab):
    lab.flow_log()
    lab.move(START + 100)
    lab.lose("c1", collector_status.KERNEL)
    lab.work_until(END + LATENESS + 10)
    assert marks(lab) == [(eni, "SKIPDATA", 0, 600) for eni in ALL]
    lab.lose("c1", collector_status.KERNEL, seconds=200)
    lab.send(flow(at=START + 50))
    lab.finish()
    assert marks(lab) == [(eni, "SKIPDATA", 0, 600) for eni in ALL]


def test_while_no_collector_is_up_windows_are_skipped_not_silent(lab):
    flow_log = lab.flow_log()
    lab.move(START + 100)
    lab.send(flow(at=START + 90))
    lab.work()
    lab.stop("c1")
    lab.finish(END)
    assert marks(lab) == [(eni, "SKIPDATA", 0, 600) for eni in ALL]
    assert {mark[1] for mark in lab.markers() if mark[2] >= 600} == {"SKIPDATA"}
    lab.assert_balanced(flow_log, delivered=1, open=0)


def test_a_short_restart_of_the_collector_is_told(lab):
    lab.flow_log()
    lab.move(START + 100)
    lab.work()
    lab.stop("c1")
    lab.move(START + 105)
    lab.restart("c1")
    lab.finish()
    assert marks(lab) == [(eni, "SKIPDATA", 0, 600) for eni in ALL]
    loss = Loss.objects.get()
    assert (loss.reason, loss.unit, loss.count) == ("collector", "seconds", 5)


def test_what_comes_after_the_limit_is_counted_and_told_once(lab):
    flow_log = lab.flow_log()
    mixed_traffic(lab)
    lab.finish()
    before = lab.records()
    for seconds in (60, 400, 1400):
        lab.move(END + LATE_LIMIT + seconds)
        lab.send(flow(at=START + 77), flow("10.0.1.2", at=START + 77))
        lab.work()
        lab.move(lab.now + 130)
        lab.work()
        lab.keep_house()
    late_ones = [mark for mark in marks(lab) if mark[1] == "SKIPDATA"]
    assert late_ones == [("eni-a", "SKIPDATA", 0, 600), ("eni-b", "SKIPDATA", 0, 600)]
    assert lab.records() == before
    lab.assert_balanced(flow_log, delivered=60, late=6, scope=66, open=0)


def test_late_traffic_stands_beside_a_silence_already_told(lab):
    lab.flow_log()
    lab.finish()
    lab.move(END + LATE_LIMIT + 200)
    lab.send(flow(at=START + 77))
    lab.work()
    assert [mark for mark in marks(lab) if mark[0] == "eni-a"] == [
        ("eni-a", "NODATA", 0, 600), ("eni-a", "SKIPDATA", 0, 600),
    ]  # fmt: skip


# ---- where it cannot be delivered -------------------------------------------------------------------


def test_a_deleted_logstore_fails_with_its_reason_and_delivers_again_once_it_is_back(lab):
    flow_log = lab.flow_log()
    mixed_traffic(lab)
    Logstore.objects.all().delete()
    lab.work_until(END + LATENESS + 10, step=30)
    flow_log.refresh_from_db()
    assert (flow_log.delivery_status, flow_log.delivery_error) == ("FAILED", "LogstoreNotExist")
    lab.assert_balanced(flow_log, quarantined=60, delivered=0, open=0)
    assert Delivery.objects.filter(state="failed", reason="LogstoreNotExist").exists()
    Logstore.objects.create(project=lab.project, name="flows")
    services.start(flow_log, None)
    lab.settle(flow_log)
    mixed_traffic(lab, start=START + 1200)
    lab.finish(START + 1200)
    assert lab.records() == truth(lab.sent), "what could not be delivered has been delivered since"
    flow_log.refresh_from_db()
    assert (flow_log.delivery_status, flow_log.delivery_error) == ("SUCCESS", "")
    lab.assert_balanced(flow_log, quarantined=0, delivered=120)


def test_a_missing_project_is_told_apart(lab):
    flow_log = lab.flow_log()
    mixed_traffic(lab, seconds=range(5, 100, 50))
    lab.project.delete()
    lab.work_until(END + LATENESS + 10, step=60)
    flow_log.refresh_from_db()
    assert flow_log.delivery_error == "ProjectNotExist"


def test_a_revoked_role_stops_delivery_and_nothing_is_missing_once_it_is_back(lab, owner):
    flow_log = lab.flow_log()
    mixed_traffic(lab)
    revoke_delivery(lab.account, owner)
    lab.work_until(END + LATENESS + 10, step=60)
    flow_log.refresh_from_db()
    assert (flow_log.delivery_status, flow_log.delivery_error) == ("FAILED", "RoleRevoked")
    assert lab.rows() == []
    lab.assert_balanced(flow_log, quarantined=0, delivered=0)
    authorize_delivery(lab.account, owner)
    lab.finish()
    assert lab.records() == truth(lab.sent)
    lab.assert_balanced(flow_log, quarantined=0, delivered=60)
    flow_log.refresh_from_db()
    assert flow_log.delivery_status == "SUCCESS"


@pytest.mark.parametrize("delivered", [True, False])
def test_authorized_again_a_flow_log_is_as_well_as_it_was(
    lab, owner, django_capture_on_commit_callbacks, delivered
):
    flow_log = lab.flow_log()
    if delivered:
        mixed_traffic(lab)
        lab.finish()
    with django_capture_on_commit_callbacks(execute=True):
        revoke_delivery(lab.account, owner)
    flow_log.refresh_from_db()
    assert (flow_log.delivery_status, flow_log.delivery_error) == ("FAILED", "RoleRevoked")
    with django_capture_on_commit_callbacks(execute=True):
        authorize_delivery(lab.account, owner)
    flow_log.refresh_from_db()
    assert (flow_log.delivery_status, flow_log.delivery_error) == ("SUCCESS" if delivered else "", "")


def test_one_flow_log_that_fails_does_not_stop_another(lab):
    failing, working = lab.flow_log("gone"), lab.flow_log("flows")
    mixed_traffic(lab)
    Logstore.objects.filter(name="gone").delete()
    lab.finish()
    assert lab.records() == truth(lab.sent)
    lab.assert_balanced(failing, quarantined=60, delivered=0)
    lab.assert_balanced(working, quarantined=0, delivered=60)


@pytest.mark.django_db(transaction=True)
def test_a_logstore_that_goes_while_it_is_written_to_is_found_missing_at_the_next_attempt(lab, monkeypatch):
    flow_log = lab.flow_log()
    mixed_traffic(lab, seconds=range(5, 100, 50))
    lab.move(END + LATENESS)
    due = lab.sweep()
    real = delivery.workers.call

    def slow(*args: object, **values: object) -> object:
        outcome = real(*args, **values)
        Logstore.objects.all().delete()
        return outcome

    monkeypatch.setattr(delivery.workers, "call", slow)
    assert not any(
        delivery.deliver(closing) for closing in due if Closing.objects.get(pk=closing).window.start == START
    )
    monkeypatch.setattr(delivery.workers, "call", real)
    lab.move(lab.now + 60)
    lab.work()
    lab.assert_balanced(flow_log, quarantined=12, delivered=0, open=0)


# ---- failures ---------------------------------------------------------------------------------------


def first_closing(lab: Lab) -> int:
    """Make the closing of the window at START and return its id."""
    lab.flow_log()
    mixed_traffic(lab, seconds=range(5, 100, 50))
    lab.move(END + LATENESS)
    lab.sweep()
    return Closing.objects.get(window__start=START).pk


def fail_with(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def failing(*args: object, **values: object) -> object:
        raise error

    monkeypatch.setattr(delivery.workers, "call", failing)


@pytest.mark.parametrize(
    "error",
    [OSError(28, "No space left on device"), workers.WorkersBusy("all busy")],
    ids=["disk full", "all workers busy"],
)
def test_what_is_no_fault_of_the_data_is_tried_until_it_works(lab, monkeypatch, error):
    pk = first_closing(lab)
    with monkeypatch.context() as patch:
        fail_with(patch, error)
        for _ in range(delivery.MOST_ATTEMPTS + 3):
            assert not delivery.deliver(pk)
            closing = Closing.objects.get(pk=pk)
            assert closing.state == Closing.State.PENDING
            assert str(error.args[-1]) in closing.error
            assert not delivery.deliver(pk), "not before its time"
            lab.move(closing.lease.timestamp() + 1)
    assert delivery.deliver(pk)
    assert lab.records() == truth(lab.sent)
    assert Closing.objects.get(pk=pk).error == ""


def test_data_that_always_fails_is_quarantined_and_stays_in_the_ledger(lab, monkeypatch):
    pk = first_closing(lab)
    with monkeypatch.context() as patch:
        fail_with(patch, workers.WorkerError("the samples make no sense"))
        for _ in range(delivery.MOST_ATTEMPTS):
            assert not delivery.deliver(pk)
            lab.move(Closing.objects.get(pk=pk).lease.timestamp() + 1)
        assert Closing.objects.get(pk=pk).state == Closing.State.QUARANTINED
        assert not delivery.deliver(pk)
    lab.assert_balanced(FlowLog.objects.get(), scope=12, quarantined=12, open=0)
    lab.finish()
    assert Window.objects.get(start=START).is_final


def test_a_worker_that_keeps_being_killed_costs_no_records(lab, monkeypatch):
    pk = first_closing(lab)
    with monkeypatch.context() as patch:
        fail_with(patch, workers.WorkerDied("signal 9"))
        for _ in range(3 * delivery.MOST_ATTEMPTS):
            assert not delivery.deliver(pk)
            lab.move(Closing.objects.get(pk=pk).lease.timestamp() + 1)
    assert delivery.deliver(pk)
    assert Closing.objects.get(pk=pk).state == Closing.State.DELIVERED


def test_a_programming_error_is_recorded_and_does_not_stop_the_task(lab, monkeypatch):
    pk = first_closing(lab)
    with monkeypatch.context() as patch:
        fail_with(patch, KeyError("surprise"))
        assert not delivery.deliver(pk)
    assert "KeyError" in Closing.objects.get(pk=pk).error


def test_a_sample_file_that_is_damaged_is_the_data_s_fault(lab):
    pk = first_closing(lab)
    for path in (lab.store / "samples").rglob("*.parquet"):
        path.write_bytes(path.read_bytes()[:100])
    for _ in range(delivery.MOST_ATTEMPTS):
        assert not delivery.deliver(pk)
        lab.move(Closing.objects.get(pk=pk).lease.timestamp() + 1)
    assert Closing.objects.get(pk=pk).state == Closing.State.QUARANTINED
    assert lab.rows() == []


def test_a_closing_under_way_is_left_to_its_worker(lab):
    pk = first_closing(lab)
    Closing.objects.filter(pk=pk).update(
        state=Closing.State.DELIVERING, lease=timezone.now() + timedelta(seconds=1), attempt=1
    )
    assert not delivery.deliver(pk)
    lab.move(lab.now + 2)
    assert delivery.deliver(pk)
    assert Closing.objects.get(pk=pk).attempt == 2


def test_a_worker_that_was_replaced_commits_nothing(lab, monkeypatch):
    pk = first_closing(lab)
    real = delivery.workers.call
    outcomes = []

    def slow(*args: object, **values: object) -> object:
        monkeypatch.setattr(delivery.workers, "call", real)
        made = real(*args, **values)
        Closing.objects.filter(pk=pk).update(lease=timezone.now() - timedelta(seconds=1))
        outcomes.append(delivery.deliver(pk))
        return made

    monkeypatch.setattr(delivery.workers, "call", slow)
    outcomes.append(delivery.deliver(pk))
    assert outcomes == [True, False]
    assert lab.records() == truth(lab.sent)
    assert Part.objects.filter(closing=pk).count() == 1
    assert Delivery.objects.filter(closing=pk).count() == 1
    orphans = {p.name for p in (lab.store / "parts").rglob("*.parquet")} - {p.name for p in lab.parts()}
    assert len(orphans) == 1


def test_a_lease_is_renewed_while_the_worker_runs(monkeypatch):
    monkeypatch.setattr(leases, "RENEWED_EVERY", 0.001)
    renewals, enough = [], threading.Event()

    def renew() -> None:
        renewals.append(1)
        if len(renewals) == 2:
            raise OperationalError("database is locked")
        if len(renewals) == 3:
            enough.set()

    with leases.renewed(renew):
        assert enough.wait(10), "one that fails does not end the others"
    assert not any(thread.name == "lease" for thread in threading.enumerate())


def test_a_closing_costs_a_fixed_number_of_statements(lab, django_assert_max_num_queries):
    for number in range(20):
        lab.interface(f"eni-{number}", "vsw-2", f"10.0.2.{number + 10}")
    pk = first_closing(lab)
    for name in ("second", "third"):
        lab.flow_log(name)
    with django_assert_max_num_queries(30):
        assert delivery.deliver(pk)


# ---- the plan ---------------------------------------------------------------------------------------


def test_spans_of_one_interface_that_touch_are_one(lab):
    flow_log = lab.flow_log()
    Coverage.objects.all().delete()
    at = [timezone.now() + timedelta(seconds=seconds) for seconds in (0, 100, 200, 300, 300)]
    for since, until in ((at[0], at[1]), (at[1], at[2]), (at[3], None), (at[3], at[4])):
        Coverage.objects.create(flow_log=flow_log, network_interface_id="eni-a", since=since, until=until)
    lab.move(END + LATENESS)
    lab.sweep()
    closing = Closing.objects.select_related("window__vpc__account").get(window__start=START)
    (order,) = plans.plan(closing).job.orders
    assert order.interfaces == ()
    assert [(s.since, s.until) for s in order.partly] == [
        (0, START + 140),
        (START + 240, plans.BIGGEST_SECOND),
    ]
