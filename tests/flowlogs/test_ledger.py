"""The conservation ledger: every term counted where it happens, and nothing unexplained."""

import pytest
from django.db.models import Sum

from flowlogs import ledger, services
from flowlogs.ledger import Amount, ExporterLine, FlowLogLine
from flowlogs.models import Closing, Delivery, Exporter, FlowLog, SampleSlice, Stream

from .factories import LATE_LIMIT, LATENESS, START, Lab, flow

END = START + 600


def line_of(lab: Lab, flow_log: FlowLog) -> FlowLogLine:
    (line,) = ledger.flow_logs(lab.account, only=[flow_log.pk])
    return line


def send(lab: Lab, *at: int) -> None:
    """Send, at each of some seconds, an accepted and a refused flow of eni-a and one of nobody."""
    for second in at:
        lab.move(START + second)
        lab.send(
            flow(at=START + second - 1, packets=2, bytes=100),
            flow(
                "203.0.113.5", "10.0.1.1", at=START + second - 1, dstport=22, tcp_flags=2, packets=1, bytes=40
            ),
            flow("10.0.8.8", at=START + second - 1, packets=7, bytes=700),
        )


def test_amounts_add_up():
    assert Amount(1, 2, 3) + Amount(10, 20, 30) == Amount(11, 22, 33)
    assert Amount(1, 2, 3) - Amount(1, 2, 3) == Amount()
    assert not Amount()
    assert Amount(0, 0, 1)


def test_an_exporter_line_explains_what_was_decoded(lab):
    lab.flow_log()
    send(lab, 10, 20)
    lab.decode()
    (line,) = ledger.exporters(lab.account)
    assert line.exporter == lab.exporter
    assert (line.decoded, line.attributed, line.unattributed) == (
        Amount(6, 20, 1680), Amount(4, 6, 280), Amount(2, 14, 1400),
    )  # fmt: skip
    assert not line.unexplained


def test_every_term_of_a_flow_log_in_flows_packets_and_bytes(lab):
    flow_log = lab.flow_log(traffic_type="Drop")
    send(lab, 10, 20)
    lab.work_until(END + LATENESS + 10, step=60)
    send(lab, 1310)
    lab.work()
    lab.move(END + LATE_LIMIT + 200)
    lab.send(flow(at=START + 30, packets=9, bytes=900))
    lab.decode()
    line = line_of(lab, flow_log)
    assert (line.delivered, line.filtered) == (Amount(2, 2, 80), Amount(2, 4, 200))
    assert line.open == Amount(3, 12, 1040)
    assert line.scope == Amount(7, 18, 1320)
    assert not line.unexplained
    lab.work()
    while lab.work():
        pass
    lab.move(lab.now + LATE_LIMIT)
    lab.finish(START + 1200)
    line = line_of(lab, flow_log)
    assert line.late == Amount(1, 9, 900)
    assert (line.delivered, line.filtered, line.open) == (Amount(3, 3, 120), Amount(3, 6, 300), Amount())
    assert not line.unexplained
    assert line.records == Delivery.objects.aggregate(sum=Sum("records"))["sum"]


def test_open_is_what_no_delivered_closing_has_by_flow_log(lab):
    everything = lab.flow_log()
    one = lab.flow_log("one", resource_type="NetworkInterface", resource_id="eni-b")
    lab.move(START + 20)
    lab.send(flow(at=START + 10), flow("10.0.1.2", at=START + 10), flow("10.0.1.2", at=START + 11, dstport=1))
    lab.decode()
    assert [line_of(lab, each).open.flows for each in (everything, one)] == [3, 2]
    lab.move(END + LATENESS)
    lab.sweep()
    for state in (Closing.State.PENDING, Closing.State.DELIVERING):
        Closing.objects.update(state=state)
        assert [line_of(lab, each).open.flows for each in (everything, one)] == [3, 2]


def test_open_respects_when_the_coverage_began_and_ended(lab):
    first = lab.flow_log()
    send(lab, 10)
    lab.move(START + 100)
    second = lab.flow_log("second")
    send(lab, 110)
    lab.move(START + 200)
    services.stop(first, None)
    first = lab.settle(first)
    send(lab, 210)
    lab.decode()
    assert [line_of(lab, each).open.flows for each in (first, second)] == [4, 4]


def test_what_open_says_is_what_delivery_will_take(lab):
    first = lab.flow_log()
    send(lab, 10)
    lab.move(START + 100)
    second = lab.flow_log("second")
    for second_of in (99, 100, 101, 199, 200, 201):
        lab.move(START + max(second_of + 1, 100))
        lab.send(flow(at=START + second_of))
    lab.move(START + 205)
    services.stop(first, None)
    first = lab.settle(first)
    for second_of in (204, 205, 206):
        lab.move(START + max(second_of + 1, 205))
        lab.send(flow(at=START + second_of))
    lab.decode()
    before = [line_of(lab, each).open for each in (first, second)]
    assert [amount.flows for amount in before] == [2 + 6 + 1, 5 + 3]
    lab.finish()
    lines = [line_of(lab, each) for each in (first, second)]
    assert [line.delivered + line.filtered for line in lines] == before
    assert [line.open for line in lines] == [Amount(), Amount()]


def test_quarantined_samples_are_named_as_such(lab):
    flow_log = lab.flow_log()
    send(lab, 10)
    lab.move(END + LATENESS)
    lab.sweep()
    Closing.objects.filter(window__start=START).update(state=Closing.State.QUARANTINED)
    line = line_of(lab, flow_log)
    assert (line.quarantined.flows, line.open.flows, line.scope.flows) == (2, 0, 2)
    assert not line.unexplained


def test_a_lost_sample_would_show(lab):
    """The ledger is not an identity: take one count away and it says so."""
    flow_log = lab.flow_log()
    send(lab, 10)
    lab.finish()
    book = ledger.ledger(lab.account)
    assert book.is_balanced
    delivery = Delivery.objects.filter(scope_flows__gt=0).get()
    delivery.delivered_flows -= 1
    delivery.save()
    book = ledger.ledger(lab.account)
    assert not book.is_balanced
    assert line_of(lab, flow_log).unexplained == Amount(1, 0, 0)


def test_samples_of_streams_are_those_in_slices(lab):
    """What attribution counted is what windows hold: nothing is lost between the two."""
    lab.flow_log(interval=1)
    send(lab, *range(10, 300, 25))
    lab.decode()
    kept = SampleSlice.objects.aggregate(flows=Sum("flows"), packets=Sum("packets"), bytes=Sum("bytes"))
    streams = Stream.objects.aggregate(Sum("samples"), Sum("attributed_packets"), Sum("attributed_bytes"))
    assert list(kept.values()) == list(streams.values())


def test_uncovered_samples_are_counted_and_in_nobody_s_scope(lab):
    flow_log = lab.flow_log(resource_type="NetworkInterface", resource_id="eni-b")
    send(lab, 10)
    lab.decode()
    stream = Stream.objects.get()
    assert (stream.attributed_flows, stream.samples, stream.uncovered_samples) == (2, 0, 2)
    assert line_of(lab, flow_log).scope == Amount()


def test_exporters_nobody_has_claimed_are_shown_to_every_account(lab):
    lab.move(START + 10)
    lab.send(flow(at=START + 9), exporter="203.0.113.9")
    lab.decode()
    lines = ledger.exporters(lab.account)
    assert {line.exporter.address for line in lines} == {"192.0.2.1", "203.0.113.9"}
    assert all(isinstance(line, ExporterLine) for line in lines)
    Exporter.objects.filter(address="203.0.113.9").delete()
    assert len(ledger.exporters(lab.account)) == 1


def test_an_empty_ledger_is_balanced(account):
    book = ledger.ledger(account)
    assert (book.is_balanced, book.exporters, book.flow_logs) == (True, [], [])


@pytest.mark.parametrize("flow_logs", [1, 4])
def test_the_ledger_costs_a_fixed_number_of_statements(lab, flow_logs, django_assert_max_num_queries):
    for number in range(flow_logs):
        lab.flow_log(f"store-{number}")
    send(lab, 10)
    lab.decode()
    with django_assert_max_num_queries(8):
        ledger.ledger(lab.account)
