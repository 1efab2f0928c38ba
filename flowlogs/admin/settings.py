"""What later documentation changed is a setting: of an account or of a region, each told with its sources."""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils.html import format_html_join
from django.utils.safestring import mark_safe
from django.utils.translation import gettext, gettext_lazy
from django.utils.translation import gettext_noop as _

from console.admin import AccountAdmin, RegionAdmin
from console.models import Account, Region
from flowlogs.admin.base import RuleForm, ServedAdmin
from flowlogs.rules import SOURCES
from flowlogs.services import prices

Told = tuple[str, str]
"""What a document says, and its key in SOURCES."""

ACCOUNT_SOURCES: dict[str, tuple[Told, ...]] = {
    "flow_log_quota": (
        (_("10 flow logs in each region; more on request."), "SEED3"),
        (_("10 flow logs for the whole account."), "CURRENT"),
        (
            _(
                "In each region; a larger number raises the quota that the message of a full one asks you for."
            ),
            "OURS",
        ),
    ),
    "blocks_old_families": (
        (_("A VPC with ECS instances of 26 old families cannot have flow logs."), "SEED1"),
        (_("Says nothing of old families."), "CURRENT"),
        (_("On as documented; off where no instance of these families is any trouble."), "OURS"),
    ),
    "storage_price": ((_("Log Service charges for stored data, as long as it is kept."), "CURRENT"),),
    "index_price": ((_("Index traffic is billed, dashboards are free."), "SEED2"),),
    "transformation_price": ((_("CIDR block settings transform data, which costs extra."), "LOG"),),
}
REGION_SOURCES: dict[str, tuple[Told, ...]] = {
    "flow_logs_available": (
        (_("China (Hohhot), Malaysia, Indonesia (Jakarta) and UK (London)."), "SEED3"),
        (_("All regions that an installation begins with."), "CURRENT"),
        (_("Off: the region says so, and creating flow logs is refused."), "OURS"),
    ),
    "ipv6_available": (
        (_("IPv4 only."), "SEED4"),
        (_("IPv4 or dual-stack in nine regions."), "CURRENT"),
        (_("Off: dual-stack flow logs are refused."), "OURS"),
    ),
}


class SettingsForm(RuleForm):
    """Settings, each with what the documents say of it."""

    sources: ClassVar[dict[str, tuple[Told, ...]]] = {}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, told in self.sources.items():
            if name in self.fields:
                said = [f"{gettext(SOURCES[source])}: {gettext(text)}" for text, source in told]
                lines = [line for line in (str(self.fields[name].help_text), *said) if line]
                self.fields[name].help_text = format_html_join(
                    mark_safe("<br>"), "{}", ((line,) for line in lines)
                )

    def _get_validation_exclusions(self) -> set[str]:
        return forms.ModelForm._get_validation_exclusions(self)  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        """Have the model check itself: only prices have a service."""
        forms.ModelForm.clean(self)
        return super().clean()


class AccountForm(SettingsForm):
    """The settings of an account."""

    sources = ACCOUNT_SOURCES


class RegionForm(SettingsForm):
    """The settings of a region."""

    sources = REGION_SOURCES


class AccountSettingsAdmin(ServedAdmin, AccountAdmin):
    """Accounts with the settings of flow logs; their prices go through the service."""

    form = AccountForm
    actions = []
    unnoted = AccountAdmin.unnoted | set(prices.PRICES)
    fieldsets = (
        (None, {"fields": ("id", "name", "is_demo")}),
        (gettext_lazy("Flow logs"), {"fields": ("flow_log_quota", "blocks_old_families")}),
        (gettext_lazy("Prices of Log Service"), {"fields": prices.PRICES}),
        (
            gettext_lazy("Dates"),
            {"fields": ("flow_log_activated_at", "log_service_activated_at", "created_at")},
        ),
    )

    def save_model(self, request: HttpRequest, obj: Account, form: Any, change: bool) -> None:
        """Save all but the prices."""
        for name in prices.PRICES:
            setattr(obj, name, form.initial[name] if change else 0)
        AccountAdmin.save_model(self, request, obj, form, change)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Write the change down, and have the service set the prices."""
        AccountAdmin.save_related(self, request, form, formsets, change)
        wanted = {name: form.cleaned_data[name] for name in prices.PRICES}
        prices.set_prices(Account.objects.get(pk=form.instance.pk), None, wanted)


class RegionSettingsAdmin(RegionAdmin):
    """Regions with the settings of flow logs."""

    form = RegionForm


for model, settings in ((Account, AccountSettingsAdmin), (Region, RegionSettingsAdmin)):
    admin.site.unregister(model)
    admin.site.register(model, settings)
