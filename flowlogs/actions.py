"""The actions of flow logs, exporters, Log Service and the network, as policies write them."""

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
