"""The console app and its branded admin site."""

from django.apps import AppConfig, apps
from django.conf import settings
from django.contrib.admin.apps import AdminConfig
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _


class BrandedAdminConfig(AdminConfig):
    """The admin site in the console's own dress."""

    default_site = "console.administration.BrandedAdminSite"


class ConsoleConfig(AppConfig):
    """The shell that every page lives in."""

    name = "console"
    verbose_name = _("Accounts and access")

    def ready(self) -> None:
        """Load the Celery application, so that tasks find it, and keep the reference data in place."""
        from console import celery, checks, hooks, names, readiness, reference, translations  # noqa: F401

        apps.get_app_config("axes").verbose_name = _("Login protection")
        translations.compile_catalogues(*settings.LOCALE_PATHS)
        names.translate(self)
        post_migrate.connect(reference.ensure, sender=self)
        hooks.register_health("database", readiness.database)
        hooks.register_health("migrations", readiness.migrations)
        hooks.register_health("worker", readiness.worker)
        hooks.register_health("disk", readiness.disk)
        hooks.register_metrics("console", readiness.metrics)
        hooks.register_periodic("console-heartbeat", "console.tasks.heartbeat", every=5)
        hooks.register_periodic("tune-database", "console.tasks.tune_database", every=600)
