"""What every page of the shell shows: navigation, region menu, theme."""

from collections.abc import Iterator, Sequence
from functools import cached_property, lru_cache
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.urls import NoReverseMatch, get_script_prefix, reverse
from django.utils.html import format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import get_language, gettext

from console import hooks
from console.access import allowed_here, allowed_in
from console.middleware import REGION_COOKIE
from console.models import Region

THEMES = ("system", "light", "dark")
THEME_COOKIE = "flowlog_theme"
NAV_COOKIE = "flowlog_nav"
KEYS_COOKIE = "flowlog_keys"


def shell(request: HttpRequest) -> dict[str, Any]:
    """Add the shell to the context; costs a query only when a template asks for the regions."""
    theme = request.COOKIES.get(THEME_COOKIE, "system")
    return {
        "theme": theme if theme in THEMES else "system",
        "nav_collapsed": request.COOKIES.get(NAV_COOKIE) == "collapsed",
        "single_keys": request.COOKIES.get(KEYS_COOKIE) != "off",
        "shell": Shell(request),
    }


class Shell:
    """The parts of the shell that depend on the request, worked out when a template asks."""

    def __init__(self, request: HttpRequest) -> None:
        self.request = request

    def sections(self) -> list[dict[str, Any]]:
        """Return the left navigation: sections of items, of those that the user may see."""
        if self.region is None:
            return []
        sections: dict[str, list[dict[str, Any]]] = {}
        for item, url in pages(self.request, self.region.id):
            sections.setdefault(item.section, []).append({"label": item.label, "url": url})
        self._mark_current([item for items in sections.values() for item in items])
        return [{"label": label, "entries": items} for label, items in sections.items()]

    def areas(self) -> list[dict[str, Any]]:
        """Return the region menu: areas of regions, each with this page's address there."""
        areas: dict[str, list[Region]] = {}
        for region in self._regions:
            areas.setdefault(region.area, []).append(region)
        return [{"label": gettext(area), "links": self._links(regions)} for area, regions in areas.items()]

    def _links(self, regions: list[Region]) -> SafeString:
        """Return the items of a list of regions; made here since every page has all of them."""
        address, here = self._address_elsewhere(), self.region.id if self.region else None
        current = mark_safe(' aria-current="true"')
        return format_html_join(
            "",
            '<li><a class="menu-item" href="{}"{}>{}<small>{}</small></a></li>',
            (
                (address.format(each.id), current if each.id == here else "", each.label, each.id)
                for each in regions
            ),
        )

    def languages(self) -> list[dict[str, Any]]:
        """Return the languages to choose from, each by its own name."""
        current = get_language()
        return [{"code": code, "name": name, "current": code == current} for code, name in settings.LANGUAGES]

    def ram(self) -> dict[str, str]:
        """Return where RAM users and policies are, of what the user may see, or which action is missing."""
        for action, page in (("ram:ListUsers", "ram-user-list"), ("ram:ListPolicies", "ram-policy-list")):
            if allowed_here(self.request, action):
                return {"url": reverse(f"console:{page}"), "missing": ""}
        return {"url": "", "missing": "ram:ListUsers"}

    def texts(self) -> dict[str, str]:
        """Return what the scripts of the shell say, in the language of the page."""
        return {
            "copied": gettext("Copied"),
            "answered": gettext("The server answered %s."),
            "unreachable": gettext("The server cannot be reached. Try again in a moment."),
            "slow": gettext("The server took too long to answer."),
            "request": gettext("Request ID %s"),
            "login": gettext("Log in again."),
        }

    @cached_property
    def region(self) -> Region | None:
        """The region of the page; of one that has none, that of the last visit."""
        here: Region | None = getattr(self.request, "region", None)
        if here is not None or getattr(self.request, "account", None) is None:
            return here
        return last_of(self._regions, self.request)

    @cached_property
    def _regions(self) -> list[Region]:
        return list(Region.objects.all())

    def _address_elsewhere(self) -> str:
        """Return this page's address with {} for the region; a page of one thing has none elsewhere, so home."""
        match = self.request.resolver_match
        if match is not None and set(match.kwargs) == {"region_id"}:
            # Replacing is a tenth of the time of asking the resolver for each region.
            path = self.request.path.replace("{", "{{").replace("}", "}}")
            return path.replace(f"/{match.kwargs['region_id']}/", "/{}/", 1)
        return reverse("console:home") + "?region={}"

    def _mark_current(self, items: list[dict[str, Any]]) -> None:
        here = [item for item in items if self.request.path.startswith(item["url"])]
        if here:
            max(here, key=lambda item: len(item["url"]))["current"] = True


def last_of(regions: Sequence[Region], request: HttpRequest) -> Region | None:
    """Return the region of the last visit, or the first of these; None in an installation without any."""
    known = request.COOKIES.get(REGION_COOKIE)
    return next((each for each in regions if each.id == known), next(iter(regions), None))


def pages(request: HttpRequest, region_id: str) -> Iterator[tuple[hooks.NavItem, str]]:
    """Yield the pages of the navigation that the user may see in a region, with their addresses."""
    below = get_script_prefix()
    for item in hooks.nav_items():
        if not item.action or allowed_in(request, item.action, region_id):
            yield item, _region_url(item.url_name, region_id, below)


@lru_cache(maxsize=4096)
def _region_url(url_name: str, region_id: str, _below: str) -> str:
    """Return the page of a region; ``_below`` is what all addresses begin with, which an answer holds for."""
    try:
        return reverse(url_name, kwargs={"region_id": region_id})
    except NoReverseMatch:
        return reverse(url_name)
