"""A flow log as the pages show it: its states in words, what it watches, and what the user may do to it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db.models import Exists, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from console.access import may, resource_name
from console.requests import ConsoleRequest
from flowlogs.forms import TRAFFIC_PATHS
from flowlogs.models import FlowLog, Logstore, NetworkInterface, Vpc, VSwitch
from flowlogs.rules import DELIVERY_REASONS, DELIVERY_REMEDIES
from flowlogs.services.flow_logs import TRANSIENT

DOTS = {FlowLog.Status.ACTIVE: "success", FlowLog.Status.INACTIVE: "off"}
STARTED = (FlowLog.Status.ACTIVE, FlowLog.Status.MODIFYING, FlowLog.Status.DEACTIVATING)
ACTIONS = {
    "start": "vpc:ActiveFlowLog",
    "stop": "vpc:DeactiveFlowLog",
    "edit": "vpc:ModifyFlowLogAttribute",
    "delete": "vpc:DeleteFlowLog",
}
CREATE = "vpc:CreateFlowLog"
DESCRIBE = "vpc:DescribeFlowLogs"
LIST = "flowlogs:flow-log-list"
NOW_CHANGING = _("The flow log is changing. Wait a moment.")


@dataclass(frozen=True)
class Act:
    """Something to do to a flow log; ``refusal`` says why it cannot be done now."""

    url: str
    refusal: Any = ""


class ShownFlowLog:
    """A flow log of ``flow_logs_of`` with what its row and its page say about it."""

    def __init__(self, flow_log: FlowLog, request: ConsoleRequest) -> None:
        self.flow_log = flow_log
        self.is_transient = flow_log.status in TRANSIENT
        self.is_started = flow_log.status in STARTED
        self.dot = DOTS.get(FlowLog.Status(flow_log.status), "pending")
        self.resource_name: str = flow_log.resource_name  # type: ignore[attr-defined]
        self.url = _url("flow-log-detail", flow_log)
        self.logstore_url = self._logstore_url(request)
        self.acts = {name: self._act(name, action, request) for name, action in ACTIONS.items()}
        self.toggle = "stop" if self.is_started else "start"

    @property
    def paths(self) -> list[Any]:
        """The single sampling paths, none for All Scenarios."""
        return [TRAFFIC_PATHS.get(key, key) for key in self.flow_log.traffic_paths]

    @property
    def delivery_reason(self) -> str:
        """Why delivery fails."""
        return _words(DELIVERY_REASONS, self.flow_log)

    @property
    def delivery_remedy(self) -> str:
        """What to do about it."""
        return _words(DELIVERY_REMEDIES, self.flow_log)

    def _act(self, name: str, action: str, request: ConsoleRequest) -> Act:
        flow_log = self.flow_log
        url = _url(f"flow-log-{name}", flow_log)
        resource = resource_name("vpc", flow_log.region_id, flow_log.account_id, f"flowlog/{flow_log.pk}")
        if not may(request.user, action, resource):
            return Act(url, gettext("You need the permission %(action)s.") % {"action": action})
        return Act(url, NOW_CHANGING if self.is_transient else "")

    def _logstore_url(self, request: ConsoleRequest) -> str:
        flow_log = self.flow_log
        path = f"project/{flow_log.project_name}/logstore/{flow_log.logstore_name}"
        resource = resource_name("log", flow_log.region_id, flow_log.account_id, path)
        if not flow_log.has_target or not may(request.user, "log:GetLogStoreLogs", resource):  # type: ignore[attr-defined]
            return ""
        return reverse(
            "analytics:search",
            args=[flow_log.region_id, flow_log.project_name, flow_log.logstore_name],
        )


def flow_logs_of(request: ConsoleRequest) -> QuerySet[Any]:
    """Return the flow logs of the account in the region, with what they watch and whether their Logstore exists."""
    watched = OuterRef("resource_id")
    name = Coalesce(
        *(
            Subquery(model.objects.filter(pk=watched).values("name"))
            for model in (Vpc, VSwitch, NetworkInterface)
        )
    )
    target = Logstore.objects.filter(
        project__account=OuterRef("account"),
        project__region=OuterRef("region"),
        project__name=OuterRef("project_name"),
        name=OuterRef("logstore_name"),
    )
    found = FlowLog.objects.filter(account=request.account, region=request.region)
    return found.annotate(resource_name=name, has_target=Exists(target))


def shown(flow_logs: Iterable[FlowLog], request: ConsoleRequest) -> list[ShownFlowLog]:
    """Return flow logs as the pages show them."""
    return [ShownFlowLog(flow_log, request) for flow_log in flow_logs]


def _url(name: str, flow_log: FlowLog) -> str:
    return reverse(f"flowlogs:{name}", args=[flow_log.region_id, flow_log.pk])


def _words(rules: Any, flow_log: FlowLog) -> str:
    rule = rules.get(flow_log.delivery_error)
    return gettext(rule.message) if rule else flow_log.delivery_error
