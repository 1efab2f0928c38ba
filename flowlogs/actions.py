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
PROJECTS = ("log:ListProject", "log:CreateProject", "log:UpdateProject", "log:DeleteProject")
LOGSTORES = (
    *("log:CreateLogStore", "log:UpdateLogStore", "log:DeleteLogStore", "log:CreateIndex"),
    "log:GetLogStoreLogs",
)
PRICES = ("log:ModifyPrices",)
NETWORK = tuple(action for kind in KINDS.values() for action in kind.actions.values())
ALL = (*FLOW_LOGS, *EXPORTERS, *PROJECTS, *LOGSTORES, *PRICES, *NETWORK)
RESOURCES = (
    Resources(_("Flow logs"), "vpc", "flowlog/*", FLOW_LOGS),
    Resources(_("Exporters"), "vpc", "exporter/*", EXPORTERS),
    Resources(_("Projects"), "log", "project/*", PROJECTS),
    Resources(_("Logstores"), "log", "project/*/logstore/*", LOGSTORES),
    Resources(_("Prices of the account"), "log", "account/prices", PRICES),
    *(
        Resources(
            kind.many,
            kind.actions["list"].partition(":")[0],
            f"{kind.resource_path}/*",
            tuple(kind.actions.values()),
        )
        for kind in sorted(KINDS.values(), key=lambda kind: bool(kind.part_of), reverse=True)
    ),
)
