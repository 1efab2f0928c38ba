"""What was changed, in words: actions and fields as the pages call them, values as they show them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from console.models import Change
from console.wording import CREATED
from flowlogs.forms import TRAFFIC_PATHS
from flowlogs.models import FlowLog
from flowlogs.rules import DELIVERY_REASONS

ACTIONS = {
    "vpc:CreateFlowLog": CREATED,
    "vpc:ModifyFlowLogAttribute": _("Edited"),
    "vpc:ActiveFlowLog": _("Started"),
    "vpc:DeactiveFlowLog": _("Stopped"),
    "vpc:DeleteFlowLog": _("Deleted"),
    "vpc:TagResources": _("Tagged"),
    "vpc:UntagResources": _("Tags removed"),
}
FIELDS = {
    "name": _("Name"),
    "description": _("Description"),
    "resource_type": _("Resource type"),
    "resource_id": _("Resource"),
    "vpc": _("VPC"),
    "vpc_id": _("VPC"),
    "traffic_type": _("Data transfer type"),
    "ip_version": _("IP version"),
    "interval": _("Sampling interval"),
    "traffic_paths": _("Sampling path"),
    "project_name": _("Project"),
    "logstore_name": _("Logstore"),
    "status": _("Status"),
    "delivery_status": _("Delivery status"),
    "delivery_error": _("Delivery error"),
    "tags": _("Tags"),
    "delivered_again": _("Windows delivered again"),
    "is_demo": _("Demo data"),
}
NOTHING = "-"


@dataclass(frozen=True)
class ShownValue:
    """One field that was changed, with its value before and after in words."""

    field: Any
    before: str
    after: str


@dataclass(frozen=True)
class ShownChange:
    """One change: who, what, when, and the values."""

    change: Change
    action: Any
    values: list[ShownValue]

    @property
    def by_system(self) -> bool:
        """Whether nobody did it: the system itself."""
        return not self.change.user_name


def shown_change(change: Change) -> ShownChange:
    """Return a change as the pages show it."""
    values = [
        ShownValue(FIELDS.get(name, name), said(name, before), said(name, after))
        for name, (before, after) in change.values.items()
    ]
    return ShownChange(change, ACTIONS.get(change.action, change.action), values)


def said(field: str, value: Any) -> str:
    """Return the value of a field of a flow log in words."""
    if value is None or value == "" or (not value and field != "traffic_paths" and value is not False):
        return NOTHING
    return WORDS[field](value) if field in WORDS else _plain(value)


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return gettext("Yes") if value else gettext("No")
    if isinstance(value, dict):
        return ", ".join(f"{key}: {each}" if each else str(key) for key, each in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    return str(value)


def _label(choices: Any) -> Callable[[Any], str]:
    labels = dict(choices)
    return lambda value: gettext(labels[value]) if value in labels else str(value)


def _minutes(value: Any) -> str:
    return gettext("%(minutes)s min") % {"minutes": value}


def _paths(value: Any) -> str:
    if not value:
        return gettext("All Scenarios")
    return ", ".join(str(TRAFFIC_PATHS.get(each, each)) for each in value)


def _reason(value: Any) -> str:
    rule = DELIVERY_REASONS.get(value)
    return gettext(rule.message) if rule else str(value)


WORDS: dict[str, Callable[[Any], str]] = {
    "resource_type": _label(FlowLog.ResourceType.choices),
    "traffic_type": _label(FlowLog.TrafficType.choices),
    "ip_version": _label(FlowLog.IpVersion.choices),
    "status": _label(FlowLog.Status.choices),
    "delivery_status": _label(FlowLog.DeliveryStatus.choices),
    "interval": _minutes,
    "traffic_paths": _paths,
    "delivery_error": _reason,
}
