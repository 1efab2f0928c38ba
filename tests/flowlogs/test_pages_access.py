"""Who may do what on the pages of this app, with forms that would be taken; a new address without a row fails.

What an address alone can tell is in tests/test_access_matrix.py and tests/test_security.py.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from console.models import Account, Region, User
from flowlogs import services, usage
from flowlogs.models import (
    Closing,
    Delivery,
    Exporter,
    ExporterBinding,
    FlowLog,
    Logstore,
    Project,
    Stream,
    Unattributed,
    Vpc,
    VSwitch,
    Window,
)
from flowlogs.urls import urlpatterns
from tests.flowlogs.conftest import MakeFlowLog, make_interface
from tests.flowlogs.test_pages_network import NETWORK_PAGES

ELSEWHERE = "cn-beijing"
XSS = '"><script>alert(1)</script>'


@dataclass(frozen=True)
class Page:
    """An address: the permission it takes, what to POST (None: it is only read), and what its path names."""

    action: str
    post: dict[str, str] | None = None
    names: tuple[str, ...] = ()
    only_post: bool = False


FLOW_LOG = ("flow_log_id",)
EXPORTER = ("exporter_id",)
NEW_FLOW_LOG = {
    "resource_type": "VPC",
    "resource_id": "vpc-1",
    "traffic_type": "All",
    "ip_version": "IPv4",
    "interval": "10",
    "path_mode": "all",
    "project_mode": "select",
    "project_name": "logs",
    "logstore_mode": "select",
    "logstore_name": "flows",
    "name": "second",
}
PAGES = {
    "flow-log-list": Page("vpc:DescribeFlowLogs"),
    "flow-log-create": Page("vpc:CreateFlowLog", NEW_FLOW_LOG),
    "flow-log-batch": Page("vpc:DeactiveFlowLog", {"act": "stop", "ids": "{flow_log_id}"}, only_post=True),
    "flow-log-export": Page("vpc:DescribeFlowLogs"),
    "flow-log-warnings": Page("vpc:DescribeFlowLogs"),
    "flow-log-detail": Page("vpc:DescribeFlowLogs", names=FLOW_LOG),
    "flow-log-scope": Page("vpc:DescribeFlowLogs", names=FLOW_LOG),
    "flow-log-interval": Page("vpc:ModifyFlowLogAttribute", {"interval": "5"}, FLOW_LOG),
    "flow-log-ledger": Page("vpc:DescribeFlowLogs", names=FLOW_LOG),
    "flow-log-edit": Page(
        "vpc:ModifyFlowLogAttribute", {"name": "other", "description": "", "interval": "5"}, FLOW_LOG
    ),
    "flow-log-tags": Page("vpc:TagResources", {"tags_key": "team", "tags_value": "network"}, FLOW_LOG),
    "flow-log-delete": Page("vpc:DeleteFlowLog", {"confirmation": "first"}, FLOW_LOG),
    "flow-log-start": Page("vpc:ActiveFlowLog", {}, FLOW_LOG, only_post=True),
    "flow-log-deliver-again": Page("vpc:ActiveFlowLog", {}, FLOW_LOG, only_post=True),
    "flow-log-stop": Page("vpc:DeactiveFlowLog", {}, FLOW_LOG, only_post=True),
    "exporter-list": Page("vpc:DescribeExporters"),
    "exporter-detail": Page("vpc:DescribeExporters", names=EXPORTER),
    "exporter-bind": Page("vpc:BindExporter", {"resource": "vsw:vsw-vpc-1-a"}, EXPORTER),
    "exporter-edit": Page(
        "vpc:ModifyExporter",
        {"name": "other", "byte_layer": "L3", "observation_points": "", "drop_ports": ""},
        EXPORTER,
    ),
    "exporter-unbind": Page("vpc:UnbindExporter", {}, ("exporter_id", "binding_id"), only_post=True),
    "exporter-remove": Page("vpc:ReleaseExporter", {}, EXPORTER, only_post=True),
    "overview": Page("vpc:DescribeFlowLogs"),
    "usage": Page("vpc:DescribeFlowLogs"),
    "usage-export": Page("vpc:DescribeFlowLogs"),
    "usage-prices": Page(
        "log:ModifyPrices", {"storage_price": "0.01", "index_price": "0.02", "transformation_price": "0.03"}
    ),
    "ledger": Page("vpc:DescribeFlowLogs"),
}
WRITES = [name for name, page in PAGES.items() if page.post is not None]
NOTHING_TO_DO = "flow-log-deliver-again"
"""Changes nothing where all was delivered, as it is here."""
NAMED = [name for name, page in PAGES.items() if page.names]


@pytest.fixture
def scene(make_flow_log: MakeFlowLog, account: Account, region: Region, vpc: Vpc) -> dict[str, Any]:
    """One flow log with a delivery, and one bound exporter with a stream and a stray flow."""
    flow_log = make_flow_log(name="first")
    exporter = Exporter.objects.create(pk="exp-1", account=account, region=region, address="192.0.2.1")
    binding = services.bind_exporter(exporter, None, vpc)
    Stream.objects.create(
        exporter=exporter,
        port=2055,
        domain=0,
        version=10,
        longest_flow_ms=3_600_000,
        clock_offset_ms=90_000,
        last_seen=timezone.now(),
    )
    Unattributed.objects.create(
        exporter=exporter,
        srcaddr="10.9.0.1",
        dstaddr="10.9.0.2",
        protocol=6,
        dstport=80,
        last_seen=timezone.now(),
    )
    window = Window.objects.create(vpc=vpc, interval=10, start=1_772_366_400)
    Delivery.objects.create(
        flow_log=flow_log,
        closing=Closing.objects.create(window=window, number=0),
        state=Delivery.State.DELIVERED,
        records=3,
        size=300,
    )
    usage.record(window.closings.get(), timezone.now())
    return {"flow_log_id": flow_log.pk, "exporter_id": exporter.pk, "binding_id": binding.pk}


def address(name: str, scene: dict[str, Any], region: str = "cn-hangzhou") -> str:
    parts = {part: scene[part] for part in PAGES[name].names}
    return reverse(f"flowlogs:{name}", kwargs={"region_id": region, **parts})


def ask(client: Client, name: str, scene: dict[str, Any], region: str = "cn-hangzhou", **headers: str) -> Any:
    """Read a page, or do what it is for."""
    post = PAGES[name].post
    url = address(name, scene, region)
    if post is None:
        return client.get(url, headers=headers)
    sent = {field: value.format(**scene) for field, value in post.items()}
    return client.post(url, sent, headers=headers)


def state() -> list[Any]:
    """Return all that a page could change."""
    models = (Account, FlowLog, Exporter, ExporterBinding, Project, Logstore)
    return [list(model.objects.order_by("pk").values()) for model in models]


def test_every_address_has_a_row_here() -> None:
    assert {pattern.name for pattern in urlpatterns} == {*PAGES, *NETWORK_PAGES}


@pytest.mark.parametrize("name", PAGES)
def test_a_stranger_without_a_session_is_sent_to_the_login_page(
    client: Client, scene: dict[str, Any], name: str
) -> None:
    before = state()
    response = ask(client, name, scene)
    assert response.status_code == 302
    assert response["Location"].startswith(reverse("console:login"))
    assert state() == before


@pytest.mark.parametrize("name", NAMED)
def test_the_owner_of_another_account_finds_nothing(
    client: Client, scene: dict[str, Any], stranger: User, name: str
) -> None:
    client.force_login(stranger)
    before = state()
    assert ask(client, name, scene).status_code == 404
    assert state() == before


def test_the_owner_of_another_account_cannot_watch_this_ones_vpc(
    client: Client, scene: dict[str, Any], stranger: User
) -> None:
    client.force_login(stranger)
    before = state()
    response = ask(client, "flow-log-create", scene)
    assert response.status_code in (200, 422)
    assert "vpc-1" not in [option.get("value") for option in _options(response)]
    assert state() == before


@pytest.mark.parametrize("name", NAMED)
def test_in_another_region_there_is_nothing(
    client: Client, scene: dict[str, Any], owner: User, name: str
) -> None:
    client.force_login(owner)
    before = state()
    assert ask(client, name, scene, ELSEWHERE).status_code == 404
    assert state() == before


@pytest.mark.parametrize("name", WRITES)
def test_who_may_only_read_is_told_which_action_is_missing(
    client: Client, scene: dict[str, Any], reader: User, name: str
) -> None:
    client.force_login(reader)
    before = state()
    for response in (ask(client, name, scene), ask(client, name, scene, HX_Request="true")):
        assert response.status_code == 403
        assert PAGES[name].action in response.content.decode()
    assert state() == before


@pytest.mark.parametrize("name", [name for name in WRITES if name != NOTHING_TO_DO])
def test_the_owner_does_what_a_page_is_for(
    client: Client, scene: dict[str, Any], owner: User, name: str
) -> None:
    if name == "flow-log-start":
        FlowLog.objects.update(status="Inactive")
    if name == "exporter-remove":
        ExporterBinding.objects.all().delete()
    client.force_login(owner)
    before = state()
    assert ask(client, name, scene).status_code == 302
    assert state() != before


@pytest.mark.parametrize("headers", [{}, {"HX_Request": "true"}], ids=["form", "htmx"])
@pytest.mark.parametrize("name", WRITES)
def test_without_its_token_a_form_changes_nothing(
    scene: dict[str, Any], owner: User, name: str, headers: dict[str, str]
) -> None:
    if name == "flow-log-start":
        FlowLog.objects.update(status="Inactive")
    client = Client(enforce_csrf_checks=True)
    client.force_login(owner)
    before = state()
    assert ask(client, name, scene, **headers).status_code == 403
    assert state() == before


@pytest.mark.parametrize("field", ["name", "resource_id", "project_name", "logstore_name", "interval"])
def test_what_is_refused_comes_back_escaped(
    client: Client, scene: dict[str, Any], owner: User, field: str
) -> None:
    client.force_login(owner)
    response = client.post(address("flow-log-create", scene), {**NEW_FLOW_LOG, field: XSS})
    assert response.status_code == 200
    assert "<script>alert" not in response.content.decode()


def count(client: Client, url: str, **headers: str) -> int:
    with CaptureQueriesContext(
        connection,
    ) as queries:
        assert client.get(url, headers=headers).status_code == 200
    return len(queries)


@pytest.mark.parametrize("headers", [{}, {"HX_Request": "true"}], ids=["page", "fragment"])
def test_the_list_costs_the_same_queries_with_3_and_60_flow_logs(
    client: Client, owner: User, many_flow_logs: Callable[[int], None], headers: dict[str, str]
) -> None:
    client.force_login(owner)
    url = reverse("flowlogs:flow-log-list", args=["cn-hangzhou"]) + "?page_size=50"
    many_flow_logs(3)
    few = count(client, url, **headers)
    many_flow_logs(57)
    assert count(client, url, **headers) == few
    assert few <= 20


def test_a_page_of_the_list_is_at_most_60_kb(
    client: Client, owner: User, many_flow_logs: Callable[[int], None]
) -> None:
    client.force_login(owner)
    many_flow_logs(60)
    page = client.get(reverse("flowlogs:flow-log-list", args=["cn-hangzhou"]))
    assert len(page.content) <= 60_000


def test_details_cost_the_same_queries_whatever_is_covered_and_delivered(
    client: Client, scene: dict[str, Any], owner: User, vpc: Vpc
) -> None:
    client.force_login(owner)
    url = address("flow-log-detail", scene)
    few = count(client, url)
    for number in range(15):
        make_interface(VSwitch.objects.get(pk="vsw-vpc-1-b"), 30 + number)
        window = Window.objects.create(vpc=vpc, interval=10, start=1_772_367_000 + 600 * number)
        closing = Closing.objects.create(window=window, number=0)
        Delivery.objects.create(flow_log_id=scene["flow_log_id"], closing=closing)
    services.coverage.refresh(vpc)
    assert count(client, url) == few


@pytest.mark.parametrize("name", ["exporter-list", "ledger"])
def test_exporters_cost_the_same_queries_whatever_their_number(
    client: Client, scene: dict[str, Any], owner: User, account: Account, region: Region, vpc: Vpc, name: str
) -> None:
    client.force_login(owner)
    url = address(name, scene)
    few = count(client, url)
    for number in range(20):
        exporter = Exporter.objects.create(
            pk=f"exp-more-{number}", account=account, region=region, address=f"192.0.2.{100 + number}"
        )
        services.bind_exporter(exporter, None, vpc)
        Stream.objects.create(exporter=exporter, port=2055, domain=0, version=9)
    assert count(client, url) == few


def _options(response: Any) -> list[dict[str, Any]]:
    form = response.context["form"]
    return [
        option["attrs"] | {"value": option["value"]}
        for field in form
        for _, options, _ in getattr(field.field.widget, "optgroups", lambda *_: [])(field.name, [""])
        for option in options
    ]
