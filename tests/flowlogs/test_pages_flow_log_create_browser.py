"""Creating flow logs in a real browser: what it comes to is beside it, before anything is created."""

import re
from collections.abc import Callable
from decimal import Decimal

import pytest
from playwright.sync_api import expect

from console.models import Account, User
from flowlogs.models import FlowLog, Vpc
from tests.browsing import Visitor
from tests.flowlogs.conftest import MakeFlowLog

Visit = Callable[..., Visitor]

pytestmark = pytest.mark.browser
LIST = "/cn-hangzhou/flow-logs/"


@pytest.mark.parametrize("width", [1440, 390])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_panel_says_what_it_comes_to_and_what_is_wrong(
    visit: Visit, owner: User, make_flow_log: MakeFlowLog, vpc: Vpc, width: int, theme: str
) -> None:
    Account.objects.update(index_price=Decimal("0.35"))
    eni = {"resource_type": "NetworkInterface", "resource_id": "eni-vsw-vpc-1-a-1"}
    make_flow_log(name="one", **eni, interval=1)
    make_flow_log(name="subnet", resource_type="VSwitch", resource_id="vsw-vpc-1-b", interval=5)
    visitor = visit(owner, width=width, theme=theme)
    visitor.go(LIST)
    visitor.page.get_by_role("link", name="Create a flow log").first.click()
    panel = visitor.page.get_by_role("dialog")
    panel.get_by_label("Resource instance").select_option("vpc-1")
    expect(panel.get_by_text("1 of 3 are captured every minute, because of one")).to_be_visible()
    expect(panel.get_by_text("1 of 3 are captured every 5 minutes, because of subnet")).to_be_visible()
    expect(panel.get_by_role("row", name="10 min")).to_contain_text("12,960")
    assert visitor.findings() == []
    panel.get_by_role("radio", name="1", exact=True).check()
    expect(panel.get_by_text("All 3 are captured every minute")).to_be_visible()
    expect(
        panel.get_by_text(re.compile("1 ENI is captured every 5 minutes until .* UTC, the next boundary"))
    ).to_be_visible()

    panel.get_by_role("radio", name="ECS instances").check()
    for instance in ("i-vsw-vpc-1-a-2", "i-vsw-vpc-1-b-1"):
        panel.get_by_role("checkbox", name=instance).check()
    expect(panel.get_by_text("then 4 of 10 here")).to_be_visible()
    panel.get_by_role("button", name="Add tag").click()
    expect(panel.get_by_label("Key of tag 2")).to_be_visible()
    panel.get_by_label("Key of tag 1").fill("acs:x")
    panel.get_by_label("Key of tag 1").press("Tab")
    for place in ("#id_tags_error", "#problems"):
        expect(panel.locator(place)).to_contain_text("cannot start with aliyun or acs:")
    panel.get_by_role("radio", name="Single paths").check()
    panel.get_by_role("checkbox", name="NAT gateway").check()
    panel.get_by_role("radio", name="Denied Traffic").check()
    refused = "Single sampling paths do not record denied traffic."
    for place in ("#id_traffic_paths_error", "#problems"):
        expect(panel.locator(place)).to_contain_text(refused)
    assert visitor.findings() == []
    panel.get_by_role("button", name="OK").click()
    expect(panel.get_by_text("Some fields need your attention.")).to_be_visible()
    expect(panel.get_by_role("checkbox", name="IPv4 gateway")).to_be_focused()
    assert visitor.findings() == []
    panel.get_by_role("radio", name="All Traffic").check()
    expect(panel.get_by_text(refused)).to_have_count(0)
    panel.get_by_label("Logstore name").select_option("flows")
    panel.get_by_label("Key of tag 1").fill("team")
    panel.get_by_label("Key of tag 1").press("Tab")
    expect(panel.get_by_text("cannot start with aliyun or acs:")).to_have_count(0)
    panel.get_by_role("button", name="OK").click()
    expect(visitor.page.get_by_text("2 flow logs are created.")).to_be_visible()
    assert {flow_log.resource_id for flow_log in FlowLog.objects.filter(tags={"team": ""})} == {
        "eni-vsw-vpc-1-a-2",
        "eni-vsw-vpc-1-b-1",
    }


def test_enis_are_found_and_chosen_one_after_the_other(visit: Visit, owner: User, vpc: Vpc) -> None:
    visitor = visit(owner)
    page = visitor.page
    visitor.go(f"{LIST}create/?resource_type=NetworkInterface")
    boxes = page.locator("[name=resource_id]")
    for search, name in (("10.0.1.", "eni-vsw-vpc-1-b-1"), ("web-2", "eni-vsw-vpc-1-a-2")):
        page.get_by_label("Find a resource").fill(search)
        expect(boxes.and_(page.locator(":not(:checked)"))).to_have_count(1)
        page.get_by_role("checkbox", name=name).check()
        expect(page.get_by_text("captured every 10 minutes")).to_be_visible()
    expect(page.get_by_text("All 2 are captured every 10 minutes")).to_be_visible()
    expect(page.get_by_label("Find a resource")).to_have_value("web-2")
    page.get_by_role("button", name="OK").click()
    expect(page.get_by_text("2 flow logs are created.")).to_be_visible()


def test_tags_are_edited_in_a_panel(visit: Visit, owner: User, make_flow_log: MakeFlowLog) -> None:
    flow_log = make_flow_log(name="web", tags={"team": "network"})
    for width, theme in ((1440, "light"), (390, "dark")):
        visitor = visit(owner, width=width, theme=theme)
        visitor.go(f"{LIST}{flow_log.pk}/tags/")
        assert visitor.findings() == []
    visitor.page.get_by_label("Key of tag 1").fill("aliyun")
    visitor.page.get_by_role("button", name="OK").click()
    expect(visitor.page.get_by_text("cannot start with aliyun")).to_be_visible()
    expect(visitor.page.get_by_label("Key of tag 1")).to_be_focused()
    assert visitor.findings() == []


@pytest.mark.parametrize("way", ["Escape", "Close", "beside", "Back"])
def test_what_was_entered_is_dropped_only_after_a_question(
    visit: Visit, owner: User, vpc: Vpc, way: str
) -> None:
    visitor = visit(owner)
    page = visitor.page

    def leave() -> None:
        if way == "Escape":
            page.keyboard.press("Escape")
        elif way == "Close":
            page.get_by_role("button", name="Close").click()
        elif way == "beside":
            page.mouse.click(20, 450)
        else:
            page.go_back()

    def open_panel() -> None:
        page.get_by_role("link", name="Create a flow log").first.click()
        expect(panel).to_be_visible()

    visitor.go(f"{LIST}?search=no")
    panel = page.locator("dialog.panel")
    question = page.get_by_text("Discard what you entered?")
    open_panel()
    leave()
    expect(panel).to_have_count(0)
    expect(page).to_have_url(re.compile(r"\?search=no$"))
    open_panel()
    panel.get_by_label("Name (optional)").fill("web")
    leave()
    expect(question).to_be_visible()
    assert visitor.findings() == []
    page.keyboard.press("Escape")
    expect(question).to_be_hidden()
    expect(panel.get_by_label("Name (optional)")).to_have_value("web")
    expect(page).to_have_url(re.compile(r"/create/\?next="))
    leave()
    expect(page.get_by_role("button", name="Keep editing")).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(panel).to_have_count(0)
    expect(page).to_have_url(re.compile(r"\?search=no$"))


def test_an_edit_that_is_taken_back_or_was_refused_is_known_as_such(
    visit: Visit, owner: User, make_flow_log: MakeFlowLog
) -> None:
    flow_log = make_flow_log(name="web")
    page = (visitor := visit(owner)).page
    visitor.go(LIST)
    panel = page.locator("dialog.panel")
    question = page.get_by_text("Discard what you entered?")
    page.locator(f"a[href='{flow_log.pk}/edit/']").click()
    name = panel.get_by_label("Name", exact=False).first
    name.fill("1")
    name.fill("web")
    page.keyboard.press("Escape")
    expect(panel).to_have_count(0)
    page.locator(f"a[href='{flow_log.pk}/edit/']").click()
    name.fill("1")
    name.press("Enter")
    expect(panel.get_by_text("Some fields need your attention.")).to_be_visible()
    page.keyboard.press("Escape")
    expect(question).to_be_visible()


def test_of_quick_choices_the_last_one_is_shown(
    visit: Visit, owner: User, vpc: Vpc, make_flow_log: MakeFlowLog
) -> None:
    make_flow_log()
    visitor = visit(owner)
    page = visitor.page
    visitor.go(f"{LIST}create/?resource_id=vpc-1")
    for _round in range(3):
        for value in ("Allow", "Drop", "All"):
            page.locator(f"[name=traffic_type][value={value}]").check()
        page.locator("[name=path_mode][value=single]").check()
        page.locator("[name=path_mode][value=all]").check()
    page.locator("[name=path_mode][value=single]").check()
    page.locator("[name=traffic_type][value=Drop]").check()
    expect(page.locator("#problems")).to_contain_text("do not record denied traffic")
    expect(page.locator("#outlook")).to_contain_text("Nothing: such a flow log cannot be created.")
    expect(page.get_by_role("checkbox", name="NAT gateway")).to_be_visible()
    page.locator("[name=path_mode][value=all]").check()
    page.locator("[name=traffic_type][value=All]").check()
    expect(page.locator("#problems")).to_have_text("Still to choose: Logstore name")
    expect(page.get_by_role("row", name="10 min")).to_be_visible()
    expect(page.locator("html.is-loading")).to_have_count(0)
