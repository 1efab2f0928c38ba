"""The Flow Log pages: what the list shows and finds, the life cycle, and the details."""

import csv
import io
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.messages import get_messages
from django.db import connection
from django.db.models import F, Value
from django.db.models.functions import Concat
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from console.models import Account, Region, Role, User
from flowlogs import services, usage
from flowlogs.models import Closing, Delivery, FlowLog, Instance, Logstore, Vpc, Window
from tests.flowlogs.conftest import MakeFlowLog

LIST = "/cn-hangzhou/flow-logs/"
CREATE = f"{LIST}create/"
FRAGMENT = {"HX-Request": "true"}
TAGS = ({"env": "prod"}, {"env": "prod", "team": "net"}, {"env": "test", "1": "one"})


@pytest.fixture
def page(client: Client, owner: User) -> Client:
    """A client that is logged in as the owner."""
    client.force_login(owner)
    return client


def names(html: str) -> list[str]:
    """Return the names of the flow logs in a list, in their order."""
    return re.findall(r'<th scope="row"><a href="fl-[^"]*/">([^<]*)</a>', html)


def text(response: Any) -> str:
    """Return an answer with runs of white space as one space."""
    return re.sub(r"\s+", " ", response.content.decode())


def said(response: Any) -> list[str]:
    """Return the messages that an answer leaves."""
    return [str(message) for message in get_messages(response.wsgi_request)]


def test_an_empty_region_says_what_to_do(page: Client, region: Region) -> None:
    html = text(page.get(LIST))
    assert "No flow log yet" in html
    assert f'href="{CREATE}" data-panel' in html


def test_a_region_without_flow_logs_says_so_and_offers_none(page: Client, region: Region) -> None:
    Region.objects.filter(pk=region.pk).update(flow_logs_available=False)
    html = text(page.get(LIST))
    assert "Flow logs are not available in this region" in html
    assert f'href="{CREATE}"' not in html


def test_a_missing_gate_leads_to_the_authorization(page: Client, account: Account, region: Region) -> None:
    Role.objects.filter(account=account).delete()
    html = text(page.get(LIST))
    assert 'href="/authorize/"' in html
    assert f'href="{CREATE}"' not in html


def test_a_row_says_what_the_flow_log_does(page: Client, make_flow_log: MakeFlowLog, vpc: Vpc) -> None:
    Vpc.objects.filter(pk=vpc.pk).update(is_demo=True)
    flow_log = make_flow_log(
        name="egress",
        resource_type="VSwitch",
        resource_id="vsw-vpc-1-a",
        traffic_type="Allow",
        traffic_paths=["natGateway", "vbr"],
        interval=5,
    )
    html = text(page.get(LIST))
    for words in (
        flow_log.pk,
        "vsw-vpc-1-a",
        "Allowed Traffic",
        "5 min",
        "NAT gateway, Virtual border router (VBR)",
        "Demo",
        "status-success",
        'href="../log-service/logs/flows/"',
        'href="../vswitches/vsw-vpc-1-a/"',
    ):
        assert words in html, words


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        pytest.param("search=10.0.0.1", ["gamma", "beta", "alpha"], id="by an address in the VPC"),
        pytest.param("search=10.0.0.2", ["gamma", "alpha"], id="by an address of another ENI"),
        pytest.param("search=10.0.0.77", [], id="by an address that nobody has"),
        pytest.param("resource_type=NetworkInterface", ["beta"], id="by type of resource"),
        pytest.param("traffic_type=Drop", ["gamma"], id="by traffic type"),
        pytest.param("tag=env:prod", ["beta", "alpha"], id="by tag and value"),
        pytest.param("tag=env", ["gamma", "beta", "alpha"], id="by tag"),
        pytest.param("tag=env:%20prod", ["beta", "alpha"], id="by tag with a blank"),
        pytest.param("tag=1:one", ["gamma"], id="a number is a key of a tag"),
        pytest.param("tag=1", ["gamma"], id="a number alone is a key of a tag"),
        pytest.param("tag=nothing", [], id="no such tag"),
        pytest.param("tag=env:prod&search=beta", ["beta"], id="filters together"),
        pytest.param("sort=interval", ["beta", "gamma", "alpha"], id="sorted by interval"),
        pytest.param("sort=-traffic", ["gamma", "beta", "alpha"], id="sorted by traffic type"),
        pytest.param("sort=resource", ["beta", "gamma", "alpha"], id="sorted by resource"),
        pytest.param("sort=-delivery", ["beta", "gamma", "alpha"], id="sorted by delivery"),
        pytest.param("search=alpha", ["alpha"], id="by name"),
        pytest.param("search=eni-vsw-vpc-1-a-1", ["beta"], id="by resource"),
        pytest.param("search=web-1", ["beta"], id="by name of the resource"),
        pytest.param("search=ta+be", ["beta"], id="every word"),
        pytest.param("search=%25", [], id="no wildcards"),
        pytest.param("status=Inactive", ["gamma"], id="not started"),
        pytest.param("status=changing", ["alpha"], id="changing"),
        pytest.param("status=failed", ["beta"], id="failed"),
        pytest.param("status=nonsense", ["gamma", "beta", "alpha"], id="unknown status"),
        pytest.param("sort=name", ["alpha", "beta", "gamma"], id="by name up"),
        pytest.param("sort=-name", ["gamma", "beta", "alpha"], id="by name down"),
        pytest.param("sort=created", ["alpha", "beta", "gamma"], id="oldest first"),
        pytest.param("sort=nonsense", ["gamma", "beta", "alpha"], id="newest first"),
    ],
)
def test_the_address_filters_and_sorts(
    page: Client, make_flow_log: MakeFlowLog, query: str, expected: list[str]
) -> None:
    made = [
        make_flow_log(name="alpha", finished=False),
        make_flow_log(
            name="beta", resource_type="NetworkInterface", resource_id="eni-vsw-vpc-1-a-1", interval=1
        ),
        make_flow_log(name="gamma", traffic_type="Drop", interval=5),
    ]
    for flow_log, tags in zip(made, TAGS, strict=True):
        FlowLog.objects.filter(pk=flow_log.pk).update(tags=tags)
    now = timezone.now()
    for age, flow_log in enumerate(reversed(made)):
        FlowLog.objects.filter(pk=flow_log.pk).update(created_at=now - timedelta(hours=age))
    services.stop(made[2], None)
    services.finish_transition(made[2].pk)
    services.delivery_failed(made[1].pk, "UnknownError")
    assert names(page.get(f"{LIST}?{query}").content.decode()) == expected


def test_no_results_is_not_an_empty_region(page: Client, make_flow_log: MakeFlowLog) -> None:
    make_flow_log()
    html = text(page.get(f"{LIST}?search=nothing"))
    assert "No results" in html
    assert "Clear filter" in html
    assert "No flow log yet" not in html


def test_pages(page: Client, many_flow_logs: Callable[[int], None]) -> None:
    many_flow_logs(45)
    assert len(names(page.get(LIST).content.decode())) == 20
    assert len(names(page.get(f"{LIST}?page=3").content.decode())) == 5
    assert len(names(page.get(f"{LIST}?page_size=50").content.decode())) == 45
    assert len(names(page.get(f"{LIST}?page=999&page_size=7").content.decode())) == 5


def test_the_number_of_queries_of_the_list_is_fixed(
    page: Client, many_flow_logs: Callable[[int], None]
) -> None:
    counts = []
    for more in (3, 57):
        many_flow_logs(more)
        with CaptureQueriesContext(
            connection,
        ) as queries:
            page.get(f"{LIST}?page_size=50")
        counts.append(len(queries))
    assert counts[0] == counts[1]
    assert counts[1] <= 13


def test_it_asks_again_only_while_something_changes(page: Client, make_flow_log: MakeFlowLog) -> None:
    flow_log = make_flow_log(finished=False)
    waiting = page.get(f"{LIST}?sort=name", headers=FRAGMENT).content.decode()
    asking = f'hx-get="/cn-hangzhou/flow-logs/?sort=name&amp;changing={flow_log.pk}" hx-trigger="every 1s"'
    assert asking in waiting
    assert "<html" not in waiting
    services.finish_transition(flow_log.pk)
    assert "every 1s" not in page.get(LIST, headers=FRAGMENT).content.decode()


@pytest.mark.parametrize(
    ("code", "reason", "remedy"),
    [
        ("LogstoreNotExist", "The Logstore does not exist.", "Create a Logstore with the same name"),
        ("RoleRevoked", "Delivery is not authorized", "Authorize delivery again"),
    ],
)
def test_a_failed_delivery_says_why_and_what_to_do(
    page: Client, make_flow_log: MakeFlowLog, code: str, reason: str, remedy: str
) -> None:
    flow_log = make_flow_log()
    if code == "LogstoreNotExist":
        services.delete_logstore(Logstore.objects.get(), None)
    services.delivery_failed(flow_log.pk, code)
    html = text(page.get(LIST))
    assert "Delivery Failed" in html
    assert reason in html
    assert remedy in html


def test_a_missing_logstore_is_no_link(page: Client, make_flow_log: MakeFlowLog) -> None:
    make_flow_log()
    Logstore.objects.all().delete()
    html = text(page.get(LIST))
    assert "logs/<wbr>flows" in html
    assert "log-service/logs/flows/" not in html


def test_a_reader_sees_what_is_missing_for_each_action(
    client: Client, reader: User, make_flow_log: MakeFlowLog
) -> None:
    make_flow_log()
    client.force_login(reader)
    html = text(client.get(LIST))
    for action in ("DeactiveFlowLog", "ModifyFlowLogAttribute", "DeleteFlowLog", "CreateFlowLog"):
        assert f'disabled title="You need the permission vpc:{action}."' in html


def test_each_row_leads_to_what_can_be_done_without_scripts(
    client: Client, owner: User, reader: User, make_flow_log: MakeFlowLog
) -> None:
    flow_log = make_flow_log()
    links = {name: f'<a href="{flow_log.pk}/{name}/">' for name in ("edit", "delete", "scope")}
    for who, expected in ((owner, {"edit", "delete", "scope"}), (reader, {"scope"})):
        client.force_login(who)
        html = client.get(LIST).content.decode()
        assert {name for name, link in links.items() if link in html} == expected
    services.finish_transition(flow_log.pk)
    services.stop(flow_log, owner)
    client.force_login(owner)
    html = client.get(LIST).content.decode()
    assert {name for name, link in links.items() if link in html} == {"scope"}, "it is changing"


def test_the_scope_is_offered_for_what_has_several_interfaces(
    page: Client, make_flow_log: MakeFlowLog
) -> None:
    """SEED4: "View ENI Collection Scope" is for VPCs and vSwitches."""
    whole = make_flow_log()
    alone = make_flow_log(resource_type="NetworkInterface", resource_id="eni-vsw-vpc-1-a-1")
    html = page.get(LIST).content.decode()
    assert f'<a href="{whole.pk}/scope/">' in html
    assert f'<a href="{alone.pk}/scope/">' not in html
    details = {each.pk: text(page.get(f"{LIST}{each.pk}/")) for each in (whole, alone)}
    assert "ENI Collection Scope</a>" in details[whole.pk]
    assert "ENI Collection Scope</a>" not in details[alone.pk]
    assert f'<a href="{LIST}{alone.pk}/scope/">Coverage</a>' in details[alone.pk], "its coverage stays there"


def test_a_flow_log_over_the_demo_says_whose_data_it_has(
    page: Client, make_flow_log: MakeFlowLog, vpc: Vpc
) -> None:
    badge = '<span class="tag tag-demo" title="Its traffic comes from the demo exporter.">Demo data</span>'
    mine = make_flow_log()
    assert badge not in text(page.get(LIST))
    Vpc.objects.filter(pk=vpc.pk).update(is_demo=True)
    over_demo = make_flow_log(traffic_type="Drop")
    assert text(page.get(LIST)).count(badge) == 1
    assert badge not in text(page.get(f"{LIST}{mine.pk}/"))
    assert badge in text(page.get(f"{LIST}{over_demo.pk}/"))


def test_stop_and_start(page: Client, make_flow_log: MakeFlowLog) -> None:
    flow_log = make_flow_log(name="web")
    response = page.post(f"{LIST}{flow_log.pk}/stop/", {"next": f"{LIST}?sort=name"})
    assert response["Location"] == f"{LIST}?sort=name"
    assert said(response) == ["Flow log web is stopping."]
    services.finish_transition(flow_log.pk)
    response = page.post(f"{LIST}{flow_log.pk}/start/")
    assert response["Location"] == f"{LIST}{flow_log.pk}/"
    flow_log.refresh_from_db()
    assert flow_log.status == "Activating"


def test_the_wrong_state_is_an_error(page: Client, make_flow_log: MakeFlowLog) -> None:
    flow_log = make_flow_log(name="web")
    response = page.post(f"{LIST}{flow_log.pk}/start/")
    assert said(response) == ["web is in state Started. Invalid flowlog status."]
    assert "banner-error" in text(page.get(LIST))


def test_start_says_at_once_what_is_missing(
    page: Client, make_flow_log: MakeFlowLog, account: Account
) -> None:
    flow_log = make_flow_log(name="web")
    services.delete_logstore(Logstore.objects.get(), None)
    assert said(page.post(f"{LIST}{flow_log.pk}/start/")) == [
        "web is in state Not Started. Logstore flows does not exist. "
        "Create a Logstore with the same name, then start the flow log."
    ]
    account.roles.all().delete()
    assert said(page.post(f"{LIST}{flow_log.pk}/start/"))[-1].endswith("Pass the authorization steps first.")


def test_the_pager_sets_thousands_apart(page: Client, many_flow_logs: Callable[[int], None]) -> None:
    many_flow_logs(1)
    assert "<span>1 item</span>" in text(page.get(LIST))
    many_flow_logs(1042)
    assert "<span>1,043 items</span>" in text(page.get(LIST))


@pytest.mark.parametrize("status", ["Activating", "Deactivating", "Modifying", "Deleting"])
def test_what_is_changing_is_neither_started_nor_stopped(
    page: Client, make_flow_log: MakeFlowLog, status: str
) -> None:
    flow_log = make_flow_log()
    FlowLog.objects.update(status=status)
    for url in (LIST, f"{LIST}{flow_log.pk}/"):
        toggle = re.findall(r"<button([^>]*)>(?:Start|Stop)</button>", text(page.get(url)))[-1]
        assert "disabled" in toggle


def test_it_does_not_lead_to_another_site(page: Client, make_flow_log: MakeFlowLog) -> None:
    flow_log = make_flow_log()
    response = page.post(f"{LIST}{flow_log.pk}/stop/", {"next": "https://example.com/"})
    assert response["Location"] == f"{LIST}{flow_log.pk}/"


def test_edit(page: Client, make_flow_log: MakeFlowLog) -> None:
    flow_log = make_flow_log(name="before")
    url = f"{LIST}{flow_log.pk}/edit/"
    assert 'value="before"' in text(page.get(url))
    page.post(url, {"name": "after", "description": "for audit", "interval": "1"})
    flow_log.refresh_from_db()
    assert (flow_log.name, flow_log.description, flow_log.interval) == ("after", "for audit", 1)
    assert flow_log.status == "Modifying"


def test_edit_says_what_is_wrong(page: Client, make_flow_log: MakeFlowLog) -> None:
    flow_log = make_flow_log(name="before")
    url = f"{LIST}{flow_log.pk}/edit/"
    wrong = {"name": "http://x", "description": "y", "interval": "10"}
    response = page.post(url, wrong)
    assert set(response.context["form"].errors) == {"name", "description"}


def test_delete_takes_the_name(page: Client, make_flow_log: MakeFlowLog) -> None:
    flow_log = make_flow_log(name="web")
    url = f"{LIST}{flow_log.pk}/delete/"
    asked = text(page.get(url))
    assert "stay readable in logs/flows" in asked
    assert "deliveries, ledger and fees are kept" in asked
    assert "That is not the name of the flow log." in text(page.post(url, {"confirmation": "Web"}))
    flow_log.refresh_from_db()
    assert flow_log.status == "Active"
    assert page.post(url, {"confirmation": "web"})["Location"] == LIST
    flow_log.refresh_from_db()
    assert flow_log.status == "Deleting"


def test_rows_that_are_through_are_sent_alone(page: Client, make_flow_log: MakeFlowLog) -> None:
    ready = make_flow_log(name="ready", finished=False)
    waiting = make_flow_log(name="waiting", finished=False)
    url = f"{LIST}?changing={ready.pk}.{waiting.pk}"
    assert "<tr" not in text(page.get(url, headers=FRAGMENT))
    services.finish_transition(ready.pk)
    response = page.get(url, headers=FRAGMENT)
    html = text(response)
    assert names(html) == ["ready"]
    assert f"hx-swap-oob=\"outerHTML:tr:has([value='{ready.pk}'])\"" in html
    assert f"changing={waiting.pk}" in html
    assert "HX-Retarget" not in response.headers


def test_a_row_that_is_gone_brings_the_whole_list(page: Client, make_flow_log: MakeFlowLog) -> None:
    gone, other = make_flow_log(name="gone"), make_flow_log(name="other")
    services.delete(gone, None)
    services.finish_transition(gone.pk)
    response = page.get(f"{LIST}?sort=name&changing={gone.pk}", headers=FRAGMENT)
    assert response["HX-Retarget"] == "#flow-logs"
    assert names(text(response)) == [other.name]
    assert "changing=" not in text(response)


def test_columns_are_chosen_in_the_address_and_remembered(page: Client, make_flow_log: MakeFlowLog) -> None:
    make_flow_log()
    assert headings(page.get(LIST)) == [
        "Flow log",
        "Resource",
        "Traffic type",
        "Sampling",
        "Status and delivery",
        "Simple Log Service",
        "This month",
        "Actions",
    ]
    chosen = ["Flow log", "Status and delivery", "Tags", "Actions"]
    assert headings(page.get(f"{LIST}?columns=tags.status")) == chosen
    assert headings(page.get(LIST, follow=True)) == chosen, "it is not remembered"
    assert headings(page.get(f"{LIST}?columns=created")) == ["Flow log", "Created", "Actions"]
    assert len(headings(page.get(f"{LIST}?columns=nonsense", follow=True))) == 3, "nonsense hides nothing"


def test_the_address_always_says_which_columns_are_shown(page: Client, make_flow_log: MakeFlowLog) -> None:
    make_flow_log()
    assert page.get(LIST).status_code == 200, "the usual ones need no words"
    page.get(f"{LIST}?columns=tags.status")
    for sent in ("", "columns=", "columns=nonsense"):
        response = page.get(f"{LIST}?search=a&{sent}")
        assert response["Location"] == f"{LIST}?search=a&columns=status.tags", sent
    assert page.get(f"{LIST}?search=a", headers=FRAGMENT).status_code == 200, (
        "a part of a page has no address"
    )
    usual = "resource.traffic.sampling.status.logstore.volume"
    assert page.get(f"{LIST}?columns={usual}").status_code == 200
    assert page.get(LIST).status_code == 200


def test_after_revoking_rows_only_say_that_delivery_failed(
    page: Client, account: Account, make_flow_log: MakeFlowLog
) -> None:
    revoked, other = make_flow_log(name="revoked"), make_flow_log(name="other")
    services.delivery_failed(revoked.pk, "RoleRevoked")
    services.delivery_failed(other.pk, "UnknownError")
    reason, remedy = "Delivery is not authorized: the role", "Authorize delivery again"
    assert reason in text(page.get(LIST)), "the account is authorized: nothing else says so"
    Role.objects.filter(account=account).delete()
    html = text(page.get(LIST))
    assert "An internal error occurred." in html
    assert reason not in html and remedy not in html
    assert html.count("Delivery Failed") == 3, "in two rows, and in the filter"
    assert reason in text(page.get(f"{LIST}{revoked.pk}/")), "in full on its own page"


def test_the_menu_of_columns_leads_to_one_parameter(page: Client, make_flow_log: MakeFlowLog) -> None:
    response = page.get(f"{LIST}?sort=name&columns=resource&columns=status")
    assert response["Location"] == f"{LIST}?sort=name&columns=resource.status"


def test_volume_and_fee_of_the_month(page: Client, make_flow_log: MakeFlowLog, vpc: Vpc) -> None:
    flow_log = make_flow_log()
    closing = Closing.objects.create(window=Window.objects.create(vpc=vpc, interval=10, start=0), number=0)
    Delivery.objects.create(
        flow_log=flow_log, closing=closing, state=Delivery.State.DELIVERED, records=5, size=7 * 2**30
    )
    usage.record(closing, timezone.now())
    html = text(page.get(LIST))
    assert "7.0 GB<p>$0.74" in html, "5 GB are free, 2 cost 0.37 each"


def test_the_file_has_all_that_the_filter_finds(page: Client, many_flow_logs: Callable[[int], None]) -> None:
    many_flow_logs(60)
    FlowLog.objects.filter(name="log-7").update(name="=cmd()", tags={"env": "prod"})
    FlowLog.objects.filter(name="log-8").update(status="Inactive")
    response = page.get(f"{LIST}export/?status=Active&page_size=10&page=2")
    rows = list(csv.DictReader(io.StringIO(b"".join(response.streaming_content).decode())))
    assert len(rows) == 59
    assert response.headers["Content-Disposition"].startswith('attachment; filename="flow-logs-cn-hangzhou-')
    by_name = {row["FlowLogName"]: row for row in rows}
    assert "'=cmd()" in by_name, "a spreadsheet takes it for a formula"
    assert by_name["'=cmd()"]["Tags"] == "env:prod"
    assert (by_name["log-9"]["ResourceId"], by_name["log-9"]["ResourceName"]) == ("vpc-1", "vpc-1")
    assert by_name["log-10"]["ResourceType"] == "VSwitch"


def test_the_number_of_queries_of_the_file_grows_by_hundreds(
    page: Client, many_flow_logs: Callable[[int], None]
) -> None:
    counts = []
    for more in (10, 180):
        many_flow_logs(more)
        with CaptureQueriesContext(connection) as queries:
            assert b"".join(page.get(f"{LIST}export/").streaming_content)
        counts.append(len(queries))
    assert counts[0] == counts[1]


def test_the_interval_is_edited_in_its_cell(page: Client, make_flow_log: MakeFlowLog) -> None:
    flow_log = make_flow_log(name="web")
    url = f"{LIST}{flow_log.pk}/interval/"
    cell = text(page.get(url, headers=FRAGMENT))
    assert f'<select name="interval-{flow_log.pk}"' in cell
    assert "<html" not in cell
    assert text(page.get(f"{url}?cancel=1", headers=FRAGMENT)).startswith("10 min<p>All Scenarios")
    sent = {f"interval-{flow_log.pk}": "1", "interval-fl-other": "5", "next": f"{LIST}?sort=name"}
    assert page.post(url, sent)["Location"] == f"{LIST}?sort=name"
    flow_log.refresh_from_db()
    assert (flow_log.interval, flow_log.status) == (1, "Modifying")


def test_the_interval_is_edited_on_a_page_of_its_own(page: Client, make_flow_log: MakeFlowLog) -> None:
    flow_log = make_flow_log(name="web")
    url = f"{LIST}{flow_log.pk}/interval/"
    assert "<html" in text(page.get(url))
    page.post(url, {"interval": "5"})
    flow_log.refresh_from_db()
    assert flow_log.interval == 5


@pytest.mark.parametrize(
    "sent", [{}, {"interval": "7"}, {"interval": "x"}], ids=["none", "unknown", "no number"]
)
def test_other_intervals_are_refused(page: Client, make_flow_log: MakeFlowLog, sent: dict[str, str]) -> None:
    flow_log = make_flow_log(name="web")
    response = page.post(f"{LIST}{flow_log.pk}/interval/", sent)
    assert "The sampling interval must be 1, 5, or 10 minutes." in said(response)[0]
    flow_log.refresh_from_db()
    assert flow_log.interval == 10


def test_old_instance_families_are_named(page: Client, make_flow_log: MakeFlowLog, vpc: Vpc) -> None:
    make_flow_log()
    assert "banner" not in text(page.get(f"{LIST}warnings/"))
    Instance.objects.create(pk="i-old", vpc=vpc, instance_type="ecs.n1.small")
    Instance.objects.create(pk="i-new", vpc=vpc, instance_type="ecs.n10.small")
    html = text(page.get(f"{LIST}warnings/"))
    assert "vpc-1 vpc-1: i-old (ecs.n1.small)" in html
    assert "i-new" not in html
    assert f'hx-get="{LIST}warnings/"' in text(page.get(LIST))


def headings(response: Any) -> list[str]:
    """Return the headings of the columns of a list."""
    return re.findall(r'<th scope="col"[^>]*>(?:<a [^>]*>)?([^<]*)', response.content.decode())


@pytest.mark.parametrize("who", ["owner", "reader"])
def test_a_page_of_fifty_is_at_most_60_kb(
    client: Client, request: pytest.FixtureRequest, many_flow_logs: Callable[[int], None], who: str
) -> None:
    client.force_login(request.getfixturevalue(who))
    many_flow_logs(60)
    resource = "vpc-bp1f6qqhsrc2c12ta7x0k"
    Vpc.objects.create(
        pk=resource, account=Account.objects.get(), region_id="cn-hangzhou", name="production-web"
    )
    FlowLog.objects.update(
        resource_type="VPC",
        resource_id=resource,
        delivery_status="SUCCESS",
        name=Concat(Value("production-"), F("name")),
    )
    response = client.get(f"{LIST}?page_size=50")
    assert len(names(text(response))) == 50
    assert len(response.content) <= 60_000
