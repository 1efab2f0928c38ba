"""The flowlogs app."""

from django.apps import AppConfig
from django.conf import settings
from django.utils.translation import gettext_lazy as _

from console.hooks import NavItem

MONITORING = _("O&M and Monitoring")
NAVIGATION = (
    NavItem(MONITORING, _("Flow Log"), "flowlogs:flow-log-list", 10, "vpc:DescribeFlowLogs"),
    NavItem(MONITORING, _("Exporters"), "flowlogs:exporter-list", 20, "vpc:DescribeExporters"),
    NavItem(MONITORING, _("Ledger"), "flowlogs:ledger", 30, "vpc:DescribeFlowLogs"),
)


class FlowlogsConfig(AppConfig):
    """Tells Django and the shell about the app."""

    name = "flowlogs"
    verbose_name = "Flow logs"

    def ready(self) -> None:
        """Connect what follows changes, tell the shell our pages, and beat what to do how often (seconds)."""
        from console import hooks
        from console.services import delivery_authorization_changed

        from . import finding, inventory
        from .services import coverage, delivery_status
        from .store import workers

        workers.configure(workers=settings.FLOWLOG_ENGINE_WORKERS, idle=settings.FLOWLOG_ENGINE_IDLE)
        inventory.connect_signals()
        coverage.connect_signals()
        delivery_authorization_changed.connect(
            delivery_status.authorization_changed, dispatch_uid="delivery-status"
        )
        hooks.register_dependents("flow logs", delivery_status.stopped_by_revoking)
        for item in NAVIGATION:
            hooks.register_nav(item)
        hooks.register_search("flowlogs", finding.find)
        hooks.register_shutdown("engine workers", workers.shutdown)
        hooks.register_periodic("capture", "flowlogs.capture", every=1)
        hooks.register_periodic("sweep", "flowlogs.sweep", every=3)
        hooks.register_periodic("transitions", "flowlogs.apply_transitions", every=15)
        hooks.register_periodic("housekeeping", "flowlogs.keep_house", every=30)
        hooks.register_periodic("orphans", "flowlogs.collect_orphans", every=600)
