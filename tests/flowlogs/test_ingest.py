"""From sealed segments to samples: decoded once, in order, under the inventory of their time, and counted."""

from dataclasses import replace
from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import timezone

from flowlogs import bookkeeping, ingest, inventory, reception, spool, strangers
from flowlogs.collector import status as collector_status
from flowlogs.models import (
    Collector,
    Exporter,
    IntervalChange,
    InventoryVersion,
    Loss,
    SampleFile,
    SampleSlice,
    Stream,
    Unattributed,
    Window,
)

from .factories import EXPORTER, PORT, START, flow


def test_segments_become_samples_windows_and_counts(lab):
    lab.flow_log()
    lab.move(START + 40)
    lab.send(flow(), flow(dst="10.0.1.2"), flow(src="10.0.9.9"))
    lab.tell("c1")
    assert lab.decode() == 1
    stream = Stream.objects.get()
    assert (stream.exporter_id, stream.port, stream.version) == ("exp-1", PORT, 10)
    assert (stream.datagrams, stream.flows, stream.attributed_flows, stream.unattributed_flows) == (
        1,
        3,
        2,
        1,
    )
    assert stream.samples == 3
    assert SampleFile.objects.get().rows == 3
    slice_ = SampleSlice.objects.get()
    assert (slice_.window.vpc_id, slice_.window.interval, slice_.window.start) == ("vpc-1", 10, START)
    assert (slice_.flows, slice_.packets, slice_.bytes) == (3, 15, 2100)
    assert list(Unattributed.objects.values_list("srcaddr", "flows")) == [("10.0.9.9", 1)]
    assert not spool.list_sealed(lab.spool)
    lab.assert_balanced()


def test_nothing_to_decode_moves_the_mark_on(lab):
    lab.move(START)
    assert lab.decode() == 0
    assert Collector.objects.get().decoded_through == START * 1000


def test_the_mark_of_a_spool_on_another_host_is_left_alone(lab):
    lab.move(START)
    reception.collectors()
    before = Collector.objects.get().decoded_through
    collector_status.status_path(lab.spool, "c1").unlink()
    assert ingest.ingest("c1") == 0
    assert Collector.objects.get().decoded_through == before


def test_a_backlog_is_decoded_in_steps_and_the_mark_follows(lab, monkeypatch):
    """Windows close by the mark: it must not run ahead of what is decoded."""
    monkeypatch.setattr(ingest, "BATCH_BYTES", 1)
    lab.flow_log()
    for second in (10, 20, 30):
        lab.move(START + second)
        lab.send(flow(at=START + second - 1))
        lab.tell("c1")
    lab.move(START + 40)
    reception.collectors()
    marks = []
    while ingest.ingest("c1"):
        marks.append(Collector.objects.get().decoded_through // 1000 - START)
    assert marks == [10, 20, 40]


def test_templates_are_remembered_from_one_step_to_the_next(lab):
    lab.flow_log()
    for at in (START + 10, START + 20):
        lab.move(at)
        lab.send(flow(at=at))
        lab.tell("c1")
        assert lab.decode() == 1
    assert Stream.objects.get().flows == 2


def test_data_before_its_template_waits_and_is_counted_while_it_does(lab):
    lab.flow_log()
    lab.move(START + 10)
    lab.send(flow())
    first, lab.receivers["c1"].pending = lab.receivers["c1"].pending, []
    lab.send(flow(dstport=80))
    lab.tell("c1")
    lab.decode()
    assert (Stream.objects.get().flows, Stream.objects.get().waiting) == (0, 1)
    lab.receivers["c1"].pending = first
    lab.move(START + 11)
    lab.decode()
    assert (Stream.objects.get().flows, Stream.objects.get().waiting) == (2, 0)


def test_a_segment_that_is_decoded_already_is_only_removed(lab):
    """As after a crash between the commit and the removal of the segment."""
    lab.flow_log()
    lab.move(START + 40)
    lab.send(flow())
    lab.tell("c1")
    (segment,) = spool.list_sealed(lab.spool)
    content = segment.read_bytes()
    lab.decode()
    segment.write_bytes(content)
    assert lab.decode() == 0
    assert not segment.exists()
    assert (Stream.objects.get().flows, SampleFile.objects.count()) == (1, 1)


def test_two_workers_never_decode_the_same_segments(lab):
    lab.flow_log()
    lab.move(START + 40)
    lab.send(flow())
    lab.tell("c1")
    reception.collectors()
    Collector.objects.update(decode_lease=timezone.now() + timedelta(seconds=5))
    assert ingest.ingest("c1") == 0
    lab.move(START + 46)
    assert ingest.ingest("c1") == 1


def test_a_worker_that_was_replaced_commits_nothing(lab, monkeypatch):
    lab.flow_log()
    lab.move(START + 40)
    lab.send(flow())
    lab.tell("c1")
    reception.collectors()
    real = ingest.workers.call

    def slow(*args: object, **values: object) -> object:
        Collector.objects.update(decode_attempt=99)
        return real(*args, **values)

    monkeypatch.setattr(ingest.workers, "call", slow)
    with pytest.raises(ingest.LeaseLost):
        ingest.ingest("c1")
    assert not SampleFile.objects.exists()
    assert not Stream.objects.exists()
    assert len(spool.list_sealed(lab.spool)) == 1


def test_the_inventory_of_the_time_of_receipt_counts(lab):
    lab.flow_log()
    lab.move(START + 10)
    lab.send(flow(src="10.0.1.9", at=START + 9))
    lab.move(START + 20)
    lab.interface("eni-new", "vsw-1", "10.0.1.9")
    lab.cover()
    lab.move(START + 30)
    lab.send(flow(src="10.0.1.9", at=START + 29))
    lab.tell("c1")
    assert lab.decode() == 2
    stream = Stream.objects.get()
    assert (stream.attributed_flows, stream.unattributed_flows) == (1, 1)


def test_an_unknown_sender_becomes_an_exporter_and_its_flows_are_unattributed(lab):
    lab.flow_log()
    lab.move(START + 10)
    lab.send(flow(), exporter="203.0.113.7")
    lab.tell("c1")
    lab.decode()
    exporter = Exporter.objects.get(address="203.0.113.7")
    assert (exporter.account_id, exporter.last_seen.timestamp()) == (None, START + 10)
    assert exporter.streams.get().unattributed_flows == 1
    lab.assert_balanced()


def test_strangers_without_end_do_not_fill_the_tables(lab, monkeypatch):
    monkeypatch.setattr(strangers, "MOST_STRANGERS", 3)
    monkeypatch.setattr(bookkeeping, "MOST_STREAMS", 4)
    lab.move(START + 10)
    receiver = lab.receivers["c1"]
    for number in range(1, 9):
        address = spool.packed_address(f"203.0.113.{number}")
        receiver.pending += [(int(lab.now * 1e9), address, 1000 + port, b"not a flow") for port in range(5)]
        receiver.pending.append(
            (int(lab.now * 1e9), spool.packed_address(EXPORTER), 1000 + number, b"\0\x05")
        )
    lab.tell("c1")
    lab.decode()
    assert Exporter.objects.filter(account__isnull=True).count() <= 4
    assert all(exporter.streams.count() <= 5 for exporter in Exporter.objects.all())
    assert sum(Stream.objects.values_list("datagrams", flat=True)) == 48
    assert sum(Stream.objects.values_list("malformed", flat=True)) == 48


def test_a_sequence_gap_is_a_loss_of_the_exporter(lab):
    lab.flow_log()
    for at, lost in ((10, False), (11, False), (12, True), (13, False), (14, False)):
        lab.move(START + at)
        lab.send(flow(at=START + at), flow(at=START + at, dstport=80), lost=lost)
    lab.move(START + 100)
    lab.send(flow(at=START + 99))
    lab.tell("c1")
    lab.decode()
    (loss,) = Loss.objects.all()
    assert (loss.exporter_id, loss.reason, loss.unit, loss.count) == ("exp-1", "sequence", "flows", 2)
    assert START * 1000 <= loss.since <= loss.until < (START + 60) * 1000
    assert Stream.objects.get().lost_flows == 2


def test_losses_of_one_minute_share_a_row(lab):
    lab.flow_log()
    for second in range(59):
        lab.move(START + second)
        lab.send(flow(at=START + second), lost=second % 5 == 3 and second < 50)
    lab.move(START + 130)
    lab.send(flow(at=START + 129))
    lab.tell("c1")
    lab.decode()
    assert Loss.objects.filter(reason="sequence").count() == 1
    assert Loss.objects.get().count == Stream.objects.get().lost_flows == 10


def test_losses_of_a_collector_are_taken_once(lab):
    lab.move(START + 10)
    lab.lose("c1", collector_status.KERNEL, count=7)
    lab.lose("c1", collector_status.SPOOL, count=5)
    reception.collectors()
    lab.move(START + 20)
    reception.collectors()
    assert sorted(Loss.objects.values_list("reason", "unit", "count")) == [
        ("kernel", "datagrams", 7), ("spool", "datagrams", 5),
    ]  # fmt: skip
    collector = Collector.objects.get()
    assert (collector.kernel_drops, collector.spool_drops) == (7, 5)


def test_an_unchanged_status_costs_no_write(lab, django_assert_num_queries):
    reception.collectors()
    with django_assert_num_queries(2):
        reception.collectors()


def test_an_idle_collector_costs_two_statements(lab, django_assert_num_queries):
    reception.collectors()
    with django_assert_num_queries(2):
        ingest.ingest("c1")


def test_the_cost_of_a_step_does_not_grow_with_streams_and_windows(lab, django_assert_max_num_queries):
    lab.flow_log(interval=1)
    lab.move(START + 540)
    for second in range(0, 540, 20):
        for port in (1, 2, 3, 4):
            encoder_port = 50_000 + port
            lab.send(flow(at=START + second, srcport=encoder_port))
    pending = lab.receivers["c1"].pending
    lab.receivers["c1"].pending = [
        (ns, address, 1000 + place % 40, payload) for place, (ns, address, _, payload) in enumerate(pending)
    ]
    lab.tell("c1")
    reception.collectors()
    with django_assert_max_num_queries(40):
        ingest.ingest("c1")


def test_samples_of_a_vpc_that_is_gone_do_not_stop_capture(lab):
    lab.flow_log()
    lab.move(START + 10)
    lab.send(flow(at=START + 9))
    lab.tell("c1")
    reception.collectors()
    lab.vpc.network_interfaces.all().delete()
    lab.vpc.delete()
    assert ingest.ingest("c1") == 1
    assert not Window.objects.exists()
    assert Stream.objects.get().attributed_flows == 1


# ---- bad segments -----------------------------------------------------------------------------------


def test_a_segment_that_is_none_is_set_aside_after_some_attempts_and_counted(lab):
    lab.flow_log()
    lab.move(START + 10)
    bad = spool.segment_path(lab.spool, "c1", 0, sealed=True)
    bad.write_bytes(b"this is not a spool segment at all")
    receiver = lab.receivers["c1"]
    receiver.status = replace(receiver.status, next_segment=1)
    lab.send(flow(at=START + 9))
    lab.tell("c1")
    for _ in range(ingest.MOST_FAILURES + 1):
        lab.decode()
    assert not bad.exists()
    assert bad.with_suffix(".damaged").exists()
    assert list(Loss.objects.values_list("reason", "count")) == [("undecodable", 1)]
    assert Stream.objects.get().flows == 1
    assert Collector.objects.get().decode_failures == 0


def test_a_failing_disk_is_tried_until_it_works(lab, monkeypatch):
    lab.flow_log()
    lab.move(START + 10)
    lab.send(flow(at=START + 9))
    lab.tell("c1")
    reception.collectors()
    real = ingest.workers.call

    def full(*args: object, **values: object) -> object:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(ingest.workers, "call", full)
    for attempt in range(1, ingest.MOST_FAILURES + 3):
        with pytest.raises(OSError, match="No space left"):
            ingest.ingest("c1")
        assert ingest.ingest("c1") == 0, "it pauses"
        lab.move(START + 10 + 6 * attempt)
    monkeypatch.setattr(ingest.workers, "call", real)
    assert ingest.ingest("c1") == 1
    assert not Loss.objects.exists()


def test_damaged_frames_are_counted_as_lost(lab):
    lab.flow_log()
    lab.move(START + 10)
    for port in range(3):
        lab.send(flow(at=START + 9, srcport=port))
    lab.tell("c1")
    (segment,) = spool.list_sealed(lab.spool)
    content = bytearray(segment.read_bytes())
    content[len(content) // 2] ^= 0xFF
    segment.write_bytes(content)
    assert lab.decode() == 2
    assert Loss.objects.filter(exporter=None, reason="undecodable").get().count == 1


# ---- the inventory ----------------------------------------------------------------------------------


def test_a_version_is_written_only_when_something_changed(lab):
    version = inventory.record()
    lab.move(START + 100)
    assert inventory.record() == version
    lab.interface("eni-z", "vsw-1", "10.0.1.77")
    assert inventory.record() != version
    assert InventoryVersion.objects.latest("id").since == (START + 100) * 1000


def test_the_version_in_force_is_the_last_one_before(lab):
    InventoryVersion.objects.all().delete()
    first = inventory.record(since=timezone.now())
    lab.move(START + 100)
    lab.interface("eni-z", "vsw-1", "10.0.1.77")
    second = inventory.record()
    found = [
        inventory.in_force(at) for at in (0, first.since, second.since - 1, second.since, second.since + 9**9)
    ]
    assert found == [first, first, first, second, second]


def test_interval_changes_of_the_last_day_are_all_known(lab):
    """A flow log that is stopped and started again and again leaves no sample without its interval."""
    at = timezone.now() - timedelta(hours=10)
    for number in range(12):
        IntervalChange.objects.create(
            network_interface_id="eni-a",
            interval=(1, 0)[number % 2],
            since=at + timedelta(minutes=10 * number),
        )
    (interface,) = [eni for eni in inventory.content()["enis"] if eni["id"] == "eni-a"]
    assert len(interface["intervals"]) == 12


def test_the_content_says_who_is_what(lab):
    lab.flow_log()
    lab.cover()
    content = inventory.content()
    (interface,) = [eni for eni in content["enis"] if eni["id"] == "eni-a"]
    assert interface == {
        "id": "eni-a", "vpc": 0, "vswitch": "vsw-1", "vm": "i-a", "addresses": ["10.0.1.1"], "public": False,
        "policy": 0, "intervals": [[START - 600, 10]],
    }  # fmt: skip
    assert content["vpcs"] == [
        {"id": "vpc-1", "account": lab.account.pk, "cidrs": ["10.0.0.0/16"], "routes": []}
    ]
    assert content["groups"] == {"sg-1": ["10.0.1.1"]}
    (exporter,) = content["exporters"]
    assert (exporter["address"], exporter["enis"]) == (EXPORTER, [0, 1, 2])


@pytest.mark.django_db(transaction=True)
def test_a_change_writes_one_version_when_it_commits(lab):
    before = InventoryVersion.objects.count()
    lab.move(START)
    with transaction.atomic():
        for number in range(3):
            lab.interface(f"eni-y{number}", "vsw-1", f"10.0.1.{number + 90}")
        assert InventoryVersion.objects.count() == before
    assert InventoryVersion.objects.count() == before + 1


def test_light_strays_are_forgotten(lab, monkeypatch):
    monkeypatch.setattr(bookkeeping, "KEPT_STRAYS", 3)
    for number in range(6):
        Unattributed.objects.create(
            exporter=lab.exporter, srcaddr=f"10.0.9.{number}", dstaddr="10.0.9.9", protocol=6, dstport=1,
            bytes=number, last_seen=timezone.now(),
        )  # fmt: skip
    bookkeeping.prune_strays()
    assert sorted(Unattributed.objects.values_list("bytes", flat=True)) == [3, 4, 5]
