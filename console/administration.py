"""The admin site in the console's dress."""

from typing import Any

from csp.decorators import csp_update
from django.contrib import admin


class BrandedAdminSite(admin.AdminSite):
    """Django's admin site with our name on it and a content policy of its own."""

    site_header = "Flow Log Console"
    site_title = "Flow Log Console administration"
    index_title = "Administration"

    def admin_view(self, view: Any, cacheable: bool = False) -> Any:
        """Allow the style elements that the admin's own forms write into the page."""
        # A nonce in the policy would make browsers ignore 'unsafe-inline', so the admin never asks for one.
        allowed = csp_update({"style-src-elem": ["'unsafe-inline'"]})(view)
        return super().admin_view(allowed, cacheable)
