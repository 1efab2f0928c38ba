"""The analytics app."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class AnalyticsConfig(AppConfig):
    """Tells Django and the shell about the app."""

    name = "analytics"

    def ready(self) -> None:
        """Show Log Service in the navigation, and let the search of the top bar find Logstores and records."""
        from analytics import finding
        from console.hooks import NavItem, register_nav, register_search

        register_nav(NavItem(_("Analysis"), _("Log Service"), "analytics:log-service", 50, "log:ListProject"))
        register_search("analytics", finding.find)
