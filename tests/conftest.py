"""The cast and the tools of all tests.

The cast: the owner of an account that has passed every gate and has no demo data, a RAM user of it who may
only read, and the owner of another account.
"""

import gc
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hypothesis
import pytest
from django.test import Client
from django.utils import timezone

from console import reference, services
from console.models import DELIVERY_POLICY, DELIVERY_ROLE, Account, Policy, Region, Role, User
from console.reference import LOG_READ_ONLY, VPC_READ_ONLY
from tests.browsing import CHROMIUM_OPTIONS, Visitor, Windows

if TYPE_CHECKING:
    from playwright.sync_api import Browser
    from pytest_django.live_server_helper import LiveServer

# Playwright's synchronous interface runs an event loop, which Django would refuse to work beside.
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"

PROGRAMS = ("test_up", "test_celery", "test_bootstrap", "test_exactly_once", "test_estimates")
"""The files of tests that start programs other than a browser."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add --long."""
    parser.addoption("--long", action="store_true", help="also run the tests that take long")


def pytest_configure(config: pytest.Config) -> None:
    """Let generated cases be the same in every ordinary run; the long run looks for new ones."""
    hypothesis.settings.register_profile("ordinary", derandomize=True)
    hypothesis.settings.register_profile("searching", derandomize=False)
    hypothesis.settings.load_profile("searching" if config.getoption("--long") else "ordinary")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the long tests out unless asked for, and begin with the files that take longest."""
    slow = {item.path for item in items if _starts_programs(item)}
    items.sort(key=lambda item: item.path not in slow)
    if not config.getoption("--long"):
        for item in items:
            if item.get_closest_marker("long") or _is_second_look(item):
                item.add_marker(pytest.mark.skip(reason="long; run with --long"))


def pytest_collection_finish() -> None:
    """Keep the garbage collector from looking over and over at what stays to the end: all that is imported."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


def pytest_unconfigure() -> None:
    """Let the garbage collector see everything again: libraries in C ask at the end what has been left."""
    gc.unfreeze()


def _starts_programs(item: pytest.Item) -> bool:
    """Tell whether a test works with other programs: a file of such left to the end keeps one core waiting."""
    return (
        "browser" in getattr(item, "fixturenames", ())
        or item.path.parent.name == "end_to_end"
        or item.path.stem in PROGRAMS
    )


def _is_second_look(item: pytest.Item) -> bool:
    """Tell whether a page is seen in this theme and this width by its two other looks: light 1440 and dark 390."""
    values = item.callspec.params if isinstance(item, pytest.Function) and hasattr(item, "callspec") else {}
    return (values.get("width"), values.get("theme")) in ((1440, "dark"), (390, "light"))


@pytest.fixture(autouse=True)
def reference_data(request: pytest.FixtureRequest) -> None:
    """Let every test that has a database find regions and system policies, whatever an earlier test flushed."""
    if {"db", "transactional_db", "live_server"} & set(
        request.fixturenames
    ) or request.node.get_closest_marker("django_db"):
        request.getfixturevalue("_django_db_helper")
        if not Region.objects.exists():
            reference.ensure()


@pytest.fixture
def account(db: None) -> Account:
    """An account that has passed every gate."""
    now = timezone.now()
    account = Account.objects.create(
        id="1000000000000042", name="Alpha", flow_log_activated_at=now, log_service_activated_at=now
    )
    Role.objects.create(account=account, name=DELIVERY_ROLE, policy_name=DELIVERY_POLICY)
    return account


@pytest.fixture
def owner(account: Account) -> User:
    """The owner of the account."""
    return User.objects.create_user("alice", password="correct horse", account=account, is_account_owner=True)


@pytest.fixture
def reader(account: Account) -> User:
    """A RAM user of the account who may read and nothing else."""
    user = User.objects.create_user("bob", password="correct horse", account=account)
    user.policies.set(Policy.objects.filter(account=None, name__in=[VPC_READ_ONLY, LOG_READ_ONLY]))
    return user


@pytest.fixture
def stranger(db: None) -> User:
    """The owner of another account, which has passed no gate."""
    user, _ = services.ensure_owner("mallory", "1000000000000099", "Omega")
    return user


@pytest.fixture
def region(db: None) -> Region:
    """The region most tests are in."""
    return Region.objects.get(id="cn-hangzhou")


def find_tool(name: str) -> str:
    """Return the path of an external program; skip the test without it, or fail where tools are required."""
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/bin:/sbin:/bin")
    if found is None:
        reason = f"{name} is not installed"
        if os.environ.get("FLOWLOG_REQUIRE_TOOLS") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    return found


@pytest.fixture(scope="session")
def tool() -> Callable[[str], str]:
    """The function that finds an external program by its name."""
    return find_tool


@pytest.fixture
def home(tmp_path: Path, settings: object) -> Path:
    """A folder of its own for what this test stores."""
    for name, folder in (("FLOWLOG_HOME", ""), ("FLOWLOG_STORE", "store"), ("FLOWLOG_SPOOL", "spool")):
        path = tmp_path / "home" / folder
        path.mkdir(parents=True, exist_ok=True)
        setattr(settings, name, path)
    return tmp_path / "home"


@pytest.fixture(scope="session")
def browser() -> "Iterator[Browser]":
    """Chromium as the system has it; no browser is downloaded."""
    executable = find_tool("chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=CHROMIUM_OPTIONS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def windows(browser: "Browser", live_server: "LiveServer") -> Iterator[Windows]:
    """The windows of the browser, which close before the live server ends: it waits for nobody."""
    windows = Windows(browser)
    yield windows
    windows.close()


@pytest.fixture
def visit(
    transactional_db: None, live_server: "LiveServer", windows: Windows
) -> Iterator[Callable[..., Visitor]]:
    """Open browsers on the live server as a user; at the end none may have seen anything wrong.

    `visit(user, width=390, theme="dark")` returns a Visitor, which has the page and `go(path)`.
    """
    visitors: list[Visitor] = []

    def open_for(user: User | None = None, **options: Any) -> Visitor:
        visitor = Visitor(windows, live_server.url, **options)
        visitors.append(visitor)
        if user is not None:
            client = Client()
            client.force_login(user)
            visitor.take_session(client.cookies["flowlog_session"].value)
        return visitor

    yield open_for
    for visitor in visitors:
        visitor.close()
    assert [problem for visitor in visitors for problem in visitor.problems] == []
