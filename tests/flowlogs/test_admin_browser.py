"""The admin site in a browser: the console's look, nothing that axe finds, in both themes on both widths."""

from collections.abc import Callable
from typing import Any

import pytest
from django.urls import reverse

from console.models import Account, Change, Region, User
from flowlogs.models import Exporter, FlowLog, Logstore, NetworkInterface, SecurityGroup, Window
from tests.browsing import Visitor
from tests.flowlogs.test_admin import change, changelist, one_of_each

__all__ = ["one_of_each"]

Visit = Callable[..., Visitor]


@pytest.fixture
def root(transactional_db: None) -> User:
    """Someone who administers the installation."""
    return User.objects.create_superuser("root", password="correct horse")


def pages(flow_log: FlowLog, account: Account, region: Region) -> list[str]:
    """One page of each kind, and those with parts of their own."""
    return [
        *(
            "/admin/",
            "/admin/flowlogs/",
            changelist(FlowLog),
            changelist(NetworkInterface, "?q=none&kept=all"),
        ),
        *(change(flow_log), change(NetworkInterface.objects.all()[0]), change(SecurityGroup.objects.get())),
        *(change(Exporter.objects.get()), change(Window.objects.get()), change(account), change(region)),
        *(reverse(f"admin:flowlogs_{name}_add") for name in ("vpc", "networkinterface", "exporterbinding")),
        *(reverse("admin:console_user_add"), reverse("admin:console_policy_add")),
        *(reverse("admin:console_change_changelist"), change(Change.objects.all()[0])),
        reverse("admin:flowlogs_logstore_delete", args=[Logstore.objects.get().pk]),
    ]


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 390])
def test_axe_finds_nothing(
    visit: Visit, root: User, one_of_each: FlowLog, account: Account, region: Region, width: int, theme: str
) -> None:
    visitor = visit(root, width=width, theme=theme)
    found = {}
    for path in pages(one_of_each, account, region):
        visitor.go(path)
        found[path] = visitor.findings()
    assert {path: findings for path, findings in found.items() if findings} == {}


def background(visitor: Visitor) -> str:
    shown: Any = visitor.page.evaluate("getComputedStyle(document.querySelector('#header')).backgroundColor")
    return str(shown)


LIGHT, DARK = "rgb(255, 255, 255)", "rgb(38, 38, 38)"


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
def test_the_theme_is_that_of_the_console_and_chosen_in_the_top_bar(
    visit: Visit, root: User, scripts: bool
) -> None:
    visitor = visit(root, theme="light", scripts=scripts)
    visitor.go("/admin/")
    assert background(visitor) == LIGHT
    visitor.page.locator("summary[aria-label=Theme]").click()
    visitor.page.get_by_role("button", name="Dark").click()
    visitor.page.wait_for_load_state()
    visitor.page.wait_for_function(
        f"getComputedStyle(document.querySelector('#header')).backgroundColor == '{DARK}'"
    )
    visitor.go("/admin/flowlogs/")
    assert background(visitor) == DARK
    visitor.page.locator("summary[aria-label=Theme]").click()
    visitor.page.get_by_role("button", name="System").click()
    visitor.page.wait_for_function(
        f"getComputedStyle(document.querySelector('#header')).backgroundColor == '{LIGHT}'"
    )


def test_a_refusal_stands_beside_its_field_and_what_was_entered_stays(
    visit: Visit, root: User, one_of_each: FlowLog
) -> None:
    visitor = visit(root)
    visitor.go(reverse("admin:flowlogs_networkinterface_add"))
    visitor.page.get_by_label("Name").fill("web")
    visitor.page.get_by_label("vSwitch").fill("vsw-vpc-1-a")
    visitor.page.get_by_label("Primary IPv4 address").fill("10.0.9.1")
    visitor.page.get_by_role("button", name="Save", exact=True).click()
    row = visitor.page.locator(".field-private_ip")
    assert "The address must be in a CIDR block of the vSwitch." in row.inner_text()
    assert visitor.page.get_by_label("Name").input_value() == "web"
    assert visitor.findings() == []
