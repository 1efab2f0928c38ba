"""RAM users and policies in a real browser: in both themes, on a desk and on a phone, with and without scripts."""

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

from console.models import Account, Policy, User
from console.ram import services
from tests.browsing import Visitor

Visit = Callable[..., Visitor]

pytestmark = pytest.mark.browser
EVERYWHERE = pytest.mark.parametrize("width", [1440, 390])
BOTH_THEMES = pytest.mark.parametrize("theme", ["light", "dark"])
DOCUMENT: dict[str, Any] = {
    "Version": "1",
    "Statement": [{"Effect": "Deny", "Action": ["vpc:Delete*"], "Resource": "acs:vpc:*:*:flowlog/*"}],
}


@pytest.fixture
def policy(owner: User, reader: User, account: Account) -> Policy:
    """A custom policy that the reader has."""
    policy = services.create_policy(
        account, owner, name="no-delete", description="Nothing is ever deleted", document=DOCUMENT
    )
    services.attach(reader, owner, [policy])
    return policy


@EVERYWHERE
@BOTH_THEMES
def test_pages_have_no_accessibility_finding(
    visit: Visit, owner: User, reader: User, policy: Policy, width: int, theme: str
) -> None:
    visitor = visit(owner, width=width, theme=theme)
    asked = "user=bob&action=vpc:DeleteFlowLog&resource=acs:vpc:cn-hangzhou:1000000000000042:flowlog/fl-1"
    for path in (
        "/ram/users/",
        "/ram/users/?search=nobody",
        f"/ram/users/{reader.pk}/",
        f"/ram/users/{reader.pk}/attach/",
        f"/ram/users/{reader.pk}/password/",
        f"/ram/users/{reader.pk}/delete/",
        "/ram/users/create/",
        "/ram/policies/",
        f"/ram/policies/{policy.pk}/",
        f"/ram/policies/{policy.pk}/edit/",
        f"/ram/policies/{policy.pk}/delete/",
        f"/ram/simulator/?{asked}",
    ):
        visitor.go(path)
        assert visitor.findings() == [], path


def test_a_user_is_created_in_a_panel_and_the_password_is_shown_once(visit: Visit, owner: User) -> None:
    visitor = visit(owner)
    page = visitor.page
    visitor.go("/ram/users/")
    page.get_by_role("link", name="Create a RAM user").first.click()
    panel = page.get_by_role("dialog")
    panel.get_by_label("User name").fill("carol smith")
    panel.get_by_role("button", name="OK").click()
    expect(panel.get_by_text("A user name has 1 to 64 letters")).to_be_visible()
    panel.get_by_label("User name").fill("carol")
    panel.get_by_role("button", name="OK").click()
    expect(panel.get_by_text("This password is shown once")).to_be_visible()
    assert visitor.findings() == []
    password = panel.locator("dd .identifier").nth(1).inner_text()
    panel.get_by_role("link", name="Go to the user").click()
    expect(page.get_by_role("heading", name="carol", exact=True)).to_be_visible()
    assert password not in page.content()
    theirs = visit()
    theirs.go("/login/")
    theirs.page.get_by_label("User name").fill("carol")
    theirs.page.locator("input[type=password]").fill(password)
    theirs.expect(403)
    theirs.page.get_by_role("button", name="Log in").click()
    expect(theirs.page.locator(".top-account")).to_contain_text("carol")


def test_a_policy_that_is_no_json_is_told_in_the_editor(visit: Visit, owner: User) -> None:
    visitor = visit(owner)
    page = visitor.page
    visitor.go("/ram/policies/")
    page.get_by_role("link", name="Create a policy").click()
    panel = page.get_by_role("dialog")
    panel.get_by_label("Policy name").fill("mine")
    panel.get_by_label("Policy document").fill('{\n  "Version": "1",\n  "Statement": [}')
    panel.get_by_role("button", name="OK", exact=True).click()
    expect(panel.get_by_text("Line 3, column 17")).to_be_visible()
    expect(panel.get_by_label("Policy document")).to_be_focused()
    assert visitor.findings() == []


def test_words_are_inserted_into_the_statement_at_the_cursor(visit: Visit, owner: User) -> None:
    visitor = visit(owner)
    page = visitor.page
    visitor.go("/ram/policies/")
    page.get_by_role("link", name="Create a policy").click()
    panel = page.get_by_role("dialog")
    document, search = (
        panel.get_by_label("Policy document"),
        panel.get_by_label("Search actions and resources"),
    )
    written = (
        '{"Version": "1", "Statement": [{"Effect": "Allow", "Action": "vpc:X", "Resource": []},\n'
        '{"Effect": "Deny", "Action": [\n  "a:B"\n], "Resource": "*"}]}'
    )
    document.fill(written)
    search.fill("deleteflow")
    search.press("Enter")
    page.keyboard.press("Enter")
    assert '"a:B",\n  "vpc:DeleteFlowLog"\n]' in document.input_value()
    expect(panel.get_by_text("vpc:DeleteFlowLog is inserted.")).to_be_attached()
    document.evaluate("field => field.setSelectionRange(40, 40)")
    page.keyboard.press("Enter")
    assert '"Action": ["vpc:X", "vpc:DeleteFlowLog"]' in document.input_value()
    search.fill("flowlog/")
    panel.get_by_role("button", name="flowlog/*").click()
    assert f'"Resource": ["acs:vpc:*:{owner.account_id}:flowlog/*"]}},' in document.input_value()
    panel.get_by_role("button", name="flowlog/*").click()
    expect(panel.get_by_text("is there already.")).to_be_attached()
    expect(panel.get_by_text("The document is right: 2 statements.")).to_be_visible()
    assert visitor.findings() == []
    document.focus()
    steps = 0
    while document.input_value() != written and steps < 9:
        page.keyboard.press("Control+z")
        steps += 1
    assert 3 <= steps < 9


def test_everything_works_without_scripts(visit: Visit, owner: User, reader: User, policy: Policy) -> None:
    visitor = visit(owner, scripts=False)
    page = visitor.page
    visitor.go("/ram/users/")
    page.get_by_label("Search by name").fill("bob")
    page.get_by_role("button", name="Search").click()
    page.get_by_role("link", name="bob").click()
    page.get_by_role("button", name="Disable login").click()
    expect(page.get_by_text("Login disabled")).to_be_visible()
    page.get_by_role("row", name="no-delete").get_by_role("button", name="Detach").click()
    expect(page.get_by_role("row", name="no-delete").get_by_role("button")).to_have_count(0)
    visitor.go(f"/ram/policies/{policy.pk}/delete/")
    page.get_by_label("Type no-delete to confirm").fill("no-delete")
    page.get_by_role("button", name="Delete").click()
    expect(page.get_by_text("Policy no-delete is deleted.")).to_be_visible()
    visitor.go("/ram/policies/create/")
    expect(page.get_by_text("What this console knows, to copy")).to_be_visible()
    expect(page.get_by_text("vpc:DeleteFlowLog", exact=True)).to_be_visible()
    expect(page.get_by_label("Search actions and resources")).to_be_hidden()


def test_the_search_narrows_the_list_as_one_types_and_is_in_the_address(
    visit: Visit, owner: User, reader: User, account: Account
) -> None:
    User.objects.create_user("erin", account=account)
    visitor = visit(owner)
    visitor.go("/ram/users/")
    visitor.page.get_by_label("Search by name").fill("eri")
    expect(visitor.page.get_by_role("link", name="bob")).to_have_count(0)
    expect(visitor.page.get_by_role("link", name="erin")).to_be_visible()
    assert "search=eri" in visitor.page.url
