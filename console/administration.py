"""The admin site in the console's dress."""

from typing import Any

from csp.decorators import csp_update
from django.contrib import admin
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.urls import reverse


class BrandedAdminSite(admin.AdminSite):
    """Django's admin site with our name on it and a content policy of its own."""

    site_header = "Flow Log Console"
    site_title = "Flow Log Console administration"
    index_title = "Administration"

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Let the console's own login page, with its lockout, ask for the password."""
        if request.user.is_authenticated:
            raise PermissionDenied("Only administrators of this installation may use the administration.")
        return redirect_to_login(request.GET.get("next") or reverse("admin:index"))

    def admin_view(self, view: Any, cacheable: bool = False) -> Any:
        """Allow the style elements that the admin's own forms write into the page."""
        # A nonce in the policy would make browsers ignore 'unsafe-inline', so the admin never asks for one.
        allowed = csp_update({"style-src-elem": ["'unsafe-inline'"]})(view)
        return super().admin_view(allowed, cacheable)
