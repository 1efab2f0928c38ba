"""Search and Overview in a real browser: what people do there, with nothing wrong in either theme or width."""

import re
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from urllib.parse import quote

import pytest
from playwright.sync_api import Page, Route, expect

from console.models import Account, Region, User
from flowlogs.models import Logstore, Project
from flowlogs.record import TIME
from flowlogs.store import workers
from tests.analytics.made_logs import Record, records, store
from tests.browsing import Visitor

Visit = Callable[..., Visitor]

pytestmark = pytest.mark.browser
EVERYWHERE = pytest.mark.parametrize("width", [1440, 390])
BOTH_THEMES = pytest.mark.parametrize("theme", ["light", "dark"])
SERVICE = "/cn-hangzhou/log-service/"
SEARCH = f"{SERVICE}flow-prod/vpc_flow/"
OVERVIEW = f"{SEARCH}overview/"
OVER_TIME = quote("* | select __time__ - __time__ % 600 as time, count(1) as n group by time")
HOSTILE = "<img src=x onerror=alert(1)><a href='javascript:alert(1)'>eni</a>"


@pytest.fixture
def account(transactional_db: None, account: Account) -> Account:
    """The account, in a database that the server's threads see."""
    return account


@pytest.fixture
def logs(account: Account, region: Region, home: Path) -> Iterator[list[Record]]:
    """A Logstore with two hours of records up to now; one network interface has a hostile name."""
    now = int(time.time())
    made = records(1500, now - 7200, now - 60)
    for log in made[::7]:
        log["eni-id"] = HOSTILE
    project = Project.objects.create(account=account, region=region, name="flow-prod")
    store(Logstore.objects.create(project=project, name="vpc_flow"), made)
    yield made
    workers.shutdown()


def shown(page: Page) -> int:
    """Return how many records the page says that it found."""
    text = page.locator(".search-status").inner_text()
    found = re.match(r"([\d,]+) logs? matched", text)
    assert found, text
    return int(found[1].replace(",", ""))


def charts_are_drawn(page: Page) -> None:
    """Scroll through the page until every chart has come."""
    for figure in page.locator("[data-figure]").all():
        figure.scroll_into_view_if_needed()
        expect(figure).not_to_have_attribute("aria-busy", "true", timeout=20_000)
    expect(page.locator(".js-plotly-plot .main-svg").first).to_be_visible()


@EVERYWHERE
@BOTH_THEMES
def test_pages_have_no_finding(visit: Visit, owner: User, logs: list[Record], width: int, theme: str) -> None:
    visitor = visit(owner, width=width, theme=theme)
    for path in (
        SERVICE,
        f"{SEARCH}?range=1h",
        f"{SEARCH}?range=1h&layout=list&field=bytes",
        f"{SEARCH}?range=1h&q=%28a",
        f"{SEARCH}?range=1h&q={OVER_TIME}",
        f"{SEARCH}?from=1000&to=2000",
    ):
        visitor.go(path)
        if OVER_TIME in path:
            expect(visitor.page.locator(".js-plotly-plot .main-svg").first).to_be_visible()
        assert visitor.findings() == [], path


@EVERYWHERE
@BOTH_THEMES
def test_overview_draws_every_chart(
    visit: Visit, owner: User, logs: list[Record], width: int, theme: str
) -> None:
    visitor = visit(owner, width=width, theme=theme)
    visitor.go(OVERVIEW)
    charts_are_drawn(visitor.page)
    expect(visitor.page.locator(".js-plotly-plot")).to_have_count(6)
    expect(visitor.page.locator(".chart-failed")).to_have_count(0)
    expect(visitor.page.locator("#chart-totals .tile").first).to_contain_text(f"{len(logs):,}")
    assert visitor.findings() == []


def test_charts_follow_the_theme_without_a_reload(visit: Visit, owner: User, logs: list[Record]) -> None:
    page = visit_page(visit, owner, OVERVIEW)
    charts_are_drawn(page)
    line = page.locator("#chart-verdicts path.js-line").first
    before = line.evaluate("line => getComputedStyle(line).stroke")
    page.locator("summary[aria-label=Theme]").click()
    page.get_by_role("button", name="Dark").click()
    expect(line).not_to_have_css("stroke", before)


def test_a_chart_is_a_table_and_a_query_as_well(visit: Visit, owner: User, logs: list[Record]) -> None:
    page = visit_page(visit, owner, OVERVIEW)
    charts_are_drawn(page)
    chart = page.locator("#chart-rejected-ports")
    chart.get_by_role("button", name="View as table").click()
    expect(chart.get_by_role("table")).to_be_visible()
    first = chart.locator("tbody tr").first.inner_text()
    chart.get_by_role("link", name="Open query").click()
    expect(page.get_by_role("link", name="Graph")).to_have_attribute("aria-current", "page")
    expect(page.locator(".search-graph tbody tr").first).to_have_text(re.compile(r"\s*".join(first.split())))
    expect(page.locator(".js-plotly-plot .main-svg").first).to_be_visible()


def test_refresh_asks_again_and_the_address_keeps_the_choice(
    visit: Visit, owner: User, logs: list[Record]
) -> None:
    page = visit_page(visit, owner, OVERVIEW)
    charts_are_drawn(page)
    with page.expect_response(lambda response: "/charts/overview/totals/" in response.url):
        page.get_by_role("button", name="Refresh", exact=True).click()
    page.get_by_label("Refresh every minute").check()
    expect(page).to_have_url(re.compile("refresh=1m"))
    page.reload()
    expect(page.get_by_label("Refresh every minute")).to_be_checked()


NOTE_WHEN_TOTALS_ARE_ASKED = """
window.asked = [];
const real = window.fetch;
window.fetch = (url, options) => {
  if (url.includes("/totals/")) asked.push(Date.now());
  return real(url, options);
};
"""
BUSY = {"state": "failed", "message": "Too many queued queries", "waiting": "Waiting: all are busy."}


def test_a_chart_that_finds_the_engine_busy_asks_again(visit: Visit, owner: User, logs: list[Record]) -> None:
    visitor = visit(owner)
    page, asked = visitor.page, []

    def busy_at_first(route: Route) -> None:
        asked.append(route.request.url)
        if len(asked) <= 2:
            route.fulfill(json=BUSY)
        else:
            route.continue_()

    page.route("**/charts/overview/totals/**", busy_at_first)
    visitor.go(OVERVIEW)
    totals = page.locator("#chart-totals")
    expect(totals).to_contain_text("Waiting: all are busy.")
    expect(totals).to_have_attribute("aria-busy", "true")
    expect(totals.locator(".tile").first).to_contain_text(f"{len(logs):,}")
    expect(totals).not_to_contain_text("Waiting")
    assert len(asked) == 3


def test_a_chart_gives_up_on_an_engine_that_stays_busy_until_it_is_asked_for(
    visit: Visit, owner: User, logs: list[Record]
) -> None:
    visitor = visit(owner, kept=False)
    page = visitor.page
    page.clock.install(time=0)
    page.clock.pause_at(1)
    page.add_init_script(NOTE_WHEN_TOTALS_ARE_ASKED)
    page.route("**/charts/overview/**", lambda route: route.fulfill(json={"state": "empty", "message": ""}))
    page.route("**/charts/overview/totals/**", lambda route: route.fulfill(json=BUSY))
    visitor.go(OVERVIEW)
    totals = page.locator("#chart-totals")
    expect(totals).to_contain_text("Waiting: all are busy.")
    for _half_second in range(300):
        if totals.locator(".chart-failed").count():
            break
        page.clock.run_for(500)
    expect(totals.locator(".chart-failed")).to_have_text("Too many queued queries")
    pauses = [later - before for before, later in pairwise(page.evaluate("asked"))]
    assert len(pauses) == 6
    assert pauses[-1] > 4 * pauses[0]
    page.get_by_role("button", name="Refresh", exact=True).click()
    expect(totals).to_contain_text("Waiting: all are busy.")


def test_a_chart_says_why_there_is_no_answer(visit: Visit, owner: User, logs: list[Record]) -> None:
    visitor = visit(owner)
    visitor.expect(502)
    page = visitor.page
    page.route("**/charts/overview/totals/**", lambda route: route.abort())
    page.route(
        "**/charts/overview/verdicts/**",
        lambda route: route.fulfill(status=502, content_type="text/html", body="<p>"),
    )
    visitor.go(OVERVIEW)
    expect(page.locator("#chart-totals")).to_contain_text("The server cannot be reached.")
    expect(page.locator("#chart-verdicts")).to_contain_text("The server answered 502.")


def test_a_query_runs_from_the_keyboard_and_back_returns(
    visit: Visit, owner: User, logs: list[Record]
) -> None:
    page = visit_page(visit, owner, f"{SEARCH}?range=4h")
    everything = shown(page)
    assert everything == len(logs)
    editor = page.get_by_label("Query", exact=True)
    editor.fill("action: REJECT")
    editor.press("Control+Enter")
    rejected = sum(log["action"] == "REJECT" for log in logs)
    expect(page.locator(".search-status")).to_contain_text(f"{rejected:,} logs matched")
    expect(page).to_have_url(re.compile("q=action"))
    assert "from=" not in page.url
    page.reload()
    assert shown(page) == rejected
    page.go_back()
    expect(page.locator(".search-status")).to_contain_text(f"{everything:,} logs matched")
    expect(page.get_by_label("Query", exact=True)).to_have_value("")


def test_field_names_complete_as_one_types(visit: Visit, owner: User, logs: list[Record]) -> None:
    page = visit_page(visit, owner, f"{SEARCH}?range=1h")
    editor = page.get_by_label("Query", exact=True)
    editor.press_sequentially("eni")
    expect(page.get_by_role("option", name="eni-id")).to_be_visible()
    editor.press("ArrowDown")
    editor.press("Enter")
    expect(editor).to_have_value("eni-id:")
    editor.fill("* | select vpc")
    editor.press("End")
    editor.press_sequentially("-")
    page.get_by_role("option", name="vpc-id").click()
    expect(editor).to_have_value('* | select "vpc-id"')
    editor.press_sequentially(", act")
    editor.press("Escape")
    expect(page.get_by_role("listbox")).to_be_hidden()


def test_a_value_goes_into_the_query(visit: Visit, owner: User, logs: list[Record]) -> None:
    page = visit_page(visit, owner, f"{SEARCH}?range=4h&q=action:REJECT")
    before = shown(page)
    value = page.locator('button[data-value][value^="srcaddr:"]').first
    address = value.inner_text()
    value.click()
    menu = page.locator("#value-menu")
    expect(menu).to_contain_text(f"srcaddr: {address}")
    menu.get_by_role("button", name="Add to query").click()
    expect(page.get_by_label("Query", exact=True)).to_have_value(f"action:REJECT and srcaddr:{address}")
    expect(menu).to_be_hidden()
    expect(page.locator(".search-status")).not_to_contain_text(f"{before:,} logs matched")
    page.locator(f'button[data-value][value="srcaddr:{address}"]').first.click()
    menu.get_by_role("button", name="New query").click()
    expect(page.get_by_label("Query", exact=True)).to_have_value(f"srcaddr:{address}")
    page.locator(f'button[data-value][value="srcaddr:{address}"]').first.click()
    page.keyboard.press("Escape")
    expect(menu).to_be_hidden()


@pytest.mark.parametrize("layout", ["table", "list"])
def test_every_value_becomes_the_button_that_the_page_would_make(
    visit: Visit, owner: User, logs: list[Record], layout: str
) -> None:
    read = """() => [...document.querySelectorAll('.search-logs button[data-value]')].map(
        (each) => [each.name, each.value, each.textContent, each.title, each.className])"""
    time_range = f"from={logs[0][TIME] - 7200}&to={logs[0][TIME] + 7200}&layout={layout}"
    page = visit_page(visit, owner, f"{SEARCH}?{time_range}")
    made = page.evaluate(read)
    page.goto(page.url + "&links=1")
    assert made == page.evaluate(read)
    assert len(made) > 200


def test_a_bar_zooms_in_by_mouse_and_keyboard(visit: Visit, owner: User, logs: list[Record]) -> None:
    page = visit_page(visit, owner, f"{SEARCH}?range=4h")
    bars = page.locator("[data-histogram] button")
    bars.first.focus()
    page.keyboard.press("End")
    expect(bars.last).to_be_focused()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"from=\d+&to=\d+"))
    start, end = (int(part) for part in re.findall(r"(?:from|to)=(\d+)", page.url))
    assert end - start == 60
    assert shown(page) == sum(start <= log[TIME] < end for log in logs)


def test_what_opens_has_no_finding(visit: Visit, owner: User, logs: list[Record]) -> None:
    visitor = visit(owner, width=390)
    visitor.go(f"{SEARCH}?range=4h")
    page = visitor.page
    page.get_by_text("4 Hours (Relative)").click()
    assert visitor.findings() == []
    page.keyboard.press("Escape")
    page.get_by_label("Query", exact=True).press_sequentially("s")
    expect(page.get_by_role("option").first).to_be_visible()
    page.keyboard.press("ArrowDown")
    assert visitor.findings() == []
    page.keyboard.press("Escape")
    page.locator("button[data-value]").first.click()
    assert visitor.findings() == []
    page.keyboard.press("Escape")
    page.locator(".search-field summary", has_text="bytes").click()
    expect(page.locator(".search-field[open] .field-top li").first).to_be_visible()
    assert visitor.findings() == []


def test_the_time_picker_of_a_dashboard_makes_a_short_address(
    visit: Visit, owner: User, logs: list[Record]
) -> None:
    page = visit_page(visit, owner, OVERVIEW)
    page.get_by_text("24 Hours (Relative)").click()
    page.get_by_role("button", name="4 Hours", exact=True).click()
    expect(page).to_have_url(re.compile(r"overview/\?range=4h$"))
    page.get_by_text("4 Hours (Relative)").click()
    page.get_by_label("From (UTC)").fill("2020-01-01T00:00:00")
    page.get_by_label("To (UTC)").fill("2020-01-02T00:00:00")
    page.get_by_label("To (UTC)").press("Enter")
    expect(page).to_have_url(re.compile(r"from=2020-01-01T00%3A00&to=2020-01-02T00%3A00$"))
    expect(page.locator("#chart-verdicts").get_by_text("No data in this range")).to_be_visible()


def test_the_time_picker_changes_the_range(visit: Visit, owner: User, logs: list[Record]) -> None:
    page = visit_page(visit, owner, SEARCH)
    page.get_by_text("15 Minutes (Relative)").click()
    page.get_by_role("button", name="4 Hours", exact=True).click()
    expect(page).to_have_url(re.compile(r"range=4h"))
    assert shown(page) == len(logs)
    page.get_by_text("4 Hours (Relative)").click()
    page.get_by_label("From (UTC)").fill("2020-01-01T00:00:00")
    page.get_by_label("To (UTC)").fill("2020-01-02T00:00:00")
    page.get_by_role("button", name="Apply").click()
    expect(page.get_by_text("No logs in this time range")).to_be_visible()
    assert "range=" not in page.url


def test_quick_analysis_opens_in_place(visit: Visit, owner: User, logs: list[Record]) -> None:
    page = visit_page(visit, owner, f"{SEARCH}?range=4h")
    address = page.url
    page.locator(".search-field summary", has_text="dstport").click()
    top = page.locator(".search-field[open] .field-top li")
    expect(top.first).to_be_visible()
    assert page.url == address
    assert 1 < top.count() <= 10


def test_text_of_records_is_only_text(visit: Visit, owner: User, logs: list[Record]) -> None:
    page = visit_page(visit, owner, OVERVIEW)
    charts_are_drawn(page)
    expect(page.locator("#chart-enis a[href^=javascript]")).to_have_count(0)
    expect(page.locator("#chart-enis .ytick text", has_text="<img src=x")).to_have_count(1)
    page.goto(page.url.replace("overview/", "?range=4h&field=eni-id"))
    expect(page.get_by_role("button", name=HOSTILE).first).to_be_visible()


def test_everything_works_without_scripts(visit: Visit, owner: User, logs: list[Record]) -> None:
    visitor = visit(owner, scripts=False)
    visitor.go(f"{SEARCH}?range=4h")
    page = visitor.page
    page.get_by_label("Query", exact=True).fill("action: REJECT")
    page.get_by_role("button", name="Search & Analyze").click()
    rejected = sum(log["action"] == "REJECT" for log in logs)
    assert shown(page) == rejected
    page.get_by_label("Next page").click()
    assert shown(page) == rejected
    page.get_by_role("link", name="Make every value a button").click()
    page.locator('button[data-value][value="direction:in"]').first.click()
    assert "direction" in page.get_by_label("Query", exact=True).input_value()
    page.locator(".search-field summary", has_text="dstport").click()
    page.get_by_role("button", name="Top 10 values").locator("visible=true").first.click()
    assert "field=dstport" in page.url
    page.locator("[data-histogram] button").last.click()
    assert re.search(r"from=\d+&to=\d+", page.url)
    visitor.go(OVERVIEW)
    page.locator("#chart-vpcs").get_by_role("link", name="Open query").click()
    expect(page.locator(".search-graph tbody tr")).to_have_count(2)


def visit_page(visit: Visit, user: User, path: str) -> Page:
    """Open a page and return it."""
    visitor = visit(user)
    visitor.go(path)
    return visitor.page
