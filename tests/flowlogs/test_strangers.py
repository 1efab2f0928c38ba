"""Senders that nobody knows: forged ones neither keep a real one out nor break the ledger."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from ipaddress import ip_network

import pytest
from django.db.models import Sum
from django.utils import timezone

from console.models import Account, Region, User
from flowlogs import decoding, spool, strangers, tasks
from flowlogs.models import Collector, Exporter, Loss, Stream, Vpc
from flowlogs.models.network import EVERYBODY_ELSE
from flowlogs.rules import RuleError
from flowlogs.services import bind_exporter, remove_exporter

from .factories import START, flow

LIMIT = 6
NEW = "198.51.100.7"


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lower the limit, and have heard nobody."""
    monkeypatch.setattr(strangers, "MOST_STRANGERS", LIMIT)
    monkeypatch.setattr(strangers, "_newcomers", Counter())


def forge(lab, second: float, addresses: list[str]) -> None:
    """Have each address send one datagram of a flow, and decode."""
    lab.move(START + second)
    for address in addresses:
        lab.send(flow(at=START + second), exporter=address)
    lab.tell("c1")
    lab.decode()


def forged(first: int, count: int) -> list[str]:
    return [f"203.0.113.{number}" for number in range(first, first + count)]


def totals() -> dict[str, int]:
    terms = (
        "flows",
        "attributed_flows",
        "unattributed_flows",
        "unattributed_bytes",
        "datagrams",
        "malformed",
    )
    return Stream.objects.aggregate(**{f"{name}_of_all": Sum(name) for name in (*terms, "lost_flows")})


def addresses() -> set[str]:
    return set(Exporter.objects.values_list("address", flat=True))


def test_a_new_exporter_that_keeps_sending_takes_the_place_of_a_silent_stranger(lab):
    forge(lab, 0, forged(1, 3 * LIMIT))
    assert strangers.nobodys().count() == LIMIT
    for second in (70, 75):
        forge(lab, second, [NEW])
        assert NEW not in addresses()
    forge(lab, 80, [NEW])
    assert NEW in addresses()
    assert strangers.nobodys().count() == LIMIT
    bind_exporter(Exporter.objects.get(address=NEW), None, lab.vpc)
    stream = Stream.objects.filter(exporter__address=NEW).get()
    assert stream.flows == 1
    assert totals()["flows_of_all"] == totals()["unattributed_flows_of_all"] == 3 * LIMIT + 3
    lab.assert_balanced()


def test_one_datagram_each_takes_no_place(lab):
    forge(lab, 0, forged(1, LIMIT))
    before = addresses()
    forge(lab, 70, forged(100, 2 * LIMIT))
    assert addresses() == before | {EVERYBODY_ELSE}


def test_what_does_not_decode_takes_no_place(lab):
    forge(lab, 0, forged(1, LIMIT))
    lab.move(START + 70)
    lab.receivers["c1"].pending = [
        (int(lab.now * 1e9), spool.packed_address(NEW), 1000, b"not a flow") for _ in range(9)
    ]
    lab.tell("c1")
    lab.decode()
    assert NEW not in addresses()
    assert Stream.objects.get(exporter__address=EVERYBODY_ELSE).malformed == 9


@pytest.mark.parametrize("second", [59, 70], ids=["just-heard", "heard-in-the-same-step"])
def test_who_is_still_sending_keeps_its_place(lab, second: int):
    forge(lab, 0, forged(1, LIMIT))
    before = addresses()
    again = forged(1, LIMIT) if second == 70 else []
    forge(lab, second, [NEW] * strangers.ENOUGH + again)
    assert addresses() == before | {EVERYBODY_ELSE}


def test_the_stranger_silent_longest_goes_first(lab):
    forge(lab, 0, forged(1, LIMIT))
    forge(lab, 10, [address for address in forged(1, LIMIT) if not address.endswith(".3")])
    forge(lab, 100, [NEW] * strangers.ENOUGH)
    assert {NEW} | set(forged(1, LIMIT)) - addresses() == {NEW, "203.0.113.3"}


def test_silent_strangers_are_forgotten_and_their_counters_stay(lab):
    forge(lab, 0, forged(1, LIMIT))
    Stream.objects.update(lost_flows=3, malformed=2)
    exporter = Exporter.objects.get(address="203.0.113.1")
    Loss.objects.create(
        collector=Collector.objects.get(),
        exporter=exporter,
        since=1,
        until=1,
        unit="flows",
        count=3,
        reason="sequence",
    )
    before = totals()
    lab.move(START + 3500)
    assert strangers.forget_silent() == 0
    lab.move(START + 3601)
    tasks.keep_house()
    assert addresses() == {"192.0.2.1", EVERYBODY_ELSE}
    assert totals() == before
    assert Loss.objects.get().exporter.is_everybody_else
    lab.assert_balanced()


def test_many_are_forgotten_at_the_cost_of_few(lab, django_assert_max_num_queries):
    forge(lab, 0, forged(1, 2))
    lab.move(START + 4000)
    with django_assert_max_num_queries(40) as few:
        assert strangers.forget_silent() == 2
    forge(lab, 4010, forged(11, LIMIT))
    lab.move(START + 9000)
    with django_assert_max_num_queries(len(few)):
        assert strangers.forget_silent() == LIMIT
    lab.assert_balanced()


def test_who_is_bound_named_or_awaited_is_never_forgotten(lab):
    old = timezone.now() - timedelta(days=9)
    for number, values in enumerate(
        [{"name": "edge"}, {"domain": 7}, {"is_demo": True}, {"last_seen": None}]
    ):
        Exporter.objects.create(
            pk=f"exp-kept-{number}", address=f"192.0.2.{9 + number}", **{"last_seen": old, **values}
        )
    Exporter.objects.filter(pk=lab.exporter.pk).update(last_seen=old)
    released = Exporter.objects.create(pk="exp-released", address="192.0.2.99", last_seen=old)
    Stream.objects.create(exporter=released, port=1, domain=0, version=10, flows=1, attributed_flows=1)
    assert strangers.forget_silent() == 0


def test_who_goes_on_sending_is_remembered_among_newcomers_without_end(monkeypatch):
    monkeypatch.setattr(strangers, "MOST_NEWCOMERS", 10)
    strangers.hear(NEW, 2)
    for address in forged(1, 50):
        strangers.hear(address, 1)
        if address.endswith(("2", "5", "8")):
            strangers.hear(NEW, 1)
    assert strangers.is_worth_a_place(NEW)


def test_no_more_newcomers_are_remembered_than_the_limit(monkeypatch):
    monkeypatch.setattr(strangers, "MOST_NEWCOMERS", 10)
    for address in forged(1, 50):
        strangers.hear(address, 2)
    assert len(strangers._newcomers) <= 20


def test_datagrams_of_other_networks_are_counted_and_dropped(lab, settings):
    settings.FLOWLOG_EXPORTERS_FROM = [ip_network("192.0.2.0/24"), ip_network("2001:db8::/32")]
    forge(lab, 0, [*forged(1, 5), "2001:db8::1", "2001:db9::1", "192.0.2.1"])
    assert addresses() == {"192.0.2.1", "2001:db8::1", EVERYBODY_ELSE}
    refused = Stream.objects.get(exporter__address=EVERYBODY_ELSE)
    assert (refused.version, refused.datagrams, refused.flows) == (strangers.REFUSED, 6, 0)
    assert Collector.objects.get().datagrams == 2
    assert not spool.list_sealed(lab.spool)
    lab.assert_balanced()


def test_without_networks_everybody_is_decoded():
    datagrams = [(0, spool.packed_address(NEW), 1, b"")]
    assert decoding.Senders([]).of(datagrams) == datagrams
    assert decoding.Senders(["10.0.0.0/8"]).of(datagrams) == []
    assert decoding.Senders(["198.51.100.0/24"]).of(datagrams) == datagrams


def codes(error: pytest.ExceptionInfo[RuleError]) -> list[str]:
    return [violation.code for violation in error.value.violations]


def test_the_one_for_all_others_is_neither_bound_nor_removed(
    vpc: Vpc, account: Account, region: Region, owner: User
) -> None:
    everybody = strangers.everybody_else(timezone.now())
    with pytest.raises(RuleError) as error:
        bind_exporter(everybody, owner, vpc)
    assert codes(error) == ["ExporterEverybody"]
    with pytest.raises(RuleError) as error:
        remove_exporter(everybody, owner, account, region)
    assert codes(error) == ["ExporterEverybody"]


@pytest.mark.parametrize("is_claimed", [True, False])
def test_a_removed_exporter_leaves_its_counters(
    vpc: Vpc, account: Account, region: Region, owner: User, is_claimed: bool
) -> None:
    whose = {"account": account, "region": region} if is_claimed else {}
    exporter = Exporter.objects.create(pk="exp-1", address=NEW, last_seen=timezone.now(), **whose)
    Stream.objects.create(
        exporter=exporter, port=1, domain=3, version=10, flows=5, attributed_flows=2, unattributed_flows=3
    )
    if is_claimed:
        with pytest.raises(RuleError) as error:
            remove_exporter(exporter, owner, account, region)
        assert codes(error) == ["ExporterSends"]
        Exporter.objects.update(last_seen=timezone.now() - timedelta(days=1))
    before = totals()
    remove_exporter(exporter, owner, account, region)
    assert addresses() == {EVERYBODY_ELSE}
    assert totals() == before


def test_a_bound_exporter_is_not_removed(vpc: Vpc, account: Account, region: Region, owner: User) -> None:
    exporter = Exporter.objects.create(pk="exp-1", address=NEW)
    bind_exporter(exporter, owner, vpc)
    with pytest.raises(RuleError) as error:
        remove_exporter(exporter, owner, account, region)
    assert codes(error) == ["StillUsed"]
