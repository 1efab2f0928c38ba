"""The analytics app."""

from django.apps import AppConfig


class AnalyticsConfig(AppConfig):
    """Tells Django and the shell about the app."""

    name = "analytics"

    def ready(self) -> None:
        """Show Log Service in the navigation."""
        from console.hooks import NavItem, register_nav

        register_nav(NavItem("Analysis", "Log Service", "analytics:log-service", 50, "log:ListProject"))
