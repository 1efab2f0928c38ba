"""The shell's pages in a real browser: nothing wrong in either theme, on a desk and on a phone."""

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from console.models import Account, Role, User
from tests.browsing import Visitor

Visit = Callable[..., Visitor]

pytestmark = pytest.mark.browser
PASSWORD = "correct horse"
EVERYWHERE = pytest.mark.parametrize("width", [1440, 390])
BOTH_THEMES = pytest.mark.parametrize("theme", ["light", "dark"])


@EVERYWHERE
@BOTH_THEMES
def test_pages_have_no_accessibility_finding(
    visit: Visit, owner: User, account: Account, width: int, theme: str
) -> None:
    visitor = visit(owner, width=width, theme=theme)
    for path, status in (
        ("/authorize/done/", 200),
        ("/authorize/authorize/", 200),
        ("/authorize/revoke/", 200),
        ("/password/", 200),
        ("/nothing/", 404),
    ):
        visitor.go(path, status=status)
        assert visitor.findings() == [], path


@EVERYWHERE
@BOTH_THEMES
def test_first_use_has_no_accessibility_finding(visit: Visit, stranger: User, width: int, theme: str) -> None:
    visitor = visit(stranger, width=width, theme=theme)
    for step in ("Activate Now", "Confirm Authorization Policy", "Activate Log Service"):
        visitor.go("/authorize/")
        assert visitor.findings() == [], step
        visitor.page.get_by_role("button", name=step).click()
        expect(visitor.page.locator(".toast")).to_be_visible()
        assert visitor.findings() == [], f"after {step}"
    expect(visitor.page.get_by_role("heading", name="Everything is ready")).to_be_visible()


@EVERYWHERE
@BOTH_THEMES
def test_a_ram_user_sees_whom_to_ask(
    visit: Visit, owner: User, reader: User, account: Account, width: int, theme: str
) -> None:
    Role.objects.filter(account=account).delete()
    visitor = visit(reader, width=width, theme=theme)
    visitor.go("/authorize/")
    expect(visitor.page.get_by_text("Ask alice")).to_be_visible()
    expect(visitor.page.get_by_role("button", name="Confirm Authorization Policy")).to_be_disabled()
    assert visitor.findings() == []
    reader.policies.clear()
    visitor.go("/")
    expect(visitor.page.get_by_text("Ask alice, the owner of the account")).to_be_visible()
    assert visitor.findings() == []


@EVERYWHERE
@BOTH_THEMES
def test_login(visit: Visit, owner: User, width: int, theme: str) -> None:
    visitor = visit(width=width, theme=theme)
    visitor.go("/password/")
    assert visitor.findings() == []
    log_in(visitor, "wrong")
    expect(visitor.page.get_by_text("correct user name and password")).to_be_visible()
    assert visitor.findings() == []
    log_in(visitor, PASSWORD)
    expect(visitor.page.get_by_role("heading", name="Change password")).to_be_visible()


def test_everything_works_without_scripts(visit: Visit, stranger: User) -> None:
    stranger.set_password(PASSWORD)
    stranger.save()
    visitor = visit(scripts=False)
    visitor.go("/authorize/")
    log_in(visitor, PASSWORD, stranger.username)
    for step in ("Activate Now", "Confirm Authorization Policy", "Activate Log Service"):
        visitor.page.get_by_role("button", name=step).click()
    expect(visitor.page.get_by_role("heading", name="Everything is ready")).to_be_visible()
    visitor.page.locator("summary[aria-label=Theme]").click()
    visitor.page.get_by_role("button", name="Dark").click()
    expect(visitor.page.locator("html[data-theme=dark]")).to_have_count(1)
    expect(visitor.page.get_by_role("heading", name="Everything is ready")).to_be_visible()


def test_theme_changes_at_once_and_stays(visit: Visit, owner: User) -> None:
    visitor = visit(owner)
    visitor.go("/password/")
    visitor.page.locator("summary[aria-label=Theme]").click()
    visitor.page.get_by_role("button", name="Dark").click()
    expect(visitor.page.locator("body")).to_have_css("color-scheme", "dark")
    expect(visitor.page.locator("html")).to_have_css("background-color", "rgb(26, 26, 26)")
    visitor.page.reload()
    expect(visitor.page.locator("html[data-theme=dark]")).to_have_count(1)


def test_menus_open_and_close_by_keyboard(visit: Visit, owner: User) -> None:
    visitor = visit(owner)
    visitor.go("/password/")
    summary = visitor.page.locator("summary[aria-label=Theme]")
    summary.focus()
    visitor.page.keyboard.press("Enter")
    expect(visitor.page.get_by_role("button", name="Dark")).to_be_visible()
    visitor.page.keyboard.press("Escape")
    expect(visitor.page.get_by_role("button", name="Dark")).to_be_hidden()
    expect(summary).to_be_focused()


def test_skip_link_leads_to_the_content(visit: Visit, owner: User) -> None:
    visitor = visit(owner)
    visitor.go("/authorize/done/")
    visitor.page.keyboard.press("Tab")
    expect(visitor.page.get_by_role("link", name="Skip to content")).to_be_focused()
    visitor.page.keyboard.press("Enter")
    expect(visitor.page.locator("#main")).to_be_focused()


def test_navigation_is_a_drawer_on_a_phone(visit: Visit, owner: User) -> None:
    visitor = visit(owner, width=390)
    visitor.go("/password/")
    navigation = visitor.page.get_by_role("navigation", name="Main")
    expect(navigation).to_be_hidden()
    visitor.page.get_by_role("button", name="Navigation", exact=True).click()
    expect(navigation).to_be_visible()
    assert visitor.findings() == []
    visitor.page.keyboard.press("Escape")
    expect(navigation).to_be_hidden()


def test_navigation_stays_folded_on_a_desk(visit: Visit, owner: User) -> None:
    visitor = visit(owner)
    visitor.go("/password/")
    navigation = visitor.page.get_by_role("navigation", name="Main")
    expect(navigation).to_be_visible()
    visitor.page.get_by_role("button", name="Navigation", exact=True).click()
    expect(navigation).to_be_hidden()
    visitor.page.reload()
    expect(navigation).to_be_hidden()


def test_toast_goes_after_five_seconds_unless_it_is_read(visit: Visit, stranger: User) -> None:
    visitor = visit(stranger, kept=False)
    visitor.page.clock.install()
    visitor.go("/authorize/")
    visitor.page.get_by_role("button", name="Activate Now").click()
    toast = visitor.page.locator(".toast")
    expect(toast).to_have_text("Flow logs are activated.")
    toast.hover()
    visitor.page.clock.fast_forward(6000)
    expect(toast).to_be_visible()
    visitor.page.mouse.move(10, 10)
    visitor.page.clock.fast_forward(6000)
    expect(toast).to_have_count(0)


def test_text_that_people_write_is_only_text(visit: Visit, owner: User, account: Account) -> None:
    account.name = "<img src=x onerror=alert(1)>\"'</title>"
    account.save()
    visitor = visit(owner)
    visitor.go("/authorize/done/")
    visitor.page.get_by_text("Account:").locator("..").click()
    expect(visitor.page.get_by_text("<img src=x onerror=alert(1)>")).to_be_visible()


@BOTH_THEMES
def test_administration(visit: Visit, admin_user: User, theme: str) -> None:
    visitor = visit(admin_user, theme=theme)
    for path in (
        "/admin/",
        "/admin/console/user/",
        f"/admin/console/user/{admin_user.pk}/change/",
        "/admin/console/policy/add/",
        "/admin/console/region/",
        "/admin/console/account/",
    ):
        visitor.go(path)
        assert visitor.findings() == [], path


def log_in(visitor: Visitor, password: str, name: str = "alice") -> None:
    visitor.page.get_by_label("User name").fill(name)
    visitor.page.get_by_label("Password").fill(password)
    visitor.page.get_by_role("main").get_by_role("button", name="Log in").click()
