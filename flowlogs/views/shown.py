"""A flow log as the pages show it: its states in words, what it watches, and what the user may do to it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import Any

from django.db.models import Exists, OuterRef, QuerySet
from django.urls import NoReverseMatch, reverse
from django.utils.http import urlencode
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from console.access import ACTIVATE, AUTHORIZE, may, resource_name
from console.requests import ConsoleRequest
from console.wording import sentences
from flowlogs import listing, old_families, scope
from flowlogs.first_delivery import Awaited, awaited
from flowlogs.forms import TRAFFIC_PATHS, said
from flowlogs.models import FlowLog, Logstore
from flowlogs.rules import DELIVERY_REASONS, DELIVERY_REMEDIES, GATE_CODES, STOPPING_REASONS
from flowlogs.services.flow_logs import TRANSIENT
from flowlogs.usage import Volume
from flowlogs.views.network_access import may_list

DOTS = {FlowLog.Status.ACTIVE: "success", FlowLog.Status.INACTIVE: "off"}
STARTED = (FlowLog.Status.ACTIVE, FlowLog.Status.MODIFYING, FlowLog.Status.DEACTIVATING)
ACTIONS = {
    "start": "vpc:ActiveFlowLog",
    "stop": "vpc:DeactiveFlowLog",
    "edit": "vpc:ModifyFlowLogAttribute",
    "delete": "vpc:DeleteFlowLog",
    "tags": "vpc:TagResources",
}
CREATE = "vpc:CreateFlowLog"
DESCRIBE = "vpc:DescribeFlowLogs"
LIST = "flowlogs:flow-log-list"
NOW_CHANGING = _("The flow log is changing. Wait a moment.")
RESOURCE_PAGES = {
    FlowLog.ResourceType.VPC: "vpc",
    FlowLog.ResourceType.VSWITCH: "vswitch",
    FlowLog.ResourceType.ENI: "eni",
}
SAID = ("resource_type", "traffic_type", "ip_version", "status", "delivery_status")
LABELS: dict[str, dict[Any, Any]] = {name: dict(FlowLog._meta.get_field(name).flatchoices) for name in SAID}  # type: ignore[union-attr]
"""What values are called: for a page of rows, ``get_…_display`` would make the same tables again for each value."""
PLACE, OTHER_PLACE = "PLACE", "OTHER"
"""Stand for names in an address that is made once for many rows; names have no capitals."""


def create_url(request: ConsoleRequest, resource_type: str, resource_id: str) -> str:
    """Return the address of the form of a new flow log with a resource chosen."""
    form = reverse("flowlogs:flow-log-create", args=[request.region.pk])
    return f"{form}?{urlencode({'resource_type': str(resource_type), 'resource_id': resource_id})}"


def missing_gates(gates: Iterable[str]) -> str:
    """Return which gates of an account are missing and what that holds up; empty if none is."""
    missing = list(gates)
    if not missing:
        return ""
    delivers = not {ACTIVATE, AUTHORIZE} & set(missing)
    outcome = (
        gettext("Until then no flow log can be created.")
        if delivers
        else gettext("Until then no flow log can be created, and none delivers.")
    )
    return sentences(*(said(GATE_CODES[gate]) for gate in missing), outcome)


@dataclass(frozen=True)
class Act:
    """Something to do to a flow log; ``refusal`` says why it cannot be done now."""

    url: str
    refusal: Any = ""


class Acts(dict[str, Act]):
    """What can be done to a flow log, by name, each worked out when a page asks for it."""

    def __init__(self, find: Callable[[str], Act]) -> None:
        super().__init__()
        self._find = find

    def __missing__(self, name: str) -> Act:
        """Work out one of them."""
        return self.setdefault(name, self._find(name))


class Addresses:
    """The addresses that rows lead to, worked out once for all rows of a page."""

    def __init__(self, request: ConsoleRequest) -> None:
        self.region_id = region_id = request.region.pk
        self.named = {slug for slug in RESOURCE_PAGES.values() if may_list(request, slug)}
        """The kinds whose resources the user may see, so that rows call them by name."""
        self.list = reverse(LIST, args=[region_id])
        self._above = self.list.removesuffix("flow-logs/")
        self._pages: dict[str, str] = {}

    def resource(self, kind: str, resource_id: str) -> str:
        """Return the page of a network resource; empty where the user may not list its kind."""
        if kind not in self.named:
            return ""
        if kind not in self._pages:
            try:
                self._pages[kind] = reverse(f"flowlogs:{kind}-detail", args=[self.region_id, PLACE])
            except NoReverseMatch:
                self._pages[kind] = ""
        return self._pages[kind].replace(PLACE, resource_id)

    def from_list(self, url: str) -> str:
        """Return an address of the region as a row of the list writes it: shorter."""
        return f"../{url.removeprefix(self._above)}" if url else ""

    def logstore(self, project: str, logstore: str) -> str:
        """Return the search page of a Logstore."""
        if "logstore" not in self._pages:
            self._pages["logstore"] = reverse("analytics:search", args=[self.region_id, PLACE, OTHER_PLACE])
        return self._pages["logstore"].replace(OTHER_PLACE, logstore).replace(PLACE, project)


class ShownFlowLog:
    """A flow log of ``flow_logs_of`` with what its row and its page say about it."""

    def __init__(self, flow_log: FlowLog, request: ConsoleRequest, addresses: Addresses) -> None:
        self.flow_log = flow_log
        self.is_transient = flow_log.status in TRANSIENT and flow_log.deleted_at is None
        self.is_started = flow_log.status in STARTED
        self.dot = DOTS.get(FlowLog.Status(flow_log.status), "pending")
        kind = RESOURCE_PAGES[FlowLog.ResourceType(flow_log.resource_type)]
        self.resource_name = (
            (getattr(flow_log, "resource_name", None) or "") if kind in addresses.named else ""
        )
        self.url = f"{addresses.list}{flow_log.pk}/"
        self.toggle = "stop" if self.is_started else "start"
        self.volume = Volume()
        self.fee = Decimal("0.00")
        self.awaited = Awaited(has_delivered=False, due=None)
        self.names: dict[str, str] = {}
        """What the flow logs are called that decide how often its ENIs are captured."""
        self._request = request
        self._addresses = addresses

    @cached_property
    def acts(self) -> Acts:
        """What can be done to it, by name."""
        return Acts(self._act)

    @property
    def turn(self) -> Act:
        """Starting or stopping it, whichever comes next."""
        return self.acts[self.toggle]

    @cached_property
    def labels(self) -> dict[str, Any]:
        """What its states and kinds are called, by field."""
        values = ((name, getattr(self.flow_log, name)) for name in SAID)
        return {name: LABELS[name].get(value, value) for name, value in values}

    @property
    def resource_url(self) -> str:
        """The page of what it watches; empty where there is none."""
        if self.flow_log.deleted_at and getattr(self.flow_log, "resource_name", None) is None:
            return ""
        kind = RESOURCE_PAGES[FlowLog.ResourceType(self.flow_log.resource_type)]
        return self._addresses.resource(kind, self.flow_log.resource_id)

    @property
    def resource_from_list(self) -> str:
        """The page of what it watches, as its row writes it."""
        return self._addresses.from_list(self.resource_url)

    @property
    def logstore_from_list(self) -> str:
        """Where its records are searched, as its row writes it."""
        return self._addresses.from_list(self.logstore_url)

    @property
    def interval(self) -> str:
        """How often its records are made."""
        return gettext("%(minutes)s min") % {"minutes": self.flow_log.interval}

    @property
    def has_scope(self) -> bool:
        """Whether "View ENI Collection Scope" is offered: where it watches more than one ENI (SEED4)."""
        return self.flow_log.resource_type != FlowLog.ResourceType.ENI

    @property
    def vpc_url(self) -> str:
        """The page of its VPC; empty where there is none."""
        if self.flow_log.deleted_at and self.flow_log.vpc.deleted_at:
            return ""
        return self._addresses.resource("vpc", self.flow_log.vpc_id)

    @property
    def paths(self) -> list[Any]:
        """The single sampling paths, none for All Scenarios."""
        return [TRAFFIC_PATHS.get(key, key) for key in self.flow_log.traffic_paths]

    @cached_property
    def real_intervals(self) -> list[scope.RealInterval]:
        """How its ENIs are captured otherwise than it says."""
        return [] if self.flow_log.deleted_at else scope.real_intervals(self.flow_log)

    @property
    def several_intervals(self) -> str:
        """Of how many ENIs that is said, where it is said of several."""
        return scope.several(self.real_intervals)

    @property
    def is_recreated(self) -> bool:
        """Whether it stopped for want of a Logstore that is there again."""
        return self.flow_log.delivery_error in STOPPING_REASONS and getattr(
            self.flow_log, "has_target", False
        )

    @property
    def wants_target(self) -> bool:
        """Whether it does not deliver for want of a project or Logstore."""
        return self.flow_log.delivery_error in STOPPING_REASONS and not self.is_recreated

    @property
    def delivery_reason(self) -> str:
        """Why delivery fails."""
        if self.is_recreated:
            return gettext("The Logstore has been re-created.")
        return _words(DELIVERY_REASONS, self.flow_log)

    @property
    def delivery_remedy(self) -> str:
        """What to do about it."""
        if self.is_recreated:
            return gettext("Start the flow log to continue delivery.")
        return _words(DELIVERY_REMEDIES, self.flow_log)

    @property
    def logstore_url(self) -> str:
        """Where its records are searched; empty where there is no Logstore, or the user may not read it."""
        flow_log, user = self.flow_log, self._request.user
        path = f"project/{flow_log.project_name}/logstore/{flow_log.logstore_name}"
        resource = resource_name("log", flow_log.region_id, flow_log.account_id, path)
        if not getattr(flow_log, "has_target", False) or not may(user, "log:GetLogStoreLogs", resource):
            return ""
        return self._addresses.logstore(flow_log.project_name, flow_log.logstore_name)

    def _act(self, name: str) -> Act:
        flow_log, action = self.flow_log, ACTIONS[name]
        url = f"{self.url}{name}/"
        resource = resource_name("vpc", flow_log.region_id, flow_log.account_id, f"flowlog/{flow_log.pk}")
        if not may(self._request.user, action, resource):
            return Act(url, gettext("You need the permission %(action)s.") % {"action": action})
        return Act(url, NOW_CHANGING if self.is_transient else "")


def flow_logs_of(request: ConsoleRequest, *, even_deleted: bool = False) -> QuerySet[Any]:
    """Return the flow logs of the account in the region, with what they watch and whether their Logstore exists.

    Each row costs a few lookups: narrow it down to the rows that are shown before it is evaluated.
    """
    target = Logstore.objects.filter(
        project__account=OuterRef("account"),
        project__region=OuterRef("region"),
        project__name=OuterRef("project_name"),
        name=OuterRef("logstore_name"),
    )
    flow_logs = FlowLog.everything if even_deleted else FlowLog.objects
    found = flow_logs.filter(account=request.account, region=request.region)
    return found.annotate(resource_name=listing.resource_name(), has_target=Exists(target))


def shown(flow_logs: Iterable[FlowLog], request: ConsoleRequest) -> list[ShownFlowLog]:
    """Return flow logs as the pages show them."""
    addresses = Addresses(request)
    rows = [ShownFlowLog(flow_log, request, addresses) for flow_log in flow_logs]
    _name_deciders(rows)
    _tell_first_deliveries(rows)
    return rows


def _name_deciders(rows: Sequence[ShownFlowLog]) -> None:
    """Give rows the names of the flow logs that decide how often their ENIs are captured: one query for all."""
    named = {pk for row in rows for each in row.real_intervals for pk in each.named}
    if not named:
        return
    names = dict(FlowLog.everything.filter(pk__in=named).values_list("pk", "name"))
    for row in rows:
        row.names = names


def _tell_first_deliveries(rows: Sequence[ShownFlowLog]) -> None:
    """Give rows that wait for their first delivery what there is to tell about it: one query for all."""
    waiting = [row.flow_log.pk for row in rows if row.is_started and not row.flow_log.delivery_status]
    found = awaited(waiting) if waiting else {}
    for row in rows:
        row.awaited = found.get(row.flow_log.pk, row.awaited)


def blocking(request: ConsoleRequest, vpcs: QuerySet[Any]) -> dict[str, Any]:
    """Return which of these VPCs have instances that keep flow logs out, and whether the user may see which."""
    names = may_list(request, "vpc") and may_list(request, "instance")
    return {"blocking": old_families.blocking(request.account, vpcs), "names_blocking": names}


def count_volumes(
    rows: Iterable[ShownFlowLog], volumes: Mapping[str, Volume], fees: Mapping[str, Decimal]
) -> None:
    """Give rows what they generated this month and what that costs."""
    for row in rows:
        row.volume = volumes.get(row.flow_log.pk, row.volume)
        row.fee = fees.get(row.flow_log.pk, row.fee)


def _words(rules: Any, flow_log: FlowLog) -> str:
    rule = rules.get(flow_log.delivery_error)
    return gettext(rule.message) if rule else flow_log.delivery_error
