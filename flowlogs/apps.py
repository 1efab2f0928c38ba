"""The flowlogs app."""

from django.apps import AppConfig
from django.conf import settings
from django.utils.translation import gettext_lazy as _

from console.hooks import NavItem

MONITORING = _("O&M and Monitoring")
NETWORK = _("Network")
NAVIGATION = (
    NavItem("", _("Overview"), "flowlogs:overview", 1, "vpc:DescribeFlowLogs"),
    NavItem(MONITORING, _("Flow Log"), "flowlogs:flow-log-list", 10, "vpc:DescribeFlowLogs"),
    NavItem(MONITORING, _("Usage and Fees"), "flowlogs:usage", 12, "vpc:DescribeFlowLogs"),
    NavItem(MONITORING, _("Exporters"), "flowlogs:exporter-list", 20, "vpc:DescribeExporters"),
    NavItem(MONITORING, _("Ledger"), "flowlogs:ledger", 30, "vpc:DescribeFlowLogs"),
    NavItem(NETWORK, _("VPCs"), "flowlogs:vpc-list", 40, "vpc:DescribeVpcs"),
    NavItem(NETWORK, _("vSwitches"), "flowlogs:vswitch-list", 41, "vpc:DescribeVSwitches"),
    NavItem(NETWORK, _("ENIs"), "flowlogs:eni-list", 42, "ecs:DescribeNetworkInterfaces"),
    NavItem(NETWORK, _("ECS instances"), "flowlogs:instance-list", 43, "ecs:DescribeInstances"),
    NavItem(NETWORK, _("Security groups"), "flowlogs:security-group-list", 44, "ecs:DescribeSecurityGroups"),
    NavItem(NETWORK, _("Network ACLs"), "flowlogs:network-acl-list", 45, "vpc:DescribeNetworkAcls"),
    NavItem(NETWORK, _("Gateways"), "flowlogs:gateway-list", 46, "vpc:DescribeGateways"),
    NavItem(NETWORK, _("Routes"), "flowlogs:route-list", 47, "vpc:DescribeRouteEntryList"),
)


class FlowlogsConfig(AppConfig):
    """Tells Django and the shell about the app."""

    name = "flowlogs"
    verbose_name = _("Flow logs")

    def ready(self) -> None:
        """Connect what follows changes, tell the shell our pages, and beat what to do how often (seconds)."""
        from console import actions, hooks, names
        from console.services import delivery_authorization_changed

        from . import actions as ours
        from . import finding, inventory_signals
        from .services import coverage, delivery_status
        from .store import workers

        workers.configure(workers=settings.FLOWLOG_ENGINE_WORKERS, idle=settings.FLOWLOG_ENGINE_IDLE)
        names.translate(self)
        actions.register(ours.ALL, ours.RESOURCES)
        inventory_signals.connect_signals()
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
