"""The page Usage and Fees: what it tells of a month, who may set prices, and at which cost."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django.asserts import assertContains, assertNotContains, assertRedirects

from console import changes
from console.access import ActionDenied
from console.models import Account, Policy, Region, User
from console.reference import VPC_READ_ONLY
from flowlogs.fees import GB, TB, Month
from flowlogs.models import FlowLog, Logstore, Part, Usage
from flowlogs.models.usage import DAY, HOUR
from flowlogs.models.usage import MONTH as A_MONTH
from flowlogs.rules import RuleError
from flowlogs.services.prices import set_prices
from tests.browsing import Visitor
from tests.flowlogs.conftest import make_vpc

PAGE = "/cn-hangzhou/usage/"
PRICES = f"{PAGE}prices/"
NEW_PRICES = {"storage_price": "0.002875", "index_price": "0.0875", "transformation_price": "1"}
NOW = int(timezone.now().timestamp())
MONTH = Month.of(NOW)
Generate = Callable[..., FlowLog]


@pytest.fixture
def as_owner(client: Client, owner: User) -> Client:
    client.force_login(owner)
    return client


@pytest.fixture
def generated(make_flow_log: Callable[..., FlowLog]) -> Generate:
    """Make a flow log that generated so many bytes on the first day of a month."""

    def make(name: str, size: int, month: Month = MONTH, **values: Any) -> FlowLog:
        flow_log = make_flow_log(name=name)
        FlowLog.objects.filter(pk=flow_log.pk).update(
            created_at=timezone.now() - timedelta(days=70), **values
        )
        for span in (DAY, A_MONTH):
            Usage.objects.create(
                flow_log=flow_log, vpc=flow_log.vpc, span=span, start=month.start, size=size, records=1200
            )
        return flow_log

    return make


def text(response: Any) -> str:
    return " ".join(response.content.decode().split())


def test_a_region_without_usage_says_what_to_do(as_owner: Client) -> None:
    response = as_owner.get(PAGE)
    assertContains(response, "Nothing generated")
    assertContains(response, "Go to the flow logs")
    assertContains(response, "$0.00")


def test_the_bill_of_the_documented_60_tb(as_owner: Client, generated: Generate) -> None:
    generated("big", 60 * TB)
    response = as_owner.get(PAGE)
    assertContains(response, "61,440 GB")
    for fee in ("$9,470.15", "$3,786.95", "$3,788.80", "$1,515.52", "$378.88"):
        assertContains(response, fee)


def test_each_flow_log_has_its_share_and_deleted_ones_are_told(as_owner: Client, generated: Generate) -> None:
    kept, deleted = generated("kept", 75 * GB), generated("removed", 25 * GB, deleted_at=timezone.now())
    page = text(as_owner.get(PAGE))
    assert f'href="/cn-hangzhou/flow-logs/{kept.pk}/"' in page
    assert f'href="/cn-hangzhou/flow-logs/{deleted.pk}/">removed</a><span class="tag">Deleted</span>' in page
    assert "75.0 %" in page
    assert "25.0 %" in page
    assert "$35.15" in page


def test_little_is_not_nothing(as_owner: Client, generated: Generate) -> None:
    generated("tiny", 5)
    assertContains(as_owner.get(PAGE), "&lt; 0.001 GB")


def test_the_month_is_in_the_address(as_owner: Client, generated: Generate) -> None:
    last = Month.of(MONTH.start - 1)
    generated("earlier", 50 * GB, last)
    generated("now", 7 * GB)
    assertContains(as_owner.get(PAGE), f'<option value="{MONTH}" selected>')
    page = as_owner.get(PAGE, {"month": str(last)})
    assertContains(page, f'<option value="{last}" selected>')
    assertContains(page, "$16.65")
    assertNotContains(page, "At the end of the month")
    assertNotContains(page, ">now<")


@pytest.mark.parametrize("month", ["", "1999-01", "2099-12", "2026-13", "x", "'"])
def test_a_month_without_a_page_is_the_running_one(as_owner: Client, month: str) -> None:
    assertContains(as_owner.get(PAGE, {"month": month}), f'<option value="{MONTH}" selected>')


def test_the_projection_goes_on_as_in_the_last_day(
    as_owner: Client, generated: Generate, time_machine: Any
) -> None:
    time_machine.move_to(Month(2026, 6).end - 10 * DAY, tick=False)
    flow_log = generated("steady", 100 * GB, Month(2026, 6))
    Usage.objects.create(
        flow_log=flow_log,
        vpc=flow_log.vpc,
        span=HOUR,
        start=Month(2026, 6).end - 10 * DAY - HOUR,
        size=2 * GB,
    )
    page = text(as_owner.get(PAGE))
    assert "$42.55<small>120 GB, if all goes on" in page


def test_other_regions_have_their_own_free_volume(
    as_owner: Client, generated: Generate, account: Account
) -> None:
    generated("here", 6 * GB)
    elsewhere = generated("there", 6 * GB)
    away = make_vpc(account, Region.objects.get(pk="cn-beijing"), "vpc-away")
    FlowLog.objects.filter(pk=elsewhere.pk).update(region="cn-beijing", vpc=away)
    Usage.objects.filter(flow_log=elsewhere).update(vpc=away)
    page = text(as_owner.get(PAGE))
    assert f'href="/cn-beijing/usage/?month={MONTH}"' in page
    assert page.count("5 GB") >= 3
    assert "$0.74" not in page


def test_of_another_account_nothing_is_seen(client: Client, generated: Generate, stranger: User) -> None:
    generated("secret", 60 * TB)
    client.force_login(stranger)
    assertNotContains(client.get(PAGE), "secret")
    assertContains(client.get(PAGE), "Nothing generated")
    assert "secret" not in client.get(f"{PAGE}export/").content.decode()


def test_log_service_charges_at_the_prices_of_the_account(
    as_owner: Client, generated: Generate, account: Account, logstore: Logstore
) -> None:
    Account.objects.update(storage_price=Decimal("0.5"), index_price=Decimal("0.25"))
    flow_log = generated("first", 8 * GB)
    Usage.objects.filter(flow_log=flow_log).update(indexed_size=4 * GB)
    times = {"hour": 0, "rows": 1, "min_time": 0, "max_time": 1}
    Part.objects.create(logstore=logstore, path="a", size=3 * GB, **times)
    Part.objects.create(logstore=logstore, path="b", size=9 * GB, removed_at=timezone.now(), **times)
    page = text(as_owner.get(PAGE))
    assert '3 GB</td> <td class="number" data-label="Price of a GB">$0.50</td>' in page
    assert "$1.50" in page
    assert '4 GB</td> <td class="number" data-label="Price of a GB">$0.25</td>' in page
    assert "$1.00" in page


def test_who_may_not_see_log_service_is_told_what_is_missing(client: Client, account: Account) -> None:
    user = User.objects.create_user("carol", account=account)
    user.policies.set(Policy.objects.filter(name=VPC_READ_ONLY))
    client.force_login(user)
    page = client.get(PAGE)
    assertContains(page, "you need the permission log:ListProject")
    assertNotContains(page, "Stored now")


# ---- prices ------------------------------------------------------------------------------------------


def test_the_owner_sets_prices_and_it_is_written_down(
    as_owner: Client, account: Account, owner: User
) -> None:
    assertContains(as_owner.get(PAGE), f'href="{PRICES}" data-panel')
    assertRedirects(as_owner.post(PRICES, NEW_PRICES), PAGE)
    account.refresh_from_db()
    assert (account.storage_price, account.index_price) == (Decimal("0.002875"), Decimal("0.0875"))
    (change,) = changes.history(account.pk)
    assert (change.action, change.user) == ("log:ModifyPrices", owner)
    assert change.values["index_price"] == ["0.000000", "0.0875"]
    assertContains(as_owner.get(PRICES), 'value="0.002875"')
    assertRedirects(as_owner.post(PRICES, NEW_PRICES), PAGE)
    assert changes.history(account.pk).count() == 1, "nothing changed the second time"


@pytest.mark.parametrize(
    "amount",
    ["-1", "-0", "+1", "0.0000001", "1000000", "1e999999", "1_0", "١", ".", "NaN", "Infinity", "x", ""],
)
def test_what_is_no_price_is_refused(as_owner: Client, account: Account, amount: str) -> None:
    response = as_owner.post(PRICES, {**NEW_PRICES, "index_price": amount})
    assert response.status_code == 200
    assert response.context["form"].errors.keys() == {"index_price"}
    account.refresh_from_db()
    assert account.storage_price == 0
    assert not changes.history(account.pk).exists()


def test_the_service_asks_and_judges_by_itself(account: Account, reader: User, owner: User) -> None:
    with pytest.raises(ActionDenied):
        set_prices(account, reader, {"index_price": Decimal(1)})
    with pytest.raises(RuleError):
        set_prices(account, owner, {"index_price": Decimal(-1)})
    with pytest.raises(RuleError):
        set_prices(account, owner, {"index_price": Decimal("-0")})


def test_who_may_not_set_prices_sees_the_name_of_the_action(client: Client, reader: User) -> None:
    client.force_login(reader)
    page = text(client.get(PAGE))
    assert 'disabled title="You need the permission log:ModifyPrices."' in page
    assert client.get(PRICES).status_code == 403


# ---- download ----------------------------------------------------------------------------------------


def test_the_download_has_a_line_for_each_flow_log(as_owner: Client, generated: Generate) -> None:
    first = generated("first", 75 * GB)
    FlowLog.objects.filter(pk=first.pk).update(name="=1+1")
    generated("removed", 25 * GB, deleted_at=timezone.now())
    response = as_owner.get(f"{PAGE}export/", {"month": str(MONTH)})
    assert response["Content-Disposition"] == f'attachment; filename="usage-cn-hangzhou-{MONTH}.csv"'
    heading, *lines_read = csv.reader(io.StringIO(response.content.decode()))
    lines = [dict(zip(heading, line, strict=True)) for line in lines_read]
    assert [line["name"] for line in lines] == ["'=1+1", "removed"]
    assert [line["deleted"] == "" for line in lines] == [True, False]
    assert [line["bytes generated"] for line in lines] == [str(75 * GB), str(25 * GB)]
    assert sum(Decimal(line["generation fee (USD)"]) for line in lines) == Decimal("35.15")


# ---- cost --------------------------------------------------------------------------------------------


def fill(account: Account, region: Region, vpc: Any, count: int) -> None:
    flow_logs = FlowLog.objects.bulk_create(
        FlowLog(
            id=f"fl-{count}-{number}", account=account, region=region, vpc=vpc, name=f"log-{number}",
            resource_type="VPC", resource_id=vpc.pk,
        )
        for number in range(count)
    )  # fmt: skip
    Usage.objects.bulk_create(
        Usage(flow_log=flow_log, vpc=flow_log.vpc, span=span, start=start, size=GB, records=5)
        for flow_log in flow_logs
        for span, start in ((A_MONTH, MONTH.start), (DAY, MONTH.start), (HOUR, NOW - NOW % HOUR))
    )


def test_the_page_costs_the_same_queries_and_size_with_3_and_300_flow_logs(
    as_owner: Client, account: Account, region: Region, vpc: Any
) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as found:
            page = as_owner.get(PAGE)
        assert len(page.content) <= 60_000
        return len(found)

    fill(account, region, vpc, 3)
    few = queries()
    fill(account, region, vpc, 300)
    assert queries() == few
    assert few <= 14


# ---- in a browser ------------------------------------------------------------------------------------


@pytest.mark.browser
@pytest.mark.parametrize("width", [1440, 390])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_pages_have_no_accessibility_finding(
    visit: Callable[..., Visitor], owner: User, generated: Generate, width: int, theme: str
) -> None:
    visitor = visit(owner, width=width, theme=theme)
    visitor.go(PAGE)
    assert visitor.findings() == []
    generated("production", 12_000 * GB)
    generated("removed", 30 * GB, deleted_at=timezone.now())
    elsewhere = generated("there", 6 * GB)
    FlowLog.objects.filter(pk=elsewhere.pk).update(region="cn-beijing")
    visitor.go(PAGE)
    visitor.page.get_by_text("View as table").click()
    assert visitor.findings() == []
    visitor.page.get_by_role("link", name="Edit prices").click()
    panel = visitor.page.get_by_role("dialog")
    panel.get_by_label("Storage").fill("-1")
    panel.get_by_role("button", name="OK").click()
    panel.get_by_text("Enter a price from 0").wait_for()
    assert visitor.findings() == []
    panel.get_by_label("Storage").fill("0.0025")
    panel.get_by_role("button", name="OK").click()
    visitor.page.get_by_text("The prices are changed.").wait_for()
    visitor.page.get_by_role("cell", name="$0.0025").wait_for()


@pytest.mark.browser
def test_a_month_is_chosen_without_scripts(
    visit: Callable[..., Visitor], owner: User, generated: Generate
) -> None:
    last = Month.of(MONTH.start - 1)
    generated("earlier", 50 * GB, last)
    visitor = visit(owner, scripts=False)
    visitor.go(PAGE)
    visitor.page.get_by_label("Month").select_option(str(last))
    visitor.page.get_by_role("button", name="Show month").click()
    visitor.page.get_by_text("$16.65").first.wait_for()
    assert f"month={last}" in visitor.page.url


def test_a_tier_that_charges_nothing_shows_no_bar(as_owner: Client, generated: Generate) -> None:
    generated("small", GB)
    bars = [line.percent for line in as_owner.get(PAGE).context["tiers"]]
    assert bars == [20, 0, 0, 0, None]
