"""The Exporters and Ledger pages: what they tell, who may change what, and at which cost."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django.asserts import assertContains, assertNotContains, assertRedirects
from pytest_django.fixtures import DjangoAssertNumQueries

from console.models import User
from flowlogs import hints, ledger, strangers
from flowlogs.ledger import Amount
from flowlogs.models import (
    Collector,
    Exporter,
    ExporterBinding,
    FlowLog,
    NetworkInterface,
    Stream,
    Unattributed,
    Vpc,
)

from .conftest import MakeFlowLog

LIST = "/cn-hangzhou/exporters/"
LEDGER = "/cn-hangzhou/ledger/"
LARGEST = 60_000
MANY = 300


def make_exporter(number: int = 1, **values: object) -> Exporter:
    exporter = Exporter.objects.create(
        id=f"exp-{number}", address=f"192.0.2.{number}", last_seen=timezone.now(), **values
    )
    Stream.objects.create(
        exporter=exporter, port=4000, domain=1, version=10, datagrams=7, flows=5, attributed_flows=3,
        unattributed_flows=2, lost_flows=9, longest_delay_ms=1000, last_seen=timezone.now(),
    )  # fmt: skip
    return exporter


def make_strangers(count: int, **values: object) -> None:
    """Make exporters of nobody with a stream each, ``10.1.0.0`` the newest, all after what is there."""
    now = timezone.now()
    exporters = Exporter.objects.bulk_create(
        Exporter(
            id=f"exp-forged-{number:03}",
            address=f"10.1.{number // 256}.{number % 256}",
            last_seen=now + timedelta(hours=1, seconds=-number),
        )
        for number in range(count)
    )
    Stream.objects.bulk_create(
        Stream(exporter=each, port=4000, domain=1, version=10, last_seen=now, **values) for each in exporters
    )


def cards(page: str) -> list[str]:
    return re.findall(r'<section class="card" id="(exp-[^"]+)"', page)


@pytest.fixture
def as_owner(client: Client, owner: User) -> Client:
    client.force_login(owner)
    return client


def test_an_empty_page_says_how_to_point_an_exporter_here(as_owner: Client, vpc: Vpc) -> None:
    response = as_owner.get(LIST)
    assertContains(response, "Nobody has sent anything yet")
    assertContains(response, "softflowd -i eth0 -v 10 -n 127.0.0.1:4739 -t maxlife=60")


def test_an_exporter_that_nobody_has_claimed_stands_out_with_the_next_step(
    as_owner: Client, vpc: Vpc
) -> None:
    make_exporter()
    response = as_owner.get(LIST)
    assertContains(response, "192.0.2.1")
    assertContains(response, "Not bound")
    assertContains(response, "IPFIX")


@pytest.mark.parametrize("named", ["resource", "id", "address"])
def test_binding_makes_an_exporter_observe_what_was_chosen(as_owner: Client, vpc: Vpc, named: str) -> None:
    exporter = make_exporter()
    eni = NetworkInterface.objects.filter(vpc=vpc).order_by("pk").first()
    assert eni is not None
    data = {
        "resource": {"resource": f"vpc:{vpc.pk}"},
        "id": {"interface": eni.pk},
        "address": {"interface": eni.addresses.get().address},
    }[named]
    response = as_owner.post(f"{LIST}{exporter.pk}/bind/", data)
    assert response.status_code == 302
    binding = ExporterBinding.objects.get()
    assert binding.vpc == vpc
    assert binding.network_interface == (None if named == "resource" else eni)
    exporter.refresh_from_db()
    assert exporter.account == vpc.account
    observed = f"vpcs/{vpc.pk}/" if named == "resource" else f"enis/{eni.pk}/"
    for path in (LIST, f"{LIST}{exporter.pk}/"):
        assert f'<a href="/cn-hangzhou/{observed}">' in as_owner.get(path).content.decode()


@pytest.mark.parametrize("data", [{}, {"resource": "vpc:vpc-of-somebody"}, {"interface": "10.9.9.9"}])
def test_a_binding_to_nothing_known_is_refused(as_owner: Client, vpc: Vpc, data: dict[str, str]) -> None:
    exporter = make_exporter()
    assert as_owner.post(f"{LIST}{exporter.pk}/bind/", data).status_code == 200
    assert not ExporterBinding.objects.exists()


def test_the_profile_says_where_an_exporter_tells_verdicts(as_owner: Client, vpc: Vpc) -> None:
    exporter = make_exporter(account=vpc.account, region=vpc.region)
    data = {
        "name": "switch-1",
        "byte_layer": "L2",
        "accept_points": "1, 3",
        "reject_points": "2",
        "drop_ports": "65533",
    }
    assert as_owner.post(f"{LIST}{exporter.pk}/edit/", data).status_code == 302
    exporter.refresh_from_db()
    assert exporter.observation_points == {"1": "ACCEPT", "3": "ACCEPT", "2": "REJECT"}
    assert (exporter.name, exporter.byte_layer, exporter.drop_ports) == ("switch-1", "L2", [65533])


@pytest.mark.parametrize(
    ("entered", "field", "said"),
    [
        pytest.param({"name": "1x"}, "name", "must start with a letter", id="name"),
        pytest.param({"accept_points": f"3, {1 << 64}"}, "accept_points", "at most 64 bits", id="accepts"),
        pytest.param({"reject_points": str(1 << 64)}, "reject_points", "at most 64 bits", id="rejects"),
        pytest.param({"drop_ports": str(1 << 32)}, "drop_ports", "0 to 4294967295", id="port"),
        pytest.param({"drop_ports": "9" * 5000}, "drop_ports", "whole numbers", id="thousands-of-digits"),
    ],
)
def test_what_breaks_the_rules_is_said_beside_its_field(
    as_owner: Client, vpc: Vpc, entered: dict[str, str], field: str, said: str
) -> None:
    exporter = make_exporter(account=vpc.account, region=vpc.region, name="before")
    data = {"name": "after", "byte_layer": "L2"} | entered
    errors = as_owner.post(f"{LIST}{exporter.pk}/edit/", data).context["form"].errors
    assert list(errors) == [field]
    assert said in errors[field][0]
    exporter.refresh_from_db()
    assert exporter.name == "before"


def test_all_that_breaks_the_rules_is_said_at_once(as_owner: Client, vpc: Vpc) -> None:
    exporter = make_exporter(account=vpc.account, region=vpc.region)
    much = str(1 << 64)
    data = {"name": "1", "byte_layer": "L2", "accept_points": much, "reject_points": much, "drop_ports": much}
    errors = as_owner.post(f"{LIST}{exporter.pk}/edit/", data).context["form"].errors
    assert set(errors) == {"name", "accept_points", "reject_points", "drop_ports"}


def test_points_of_64_bits_are_numbers_too(as_owner: Client, vpc: Vpc) -> None:
    exporter = make_exporter(account=vpc.account, region=vpc.region)
    largest = str((1 << 64) - 1)
    data = {"name": "edge", "byte_layer": "L2", "accept_points": largest}
    assert as_owner.post(f"{LIST}{exporter.pk}/edit/", data).status_code == 302
    exporter.refresh_from_db()
    assert exporter.observation_points == {largest: "ACCEPT"}


def test_details_show_losses_and_what_matched_no_interface(as_owner: Client, vpc: Vpc) -> None:
    exporter = make_exporter()
    Unattributed.objects.create(
        exporter=exporter, srcaddr="203.0.113.9", dstaddr="10.9.9.9", protocol=6, dstport=443, flows=2, packets=3,
        bytes=99, last_seen=timezone.now(),
    )  # fmt: skip
    response = as_owner.get(f"{LIST}{exporter.pk}/")
    assertContains(response, "203.0.113.9")
    assertContains(response, "10.9.9.9")


def test_readers_see_exporters_and_change_none(client: Client, reader: User, vpc: Vpc) -> None:
    exporter = make_exporter(account=vpc.account, region=vpc.region)
    client.force_login(reader)
    assert client.get(LIST).status_code == 200
    for action in ("bind", "edit"):
        response = client.post(f"{LIST}{exporter.pk}/{action}/", {"resource": f"vpc:{vpc.pk}"})
        assert response.status_code == 403
    assert not ExporterBinding.objects.exists()


def test_strangers_do_not_see_exporters_of_others(client: Client, stranger: User, vpc: Vpc) -> None:
    exporter = make_exporter(account=vpc.account, region=vpc.region)
    client.force_login(stranger)
    assertNotContains(client.get(LIST), "192.0.2.1")
    assert client.get(f"{LIST}{exporter.pk}/").status_code == 404


def test_the_list_costs_the_same_queries_for_many_exporters(
    as_owner: Client, vpc: Vpc, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    def cost(url: str) -> int:
        with django_assert_max_num_queries(25) as captured:
            as_owner.get(url)
        return len(captured)

    every = f"{LIST}?show=unclaimed"
    make_exporter(1)
    make_exporter(101, account=vpc.account, region=vpc.region)
    few = cost(LIST), cost(every)
    for number in range(2, 40):
        make_exporter(number)
        make_exporter(100 + number, account=vpc.account, region=vpc.region)
    assert (cost(LIST), cost(every)) == few


def test_the_ledger_page_tells_that_nothing_is_unexplained(as_owner: Client, vpc: Vpc) -> None:
    make_exporter(account=vpc.account, region=vpc.region)
    for unit in ("flows", "packets", "bytes", "nonsense"):
        assertContains(as_owner.get(f"/cn-hangzhou/ledger/?unit={unit}"), "Nothing is unexplained")


@pytest.mark.parametrize(
    ("flow_ms", "delay_ms", "said"),
    [
        pytest.param(30_000, 5_000, False, id="quick"),
        pytest.param(3_600_000, 5_000, True, id="long-flows"),
        pytest.param(30_000, 90_000, True, id="late-reports"),
    ],
)
def test_an_exporter_that_holds_flows_back_gets_the_setting_to_change(
    flow_ms: int, delay_ms: int, said: bool
) -> None:
    hint = hints.hold_back(flow_ms, delay_ms, interval=10, lateness=60)
    assert (hint is not None) == said
    if hint is not None:
        assert any("maxlife=60" in command for command in hint.commands)


@pytest.mark.parametrize(
    ("offset", "said"), [(29_000, False), (-29_000, False), (31_000, True), (-3_600_000, True)]
)
def test_a_clock_that_is_off_is_told(offset: int, said: bool) -> None:
    assert (hints.clock(offset) is not None) == said


def test_hints_are_in_the_language_of_the_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hints, "gettext", lambda text: f"«{text}»")
    held = hints.hold_back(3_600_000, 5_000, interval=10, lateness=60)
    behind, ahead = hints.clock(40_000), hints.clock(-8_000_000)
    assert held and behind and ahead
    assert held.title == "«This exporter holds flows back for up to «60 min»»"
    assert held.text.startswith("«Windows of 10 min close 60 s after their end.")
    assert held.commands[-1].startswith("«router")
    assert behind.title == "«The clock of this exporter is «40 s» behind the collector's»"
    assert ahead.title == "«The clock of this exporter is «2 h» ahead of the collector's»"
    assert behind.text.startswith("«Its times")


@pytest.mark.parametrize(
    ("lost", "said"), [(1, "1 datagram, 1 flow"), (1043, "1,043 datagrams, 1,043 flows"), (0, "0 datagrams")]
)
def test_losses_are_counted_in_words_that_fit(as_owner: Client, vpc: Vpc, lost: int, said: str) -> None:
    make_exporter()
    Stream.objects.update(lost_datagrams=lost, lost_flows=lost, attributed_flows=4, unattributed_flows=1)
    response = as_owner.get(LIST)
    assertContains(response, f"<dd>{said}")
    assertContains(response, "1 flow</a>")


def test_the_account_s_own_exporters_come_before_the_newest_of_nobody(as_owner: Client, vpc: Vpc) -> None:
    make_strangers(MANY, longest_flow_ms=3_600_000, clock_offset_ms=-3_600_000)
    make_exporter(1, account=vpc.account, region=vpc.region)
    bound = make_exporter(2, account=vpc.account, region=vpc.region)
    Exporter.objects.filter(pk=bound.pk).update(last_seen=timezone.now() - timedelta(days=9))
    ExporterBinding.objects.create(exporter=bound, vpc=vpc)
    own = as_owner.get(LIST)
    assert cards(own.content.decode()) == ["exp-2", "exp-1"]
    assertContains(own, "300 senders that nobody has bound")
    assertContains(own, f'href="{LIST}?show=unclaimed"')
    every = f"{LIST}?show=unclaimed"
    pages = [as_owner.get(f"{every}&page={number}").content.decode() for number in range(1, 16)]
    shown = [card for page in pages for card in cards(page)]
    assert shown[:2] == ["exp-forged-000", "exp-forged-001"]
    assert len(shown) == len(set(shown)) == MANY
    assert max(len(page.encode()) for page in pages) <= LARGEST
    assert "300 items" in pages[0]
    assert 'href="?show=unclaimed&amp;page=2"' in pages[0]


def test_a_sender_is_found_among_many(as_owner: Client, vpc: Vpc) -> None:
    make_strangers(MANY)
    page = as_owner.get(f"{LIST}?show=unclaimed&search=10.1.0.77").content.decode()
    assert cards(page) == ["exp-forged-077"]
    assertContains(as_owner.get(f"{LIST}?show=unclaimed&search=10.9.9.9"), "Nothing matches the search.")


def test_few_that_nobody_has_bound_are_beside_the_others(as_owner: Client, vpc: Vpc) -> None:
    make_strangers(5)
    make_exporter(1, account=vpc.account, region=vpc.region)
    response = as_owner.get(LIST)
    assert len(cards(response.content.decode())) == 6
    assertNotContains(response, "show=unclaimed")


def test_the_one_for_all_others_says_what_it_is_and_offers_no_binding(as_owner: Client, vpc: Vpc) -> None:
    everybody = strangers.everybody_else(timezone.now())
    for page in (LIST, f"{LIST}{everybody.pk}/"):
        response = as_owner.get(page)
        assertNotContains(response, f"{everybody.pk}/bind/")
        assertNotContains(response, f"{everybody.pk}/remove/")
        assertNotContains(response, "Not bound")
    assertContains(as_owner.get(LIST), "All other senders")
    assertContains(response, "senders beyond the limit of 1,000")


@pytest.mark.parametrize(("limit", "said"), [(6, False), (5, True)])
def test_that_the_limit_is_reached_is_said(
    as_owner: Client, vpc: Vpc, monkeypatch: pytest.MonkeyPatch, limit: int, said: bool
) -> None:
    monkeypatch.setattr(strangers, "MOST_STRANGERS", limit)
    strangers.everybody_else(timezone.now())
    make_strangers(5)
    page = as_owner.get(LIST).content.decode()
    assert ("The limit of 5 senders that nobody has bound is reached" in page) == said
    assert ("FLOWLOG_EXPORTERS_FROM" in page) == said


def test_an_exporter_that_observes_nothing_is_removed(as_owner: Client, vpc: Vpc) -> None:
    exporter = make_exporter()
    url = f"{LIST}{exporter.pk}/"
    assertContains(as_owner.get(url), f'action="{url}remove/"')
    assertRedirects(as_owner.post(f"{url}remove/"), LIST)
    assert [each.is_everybody_else for each in Exporter.objects.all()] == [True]
    assertContains(as_owner.get(LEDGER), "Nothing is unexplained")


def test_why_an_exporter_is_not_removed_is_said(as_owner: Client, vpc: Vpc) -> None:
    exporter = make_exporter(account=vpc.account, region=vpc.region)
    ExporterBinding.objects.create(exporter=exporter, vpc=vpc)
    url = f"{LIST}{exporter.pk}/"
    assertNotContains(as_owner.get(url), f"{url}remove/")
    assertContains(as_owner.post(f"{url}remove/", follow=True), "It is still used: ")


def test_a_card_adds_up_all_streams_of_its_exporter(as_owner: Client, vpc: Vpc) -> None:
    exporter = make_exporter()
    Stream.objects.create(
        exporter=exporter, port=4001, domain=2, version=9, datagrams=2000, flows=10, attributed_flows=10,
        clock_offset_ms=-40_000, longest_flow_ms=3_600_000, last_seen=timezone.now(),
    )  # fmt: skip
    [line] = as_owner.get(LIST).context["lines"]
    assert (line["datagrams"], line["flows"], line["lost_flows"]) == (2007, 15, 9)
    assert line["protocols"] == ["IPFIX", "NetFlow v9"]
    assert [hint.title for hint in line["hints"]] == [
        "This exporter holds flows back for up to 60 min",
        "The clock of this exporter is 40 s ahead of the collector's",
    ]


def test_the_streams_of_an_exporter_are_paged_and_its_counters_are_of_all(
    as_owner: Client, vpc: Vpc, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    exporter = make_exporter()
    url = f"{LIST}{exporter.pk}/"
    with django_assert_max_num_queries(25) as few:
        as_owner.get(url)
    now = timezone.now()
    Stream.objects.bulk_create(
        Stream(exporter=exporter, port=4000, domain=domain, version=9, datagrams=1, last_seen=now)
        for domain in range(2, MANY + 1)
    )
    with django_assert_max_num_queries(len(few)):
        responses = [as_owner.get(url)]
    responses += [as_owner.get(f"{url}?page={number}") for number in range(2, 16)]
    domains = [stream.domain for each in responses for stream, protocol in each.context["streams"]]
    assert sorted(domains) == list(range(1, MANY + 1))
    assert max(len(each.content) for each in responses) <= LARGEST
    assert responses[0].context["line"]["datagrams"] == 7 + MANY - 1
    assertContains(responses[0], "300 items")


def test_labels_say_which_datagrams_are_counted(as_owner: Client, vpc: Vpc) -> None:
    Collector.objects.create(id="col-1", datagrams=3, last_seen=timezone.now())
    make_exporter()
    response = as_owner.get(LIST)
    assertContains(response, "<dd>3<small>by this collector, without replayed history</small></dd>")
    assertContains(response, "<dt>Datagrams, history included</dt><dd>7</dd>")
    detail = as_owner.get(f"{LIST}exp-1/")
    assertContains(detail, "The counters are of all collectors, replayed history included.")


def test_the_ledger_pages_both_lists_and_judges_all_lines(
    as_owner: Client,
    vpc: Vpc,
    make_flow_log: MakeFlowLog,
    django_assert_max_num_queries: DjangoAssertNumQueries,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    row = make_flow_log()
    make_exporter(1, account=vpc.account, region=vpc.region)
    with django_assert_max_num_queries(25) as few:
        assertNotContains(as_owner.get(LEDGER), 'class="pagination"')
    make_strangers(MANY, flows=2, unattributed_flows=2)
    copies = []
    for number in range(1, MANY):
        row.pk, row.name = f"fl-{number:03}", f"flow-log-{number:03}"
        copies.append(
            FlowLog(**{field.attname: getattr(row, field.attname) for field in FlowLog._meta.fields})
        )
    FlowLog.objects.bulk_create(copies)
    with django_assert_max_num_queries(len(few)):
        first = as_owner.get(LEDGER)
    assert [line.exporter.pk for line in first.context["exporters"]] == ["exp-1"]
    assertContains(first, 'href="?show=unclaimed">300 senders that nobody has bound')
    assert first.context["folded"].decoded == Amount(flows=2 * MANY)
    every = f"{LEDGER}?show=unclaimed&unit=bytes"
    pages = [as_owner.get(f"{every}&page={number}&exporters={number}") for number in range(1, 17)]
    exporters = [line.exporter.pk for each in pages for line in each.context["exporters"]]
    assert exporters[:2] == ["exp-1", "exp-forged-000"]
    assert len(set(exporters)) == MANY + 1
    names = {line.flow_log.name for each in [first, *pages] for line in each.context["page"]}
    assert len(names) == MANY
    assert max(len(each.content) for each in [first, *pages]) <= LARGEST
    assertContains(pages[1], 'href="?show=unclaimed&amp;unit=bytes&amp;page=2&amp;exporters=3"')
    assertContains(pages[1], 'href="?show=unclaimed&amp;unit=bytes&amp;page=3&amp;exporters=2"')
    assertContains(pages[1], 'href="?show=unclaimed&amp;unit=packets&amp;page=2&amp;exporters=2"')
    assertContains(first, "Nothing is unexplained")
    book = ledger.ledger(vpc.account)
    book.exporters[-1] = replace(book.exporters[-1], decoded=Amount(1))
    monkeypatch.setattr(ledger, "ledger", lambda account: book)
    assertContains(as_owner.get(LEDGER), "Something is unexplained")


def test_the_units_of_the_ledger_are_in_the_language_of_the_page(as_owner: Client, vpc: Vpc) -> None:
    page = as_owner.get(LEDGER, headers={"Accept-Language": "zh-CN"}).content.decode()
    tabs = re.findall(r'<a href="\?unit=\w+"[^>]*>([^<]+)</a>', page)
    assert len(tabs) == 3
    assert not set(tabs) & {"Flows", "Packets", "Bytes"}
