"""The actions of flow logs, exporters, Log Service and the network as policies write them, and their resources."""

from django.utils.translation import gettext_lazy as _

from console.actions import Resources
from flowlogs.networks.kinds import KINDS

FLOW_LOGS = (
    *("vpc:DescribeFlowLogs", "vpc:CreateFlowLog", "vpc:ModifyFlowLogAttribute", "vpc:DeleteFlowLog"),
    *("vpc:ActiveFlowLog", "vpc:DeactiveFlowLog", "vpc:TagResources", "vpc:UntagResources"),
)
EXPORTERS = (
    *("vpc:DescribeExporters", "vpc:CreateExporter", "vpc:ModifyExporter"),
    *("vpc:BindExporter", "vpc:UnbindExporter", "vpc:ReleaseExporter"),
)
LOG_SERVICE = (
    *("log:ListProject", "log:CreateProject", "log:UpdateProject", "log:DeleteProject"),
    *("log:CreateLogStore", "log:UpdateLogStore", "log:DeleteLogStore", "log:CreateIndex"),
    *("log:GetLogStoreLogs", "log:ModifyPrices"),
)
NETWORK = tuple(action for kind in KINDS.values() for action in kind.actions.values())
ALL = (*FLOW_LOGS, *EXPORTERS, *LOG_SERVICE, *NETWORK)
RESOURCES = (
    Resources(_("Flow logs"), "vpc", "flowlog/*"),
    Resources(_("Exporters"), "vpc", "exporter/*"),
    Resources(_("Projects"), "log", "project/*"),
    Resources(_("Logstores"), "log", "project/*/logstore/*"),
    Resources(_("Prices of the account"), "log", "account/prices"),
    *(
        Resources(kind.many, kind.actions["list"].partition(":")[0], f"{kind.resource_path}/*")
        for kind in KINDS.values()
        if not kind.part_of
    ),
)
