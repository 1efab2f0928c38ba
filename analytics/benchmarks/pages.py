"""Console pages: time from request to whole answer on the loopback, one client, as a browser that is logged in."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from http.cookiejar import CookieJar
from pathlib import Path
from statistics import quantiles
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, OpenerDirector, build_opener

from .measure import Measure
from .memory import Running, installation

MOST_MILLISECONDS = 50
VISITS = 40
PAGES = {
    "Flow Log": "/cn-hangzhou/flow-logs/",
    "Create a flow log": "/cn-hangzhou/flow-logs/create/",
    "Exporters": "/cn-hangzhou/exporters/",
    "Log Service": "/cn-hangzhou/log-service/",
}


def run(folder: Path) -> Iterator[Measure]:
    """Measure the p95 of each page in an installation of its own, without data."""
    with installation(folder) as running:
        browser = _logged_in(running)
        for name, path in PAGES.items():
            yield Measure(
                f"page {name}, p95 of {VISITS}",
                _p95(browser, running.address + path),
                "ms",
                target=MOST_MILLISECONDS,
                smaller_is_better=True,
            )


def _logged_in(running: Running) -> OpenerDirector:
    browser = build_opener(HTTPCookieProcessor(CookieJar()))
    page = browser.open(f"{running.address}/", timeout=10)
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.read().decode())
    if token is None:
        raise RuntimeError("the login page has no form")
    fields = {"csrfmiddlewaretoken": token[1], "username": "admin", "password": running.password}
    answer = browser.open(page.url, urlencode(fields).encode(), timeout=10)
    if "csrfmiddlewaretoken" in answer.url or "/login" in answer.url:
        raise RuntimeError("the login was refused")
    return browser


def _p95(browser: OpenerDirector, address: str) -> float:
    taken = []
    for _ in range(VISITS):
        started = time.perf_counter()
        browser.open(address, timeout=10).read()
        taken.append((time.perf_counter() - started) * 1000)
    return quantiles(taken, n=20)[-1]
