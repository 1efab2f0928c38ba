"""A browser that notes everything that must not happen on a page of ours."""

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from axe_playwright_python.sync_playwright import Axe

if TYPE_CHECKING:
    from playwright.sync_api import Browser, ConsoleMessage, Request, Response

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
HEIGHTS = {1440: 900, 390: 844}


class Visitor:
    """One person with one browser window. `problems` lists console errors, policy violations, failed
    requests and requests to other hosts."""

    def __init__(self, browser: "Browser", address: str, *, width: int, theme: str, scripts: bool) -> None:
        self.address = address
        self.problems: list[str] = []
        self._expected: set[int] = set()
        self._context = browser.new_context(
            viewport={"width": width, "height": HEIGHTS.get(width, 900)},
            color_scheme=theme,  # type: ignore[arg-type]
            java_script_enabled=scripts,
            locale="en-US",
            timezone_id="UTC",
            reduced_motion="reduce",
        )
        self._context.add_init_script(REPORT_VIOLATIONS)
        self.page = self._context.new_page()
        self.page.set_default_timeout(10_000)
        self.page.on("console", self._note_message)
        self.page.on("pageerror", lambda error: self.problems.append(f"script error: {error}"))
        self.page.on("request", self._note_request)
        self.page.on("response", self._note_response)

    def take_session(self, session: str) -> None:
        """Be logged in with this session."""
        self._context.add_cookies([{"name": "flowlog_session", "value": session, "url": self.address}])

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
        found = [
            f"{violation['id']}: {node['target']} {node.get('failureSummary', '')}"
            for violation in _violations(Axe().run(self.page))
            for node in violation["nodes"]
        ]
        beyond = self.page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        return found + ([f"the page is {beyond} px too wide"] if beyond > 0 else [])

    def close(self) -> None:
        """Close the window."""
        self._context.close()

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


def _violations(result: Any) -> list[dict[str, Any]]:
    violations: list[dict[str, Any]] = result.response["violations"]
    return violations
