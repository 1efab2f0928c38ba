"""What the list of flow logs shows, as its address says."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from flowlogs.models import FlowLog


class FlowLogFilter(forms.Form):
    """What the list shows, as its address says; what makes no sense there is as if it were not there."""

    TRANSIENT = "changing"
    FAILED = "failed"
    SORTS = {
        "name": ("name", "id"),
        "-name": ("-name", "-id"),
        "created": ("created_at", "id"),
        "-created": ("-created_at", "id"),
    }
    SIZES = (10, 20, 50)
    STATUSES = [
        ("", _("All states")),
        (FlowLog.Status.ACTIVE.value, FlowLog.Status.ACTIVE.label),
        (FlowLog.Status.INACTIVE.value, FlowLog.Status.INACTIVE.label),
        (TRANSIENT, _("Changing")),
        (FAILED, FlowLog.DeliveryStatus.FAILED.label),
    ]

    search = forms.CharField(required=False)
    status = forms.ChoiceField(required=False, choices=STATUSES)
    sort = forms.ChoiceField(required=False, choices=[(key, key) for key in SORTS])
    page_size = forms.TypedChoiceField(required=False, coerce=int, choices=[(size, size) for size in SIZES])

    def values(self) -> dict[str, Any]:
        """Return search, status, sort and page size."""
        self.is_valid()
        asked = {name: value for name, value in self.cleaned_data.items() if value}
        return {"search": "", "status": "", "sort": "-created", "page_size": 20} | asked
