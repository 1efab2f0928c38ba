"""What a Logstore lists: compaction keeps every record, retention takes rows before files, the janitor only orphans."""

import os
from datetime import timedelta

import duckdb
import pytest
from django.utils import timezone

from flowlogs import delivery, inventory, services
from flowlogs.models import Closing, InventoryVersion, Logstore, Part, SampleFile, SampleSlice
from flowlogs.models.logstore import PERMANENT
from flowlogs.store import catalogue, compaction
from flowlogs.store.engine import connect

from .factories import LATE_LIMIT, LATENESS, START, Lab, flow, summed, truth

HOUR = START
DAY = 86_400


def captured(lab: Lab, windows: int = 3) -> Lab:
    """Deliver some windows of one hour, each with records of all interfaces; nothing is captured after them."""
    flow_log = lab.flow_log()
    for window in range(windows):
        for second in (30, 430):
            at = START + window * 600 + second
            lab.move(at + 1)
            lab.send(*(flow(src, at=at, dstport=at % 50_000) for src in ("10.0.2.1", "10.0.1.1", "10.0.1.2")))
    services.stop(flow_log, None)
    lab.settle(flow_log)
    deliver_all(lab, START + windows * 600 + LATENESS)
    return lab


def deliver_all(lab: Lab, at: float) -> None:
    """Let time pass and deliver everything."""
    lab.move(at)
    while lab.work():
        pass


def settled(lab: Lab) -> int:
    """Move to when the hour takes no more supplements."""
    deliver_all(lab, HOUR + 3600 + LATE_LIMIT + 3 * LATENESS)
    return int(lab.now)


def hours(lab: Lab) -> list[tuple[int, int]]:
    return [
        (hour - HOUR, level)
        for hour, level in Part.objects.filter(removed_at__isnull=True).values_list("hour", "level")
    ]


# ---- compaction -------------------------------------------------------------------------------------


def test_compaction_keeps_every_record_exactly_once_and_hides_the_sources(lab):
    captured(lab)
    now = settled(lab)
    before, sources = lab.rows(), lab.parts()
    store = Logstore.objects.get()
    assert (store.pk, HOUR) in catalogue.due_for_compaction(now)
    replaced = catalogue.compact(store.pk, HOUR)
    assert replaced >= 3
    assert sorted(map(str, lab.rows())) == sorted(map(str, before))
    part = Part.objects.get(level=1, removed_at__isnull=True)
    assert part.hour == HOUR
    assert (part.min_time, part.max_time) == (
        min(row["__time__"] for row in before if row["__time__"] >= part.hour),
        max(row["__time__"] for row in before if row["__time__"] < part.hour + 3600),
    )
    assert all(path.exists() for path in sources), "queries may still read them"
    assert (store.pk, HOUR) not in catalogue.due_for_compaction(now)
    assert catalogue.compact(store.pk, HOUR) == 0


def test_a_compacted_part_is_sorted_by_interface_and_tuple(lab):
    captured(lab)
    settled(lab)
    catalogue.compact(Logstore.objects.get().pk, HOUR)
    with duckdb.connect() as connection:
        path = str(lab.store / Part.objects.get(level=1).path)
        columns = ", ".join(f'"{name}"' for name in compaction.SORT)
        rows = connection.execute(f"SELECT {columns} FROM '{path}'").fetchall()
    keys = [tuple((value is None, value) for value in row) for row in rows]
    assert keys == sorted(keys)


def test_an_hour_that_may_get_supplements_is_left_alone(lab):
    captured(lab)
    (late,) = {hour for _, hour in catalogue.due_for_compaction(HOUR + 3600 + LATE_LIMIT + 2 * LATENESS)}
    assert late == HOUR
    assert not catalogue.due_for_compaction(HOUR + 3600 + LATE_LIMIT + 2 * LATENESS - 1)


def test_compaction_that_another_worker_did_first_changes_nothing(lab, monkeypatch):
    captured(lab)
    settled(lab)
    before = sorted(map(str, lab.rows()))
    store = Logstore.objects.get().pk
    real = catalogue.workers.call

    def slow(*args: object, **values: object) -> object:
        made = real(*args, **values)
        monkeypatch.setattr(catalogue.workers, "call", real)
        assert catalogue.compact(store, HOUR) >= 3
        return made

    monkeypatch.setattr(catalogue.workers, "call", slow)
    assert catalogue.compact(store, HOUR) == 0
    assert sorted(map(str, lab.rows())) == before
    assert Part.objects.filter(level=1).count() == 1


def test_a_part_that_expires_while_it_is_compacted_does_not_come_back(lab, monkeypatch):
    captured(lab)
    settled(lab)
    store = Logstore.objects.get().pk
    real = catalogue.workers.call

    def slow(*args: object, **values: object) -> object:
        made = real(*args, **values)
        Part.objects.filter(hour=HOUR).update(removed_at=timezone.now())
        return made

    monkeypatch.setattr(catalogue.workers, "call", slow)
    assert catalogue.compact(store, HOUR) == 0
    assert not Part.objects.filter(level=1).exists()


def test_a_result_that_lost_a_record_is_refused(lab, tmp_path):
    captured(lab)
    target = tmp_path / "compacted.parquet"
    with pytest.raises(RuntimeError, match="records instead of"):
        compaction.compact([str(path) for path in lab.parts()], str(target), 10_000, str(tmp_path / "spill"))
    assert list(tmp_path.glob("compacted*")) == []


# ---- what a query sees ------------------------------------------------------------------------------


def test_live_parts_are_those_with_records_in_the_range(lab):
    captured(lab)
    store = Logstore.objects.get()
    parts = catalogue.live_parts(store, HOUR, HOUR + 3600)
    assert [part.min_time for part in parts] == sorted((part.min_time for part in parts), reverse=True)
    first = parts[-1]
    assert first in catalogue.live_parts(store, first.max_time, first.max_time + 1)
    assert first not in catalogue.live_parts(store, first.max_time + 1, first.max_time + 2)
    assert first not in catalogue.live_parts(store, 0, first.min_time)
    assert first in catalogue.live_parts(store, 0, first.min_time + 1)
    Part.objects.update(removed_at=timezone.now())
    assert catalogue.live_parts(store, 0, 2**40) == []


# ---- retention --------------------------------------------------------------------------------------


def test_parts_expire_with_their_newest_record(lab):
    captured(lab)
    Logstore.objects.update(ttl=7)
    newest = max(Part.objects.values_list("max_time", flat=True))
    assert catalogue.expire(newest - 1000 + 7 * DAY) < Part.objects.count()
    Part.objects.update(removed_at=None)
    catalogue.expire(newest + 7 * DAY)
    assert Part.objects.filter(removed_at__isnull=True, max_time=newest).exists()
    catalogue.expire(newest + 7 * DAY + 1)
    assert not Part.objects.filter(removed_at__isnull=True).exists()


def test_permanent_records_never_expire(lab):
    captured(lab)
    Logstore.objects.update(ttl=PERMANENT)
    assert catalogue.expire(int(lab.now) + 4000 * DAY) == 0


def test_parts_of_a_deleted_logstore_go(lab):
    captured(lab)
    count = Part.objects.count()
    Logstore.objects.get().delete()
    assert catalogue.expire(int(lab.now)) == count


def test_hidden_parts_go_once_no_query_can_hold_them_rows_before_files(lab, monkeypatch):
    captured(lab)
    paths = lab.parts()
    Part.objects.update(removed_at=timezone.now())
    assert catalogue.remove_hidden() == 0
    lab.move(lab.now + 121)
    seen = []
    monkeypatch.setattr(catalogue, "discard", lambda path: seen.append((path, Part.objects.count())))
    assert catalogue.remove_hidden() == len(paths)
    assert {path for path, _ in seen} == set(paths)
    assert {rows for _, rows in seen} == {0}, "a crash in between leaves orphans, never rows without files"


# ---- sample files -----------------------------------------------------------------------------------


def test_samples_go_once_all_their_windows_are_final_and_delivered(lab):
    captured(lab)
    settled(lab)
    assert SampleFile.objects.exists()
    assert catalogue.remove_used_samples() > 0
    assert not SampleFile.objects.exists()
    assert not list((lab.store / "samples").rglob("*.parquet"))


def spanning(lab: Lab) -> SampleFile:
    """Decode one file with samples of two windows, both delivered and final."""
    lab.flow_log()
    lab.move(START + 610)
    lab.send(flow(at=START + 590), flow(at=START + 605, dstport=80))
    lab.finish(START + 600)
    lab.move(lab.now + 200)
    file = SampleFile.objects.get()
    assert file.slices.count() == 2
    return file


@pytest.mark.parametrize(
    "state", [Closing.State.PENDING, Closing.State.DELIVERING, Closing.State.QUARANTINED], ids=str
)
def test_a_file_stays_while_one_of_its_windows_still_needs_it(lab, state):
    spanning(lab)
    Closing.objects.filter(window__start=START, kind=Closing.Kind.RECORDS).update(state=state)
    assert catalogue.remove_used_samples() == 0
    Closing.objects.update(state=Closing.State.DELIVERED)
    assert catalogue.remove_used_samples() == 1


def test_a_file_stays_while_the_final_closing_of_its_window_is_under_way(lab):
    """It reads all files of the window to tell who was silent."""
    spanning(lab)
    Closing.objects.filter(window__start=START, kind=Closing.Kind.FINAL).update(state=Closing.State.PENDING)
    assert catalogue.remove_used_samples() == 0


def test_a_file_with_samples_that_no_closing_took_stays(lab):
    file = spanning(lab)
    SampleSlice.objects.filter(file=file, window__start=START).update(closing=None)
    assert catalogue.remove_used_samples() == 0


def test_house_keeping_at_any_time_loses_nothing(lab):
    flow_log = lab.flow_log(interval=1)
    for second in range(5, 400, 20):
        lab.move(START + second)
        lab.send(flow(at=START + second - 1), flow("10.0.2.1", at=START + max(second - 200, 0)))
        lab.work()
        lab.keep_house()
    services.stop(flow_log, None)
    lab.settle(flow_log)
    for minutes in (10, 12, 25, 80, 85, 90):
        deliver_all(lab, START + 60 * minutes)
        lab.keep_house()
    assert summed(lab.records()) == summed(truth(lab.sent))
    assert not SampleFile.objects.exists()
    assert {level for hour, level in hours(lab) if hour == 0} == {1}
    lab.assert_balanced(flow_log, delivered=40, late=0, open=0)


# ---- the janitor ------------------------------------------------------------------------------------


def test_the_janitor_removes_old_orphans_and_nothing_that_is_listed(lab):
    captured(lab)
    now = lab.now + 10_000
    for path in lab.store.rglob("*"):
        if path.is_file():
            os.utime(path, (lab.now, lab.now))
    listed = set(lab.parts())
    orphans = [
        lab.store / "parts" / "1" / "20251009" / "7-1-abc.parquet",
        lab.store / "parts" / "1" / "20251009" / "7-1-abc.parquet.12ab.tmp",
        lab.store / "samples" / "20251009" / "c1-abc.parquet",
        lab.store / "spill" / "abc" / "duckdb_temp_storage-0.tmp",
        lab.store / "inventory" / "0123.json.z",
        lab.store / "inventory" / "0123.json.z.12ab.tmp",
    ]
    young = lab.store / "parts" / "1" / "20251009" / "8-1-abc.parquet"
    for path in (*orphans, young):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"left behind")
        at = now - catalogue.ORPHAN_AGE + (1 if path == young else -1)
        os.utime(path, (at, at))
    assert catalogue.collect_orphans(now) == len(orphans)
    assert not any(path.exists() for path in orphans)
    assert young.exists()
    assert all(path.exists() for path in listed)
    assert all((lab.store / file.path).exists() for file in SampleFile.objects.all())


def test_the_janitor_of_an_empty_store_has_nothing_to_do(lab):
    assert catalogue.collect_orphans(lab.now) == 0


def test_old_versions_of_the_inventory_are_forgotten_but_the_one_in_force(lab):
    captured(lab)
    for number in range(3):
        lab.move(lab.now + 10)
        lab.interface(f"eni-x{number}", "vsw-2", f"10.0.2.{number + 50}")
        inventory.record()
    lab.work()
    lab.move(lab.now + 3 * DAY)
    lab.work()
    newest = InventoryVersion.objects.latest("id")
    inventory.prune()
    assert list(InventoryVersion.objects.all()) == [newest]


# ---- the engine -------------------------------------------------------------------------------------


def test_engines_that_spill_side_by_side_do_not_meet(tmp_path):
    query = "SELECT count(*) FROM (SELECT hash(range)::VARCHAR AS a FROM range(400000) GROUP BY 1 ORDER BY 1)"
    with (
        connect(spill=tmp_path / "spill", memory="40MB") as one,
        connect(spill=tmp_path / "spill", memory="40MB") as two,
    ):
        folders = [
            engine.execute("SELECT current_setting('temp_directory')").fetchall() for engine in (one, two)
        ]
        assert folders[0] != folders[1]
        assert one.execute(query).fetchall() == two.execute(query).fetchall() == [(400_000,)]
    assert list((tmp_path / "spill").iterdir()) == []


def test_delivered_closings_are_never_delivered_again(lab):
    captured(lab)
    before = sorted(map(str, lab.rows()))
    assert not any(delivery.deliver(pk) for pk in Closing.objects.values_list("pk", flat=True))
    assert sorted(map(str, lab.rows())) == before
    assert timezone.now() - Closing.objects.latest("delivered_at").delivered_at < timedelta(hours=1)
