"""What every request passes through: its record, its region and its account."""

import logging
import time
import uuid
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.cache import patch_vary_headers
from django.utils.translation import gettext

from console import measure
from console.full_disk import passing
from console.models import Region, User
from console.views import errors

REGION_COOKIE = "flowlog_region"
_YEAR = 365 * 24 * 3600
log = logging.getLogger("console.request")

Handler = Callable[[HttpRequest], HttpResponse]


class RequestRecord:
    """Gives a request an identifier that errors show, and counts and times it for /metrics."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Handle one request."""
        request.request_id = str(uuid.uuid4()).upper()  # type: ignore[attr-defined]
        begun = time.perf_counter()
        response = self.get_response(request)
        seconds = time.perf_counter() - begun
        response["X-Request-Id"] = request.request_id  # type: ignore[attr-defined]
        match = request.resolver_match
        measure.record_request(match.view_name if match else "", response.status_code, seconds)
        log.debug("%s %s %d %.1f ms", request.method, request.path, response.status_code, seconds * 1000)
        return response

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """Say what is wrong where it passes by itself or by making room; other faults go on to the page of faults."""
        reason = passing(exception)
        if reason is None:
            return None
        log.error("%s %s", request.method, request.path, exc_info=exception)
        return errors.server_error(request, reason)


class RegionAndAccount:
    """Sets `request.region` and `request.account`; an unknown region in the address is a 404."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Handle one request and remember the region for the next visit."""
        request.region = None  # type: ignore[attr-defined]
        request.account = getattr(request.user, "account", None)  # type: ignore[attr-defined]
        response = self.get_response(request)
        patch_vary_headers(response, ["HX-Request"])
        if request.user.is_authenticated and not response.has_header("Cache-Control"):
            # What an account sees stays in no cache: not after logout, not on a shared computer.
            response["Cache-Control"] = "no-store"
        region = request.region  # type: ignore[attr-defined]
        if region is not None and request.COOKIES.get(REGION_COOKIE) != region.id:
            response.set_cookie(REGION_COOKIE, region.id, max_age=_YEAR, samesite="Lax", httponly=True)
        return response

    def process_view(
        self, request: HttpRequest, view: Callable[..., HttpResponse], args: list[Any], kwargs: dict[str, Any]
    ) -> None:
        """Find the region that the address names."""
        region_id = kwargs.get("region_id")
        if region_id is None:
            return
        request.region = Region.objects.filter(id=region_id).first()  # type: ignore[attr-defined]
        if request.region is None:  # type: ignore[attr-defined]
            raise Http404(gettext("There is no region %(region)s.") % {"region": region_id})


class OwnPasswordFirst:
    """Sends whoever must choose a password of their own there, whatever page they ask for."""

    OPEN = frozenset(
        f"console:{name}"
        for name in (
            *("password", "login", "logout", "theme", "language", "keys"),
            *("healthz", "readyz", "metrics"),
        )
    )

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Handle one request."""
        return self.get_response(request)

    def process_view(self, request: HttpRequest, *_view: Any) -> HttpResponse | None:
        """Answer instead of the view; a fragment has the browser leave its page."""
        user, match = request.user, request.resolver_match
        if not isinstance(user, User) or not user.must_change_password:
            return None
        if match is not None and match.view_name in self.OPEN:
            return None
        page = reverse("console:password")
        if request.headers.get("HX-Request") == "true":
            return HttpResponse(headers={"HX-Redirect": page})
        asked = {"next": request.get_full_path()} if request.method == "GET" else {}
        return redirect(f"{page}?{urlencode(asked)}" if asked else page)
