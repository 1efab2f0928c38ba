"""A browser that notes everything that must not happen on a page of ours."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from axe_playwright_python.base import AXE_SCRIPT

if TYPE_CHECKING:
    from playwright.sync_api import Browser, ConsoleMessage, Error, Page, Request, Response

# --no-sandbox is required as root; the others only make pictures alike.
CHROMIUM_OPTIONS = [
    "--no-sandbox",
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--hide-scrollbars",
    "--force-color-profile=srgb",
    "--font-render-hinting=none",
]
REPORT_VIOLATIONS = """
document.addEventListener("securitypolicyviolation", (event) => {
  console.error(`policy violation: ${event.violatedDirective} ${event.blockedURI} ${event.sample}`);
});
"""
RUN_AXE = "axe.run({resultTypes: ['violations']}).then((found) => found.violations)"
HEIGHTS = {1440: 900, 390: 844}


class Windows:
    """Browser windows, which go from test to test: a new one and its first page take a second of work.

    One that is given back has forgotten its cookies, its storage and its routes. A test that sets the clock
    of a window, adds scripts to it or listens to it takes one that is not kept.
    """

    def __init__(self, browser: "Browser") -> None:
        self._browser = browser
        self._free: dict[bool, list[Page]] = {True: [], False: []}

    def take(self, *, scripts: bool, kept: bool) -> "Page":
        """Return a window that nobody uses."""
        if kept and self._free[scripts]:
            return self._free[scripts].pop()
        context = self._browser.new_context(
            java_script_enabled=scripts, locale="en-US", timezone_id="UTC", reduced_motion="reduce"
        )
        context.add_init_script(REPORT_VIOLATIONS)
        page = context.new_page()
        page.set_default_timeout(10_000)
        return page

    def give_back(self, page: "Page", address: str, *, scripts: bool) -> None:
        """Take back a window that was on this site; what runs in it ends."""
        assert not page.evaluate("'__pwClock' in window"), "a test that sets the clock says kept=False"
        page.unroute_all(behavior="ignoreErrors")
        page.context.clear_cookies()
        page.goto(f"{address}/healthz")
        page.evaluate("localStorage.clear(); sessionStorage.clear()")
        self._free[scripts].append(page)

    def close(self) -> None:
        """Close all that were given back."""
        for page in (*self._free[True], *self._free[False]):
            page.context.close()


class Visitor:
    """One person with one browser window. `problems` lists console errors, policy violations, failed
    requests and requests to other hosts."""

    def __init__(
        self,
        windows: Windows,
        address: str,
        *,
        width: int = 1440,
        theme: str = "light",
        scripts: bool = True,
        kept: bool = True,
    ) -> None:
        self.address = address
        self.problems: list[str] = []
        self._expected: set[int] = set()
        self._windows, self._scripts, self._kept = windows, scripts, kept
        self.page = windows.take(scripts=scripts, kept=kept)
        self.page.set_viewport_size({"width": width, "height": HEIGHTS.get(width, 900)})
        self.page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
        self._noted: dict[str, Callable[[Any], None]] = {
            "console": self._note_message,
            "pageerror": self._note_error,
            "request": self._note_request,
            "response": self._note_response,
        }
        for event, note in self._noted.items():
            self.page.on(event, note)  # type: ignore[call-overload]

    def take_session(self, session: str) -> None:
        """Be logged in with this session."""
        self.page.context.add_cookies([{"name": "flowlog_session", "value": session, "url": self.address}])

    def go(self, path: str, *, status: int = 200) -> None:
        """Open a page, which must answer with this status."""
        self._expected.add(status)
        response = self.page.goto(self.address + path)
        assert response is not None
        assert response.status == status, f"{path} answered {response.status}"

    def expect(self, status: int) -> None:
        """Take an answer with this status as no problem from now on."""
        self._expected.add(status)

    def findings(self) -> list[str]:
        """Return what axe finds wrong with the page as it is now, and whether it scrolls sideways."""
        if self.page.evaluate("typeof axe") == "undefined":
            self.page.evaluate(AXE_SCRIPT)
        found = [
            f"{violation['id']}: {node['target']} {node.get('failureSummary', '')}"
            for violation in self.page.evaluate(RUN_AXE)
            for node in violation["nodes"]
        ]
        beyond = self.page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        return found + ([f"the page is {beyond} px too wide"] if beyond > 0 else [])

    def close(self) -> None:
        """Leave the window."""
        for event, note in self._noted.items():
            self.page.remove_listener(event, note)
        if self._kept:
            self._windows.give_back(self.page, self.address, scripts=self._scripts)
        else:
            self.page.context.close()

    def _note_error(self, error: "Error") -> None:
        self.problems.append(f"script error: {error}")

    def _note_message(self, message: "ConsoleMessage") -> None:
        # The browser itself reports each failed answer; those are judged by their status below.
        if message.type == "error" and not message.text.startswith("Failed to load resource"):
            self.problems.append(f"console: {message.text}")

    def _note_request(self, request: "Request") -> None:
        host = urlsplit(request.url).netloc
        if host and host != urlsplit(self.address).netloc:
            self.problems.append(f"request to another host: {request.url}")

    def _note_response(self, response: "Response") -> None:
        if response.status >= 400 and response.status not in self._expected:
            self.problems.append(f"{response.status} {response.url}")
