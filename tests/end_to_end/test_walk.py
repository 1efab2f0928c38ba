"""A new user's walk through a running installation with the demo, in a real browser: steps 2 to 5 of the first day."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from tests.browsing import Visitor, Windows
from tests.end_to_end.installation import ROOT, environment, eventually, free_port

if TYPE_CHECKING:
    from playwright.sync_api import Browser

STORE = "/cn-hangzhou/log-service/demo-flow-logs-hangzhou/vpc-shop-prod/"
START_LIMIT, STOP_LIMIT = 60, 5


@dataclass
class Installation:
    """A running `up` with its address and first password."""

    address: str
    password: str
    process: subprocess.Popen[str]


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """Start everything with the demo, as the README says, in a home of its own; stop it by Ctrl-C."""
    home = tmp_path_factory.mktemp("home")
    port, collector_port = free_port(socket.SOCK_STREAM), free_port()
    command = [
        sys.executable,
        "manage.py",
        "up",
        "--port",
        str(port),
        "--collector-port",
        str(collector_port),
    ]
    env = environment(home, FLOWLOG_SYSTEM_PYTHON="1", PYTHONUNBUFFERED="1")
    log = home / "up.log"
    with log.open("w") as output:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=env,
            stdout=output,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
    try:
        eventually(
            lambda: "Console is at" in log.read_text() or process.poll() is not None, "up starts", START_LIMIT
        )
        said = log.read_text()
        assert process.poll() is None, said
        found = re.search(r"password (\S+)", said)
        assert found is not None, said
        assert said.count(found[1]) == 1
        yield Installation(f"http://127.0.0.1:{port}", found[1], process)
        started = time.monotonic()
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0
        assert time.monotonic() - started < STOP_LIMIT
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(5)
    assert "Traceback" not in log.read_text()


@pytest.fixture(scope="module")
def windows(up: Installation, browser: Browser) -> Iterator[Windows]:
    """The windows of the browser, which close before the installation ends."""
    windows = Windows(browser)
    yield windows
    windows.close()


@pytest.fixture
def visitor(up: Installation, windows: Windows) -> Iterator[Callable[..., Visitor]]:
    """Open logged-in browsers on the installation; none may have seen anything wrong."""
    opened: list[Visitor] = []

    def open_as_owner(**options: Any) -> Visitor:
        person = Visitor(windows, up.address, **options)
        opened.append(person)
        person.go("/")
        person.page.locator("input[name=username]").fill("admin")
        person.page.locator("input[name=password]").fill(up.password)
        person.page.get_by_role("button", name="Log in").click()
        person.page.wait_for_url("**/overview/")
        return person

    yield open_as_owner
    for person in opened:
        person.close()
    assert [problem for person in opened for problem in person.problems] == []


@pytest.mark.browser
def test_a_new_user_authorizes_creates_a_flow_log_and_reads_records(visitor: Callable[..., Visitor]) -> None:
    person = visitor()
    page = person.page
    assert page.get_by_text("Demo account").first.is_visible()
    assert person.findings() == []

    def history_shows() -> bool:
        person.go(STORE + "?range=24h")
        return page.locator("table tbody tr").count() >= 20

    eventually(history_shows, "the first records of the history", START_LIMIT)
    assert person.findings() == []

    # the demo is authorized already: revoke, so that the gates can be walked
    page.goto(person.address + "/authorize/revoke/")
    page.locator("input[name=role]").fill("AliyunVPCLogArchiveRole")
    with page.expect_navigation():
        page.get_by_role("button", name=re.compile("Revoke")).click()
    person.go("/cn-hangzhou/flow-logs/")
    assert page.locator(".banner").filter(has_text=re.compile("[Aa]uthoriz")).first.is_visible()
    person.go("/authorize/")
    with page.expect_navigation():
        page.get_by_role("button", name="Confirm Authorization Policy").click()
    person.go("/authorize/")
    page.get_by_role("link", name="Go to flow logs").click()

    page.get_by_role("link", name="Create a flow log").first.click()
    page.get_by_label("Name (optional)").fill("walked")
    page.locator("input[name=resource_type][value=NetworkInterface]").check(force=True)
    page.get_by_role("checkbox", name=re.compile("web-1 ")).first.check()
    page.locator("input[name=interval][value='1']").check(force=True)
    page.get_by_label("Logstore name").select_option("vpc-shop-prod")
    assert person.findings() == []
    page.get_by_role("button", name="OK").click()
    row = page.get_by_role("row").filter(has_text="walked")
    row.get_by_text("Started").wait_for()

    person.go(STORE + "?range=24h")
    page.get_by_text("The results are accurate").wait_for()
    page.get_by_label(re.compile("[Qq]uery")).first.fill("action: REJECT and dstport: 22")
    page.get_by_role("button", name=re.compile("Search")).first.click()
    page.get_by_text("REJECT").first.wait_for()


@pytest.mark.browser
@pytest.mark.long
@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 390])
def test_every_page_is_sound_in_both_themes_and_widths(
    visitor: Callable[..., Visitor], width: int, theme: str
) -> None:
    person = visitor(width=width, theme=theme)
    findings = {}
    for path in (
        "/cn-hangzhou/flow-logs/",
        "/cn-hangzhou/overview/",
        "/cn-hangzhou/flow-logs/create/",
        "/cn-hangzhou/usage/",
        "/cn-hangzhou/enis/",
        "/cn-hangzhou/exporters/",
        "/cn-hangzhou/ledger/",
        "/cn-hangzhou/log-service/",
        STORE + "?range=24h",
        STORE + "overview/",
        "/authorize/done/",
    ):
        person.go(path)
        person.page.wait_for_load_state("networkidle")
        findings[path] = person.findings()
    assert {path: found for path, found in findings.items() if found} == {}


@pytest.mark.browser
def test_the_overview_draws_its_charts_and_each_opens_its_query(visitor: Callable[..., Visitor]) -> None:
    person = visitor()
    person.go(STORE + "overview/")
    page = person.page
    eventually(lambda: page.locator(".js-plotly-plot").count() >= 2, "charts are drawn")
    page.get_by_role("link", name="Open query").first.click()
    page.get_by_text("rows scanned").first.wait_for()
    assert "select" in page.locator("textarea, input[type=search]").first.input_value().lower()
