"""What a new flow log would generate, against records that were really made of the same flows."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import duckdb
import pytest

from console.models import Account, Policy, User
from console.reference import LOG_READ_ONLY
from flowlogs import estimates, fees, services, usage
from flowlogs.aggregate import LINE_OVERHEAD
from flowlogs.estimates import Estimate, Line, estimate
from flowlogs.models import FlowLog, IntervalChange, Logstore
from flowlogs.preview import preview
from flowlogs.record import FIELDS, quote
from flowlogs.rules import FlowLogValues
from flowlogs.store import workers
from tests.flowlogs.factories import START, Lab, flow, truth
from tests.flowlogs.test_attribute import Flow

MONTH = 30 * 86_400
VALUES = FlowLogValues("VPC", "vpc-1", "logs", "flows")


def traffic() -> list[Flow]:
    """Flows of two windows of 10 minutes: some in every minute, some in one, some denied."""
    flows = []
    for minute in range(20):
        at = START + 60 * minute + 30
        flows.append(flow(at=at, srcport=1000))
        flows.append(flow("198.51.100.9", "10.0.2.1", at=at + 5, dstport=22))
        if minute % 4 == 0:
            flows.append(flow("10.0.1.1", "10.0.2.1", at=at + 9, srcport=2000 + minute))
    return flows


def captured(lab: Lab, **values: object) -> FlowLog:
    """Capture that traffic in both windows, and close them for good."""
    flow_log = lab.flow_log(**values)
    for minute in range(20):
        now = [sent for sent in traffic() if sent.end_ms // 60_000 == START // 60 + minute]
        lab.move(START + 60 * minute + 50)
        lab.send(*now)
    lab.finish(START + 600)
    return flow_log


def ask(
    lab: Lab, by: User | None = None, *, indexed: bool = False, ids: tuple[str, ...] = (), **changes: object
) -> Estimate:
    values = replace(VALUES, **changes)  # type: ignore[arg-type]
    chosen = ids or (values.resource_id,)
    there = preview(lab.account, lab.region, values, chosen)
    return estimate(lab.account, lab.region, by, values, chosen, there, indexed=indexed)


def lines(found: Estimate) -> dict[int, Line]:
    return {line.interval: line for line in found.lines}


def really(
    lab: Lab, found: Estimate, interval: int, takes: object = None, only: set[str] | None = None
) -> float:
    """Return the records of a month, NODATA included, if the flows of the measured time went on for ever."""
    enis = only or {"eni-a", "eni-b", "eni-c"}
    IntervalChange.objects.filter(interval__gt=0).update(interval=interval)
    records = truth(lab.sent, takes, only=enis)
    busy = {(record[2], int(record[-1]) // (60 * interval)) for record in truth(lab.sent, only=enis)}  # type: ignore[call-overload]
    silent = len(enis) * MONTH / (60 * interval) - len(busy) * MONTH / found.seconds
    return sum(records.values()) * MONTH / found.seconds + silent


@pytest.mark.parametrize("kept", [True, False], ids=["with samples", "without samples"])
def test_longer_windows_are_counted_exactly(lab: Lab, kept: bool) -> None:
    captured(lab, interval=1)
    if not kept:
        lab.keep_house()
    found = ask(lab)
    assert (found.enis, found.measured, found.approximate, found.by_samples) == (3, 3, [], [])
    assert found.share == 1
    # the network was there a minute before its traffic
    assert found.seconds == 1260
    for interval, line in lines(found).items():
        assert line.records == round(really(lab, found, interval)), interval


def test_shorter_windows_are_counted_by_the_samples_that_are_still_there(lab: Lab) -> None:
    captured(lab, interval=10)
    found = ask(lab)
    assert (found.by_samples, found.failed) == ([1, 5], False)
    made = lines(found)
    assert made[10].records == round(really(lab, found, 10))
    # records of 10 minutes do not say in which minutes an ENI was silent, only which flows there were
    for interval in (5, 1):
        assert made[interval].records == pytest.approx(really(lab, found, interval), rel=0.03), interval


def test_without_samples_shorter_windows_are_estimated_and_said_to_be(lab: Lab) -> None:
    captured(lab, interval=10)
    lab.clock.shift(300)
    lab.keep_house()
    found = ask(lab)
    assert found.approximate == [1, 5]
    assert found.by_samples == []
    made = lines(found)
    assert made[10].records == round(really(lab, found, 10))
    assert made[1].records > made[10].records
    assert made[1].records == pytest.approx(really(lab, found, 1), rel=0.15)


@pytest.mark.parametrize(
    ("changes", "takes"),
    [
        pytest.param({"traffic_type": "Drop"}, lambda sample: sample["action"] == 0, id="denied"),
        pytest.param({"traffic_type": "Allow"}, lambda sample: sample["action"] == 1, id="allowed"),
        pytest.param(
            {"traffic_paths": ("vbr",)}, lambda sample: sample["path"] == 10, id="a path without traffic"
        ),
        pytest.param({"ip_version": "DualStack"}, lambda sample: True, id="dual-stack"),
    ],
)
def test_only_what_the_flow_log_takes_is_counted(lab: Lab, changes: dict[str, object], takes: object) -> None:
    captured(lab, interval=1, ip_version="DualStack")
    found = ask(lab, **changes)
    for interval, line in lines(found).items():
        assert line.records == round(really(lab, found, interval, takes)), interval


def test_only_the_chosen_enis_are_counted(lab: Lab) -> None:
    captured(lab, interval=1)
    for kind, ids, only in (
        ("NetworkInterface", ("eni-a", "eni-b"), {"eni-a", "eni-b"}),
        ("VSwitch", ("vsw-2",), {"eni-c"}),
    ):
        found = ask(lab, ids=ids, resource_type=kind, resource_id=ids[0])
        assert found.enis == len(only)
        for interval, line in lines(found).items():
            assert line.records == round(really(lab, found, interval, only=only)), (kind, interval)


def test_the_same_records_in_two_logstores_count_once(lab: Lab) -> None:
    lab.flow_log("copy", interval=1)
    captured(lab, interval=1)
    found = ask(lab)
    assert lines(found)[10].records == round(really(lab, found, 10))


def test_the_size_is_the_text_that_was_generated(lab: Lab) -> None:
    captured(lab, interval=1)
    columns = " + ".join(f"coalesce(strlen({quote(each.name)}::VARCHAR), 1)" for each in FIELDS)
    paths = [str(path) for path in lab.parts()]
    with duckdb.connect() as connection:
        (text,) = connection.execute(
            f"SELECT sum({columns} + {len(FIELDS) - 1 + LINE_OVERHEAD}) FROM read_parquet(?)", [paths]
        ).fetchall()[0]
    found = ask(lab)
    # our ENIs have shorter names than real ones
    assert lines(found)[1].size == pytest.approx(text * MONTH / found.seconds, rel=0.2)


def test_fees_come_on_top_of_what_the_region_generates(lab: Lab, account: Account) -> None:
    captured(lab, interval=1)
    Account.objects.filter(pk=account.pk).update(index_price=Decimal("0.35"))
    lab.account.refresh_from_db()
    beside = usage.daily_rate(lab.account, lab.region) * 30
    assert beside > 0
    line = lines(ask(lab, indexed=True))[1]
    assert line.generation == fees.monthly_estimate(line.size // 30, beside).fee
    assert line.indexing == fees.cost(line.size, Decimal("0.35"))
    assert lines(ask(lab))[1].indexing == 0


@pytest.mark.long
def test_the_whole_day_counts_though_samples_and_the_logstore_are_young(lab: Lab) -> None:
    """As on a new demo installation: the past is delivered into a Logstore that is made now."""
    lab.flow_log(interval=10)
    for hour in range(24):
        lab.move(START + 3600 * hour + 590)
        # busier by day: the last minutes are not like the rest
        flows = range(0, 600, 40 if hour < 12 else 10)
        at = START + 3600 * hour
        lab.send(*(flow(at=at + second, srcport=1000 + second // 90) for second in flows))
        lab.work()
    lab.keep_house()
    late = START + 23 * 3600 + 1800
    for minute in range(13):
        lab.move(late + 60 * minute + 50)
        ports = (4000, 4001, 5000 + minute)
        lab.send(*(flow(at=late + 60 * minute + 9, srcport=port) for port in ports))
    lab.finish(late + 600)
    Logstore.objects.update(created_at=datetime.fromtimestamp(lab.now, UTC))
    found = ask(lab)
    assert found.seconds > 23 * 3600
    assert (found.by_samples, found.approximate) == ([1, 5], [])
    assert 0 < found.sampled_minutes <= 30
    for interval, line in lines(found).items():
        assert line.records == pytest.approx(really(lab, found, interval), rel=0.1), interval


def test_a_combination_that_is_refused_has_no_estimate(lab: Lab) -> None:
    found = ask(lab, traffic_type="Drop", traffic_paths=("vbr",))
    assert found.is_refused
    assert not found.lines


def test_what_nothing_captured_has_nodata_at_least(lab: Lab) -> None:
    found = ask(lab)
    assert not found.is_known
    assert {line.interval: line.records for line in found.lines} == {
        interval: 3 * MONTH // (60 * interval) for interval in (1, 5, 10)
    }


def test_less_than_what_is_asked_for_is_said_to_be_partial(lab: Lab) -> None:
    captured(lab, interval=1, traffic_type="Allow")
    assert ask(lab).is_partial
    assert not ask(lab, traffic_type="Allow").is_partial
    assert ask(lab, traffic_type="Allow", ip_version="DualStack").is_partial


def test_logstores_that_the_user_may_not_read_are_not_asked(lab: Lab, stranger: User, owner: User) -> None:
    captured(lab, interval=1)
    assert ask(lab, owner).is_known
    clerk = User.objects.create_user("clerk", account=lab.account)
    assert not ask(lab, clerk).is_known


@pytest.mark.parametrize("again", ["started again", "another beside it"])
def test_what_was_captured_before_a_stop_is_not_taken_for_the_traffic_since(lab: Lab, again: str) -> None:
    """The records of a day divided by a minute of coverage would be a thousand times too many."""
    flow_log = captured(lab, interval=10)
    before = ask(lab)
    services.stop(flow_log, None)
    services.finish_transition(flow_log.pk)
    if again == "started again":
        services.start(flow_log, None)
        services.finish_transition(flow_log.pk)
    else:
        lab.flow_log(resource_type="NetworkInterface", resource_id="eni-a", interval=10)
    after = ask(lab)
    assert after.measured == before.measured == 3
    for interval in (1, 5, 10):
        assert lines(after)[interval].records == pytest.approx(lines(before)[interval].records, rel=0.02)


def test_an_engine_that_takes_too_long_is_said_and_not_waited_for(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    captured(lab, interval=1)
    limits: dict[str, object] = {}

    def call(*_args: object, **given: object) -> object:
        limits.update(given)
        raise workers.WorkerTimeout("not finished within 3 s")

    monkeypatch.setattr(workers, "call", call)
    found = ask(lab)
    assert found.failed
    assert len(found.lines) == 3
    assert limits["deadline"] == 3.0
    assert limits["kind"] == "query"


@pytest.mark.parametrize(
    ("error", "waits"),
    [
        (workers.WorkersBusy("all were busy"), True),
        (workers.WorkerSuperseded("a later one"), True),
        (workers.WorkerTimeout("too long"), False),
        (workers.WorkerDied("gone"), False),
    ],
    ids=["busy", "superseded", "too long", "died"],
)
def test_one_that_could_not_be_counted_yet_is_asked_again(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, error: workers.WorkerFailure, waits: bool
) -> None:
    captured(lab, interval=1)
    places: list[object] = []

    def call(*_args: object, latest: str, **_given: object) -> object:
        places.append(latest)
        raise error

    monkeypatch.setattr(workers, "call", call)
    clerk, other = (User.objects.create_user(name, account=lab.account) for name in ("clerk", "other"))
    for user in (clerk, other):
        user.policies.set(Policy.objects.filter(account=None, name__in=[LOG_READ_ONLY]))
    for user in (clerk, clerk, other):
        found = ask(lab, user)
        assert (found.is_waiting, found.failed) == (waits, not waits)
    assert places[0] == places[1] != places[2], "a later question takes the place of one of the same person"


def test_of_many_records_some_whole_hours_are_looked_at(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    captured(lab, interval=1)
    whole = ask(lab)
    hours = dict.fromkeys(range(0, 24 * 3600, 3600), 500_000)
    chosen = estimates._chosen(hours)
    assert len(chosen) == 6
    assert max(hours) in chosen
    # the traffic crosses an hour or not: what is looked at is a share of the time
    monkeypatch.setattr(estimates, "MOST_ROWS", 1)
    assert 0 < ask(lab).share <= whole.share
