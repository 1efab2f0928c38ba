"""Console pages: time from request to whole answer on the loopback, and bytes of HTML, for one client.

The account has 1 000 flow logs, 100 000 ENIs and 10 000 windows; its installation runs beside it.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from http.cookiejar import CookieJar
from pathlib import Path
from statistics import median, quantiles
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, OpenerDirector, Request, build_opener

from django.conf import settings

from .measure import Measure
from .memory import Running, installation, seconds_of

MOST_MILLISECONDS = 50
MOST_KILOBYTES = 60
VISITS = 40
CATCHING_UP = 600.0
LOOK = 5.0
IDLE = 0.1
"""Seconds of a processor that an idle installation may take each second."""
HERE = "/cn-hangzhou"
LOGS = f"{HERE}/log-service/crowd/flows/"
CREATE = f"{HERE}/flow-logs/create/"
PAGES = {
    "Overview": f"{HERE}/overview/",
    "Flow Log": f"{HERE}/flow-logs/",
    "Flow Log, 50 a page": f"{HERE}/flow-logs/?page_size=50",
    "Flow Log, search": f"{HERE}/flow-logs/?search=log-09",
    "Flow Log, last page": f"{HERE}/flow-logs/?page=50",
    "Flow log details": f"{HERE}/flow-logs/fl-crowd0000/",
    "ENI Collection Scope": f"{HERE}/flow-logs/fl-crowd0000/scope/",
    "Create a flow log": CREATE,
    "Usage and Fees": f"{HERE}/usage/",
    "VPCs": f"{HERE}/vpcs/",
    "vSwitches": f"{HERE}/vswitches/",
    "ENIs": f"{HERE}/enis/",
    "ENIs, search": f"{HERE}/enis/?search=10.3.1",
    "ECS instances": f"{HERE}/instances/",
    "Security groups": f"{HERE}/security-groups/",
    "Network ACLs": f"{HERE}/network-acls/",
    "Gateways": f"{HERE}/gateways/",
    "Routes": f"{HERE}/routes/",
    "Exporters": f"{HERE}/exporters/",
    "RAM users": "/ram/users/",
    "Log Service": f"{HERE}/log-service/",
    "Logs, 4 hours by the minute": f"{LOGS}?range=4h",
    "Logs, 4 hours as a list": f"{LOGS}?range=4h&layout=list",
    "Overview of the Logstore": f"{LOGS}overview/",
    "Search, identifier": "/find/?q=eni-crowd01231",
    "Search, name": "/find/?q=host-7-3-99",
}
CHOICES = {
    "resource_type": "VPC",
    "resource_id": "vpc-crowd000",
    "traffic_type": "All",
    "ip_version": "IPv4",
    "interval": "10",
    "project_mode": "select",
    "project": "crowd",
    "logstore_mode": "select",
    "logstore": "crowd/flows",
}
FRAGMENTS = {
    "Create a flow log, live check": (CREATE, CHOICES | {"refresh": "live"}),
    "Create a flow log, cost": (CREATE, CHOICES | {"refresh": "cost"}),
}
"""What a page sends and fetches by itself."""


def run(folder: Path) -> Iterator[Measure]:
    """Measure the p95 and the size of each page in a big installation of its own."""
    with installation(folder) as first:
        pass
    _fill(folder)
    with installation(folder) as running:
        browser = _logged_in(running, first.password)
        _await_idle(running.process)
        asked: dict[str, str | Request] = {name: running.address + path for name, path in PAGES.items()}
        for name, (path, fields) in FRAGMENTS.items():
            asked[name] = _fragment(browser, running.address + path, fields)
        for name, request in asked.items():
            taken, size = _visit(browser, request)
            yield _at_most(f"page {name}, median of {VISITS}", median(taken), "ms", MOST_MILLISECONDS)
            yield _at_most(
                f"page {name}, p95 of {VISITS}", quantiles(taken, n=20)[-1], "ms", MOST_MILLISECONDS
            )
            yield _at_most(f"page {name}, HTML", size / 1000, "KB", MOST_KILOBYTES)


def _at_most(name: str, value: float, unit: str, target: float) -> Measure:
    return Measure(name, value, unit, target=target, smaller_is_better=True)


def _fill(folder: Path) -> None:
    environment = os.environ | {"FLOWLOG_HOME": str(folder / "home")}
    command = [sys.executable, "-m", "analytics.benchmarks.crowd"]
    subprocess.run(command, env=environment, cwd=settings.ROOT, check=True)


def _logged_in(running: Running, password: str) -> OpenerDirector:
    browser = build_opener(HTTPCookieProcessor(CookieJar()))
    page = browser.open(f"{running.address}/", timeout=10)
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.read().decode())
    if token is None:
        raise RuntimeError("the login page has no form")
    fields = {"csrfmiddlewaretoken": token[1], "username": "admin", "password": password}
    answer = browser.open(page.url, urlencode(fields).encode(), timeout=10)
    if "csrfmiddlewaretoken" in answer.url or "/login" in answer.url:
        raise RuntimeError("the login was refused")
    return browser


def _fragment(browser: OpenerDirector, address: str, fields: dict[str, str]) -> Request:
    """Return the request for a part of a page, as htmx sends it."""
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', browser.open(address).read().decode())
    if token is None:
        raise RuntimeError(f"{address} has no form")
    sent = {"csrfmiddlewaretoken": token[1], **fields}
    return Request(address, urlencode(sent).encode(), {"HX-Request": "true"})  # noqa: S310 - our own


def _await_idle(process: int) -> None:
    """Wait until the installation has caught up with the windows that it found, at most some minutes."""
    deadline = time.monotonic() + CATCHING_UP
    used = seconds_of(process)
    while time.monotonic() < deadline:
        time.sleep(LOOK)
        before, used = used, seconds_of(process)
        if used - before < IDLE * LOOK:
            return


def _visit(browser: OpenerDirector, request: str | Request) -> tuple[list[float], int]:
    """Return the milliseconds that each visit took and the bytes of the page."""
    taken, size = [], 0
    for _ in range(VISITS):
        started = time.perf_counter()
        size = len(browser.open(request, timeout=10).read())
        taken.append((time.perf_counter() - started) * 1000)
    return taken, size
