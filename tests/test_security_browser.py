"""A hostile text and a form without its token, in a real browser."""

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

from console.models import Account, Region, User
from flowlogs.models import FlowLog
from tests.browsing import Visitor
from tests.places import HERE, make_scene, places
from tests.test_security import ATTACK, poison

Visit = Callable[..., Visitor]

pytestmark = pytest.mark.browser
PAGES = (
    *("flowlogs:overview", "flowlogs:flow-log-list", "flowlogs:flow-log-detail", "flowlogs:flow-log-create"),
    *("flowlogs:flow-log-scope", "flowlogs:usage", "flowlogs:ledger", "flowlogs:exporter-list"),
    *("flowlogs:exporter-detail", "flowlogs:exporter-bind", "flowlogs:vpc-list", "flowlogs:vpc-detail"),
    *("flowlogs:eni-detail", "flowlogs:eni-create", "flowlogs:security-group-detail"),
    *("analytics:log-service", "analytics:search", "analytics:overview"),
    *("console:ram-user-list", "console:ram-user-detail", "console:ram-policy-detail"),
)
"""Pages that show what people named, the forms with choices among them."""


def test_a_hostile_name_runs_nowhere(
    visit: Visit, account: Account, owner: User, region: Region, home: Any
) -> None:
    scene = make_scene(account, owner, region)
    poison(ATTACK)
    by_name = {place.name: place for place in places()}
    visitor = visit(owner, kept=False)
    dialogs: list[str] = []
    visitor.page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    for name in PAGES:
        visitor.go(scene.url(by_name[name]))
        visitor.page.wait_for_load_state("networkidle")
        assert visitor.page.locator("img[src=x]").count() == 0, name
    visitor.page.keyboard.press("Control+k")
    visitor.page.locator("#find-text").fill("img")
    expect(visitor.page.locator("#find-body")).to_contain_text("onerror")
    assert visitor.page.locator("img[src=x]").count() == 0
    assert dialogs == []


def test_htmx_sends_the_token_and_is_refused_without_it(
    visit: Visit, account: Account, owner: User, region: Region, home: Any
) -> None:
    scene = make_scene(account, owner, region)
    visitor = visit(owner)
    page = visitor.page
    visitor.go("/password/")
    url = f"/{HERE}/flow-logs/{scene.flow_log.pk}/stop/"
    visitor.expect(403)
    post = f"htmx.ajax('POST', '{url}', {{target: '#alerts', swap: 'none'}})"
    page.evaluate("document.body.dataset.kept = document.body.getAttribute('hx-headers')")
    page.evaluate("document.body.removeAttribute('hx-headers')")
    with page.expect_response(lambda answer: answer.url.endswith("/stop/")) as refused:
        page.evaluate(post)
    assert refused.value.status == 403
    expect(page.locator("#alerts")).to_contain_text("Nothing was changed")
    visitor.problems[:] = [each for each in visitor.problems if "Status Error Code 403" not in each]
    scene.flow_log.refresh_from_db()
    assert scene.flow_log.status == FlowLog.Status.ACTIVE
    page.evaluate("document.body.setAttribute('hx-headers', document.body.dataset.kept)")
    with page.expect_response(lambda answer: answer.url.endswith("/stop/")) as taken:
        page.evaluate(post)
    assert taken.value.status == 302
    scene.flow_log.refresh_from_db()
    assert scene.flow_log.status != FlowLog.Status.ACTIVE
