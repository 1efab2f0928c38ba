"""What the list of flow logs shows, as its address says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from flowlogs.listing import CHANGING, DELETED, FAILED
from flowlogs.models import FlowLog


@dataclass(frozen=True)
class Column:
    """A column of the list that can be hidden; ``sort`` is the key that its heading sorts by, if any."""

    key: str
    label: Any
    sort: str = ""


COLUMNS = (
    Column("resource", _("Resource"), "resource"),
    Column("traffic", _("Traffic type"), "traffic"),
    Column("sampling", _("Sampling"), "interval"),
    Column("status", _("Status and delivery"), "status"),
    Column("logstore", _("Simple Log Service")),
    Column("volume", _("This month")),
    Column("created", _("Created"), "created"),
    Column("tags", _("Tags")),
)
DEFAULT_COLUMNS = ("resource", "traffic", "sampling", "status", "logstore", "volume")
"""What fits beside each other on a desk; the others are a click away."""
SEPARATOR = "."
"""Between the columns in addresses and cookies, where a comma would be escaped."""


class FlowLogFilter(forms.Form):
    """What the list shows, as its address says; what makes no sense there is as if it were not there."""

    SORTS = {
        "name": ("name",),
        "resource": ("resource_type", "resource_id"),
        "traffic": ("traffic_type", "ip_version"),
        "interval": ("interval",),
        "status": ("status",),
        "delivery": ("delivery_status",),
        "created": ("created_at",),
    }
    SIZES = (10, 20, 50)
    STATUSES = [
        ("", _("All states")),
        (FlowLog.Status.ACTIVE.value, FlowLog.Status.ACTIVE.label),
        (FlowLog.Status.INACTIVE.value, FlowLog.Status.INACTIVE.label),
        (CHANGING, _("Changing")),
        (FAILED, FlowLog.DeliveryStatus.FAILED.label),
        (DELETED, _("Deleted")),
    ]
    RESOURCE_TYPES = [("", _("All resource types")), *FlowLog.ResourceType.choices]
    TRAFFIC_TYPES = [("", _("All traffic types")), *FlowLog.TrafficType.choices]
    DEFAULTS = {
        "search": "",
        "status": "",
        "resource_type": "",
        "traffic_type": "",
        "tag": "",
        "sort": "-created",
        "page_size": 20,
        "columns": "",
    }

    search = forms.CharField(required=False)
    status = forms.ChoiceField(required=False, choices=STATUSES)
    resource_type = forms.ChoiceField(required=False, choices=RESOURCE_TYPES)
    traffic_type = forms.ChoiceField(required=False, choices=TRAFFIC_TYPES)
    tag = forms.CharField(required=False)
    sort = forms.ChoiceField(
        required=False, choices=[(f"{sign}{key}", key) for key in SORTS for sign in ("", "-")]
    )
    page_size = forms.TypedChoiceField(required=False, coerce=int, choices=[(size, size) for size in SIZES])
    columns = forms.CharField(required=False)

    def values(self) -> dict[str, Any]:
        """Return all that the address asks for, each with its default."""
        self.is_valid()
        return self.DEFAULTS | {name: value for name, value in self.cleaned_data.items() if value}

    @classmethod
    def ordering(cls, sort: str) -> list[str]:
        """Return the fields to sort by: among equals the newest first, and the identifier makes the order one."""
        sign = "-" if sort.startswith("-") else ""
        return [*(f"{sign}{field}" for field in cls.SORTS[sort.removeprefix("-")]), "-created_at", "id"]


def is_filtered(asked: dict[str, Any]) -> bool:
    """Tell whether the list leaves anything out."""
    return any(asked[name] for name in ("search", "status", "resource_type", "traffic_type", "tag"))


def chosen_columns(*texts: str) -> tuple[str, ...]:
    """Return the columns to show, in their order: of the first text that names any, or the usual ones."""
    for text in texts:
        named = set(text.split(SEPARATOR))
        if chosen := tuple(column.key for column in COLUMNS if column.key in named):
            return chosen
    return DEFAULT_COLUMNS
