"""The network pages in a real browser: a network is built, used and taken down, and nothing is wrong to the eye."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from console.models import User
from flowlogs.demo.install import _Builder
from flowlogs.demo.network import SHOP
from flowlogs.models import Instance, NetworkInterface, SecurityGroup, SecurityGroupRule, Vpc, VSwitch
from tests.browsing import Visitor

Visit = Callable[..., Visitor]

pytestmark = pytest.mark.browser
HERE = "/cn-hangzhou/"


@pytest.fixture
def shop(owner: User, settings: Any, tmp_path: Path, transactional_db: None) -> Vpc:
    """The demo's network, in the account of the tests."""
    settings.FLOWLOG_STORE = tmp_path
    _Builder(SHOP, owner, 1_772_366_400).build()
    return Vpc.objects.get()


def press(page: Page, name: str) -> None:
    page.get_by_role("dialog").get_by_role("button", name=name, exact=True).click()


@pytest.mark.parametrize("width", [1440, 390])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_pages_have_no_accessibility_finding(
    visit: Visit, owner: User, shop: Vpc, width: int, theme: str
) -> None:
    switch, group = VSwitch.objects.earliest("name"), SecurityGroup.objects.get(name="web")
    eni = NetworkInterface.objects.get(name="web-1")
    rule = SecurityGroupRule.objects.filter(security_group=group)[0]
    visitor = visit(owner, width=width, theme=theme)
    for path in (
        *("vpcs/", f"vpcs/{shop.pk}/", f"vpcs/{shop.pk}/delete/", f"vpcs/{shop.pk}/edit/"),
        *(f"vswitches/{switch.pk}/", "enis/", f"enis/{eni.pk}/", f"enis/create/?vswitch_id={switch.pk}"),
        *(f"enis/?vswitch={switch.pk}", "instances/?search=nobody", f"security-groups/{group.pk}/"),
        *(f"security-group-rules/{rule.pk}/edit/", "network-acl-rules/", "gateways/", "routes/"),
        *("enis/import/", "/cn-beijing/vpcs/"),
    ):
        visitor.go(path if path.startswith("/") else HERE + path)
        assert visitor.findings() == [], path
    page = visitor.page
    visitor.go(f"{HERE}enis/import/")
    page.get_by_label("Or its text").fill(f"id,name,vswitch_id,private_ip\neni-x,1st,{switch.pk},::1\n")
    page.get_by_role("button", name="Check").click()
    expect(page.get_by_text("2 errors: nothing will be imported")).to_be_visible()
    assert visitor.findings() == []
    page.get_by_label("Or its text").fill(f"id,name\n{eni.pk},renamed\n")
    page.get_by_role("button", name="Check").click()
    expect(page.get_by_text("Name: web-1 → renamed")).to_be_visible()
    assert visitor.findings() == []
    visitor.go(f"{HERE}enis/")
    page.get_by_role("link", name="Create", exact=True).click()
    press(page, "OK")
    expect(page.get_by_role("dialog").get_by_text("This parameter is required.").first).to_be_visible()
    assert visitor.findings() == []


def test_a_network_is_built_and_taken_down(visit: Visit, owner: User, settings: Any, tmp_path: Path) -> None:
    settings.FLOWLOG_STORE = tmp_path
    visitor = visit(owner)
    page, panel = visitor.page, visitor.page.get_by_role("dialog")
    visitor.go(f"{HERE}vpcs/")
    page.get_by_role("link", name="Create").first.click()
    panel.get_by_label("Name").fill("lab")
    panel.get_by_label("CIDR blocks").fill("10.0.0.0/33")
    press(page, "OK")
    expect(panel.get_by_text("10.0.0.0/33 is not a CIDR block")).to_be_visible()
    panel.get_by_label("CIDR blocks").fill("10.0.0.0/16 2001:db8::/56")
    press(page, "OK")
    expect(page.get_by_role("heading", name="lab")).to_be_visible()

    page.get_by_role("link", name="Create", exact=True).click()
    panel.get_by_label("Name").fill("front")
    panel.get_by_label("IPv4 CIDR block").fill("10.0.1.0/24")
    press(page, "OK")
    expect(page.get_by_role("heading", name="front")).to_be_visible()

    visitor.go(f"{HERE}security-groups/")
    page.get_by_role("link", name="Create").first.click()
    panel.get_by_label("VPC").select_option(index=1)
    panel.get_by_label("Name").fill("web")
    press(page, "OK")
    expect(page.get_by_role("heading", name="web")).to_be_visible()
    page.get_by_role("link", name="Create", exact=True).click()
    panel.get_by_label("Direction").select_option("Inbound")
    panel.get_by_label("Protocol").select_option("TCP")
    panel.get_by_label("First port").fill("443")
    panel.get_by_label("Last port").fill("443")
    panel.get_by_label("Peer").fill("everywhere")
    press(page, "OK")
    expect(panel.get_by_text("everywhere is neither a CIDR block")).to_be_visible()
    panel.get_by_label("Peer").fill("0.0.0.0/0")
    press(page, "OK")
    rule = page.get_by_role("row").filter(has_text="443")
    expect(rule.get_by_text("Allow")).to_be_visible()
    expect(page.get_by_text("Rule: ingress accept 1 tcp 443/443 0.0.0.0/0")).to_be_visible()

    visitor.go(f"{HERE}enis/")
    page.get_by_role("link", name="Create").first.click()
    # what can be chosen follows the vSwitch, and what was entered stays
    panel.get_by_label("Name").fill("web-1")
    with page.expect_response(lambda response: response.request.method == "POST"):
        panel.get_by_label("vSwitch").select_option(index=1)
        panel.get_by_label("Primary IPv4 address").fill("10.0.2.5")
    expect(panel.get_by_label("Name")).to_have_value("web-1")
    expect(panel.get_by_label("Primary IPv4 address")).to_have_value("10.0.2.5")
    panel.get_by_label("Security groups").select_option(index=0)
    press(page, "OK")
    expect(panel.get_by_text("The address must be in a CIDR block of the vSwitch.")).to_be_visible()
    panel.get_by_label("Primary IPv4 address").fill("10.0.1.5")
    press(page, "OK")
    expect(page.get_by_role("heading", name="web-1")).to_be_visible()
    eni = NetworkInterface.objects.get()
    assert [group.name for group in eni.security_groups.all()] == ["web"]

    visitor.go(f"{HERE}security-groups/")
    page.get_by_role("row").filter(has_text="web").get_by_role("link", name="Delete").click()
    expect(panel.get_by_text("It is still used: web-1")).to_be_visible()
    expect(panel.get_by_role("button", name="Delete")).to_be_disabled()
    page.keyboard.press("Escape")
    expect(panel).to_have_count(0)
    page.wait_for_url("**/security-groups/")

    visitor.go(f"{HERE}enis/{eni.pk}/")
    page.get_by_role("link", name="Delete").click()
    panel.get_by_label("Type web-1 to confirm").fill("web-1")
    press(page, "Delete")
    expect(page.get_by_text("web-1 is deleted.")).to_be_visible()
    expect(page.get_by_role("heading", name="Nothing here yet")).to_be_visible()
    assert NetworkInterface.everything.get().deleted_at is not None


def test_a_list_is_searched_as_one_types_and_back_returns(visit: Visit, owner: User, shop: Vpc) -> None:
    visitor = visit(owner)
    page = visitor.page
    visitor.go(f"{HERE}enis/")
    page.get_by_label("Search by name, ID or address").fill("10.0.20.")
    expect(page.get_by_role("row")).to_have_count(6)
    assert "search=10.0.20." in page.url
    page.get_by_role("link", name="10", exact=True).click()
    expect(page).to_have_url(re.compile("page_size=10"))
    page.get_by_role("link", name="bastion").first.click()
    expect(page.get_by_role("heading", name="Flow logs that cover it")).to_be_visible()
    page.go_back()
    expect(page.get_by_role("row")).to_have_count(6)
    expect(page.get_by_label("Search by name, ID or address")).to_have_value("10.0.20.")


def test_pages_work_without_scripts(visit: Visit, owner: User, shop: Vpc) -> None:
    visitor = visit(owner, scripts=False)
    page = visitor.page
    visitor.go(f"{HERE}vswitches/")
    page.get_by_role("row").filter(has_text="ops-i").get_by_role("link", name="Edit").click()
    page.get_by_label("Name (optional)").fill("operations")
    page.get_by_role("button", name="OK").click()
    expect(page.get_by_role("heading", name="operations")).to_be_visible()


def test_lists_fit_beside_the_navigation_with_long_names(visit: Visit, owner: User, shop: Vpc) -> None:
    """No column and no act is out of sight at 1280 and 1440 px."""
    for model in (NetworkInterface, Instance, VSwitch, SecurityGroup):
        for resource in model.objects.all():
            model.objects.filter(pk=resource.pk).update(name=f"{resource.name}-for-the-shop-in-production")
    visitor = visit(owner)
    page = visitor.page
    for width in (1280, 1440):
        page.set_viewport_size({"width": width, "height": 900})
        for path in ("vpcs/", "vswitches/", "enis/", "instances/", "security-groups/", "routes/"):
            visitor.go(HERE + path)
            hidden = page.evaluate(
                "(box => box.scrollWidth - box.clientWidth)(document.querySelector('.table-wrap'))"
            )
            assert hidden <= 0, (path, width)


def test_several_are_chosen_and_deleted(visit: Visit, owner: User, shop: Vpc) -> None:
    visitor = visit(owner)
    page = visitor.page
    visitor.go(f"{HERE}enis/")
    delete = page.get_by_role("button", name="Delete", exact=True)
    expect(delete).to_be_disabled()
    page.get_by_role("checkbox", name="web-1").check()
    page.get_by_role("checkbox", name="web-2").check()
    expect(page.get_by_text("2 selected")).to_be_visible()
    delete.click()
    page.get_by_role("dialog").get_by_label("Type 2 to confirm").fill("2")
    assert visitor.findings() == []
    press(page, "Delete")
    expect(page.get_by_text("2 deleted: ENIs.")).to_be_visible()
    expect(page.get_by_role("checkbox", name="web-1")).to_have_count(0)
    expect(delete).to_be_disabled()
    assert visitor.findings() == []


def test_clicking_twice_creates_once(visit: Visit, owner: User) -> None:
    visitor = visit(owner)
    visitor.go("/cn-hangzhou/vpcs/")
    visitor.page.get_by_role("link", name="Create").first.click()
    panel = visitor.page.get_by_role("dialog")
    panel.get_by_label("Name").fill("twice")
    panel.get_by_label("CIDR blocks").fill("10.0.0.0/8")
    panel.get_by_role("button", name="OK").dblclick()
    expect(visitor.page.get_by_text("twice is created.")).to_be_visible()
    assert Vpc.objects.filter(name="twice").count() == 1
