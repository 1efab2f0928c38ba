"""What could not be delivered is delivered again, exactly once, and moves from quarantined to delivered."""

import importlib
from datetime import timedelta

import pytest
from django.db.models import Sum
from django.utils import timezone

from console.access import ActionDenied
from console.models import Change, User
from console.services import authorize_delivery, revoke_delivery
from flowlogs import delivery, ledger, services, usage
from flowlogs.collector import status as collector_status
from flowlogs.models import Closing, Delivery, FlowLog, Logstore, Part, SampleFile, Usage
from flowlogs.rules import RuleError
from flowlogs.services import quarantine
from flowlogs.store import catalogue, workers

from .factories import LATE_LIMIT, LATENESS, START, Lab, flow, truth

END = START + 600
ALL = ("eni-a", "eni-b", "eni-c")


@pytest.fixture(autouse=True)
def engine_in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Run what engine workers do in this process: none has to start."""

    def call(target: str, values: dict[str, object], **_limits: object) -> object:
        module, _, name = target.partition(":")
        return getattr(importlib.import_module(module), name)(**values)

    monkeypatch.setattr(workers, "call", call)


def traffic(lab: Lab, start: int = START, seconds: range = range(5, 595, 118)) -> None:
    """Send two flows at a time, three samples, while the clock goes through a window."""
    for second in seconds:
        lab.move(start + second + 2)
        lab.send(flow(at=start + second, srcport=second), flow("10.0.1.2", "10.0.2.1", at=start + second))


def fail(lab: Lab, name: str = "flows", *, until: float = END + LATENESS + 10) -> None:
    """Delete a Logstore and let its windows close, until nothing of them is left to do."""
    Logstore.objects.filter(name=name).delete()
    lab.work_until(until, step=60)
    while lab.work():
        pass


def create_again(lab: Lab, name: str = "flows") -> Logstore:
    return Logstore.objects.create(project=lab.project, name=name)


def restart(lab: Lab, flow_log: FlowLog) -> None:
    flow_log.refresh_from_db()
    services.start(flow_log, None)
    lab.settle(flow_log)


def work(lab: Lab) -> None:
    while lab.work():
        pass


def closing() -> Closing:
    """Return the first closing of the window at START."""
    return Closing.objects.get(window__start=START, number=0)


def marks(lab: Lab, name: str = "flows") -> list[tuple[str, str, int, int]]:
    return [mark for mark in lab.markers(name) if 0 <= mark[2] < 600]


# ---- what becomes of it -----------------------------------------------------------------------------


def test_restarted_after_its_logstore_is_back_all_is_delivered_as_if_nothing_had_been(lab: Lab) -> None:
    """A window with a supplement, a loss, silence and late samples: the same records as of one that did not fail."""
    failing, other = lab.flow_log("flows"), lab.flow_log("other")
    traffic(lab, seconds=range(5, 300, 59))
    lab.lose("c1", collector_status.KERNEL)
    lab.work_until(END, step=60)
    Logstore.objects.filter(name="flows").delete()
    lab.work_until(END + LATENESS + 100, step=60)
    lab.send(flow(at=START + 50, srcport=7))
    fail(lab, until=END + LATE_LIMIT + 100)
    lab.send(flow("10.0.1.2", at=START + 51, srcport=8))
    lab.move(lab.now + 130)
    work(lab)
    lab.keep_house()
    other_before = [*map(str, lab.rows("other"))]
    owed = Delivery.objects.filter(flow_log=failing, state="failed").count()
    assert owed >= 3
    create_again(lab)
    restart(lab, failing)
    lab.assert_balanced(failing, quarantined=16, delivered=0, late=1)
    work(lab)
    assert lab.records() == lab.records("other")
    assert marks(lab) == marks(lab, "other")
    assert [*map(str, lab.rows("other"))] == other_before, "who got it gets nothing again"
    assert {mark[1] for mark in marks(lab)} == {"SKIPDATA"}
    lab.assert_balanced(failing, quarantined=0, delivered=16, late=1)
    lab.assert_balanced(other, quarantined=0, delivered=16, late=1)
    lab.assert_nothing_pending()
    assert not Delivery.objects.exclude(state="delivered").exists()


def test_silence_is_told_again_too(lab: Lab) -> None:
    failing, _other = lab.flow_log("flows"), lab.flow_log("other")
    lab.move(START + 40)
    lab.send(flow())
    lab.move(END)
    fail(lab, until=END + LATE_LIMIT + 10)
    create_again(lab)
    restart(lab, failing)
    work(lab)
    assert marks(lab) == marks(lab, "other") == [(eni, "NODATA", 0, 600) for eni in ("eni-b", "eni-c")]


def test_what_it_generates_counts_when_it_is_delivered_and_once(lab: Lab) -> None:
    failing, other = lab.flow_log("flows"), lab.flow_log("other")
    traffic(lab)
    fail(lab)
    generated = {pk: volume.size for pk, volume in usage.month_of([failing.pk, other.pk]).items()}
    assert generated[failing.pk] == 0
    create_again(lab)
    restart(lab, failing)
    work(lab)
    again = usage.month_of([failing.pk, other.pk])
    assert again[failing.pk].size == again[other.pk].size == generated[other.pk] > 0
    sizes = Delivery.objects.filter(flow_log=failing).aggregate(sum=Sum("size"))["sum"]
    assert Usage.objects.filter(flow_log=failing, span=86_400).aggregate(sum=Sum("size"))["sum"] == sizes


def test_a_revoked_role_found_in_mid_delivery_costs_nothing(lab: Lab, owner: User, monkeypatch) -> None:
    """Revoked between the look at the role and the plan, the window is quarantined until delivery is authorized."""
    flow_log = lab.flow_log()
    traffic(lab)
    lab.move(END + LATENESS)
    due = lab.sweep()
    real = delivery.plan

    def revoked(claimed: Closing) -> object:
        revoke_delivery(lab.account, owner)
        return real(claimed)

    with monkeypatch.context() as patch:
        patch.setattr(delivery, "plan", revoked)
        [pk] = [pk for pk in due if Closing.objects.get(pk=pk).window.start == START]
        assert delivery.deliver(pk)
    lab.assert_balanced(flow_log, quarantined=15, delivered=0)
    authorize_delivery(lab.account, owner)
    services.authorization_changed(lab.account)
    lab.finish()
    assert lab.records() == truth(lab.sent)
    lab.assert_balanced(flow_log, quarantined=0, delivered=15)


def test_a_closing_that_was_set_aside_gets_another_attempt(lab: Lab, monkeypatch) -> None:
    flow_log = lab.flow_log()
    traffic(lab)
    lab.move(END + LATENESS)
    lab.sweep()
    pk = closing().pk
    with monkeypatch.context() as patch:
        patch.setattr(delivery.workers, "call", broken)
        for _ in range(delivery.MOST_ATTEMPTS):
            assert not delivery.deliver(pk)
            lab.move(Closing.objects.get(pk=pk).lease.timestamp() + 1)
    lab.assert_balanced(flow_log, quarantined=15, open=0)
    assert quarantine.of([flow_log])[flow_log.pk].ready == 1
    assert services.deliver_again(flow_log, None) == 1
    lab.assert_balanced(flow_log, quarantined=0, open=15)
    lab.finish()
    assert lab.records() == truth(lab.sent)
    lab.assert_balanced(flow_log, quarantined=0, open=0, delivered=15)


def broken(*_args: object, **_values: object) -> object:
    raise workers.WorkerError("the samples make no sense")


# ---- exactly once -----------------------------------------------------------------------------------


def prepared(lab: Lab) -> tuple[FlowLog, int]:
    """Return a flow log whose failed window is in the queue again, and that closing."""
    flow_log = lab.flow_log()
    traffic(lab)
    fail(lab)
    create_again(lab)
    restart(lab, flow_log)
    return flow_log, closing().pk


def test_a_worker_that_was_replaced_commits_nothing(lab: Lab, monkeypatch) -> None:
    flow_log, pk = prepared(lab)
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
    lab.assert_balanced(flow_log, quarantined=0, delivered=15)


class Killed(BaseException):
    """The process ends here."""


@pytest.mark.parametrize("point", ["plan", "_deliveries", "_rewrite", "_requeue_rest"])
def test_killed_at_any_point_it_is_delivered_once_by_the_next(lab: Lab, monkeypatch, point: str) -> None:
    flow_log, pk = prepared(lab)

    def dying(*_args: object, **_values: object) -> object:
        raise Killed

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(delivery, point, dying)
        delivery.deliver(pk)
    lab.assert_balanced(flow_log, quarantined=15, delivered=0, open=0)
    assert lab.records() == {}
    assert not delivery.deliver(pk), "its lease runs"
    lab.move(lab.now + 31)
    assert delivery.deliver(pk)
    assert not delivery.deliver(pk)
    assert lab.records() == truth(lab.sent)
    lab.assert_balanced(flow_log, quarantined=0, delivered=15, open=0)


def test_asked_twice_it_is_delivered_once(lab: Lab) -> None:
    flow_log, _pk = prepared(lab)
    assert services.deliver_again(flow_log, None) == 0, "it is under way"
    work(lab)
    assert services.deliver_again(flow_log, None) == 0, "it is delivered"
    work(lab)
    assert lab.records() == truth(lab.sent)


def test_asked_for_another_flow_log_in_mid_delivery_both_get_it(lab: Lab, monkeypatch) -> None:
    first, second = lab.flow_log("flows"), lab.flow_log("second")
    traffic(lab)
    Logstore.objects.filter(name="second").delete()
    fail(lab)
    create_again(lab)
    restart(lab, first)
    real = delivery.workers.call

    def meanwhile(*args: object, **values: object) -> object:
        monkeypatch.setattr(delivery.workers, "call", real)
        create_again(lab, "second")
        restart(lab, second)
        return real(*args, **values)

    monkeypatch.setattr(delivery.workers, "call", meanwhile)
    assert delivery.deliver(closing().pk)
    lab.assert_balanced(first, quarantined=0, delivered=15)
    lab.assert_balanced(second, quarantined=15, delivered=0)
    work(lab)
    assert lab.records() == lab.records("second") == truth(lab.sent)
    lab.assert_balanced(second, quarantined=0, delivered=15)


def test_without_its_logstore_it_fails_again_and_stays_named(lab: Lab) -> None:
    flow_log, pk = prepared(lab)
    Logstore.objects.all().delete()
    assert delivery.deliver(pk)
    lab.assert_balanced(flow_log, quarantined=15, delivered=0)
    assert quarantine.of([flow_log])[flow_log.pk].ready_flows == 15
    create_again(lab)
    services.deliver_again(flow_log, None)
    work(lab)
    assert lab.records() == truth(lab.sent)


def test_what_always_fails_is_quarantined_again(lab: Lab, monkeypatch) -> None:
    flow_log, pk = prepared(lab)
    with monkeypatch.context() as patch:
        patch.setattr(delivery.workers, "call", broken)
        for _ in range(delivery.MOST_ATTEMPTS):
            delivery.deliver(pk)
            lab.move(lab.now + 400)
    assert Delivery.objects.get(closing=pk).reason == "UnknownError"
    assert Closing.objects.get(pk=pk).state == Closing.State.DELIVERED
    lab.assert_balanced(flow_log, quarantined=15, delivered=0, open=0)


# ---- for how long -----------------------------------------------------------------------------------


def test_samples_are_kept_for_three_days_and_no_longer(lab: Lab) -> None:
    flow_log = lab.flow_log()
    traffic(lab)
    fail(lab, until=END + LATE_LIMIT + 10)
    lab.clock.move_to(timezone.now() + catalogue.KEPT_FAILED - timedelta(minutes=30))
    catalogue.remove_used_samples()
    assert SampleFile.objects.count() > 0
    there = quarantine.of([flow_log])[flow_log.pk]
    assert (there.gone, there.ready_flows) == (0, 15)
    lab.clock.move_to(timezone.now() + timedelta(minutes=31))
    catalogue.remove_used_samples()
    assert SampleFile.objects.count() == 0
    gone = quarantine.of([flow_log])[flow_log.pk]
    assert (gone.ready, gone.gone_flows) == (0, 15)
    create_again(lab)
    assert services.deliver_again(flow_log, None) == 0
    lab.assert_balanced(flow_log, quarantined=15)


def test_samples_that_are_gone_all_the_same_are_told_and_nothing_is_made_up(lab: Lab) -> None:
    flow_log, pk = prepared(lab)
    SampleFile.objects.all().delete()
    assert not delivery.deliver(pk)
    failed = Delivery.objects.get(closing=pk)
    assert (failed.state, failed.reason, failed.quarantined_flows) == ("failed", "SamplesGone", 15)
    assert lab.rows() == []
    lab.assert_balanced(flow_log, quarantined=15, delivered=0, open=0)
    assert not delivery.deliver(pk)


# ---- who may, and when ------------------------------------------------------------------------------


def test_it_is_refused_while_there_is_no_logstore(lab: Lab) -> None:
    flow_log = lab.flow_log()
    traffic(lab)
    fail(lab)
    with pytest.raises(RuleError) as refused:
        services.deliver_again(flow_log, None)
    assert refused.value.violations[0].code == "StartWithoutLogstore"


def test_a_reader_may_not(lab: Lab, reader: User) -> None:
    flow_log = lab.flow_log()
    with pytest.raises(ActionDenied):
        services.deliver_again(flow_log, reader)


def test_the_history_says_who_asked(lab: Lab, owner: User) -> None:
    flow_log = lab.flow_log()
    traffic(lab)
    fail(lab)
    create_again(lab)
    count = services.deliver_again(flow_log, owner)
    noted = Change.objects.filter(resource_id=flow_log.pk).first()
    assert (noted.user_name, noted.values) == ("alice", {"delivered_again": [None, count]})


def test_the_number_of_queries_is_fixed(lab: Lab, django_assert_num_queries) -> None:
    flow_log = lab.flow_log()
    traffic(lab)
    fail(lab)
    create_again(lab)
    for repeat in (1, 2):
        with django_assert_num_queries(2):
            quarantine.of([flow_log] * repeat)
    assert ledger.ledger(lab.account).is_balanced
