"""The Flow Log pages in a real browser: nothing wrong in either theme, on a desk and on a phone, and no reload."""

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from console.models import User
from flowlogs import services
from flowlogs.models import Closing, Delivery, FlowLog, Logstore, Vpc, Window
from tests.browsing import Visitor
from tests.flowlogs.conftest import MakeFlowLog

Visit = Callable[..., Visitor]

pytestmark = pytest.mark.browser
LIST = "/cn-hangzhou/flow-logs/"
XSS = "<script>alert(1)</script>"


def finish(status: str) -> None:
    """Do what the worker does: end the transition that the page has begun."""
    flow_log = FlowLog.objects.get(status=status)
    services.finish_transition(flow_log.pk)


@pytest.mark.parametrize("width", [1440, 390])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_pages_have_no_accessibility_finding(
    visit: Visit, owner: User, make_flow_log: MakeFlowLog, vpc: Vpc, width: int, theme: str
) -> None:
    flow_log = make_flow_log(name="production", description=XSS)
    failed = make_flow_log(name="failed", traffic_type="Allow", traffic_paths=["vbr", "natGateway"])
    services.delivery_failed(failed.pk, "UnknownError")
    closing = Closing.objects.create(
        window=Window.objects.create(vpc=vpc, interval=10, start=1_772_366_400), number=0
    )
    Delivery.objects.create(flow_log=flow_log, closing=closing, records=5, scope_flows=5, delivered_flows=5)
    visitor = visit(owner, width=width, theme=theme)
    here = f"{LIST}{flow_log.pk}/"
    for path in (LIST, f"{LIST}?search=nothing", "/cn-beijing/flow-logs/", f"{LIST}create/", f"{here}edit/"):
        visitor.go(path)
        assert visitor.findings() == [], path
    visitor.go(here)
    expect(visitor.page.get_by_role("columnheader", name="Unexplained")).to_be_visible()
    assert visitor.findings() == []
    visitor.page.get_by_role("link", name="Delete").click()
    visitor.page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(visitor.page.get_by_text("This parameter is required.")).to_be_visible()
    assert visitor.findings() == []


def test_a_flow_log_is_created_stopped_and_deleted_without_a_reload(
    visit: Visit, owner: User, vpc: Vpc
) -> None:
    visitor = visit(owner)
    page = visitor.page
    visitor.go(LIST)
    page.get_by_role("link", name="Create a flow log").first.click()
    panel = page.get_by_role("dialog")
    panel.get_by_label("Name (optional)").fill("1web")
    panel.get_by_label("Name (optional)").press("Tab")
    expect(panel.get_by_text("The name must start with a letter")).to_be_visible()
    panel.get_by_label("Name (optional)").fill("web")
    panel.get_by_label("Name (optional)").press("Tab")
    expect(panel.get_by_text("The name must start with a letter")).to_have_count(0)
    panel.get_by_role("radio", name="ENI This one only").check()
    panel.get_by_label("Find a resource").fill("web-2")
    expect(panel.get_by_label("Resource instance").locator("option")).to_have_count(2)
    panel.get_by_label("Resource instance").select_option("eni-vsw-vpc-1-a-2")
    panel.get_by_role("radio", name="1", exact=True).check()
    panel.get_by_label("Project name").fill("web-flow-logs")
    panel.get_by_label("Logstore name").fill("No")
    panel.get_by_role("button", name="OK").click()
    expect(panel.get_by_text("The Logstore name must be 3 to 63 characters")).to_be_visible()
    panel.get_by_label("Logstore name").fill("vpc")
    panel.get_by_role("button", name="OK").click()

    row = page.get_by_role("row").filter(has_text="web-flow-logs/vpc")
    expect(page.get_by_text("Flow log web is created.")).to_be_visible()
    expect(row.get_by_text("Starting")).to_be_visible()
    finish("Activating")
    expect(row.get_by_text("Started", exact=True)).to_be_visible()
    row.get_by_role("button", name="Stop").click()
    expect(page.get_by_text("Flow log web is stopping.")).to_be_visible()
    finish("Deactivating")
    expect(row.get_by_text("Not Started")).to_be_visible()
    row.get_by_role("link", name="Delete").click()
    panel.get_by_label("Type web to confirm").fill("web")
    panel.get_by_role("button", name="Delete").click()
    expect(row.get_by_text("Deleting")).to_be_visible()
    finish("Deleting")
    expect(page.get_by_role("heading", name="No flow log yet")).to_be_visible()
    assert Logstore.objects.filter(project__name="web-flow-logs", name="vpc").exists()


def test_choices_follow_each_other(visit: Visit, owner: User, logstore: Logstore) -> None:
    services.create_logstore(logstore.project, None, "report", report=True)
    visitor = visit(owner)
    page = visitor.page
    visitor.go(f"{LIST}create/")
    page.get_by_label("Name (optional)").fill("kept")
    page.get_by_label("Logstore name").select_option("report")
    expect(page.get_by_text("The Log Analysis Report of this Logstore is on.")).to_be_visible()
    page.get_by_role("radio", name="Create Logstore").check()
    expect(page.get_by_label("Enable Log Analysis Report")).to_be_checked()
    page.get_by_role("radio", name="Create project").check()
    expect(page.get_by_role("radio", name="Create Logstore")).to_have_count(0)
    expect(page.get_by_role("radio", name="Create project")).to_be_focused()
    page.get_by_role("radio", name="Single paths").check()
    page.get_by_label("NAT gateway").check()
    page.get_by_role("radio", name="Denied Traffic").check()
    page.get_by_role("button", name="OK").click()
    expect(page.get_by_text("Single sampling paths do not record denied traffic.")).to_be_visible()
    expect(page.get_by_label("Name (optional)")).to_have_value("kept")


def test_the_list_filters_and_sorts_in_its_address(
    visit: Visit, owner: User, make_flow_log: MakeFlowLog
) -> None:
    for name in ("alpha", "beta"):
        make_flow_log(name=name)
    visitor = visit(owner)
    page = visitor.page
    visitor.go(LIST)
    page.locator("#sort-name").click()
    expect(page.get_by_role("columnheader", name="Flow log")).to_have_attribute("aria-sort", "ascending")
    page.get_by_label("Search by name, ID or resource").fill("alph")
    expect(page.get_by_role("row")).to_have_count(2)
    assert "search=alph" in page.url
    assert "sort=name" in page.url
    page.reload()
    expect(page.get_by_role("row")).to_have_count(2)
    page.get_by_label("Search by name, ID or resource").fill("nothing")
    page.get_by_role("link", name="Clear filter").click()
    expect(page.get_by_role("row")).to_have_count(3)


def test_it_works_without_scripts(visit: Visit, owner: User, vpc: Vpc, logstore: Logstore) -> None:
    visitor = visit(owner, scripts=False)
    page = visitor.page
    visitor.go(LIST)
    page.get_by_role("link", name="Create a flow log").first.click()
    page.get_by_label("Name (optional)").fill("plain")
    page.get_by_label("Resource instance").select_option("vsw-vpc-1-b")
    page.get_by_role("button", name="OK").click()
    expect(page.get_by_role("row").filter(has_text="vsw-vpc-1-b")).to_be_visible()
    finish("Activating")
    page.get_by_role("link", name="plain").click()
    expect(page.get_by_text("eni-vsw-vpc-1-b-1").first).to_be_visible()
    page.get_by_role("link", name="Count").click()
    expect(page.get_by_role("columnheader", name="Unexplained")).to_be_visible()
    page.go_back()
    page.get_by_role("button", name="Stop").click()
    expect(page.get_by_text("Stopping", exact=True)).to_be_visible()
