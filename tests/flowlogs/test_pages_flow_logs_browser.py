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
    for path in (here, f"{here}?tab=deliveries", f"{here}?tab=history", f"{here}interval/"):
        visitor.go(path)
        assert visitor.findings() == [], path
    visitor.go(f"{here}scope/")
    expect(visitor.page.locator(".skeleton")).to_have_count(0)
    assert visitor.findings() == []
    visitor.go(f"{here}?tab=ledger")
    expect(visitor.page.get_by_role("columnheader", name="Unexplained")).to_have_count(2)
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
    for place in ("#id_name_error", "#problems"):
        expect(panel.locator(place)).to_contain_text("The name must start with a letter")
    panel.get_by_label("Name (optional)").fill("web")
    panel.get_by_label("Name (optional)").press("Tab")
    expect(panel.get_by_text("The name must start with a letter")).to_have_count(0)
    panel.get_by_role("radio", name="ENI One flow log for each", exact=True).check()
    panel.get_by_label("Find a resource").fill("web-2")
    expect(panel.locator("[name=resource_id]")).to_have_count(1)
    panel.get_by_role("checkbox", name="web-2").check()
    panel.get_by_role("radio", name="1", exact=True).check()
    panel.get_by_label("Project name").fill("web-flow-logs")
    panel.get_by_label("Logstore name").fill("No")
    panel.get_by_role("button", name="OK").click()
    expect(panel.get_by_text("The Logstore name must be 3 to 63 characters").first).to_be_visible()
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
    page.get_by_label("Search by name, ID, resource or address").fill("alph")
    expect(page.get_by_role("row")).to_have_count(2)
    assert "search=alph" in page.url
    assert "sort=name" in page.url
    page.reload()
    expect(page.get_by_role("row")).to_have_count(2)
    page.get_by_label("Search by name, ID, resource or address").fill("nothing")
    page.get_by_role("link", name="Clear filter").click()
    expect(page.get_by_role("row")).to_have_count(3)


def test_it_works_without_scripts(visit: Visit, owner: User, vpc: Vpc, logstore: Logstore) -> None:
    visitor = visit(owner, scripts=False)
    page = visitor.page
    visitor.go(LIST)
    page.get_by_role("link", name="Create a flow log").first.click()
    page.get_by_label("Name (optional)").fill("plain")
    page.get_by_role("radio", name="vSwitch").check()
    page.get_by_role("button", name="Find").click()
    page.get_by_label("Resource instance").select_option("vsw-vpc-1-b")
    page.get_by_label("Logstore name").select_option("flows")
    page.get_by_role("button", name="Show what this comes to").click()
    expect(page.get_by_text("It is captured every 10 minutes")).to_be_visible()
    expect(page.get_by_role("row", name="10 min")).to_be_visible()
    page.get_by_role("button", name="OK").click()
    expect(page.get_by_role("row").filter(has_text="vsw-vpc-1-b")).to_be_visible()
    finish("Activating")
    for act in ("Edit", "Delete", "View ENI Collection Scope"):
        visitor.go(LIST)
        page.locator("tbody").get_by_role("link", name=act).click()
        assert page.url.rstrip("/").endswith(act.split()[-1].lower())
    visitor.go(LIST)
    page.get_by_role("link", name="plain").click()
    page.get_by_role("link", name="View ENI Collection Scope").click()
    expect(page.get_by_text("eni-vsw-vpc-1-b-1").first).to_be_visible()
    expect(page.locator(".skeleton:visible")).to_have_count(0)
    page.get_by_role("link", name="Count their records").click()
    expect(page.get_by_text("0 records")).to_be_visible()
    page.get_by_role("link", name="Ledger", exact=True).last.click()
    page.get_by_role("link", name="Count", exact=True).click()
    expect(page.get_by_role("columnheader", name="Unexplained")).to_be_visible()
    page.go_back()
    page.get_by_role("button", name="Stop").click()
    expect(page.get_by_text("Stopping", exact=True)).to_be_visible()
    finish("Deactivating")

    visitor.go(LIST)
    page.get_by_label("Status", exact=True).select_option("Not Started")
    page.get_by_role("button", name="Search", exact=True).click()
    assert "status=Inactive" in page.url
    page.get_by_text("Columns", exact=True).click()
    page.get_by_label("Tags").check()
    page.get_by_label("Simple Log Service").uncheck()
    page.get_by_role("button", name="Apply").click()
    assert page.url.endswith("columns=resource.traffic.sampling.status.volume.tags"), page.url
    assert "status=Inactive" in page.url
    expect(page.get_by_role("columnheader", name="Tags")).to_be_visible()
    page.get_by_role("checkbox", name="plain").check()
    page.get_by_role("button", name="Start").first.click()
    expect(page.get_by_text("1 flow log is starting.")).to_be_visible()
    finish("Activating")
    visitor.go(LIST)
    page.get_by_role("checkbox", name="plain").check()
    page.get_by_role("button", name="Delete").click()
    page.get_by_label("Type 1 to confirm").fill("1")
    page.get_by_role("button", name="Delete").click()
    expect(page.get_by_text("Deleting", exact=True)).to_be_visible()


@pytest.mark.parametrize("width", [1440, 1280])
def test_actions_stay_in_reach_however_wide_the_table_is(
    visit: Visit, owner: User, make_flow_log: MakeFlowLog, width: int
) -> None:
    make_flow_log(name="whole-of-the-production-network")
    make_flow_log(
        name="one-with-a-long-name",
        resource_type="NetworkInterface",
        resource_id="eni-vsw-vpc-1-a-1",
        interval=1,
    )
    visitor = visit(owner)
    visitor.page.set_viewport_size({"width": width, "height": 900})
    for columns in ("", "?columns=resource.traffic.sampling.status.logstore.volume.created.tags"):
        visitor.go(LIST + columns)
        link = visitor.page.get_by_role("link", name="View ENI Collection Scope")
        found, room = link.bounding_box(), visitor.page.locator(".table-wrap").bounding_box()
        assert found and room
        assert found["x"] + found["width"] <= room["x"] + room["width"], columns
        link.click(trial=True)


def test_the_interval_is_edited_in_the_row(visit: Visit, owner: User, make_flow_log: MakeFlowLog) -> None:
    for name in ("alpha", "beta"):
        make_flow_log(name=name)
    visitor = visit(owner)
    page = visitor.page
    visitor.go(f"{LIST}?sort=name")
    row = page.get_by_role("row").filter(has_text="alpha")
    row.get_by_role("button", name="Edit").click()
    expect(row.get_by_label("Sampling interval")).to_be_focused()
    # the longest choice is not cut off
    fits = (
        "each => { const own = each.offsetWidth; each.style.width = 'auto'; return own >= each.offsetWidth; }"
    )
    assert row.get_by_label("Sampling interval").evaluate(fits)
    row.get_by_role("button", name="Cancel").click()
    expect(row.get_by_text("10 min")).to_be_visible()
    row.get_by_role("button", name="Edit").click()
    row.get_by_label("Sampling interval").press("Escape")
    expect(row.get_by_text("10 min")).to_be_visible()
    row.get_by_role("button", name="Edit").click()
    row.get_by_label("Sampling interval").select_option("1 min")
    assert visitor.findings() == []
    row.get_by_role("button", name="OK").click()
    expect(page.get_by_text("The sampling interval of alpha is now 1 min.")).to_be_visible()
    expect(row.get_by_text("Modifying")).to_be_visible()
    finish("Modifying")
    expect(row.get_by_text("Started", exact=True)).to_be_visible()
    expect(row.get_by_text("1 min")).to_be_visible()
    assert page.url.endswith("?sort=name")


def test_rows_change_by_themselves_and_leave_the_rest_alone(
    visit: Visit, owner: User, make_flow_log: MakeFlowLog
) -> None:
    make_flow_log(name="alpha")
    make_flow_log(name="beta", finished=False)
    visitor = visit(owner)
    page = visitor.page
    visitor.go(f"{LIST}?sort=name")
    alpha, beta = (page.get_by_role("row").filter(has_text=name) for name in ("alpha", "beta"))
    page.get_by_role("checkbox", name="alpha").check()
    alpha.get_by_role("button", name="Edit").click()
    expect(alpha.get_by_label("Sampling interval")).to_be_visible()
    expect(beta.get_by_role("button", name="Start")).to_be_disabled()
    finish("Activating")
    expect(beta.get_by_text("Started", exact=True)).to_be_visible()
    expect(beta.get_by_role("button", name="Stop")).to_be_enabled()
    expect(beta.get_by_role("link", name="View ENI Collection Scope")).to_be_visible()
    expect(page.get_by_role("checkbox", name="alpha")).to_be_checked()
    expect(alpha.get_by_label("Sampling interval")).to_be_visible()
    expect(page.get_by_text("1 selected")).to_be_visible()


def test_several_are_chosen_and_each_says_what_became_of_it(
    visit: Visit, owner: User, make_flow_log: MakeFlowLog
) -> None:
    made = [make_flow_log(name=name) for name in ("alpha", "beta", "gamma")]
    services.stop(made[1], None)
    services.finish_transition(made[1].pk)
    visitor = visit(owner)
    page = visitor.page
    visitor.go(f"{LIST}?sort=name")
    stop = page.locator("button[name=act][value=stop]")
    expect(stop).to_be_disabled()
    page.get_by_role("checkbox", name="Select all").check()
    expect(page.get_by_text("3 selected")).to_be_visible()
    stop.click()
    panel = page.get_by_role("dialog")
    expect(panel.get_by_text("3 flow logs will be stopped")).to_be_visible()
    assert visitor.findings() == []
    page.keyboard.press("Escape")
    expect(panel).to_have_count(0)
    expect(page.get_by_text("Stopping", exact=True)).to_have_count(0)
    stop.click()
    expect(panel.get_by_role("button", name="Stop")).to_be_focused()
    page.keyboard.press("Enter")
    expect(panel.get_by_text("2 of 3 done")).to_be_visible()
    expect(panel.get_by_text("Not Started: Invalid flowlog status.")).to_be_visible()
    assert visitor.findings() == []
    page.keyboard.press("Escape")
    expect(panel).to_have_count(0)
    expect(page.get_by_text("Stopping", exact=True)).to_have_count(2)
    assert page.url.endswith("?sort=name")

    page.get_by_role("checkbox", name="beta").check()
    page.locator("button[name=act][value=delete]").click()
    expect(panel.get_by_text("1 flow log will be deleted")).to_be_visible()
    panel.get_by_role("button", name="Delete").click()
    expect(panel.get_by_text("This parameter is required.")).to_be_visible()
    panel.get_by_label("Type 1 to confirm").fill("1")
    panel.get_by_role("button", name="Delete").click()
    expect(page.get_by_text("1 flow log is being deleted.")).to_be_visible()
    finish("Deleting")
    expect(page.get_by_role("row")).to_have_count(3)
    for each in (made[0], made[2]):
        services.finish_transition(each.pk)
    expect(page.locator(".status", has_text="Not Started")).to_have_count(2)


def test_enter_in_a_checkbox_does_nothing(visit: Visit, owner: User, make_flow_log: MakeFlowLog) -> None:
    make_flow_log(name="alpha")
    visitor = visit(owner)
    visitor.go(LIST)
    visitor.page.get_by_role("checkbox", name="alpha").check()
    visitor.page.get_by_role("checkbox", name="alpha").press("Enter")
    expect(visitor.page.get_by_text("1 selected")).to_be_visible()
    expect(visitor.page.get_by_role("dialog")).to_have_count(0)


def test_single_keys(visit: Visit, owner: User, make_flow_log: MakeFlowLog) -> None:
    make_flow_log(name="alpha")
    visitor = visit(owner)
    page = visitor.page
    visitor.go(LIST)
    page.keyboard.press("/")
    search = page.get_by_label("Search by name, ID, resource or address")
    expect(search).to_be_focused()
    page.keyboard.type("c/")
    expect(search).to_have_value("c/")
    expect(page.get_by_role("dialog")).to_have_count(0)
    search.fill("")
    search.blur()
    page.keyboard.press("c")
    expect(page.get_by_role("dialog").get_by_role("heading", name="Create a flow log")).to_be_visible()


def test_the_keys_are_listed_until_single_ones_are_switched_off(visit: Visit, owner: User) -> None:
    visitor = visit(owner)
    page = visitor.page
    keys = page.get_by_role("dialog").get_by_role("heading", name="Keyboard shortcuts")
    visitor.go(LIST)
    page.keyboard.press("?")
    expect(keys).to_be_visible()
    assert page.url.endswith("/shortcuts/")
    assert visitor.findings() == []
    page.get_by_role("button", name="Switch single-key shortcuts off").click()
    expect(page.get_by_role("button", name="Switch single-key shortcuts on")).to_be_visible()
    page.keyboard.press("Escape")
    expect(keys).to_have_count(0)
    page.keyboard.press("?")
    page.locator("summary", has_text="Account:").click()
    expect(keys).to_have_count(0)
    page.get_by_role("link", name="Keyboard shortcuts").click()
    expect(keys).to_be_visible()


def test_the_scope_counts_its_records_by_itself(
    visit: Visit, owner: User, make_flow_log: MakeFlowLog
) -> None:
    flow_log = make_flow_log(name="alpha")
    visitor = visit(owner)
    visitor.go(f"{LIST}{flow_log.pk}/scope/")
    expect(visitor.page.get_by_text("0 records")).to_have_count(3)
    expect(visitor.page.locator(".skeleton")).to_have_count(0)
    assert visitor.page.url.endswith("/scope/")


@pytest.mark.parametrize("width", [375, 320], ids=["390 less a scrollbar", "the narrowest"])
def test_the_top_bar_fits_beside_a_scrollbar(visit: Visit, owner: User, width: int) -> None:
    visitor = visit(owner, width=width)
    visitor.go(LIST)
    assert visitor.page.evaluate("document.documentElement.scrollWidth") <= width


def test_escape_empties_the_search_of_identifiers_and_then_closes_it(
    visit: Visit, owner: User, make_flow_log: MakeFlowLog
) -> None:
    make_flow_log(name="production")
    visitor = visit(owner)
    page = visitor.page
    visitor.go(LIST)
    page.keyboard.press("Control+k")
    dialog, field = page.locator("#find"), page.locator("#find-text")
    field.fill("production")
    expect(dialog.get_by_role("link", name="production").first).to_be_visible()
    page.keyboard.press("Escape")
    expect(field).to_have_value("")
    expect(dialog).to_be_visible()
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    page.keyboard.press("Control+k")
    field.fill("production")
    expect(dialog.get_by_role("link", name="production").first).to_be_visible()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()


def test_nothing_lies_over_another_thing_in_the_bar_of_a_phone(visit: Visit, owner: User, vpc: Vpc) -> None:
    visitor = visit(owner, width=390)
    visitor.go(LIST)
    shown = visitor.page.locator(".top a, .top summary, .top summary > svg, .top a > svg").all()
    boxes = [box for each in shown if (box := each.bounding_box()) and box["width"] > 1]
    arrow = visitor.page.locator(".menu-left > summary > svg").last.bounding_box()
    search = visitor.page.locator("[data-find] > svg").bounding_box()
    assert arrow and search
    assert search["x"] - (arrow["x"] + arrow["width"]) >= 16
    assert max(box["x"] + box["width"] for box in boxes) <= 390
