"""What was generated is counted with its delivery: exactly once, when it was delivered, for whom it was."""

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from importlib import import_module

import pytest
from django.apps import apps
from django.db import connection
from django.db.models import Sum
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from console.models import Account, Region
from flowlogs import delivery, services, tasks, usage
from flowlogs.fees import Month
from flowlogs.models import Closing, Collector, Delivery, FlowLog, Logstore, Usage, Vpc, Window
from flowlogs.models.usage import DAY, HOUR
from flowlogs.models.usage import MONTH as A_MONTH
from flowlogs.usage import UNITS, Volume

from .factories import LATENESS, START, Lab, flow

END = START + 600
HOUR_OF_START = START - START % HOUR
DAY_OF_START = START - START % DAY
MONTH = Month.of(START)


def send_some(lab: Lab) -> None:
    lab.move(START + 30)
    lab.send(flow(at=START + 20), flow("10.0.1.2", "10.0.1.1", at=START + 20, dstport=22))
    lab.move(END + LATENESS + 1)


def counted(flow_log: FlowLog, span: int) -> list[tuple[int, Volume]]:
    rows = Usage.objects.filter(flow_log=flow_log, span=span).order_by("start")
    return [(row[0], Volume(*row[1:])) for row in rows.values_list("start", *UNITS)]


def delivered(flow_log: FlowLog) -> Volume:
    fields = ("records", "nodata", "skipdata", "size", "delivered_packets", "delivered_bytes")
    sums = Delivery.objects.filter(flow_log=flow_log).aggregate(**{f"_{name}": Sum(name) for name in fields})
    records, nodata, skipdata, size, packets, octets = (sums[f"_{name}"] for name in fields)
    return Volume(records, nodata, skipdata, size, 0, packets, octets)


# ---- what is written ---------------------------------------------------------------------------------


def test_a_delivery_is_counted_in_its_hour_its_day_and_its_month(lab):
    flow_log = lab.flow_log()
    send_some(lab)
    lab.finish()
    expected = delivered(flow_log)
    assert expected.records == 3
    assert expected.size > 3 * 50
    assert counted(flow_log, HOUR) == [(HOUR_OF_START, expected)]
    assert counted(flow_log, DAY) == [(DAY_OF_START, expected)]
    assert counted(flow_log, A_MONTH) == [(MONTH.start, expected)]


def test_volume_belongs_to_the_time_of_delivery_not_of_the_records(lab):
    flow_log = lab.flow_log()
    send_some(lab)
    due = lab.sweep()
    lab.move(START + DAY)
    assert all(delivery.deliver(closing) for closing in due)
    assert [start for start, _volume in counted(flow_log, HOUR)] == [HOUR_OF_START + DAY]
    assert [start for start, _volume in counted(flow_log, DAY)] == [DAY_OF_START + DAY]


def test_supplements_and_later_windows_are_added(lab):
    flow_log = lab.flow_log()
    send_some(lab)
    lab.work()
    lab.send(flow(at=START + 40, srcport=7))
    lab.move(START + 1300)
    lab.send(flow(at=START + 1250, srcport=8))
    lab.finish(START + 1200)
    assert Delivery.objects.filter(flow_log=flow_log).count() > 2
    assert usage.total_of(volume for _start, volume in counted(flow_log, HOUR)) == delivered(flow_log)
    assert counted(flow_log, DAY) == [(DAY_OF_START, delivered(flow_log))]


def test_indexed_is_what_goes_to_a_logstore_with_the_report(lab):
    plain, reported = lab.flow_log(), lab.flow_log("reported")
    services.enable_analysis_report(Logstore.objects.get(name="reported"), None)
    send_some(lab)
    lab.finish()
    (_, one), (_, other) = *counted(plain, DAY), *counted(reported, DAY)
    assert one.size == other.size > 0
    assert (one.indexed_size, other.indexed_size) == (0, other.size)


def test_a_delivery_that_failed_generates_nothing(lab):
    flow_log, other = lab.flow_log(), lab.flow_log("other")
    send_some(lab)
    due = lab.sweep()
    services.delete_logstore(Logstore.objects.get(name="flows"), None)
    assert all(delivery.deliver(closing) for closing in due)
    failed = Delivery.objects.get(flow_log=flow_log, scope_flows=3)
    assert (failed.state, failed.size) == (Delivery.State.FAILED, 0)
    assert not Usage.objects.filter(flow_log=flow_log).exists()
    assert Usage.objects.filter(flow_log=other).exists()


def test_delivering_twice_counts_once(lab):
    flow_log = lab.flow_log()
    send_some(lab)
    lab.work()
    before = counted(flow_log, DAY)
    for closing in Closing.objects.all():
        assert not delivery.deliver(closing.pk)
    assert counted(flow_log, DAY) == before


def test_a_commit_that_fails_counts_nothing_and_its_repetition_once(lab, monkeypatch):
    flow_log = lab.flow_log()
    send_some(lab)
    with monkeypatch.context() as patch:
        patch.setattr(services, "delivery_succeeded", lambda *_: 1 / 0)
        lab.work()
    assert not Usage.objects.exists()
    lab.move(END + LATENESS + 400)
    lab.work()
    lab.finish()
    assert counted(flow_log, DAY) == [(DAY_OF_START, delivered(flow_log))]


def test_the_past_of_the_demo_counts_at_the_end_of_its_windows(lab):
    flow_log = lab.flow_log()
    send_some(lab)
    due = lab.sweep()
    Vpc.objects.update(is_demo=True)
    lab.move(START + 2 * DAY)
    Collector.objects.create(
        pk="history", is_history=True, sealed_through=END * 1000, retired_at=timezone.now()
    )
    assert all(delivery.deliver(closing) for closing in due)
    assert [start for start, _volume in counted(flow_log, HOUR)] == [HOUR_OF_START]
    assert [start for start, _volume in counted(flow_log, DAY)] == [DAY_OF_START]


def test_the_present_of_the_demo_counts_when_it_is_delivered(lab):
    flow_log = lab.flow_log()
    send_some(lab)
    due = lab.sweep()
    Vpc.objects.update(is_demo=True)
    Collector.objects.create(pk="history", is_history=True, sealed_through=START * 1000)
    lab.move(START + 2 * DAY)
    assert all(delivery.deliver(closing) for closing in due)
    assert [start for start, volume in counted(flow_log, HOUR) if volume.records] == [HOUR_OF_START + 2 * DAY]


def test_counting_costs_one_statement_however_many_flow_logs(
    make_flow_log: Callable[..., FlowLog], vpc: Vpc
) -> None:
    closing = Closing.objects.create(
        window=Window.objects.create(vpc=vpc, interval=10, start=START), number=0
    )
    for number in range(5):
        Delivery.objects.create(
            flow_log=make_flow_log(name=f"log{number}"), closing=closing, state="delivered", records=1
        )
    with CaptureQueriesContext(connection) as queries:
        usage.record(closing, timezone.now())
    assert len(queries) == 1
    assert Usage.objects.count() == 15


# ---- what is read ------------------------------------------------------------------------------------


@pytest.fixture
def counts(make_flow_log: Callable[..., FlowLog]) -> Callable[..., FlowLog]:
    """Make a flow log that generated so many bytes in the hours and days that are named by their start."""

    def make(name: str, hours: dict[int, int] | None = None, days: dict[int, int] | None = None) -> FlowLog:
        flow_log = make_flow_log(name=name)
        months: Counter[int] = Counter()
        for start, size in (days or {}).items():
            months[Month.of(start).start] += size
        for span, sizes in ((HOUR, hours or {}), (DAY, days or {}), (A_MONTH, months)):
            for start, size in sizes.items():
                Usage.objects.create(
                    flow_log=flow_log, vpc=flow_log.vpc, span=span, start=start, size=size, records=1
                )
        return flow_log

    return make


def at(second: int) -> datetime:
    return datetime.fromtimestamp(second, UTC)


def test_a_month_has_the_days_from_its_first_to_its_last(counts):
    flow_log = counts(
        "first", days={MONTH.start - DAY: 1, MONTH.start: 10, MONTH.end - DAY: 100, MONTH.end: 1000}
    )
    silent = counts("silent")
    found = usage.month_of([flow_log.pk, silent.pk], at(START))
    assert found == {flow_log.pk: Volume(records=1, size=110), silent.pk: Volume()}


def test_a_deleted_flow_log_still_counts_in_its_region(counts, account: Account, region: Region, stranger):
    kept, deleted = counts("kept", days={MONTH.start: 10}), counts("deleted", days={MONTH.start: 5})
    FlowLog.objects.filter(pk=deleted.pk).update(deleted_at=timezone.now())
    assert usage.by_region_month(account, region, MONTH).size == 15
    volumes = usage.month_volumes(account, region, MONTH)
    assert {pk: volume.size for pk, volume in volumes.items()} == {kept.pk: 10, deleted.pk: 5}
    assert usage.regions_in(account, MONTH) == {region.pk: 15}
    assert usage.days_of(account, region, MONTH) == {MONTH.start: 15}
    elsewhere = Region.objects.get(pk="cn-beijing")
    assert usage.by_region_month(account, elsewhere, MONTH) == Volume()
    assert usage.by_region_month(stranger.account, region, MONTH) == Volume()


def test_the_last_day_is_the_running_hour_and_the_23_before(counts, account: Account, region: Region):
    hour = HOUR_OF_START
    counts("first", hours={hour: 1, hour - 23 * HOUR: 10, hour - 24 * HOUR: 100})
    counts("second", hours={hour - HOUR: 1000})
    assert usage.daily_rate(account, region, at(START)) == 1011


def test_an_installation_from_before_months_were_kept_gets_them_from_its_days(counts):
    flow_log = counts("first", days={MONTH.start: 10, MONTH.end - DAY: 100, MONTH.end: 1000})
    months = counted(flow_log, A_MONTH)
    Usage.objects.filter(span=A_MONTH).delete()
    import_module("flowlogs.migrations.0003_usage_by_month_and_indexes").add_months(apps, None)
    assert [(start, volume.size) for start, volume in counted(flow_log, A_MONTH)] == [
        (start, volume.size) for start, volume in months
    ]


def test_fees_of_the_month_are_shared_by_volume(counts, account: Account, region: Region):
    three, one = (
        counts("three", days={MONTH.start: 75 * 2**30}),
        counts("one", days={MONTH.start: 25 * 2**30}),
    )
    found = usage.month_fees(account, region, [three.pk, one.pk], at(START))
    assert sum(found.values()) == Decimal("35.15")
    assert found[three.pk] in (Decimal("26.36"), Decimal("26.37"))
    assert found[one.pk] in (Decimal("8.78"), Decimal("8.79"))


def test_months_begin_with_the_first_flow_log(make_flow_log, account: Account):
    now = at(Month(2026, 3).start + 5)
    assert usage.months(account, now) == [Month(2026, 3)]
    make_flow_log()
    FlowLog.objects.update(created_at=at(Month(2026, 1).end - 1))
    assert usage.months(account, now) == [Month(2026, 3), Month(2026, 2), Month(2026, 1)]


def test_housekeeping_forgets_old_hours_and_keeps_days_and_months(counts, home):
    now = int(timezone.now().timestamp())
    old, young = now - 36 * DAY, now - 34 * DAY
    counts("first", hours={old: 1, young: 1}, days={old: 1})
    tasks.keep_house()
    assert sorted(Usage.objects.values_list("span", "start")) == [
        (HOUR, young),
        (DAY, old),
        (A_MONTH, Month.of(old).start),
    ]
