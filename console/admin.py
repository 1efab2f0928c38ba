"""Accounts, access and the audit in the admin site."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import Group
from django.db.models import Count, Model, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from console import reference
from console.administration import ReadOnlyAdmin
from console.models import Account, Change, Heartbeat, Region, Role
from console.noted_admin import NotedAdmin
from console.ram import admin as ram_admin

__all__ = ["AccountAdmin", "RegionAdmin", "ram_admin"]

SHOWN_NAMES = {"name": "called", "area": "area_called"}
"""The fields of a region that are stored in English, and what shows them in the language of the page."""
RECENT = 10_000
NAMED = 4

# Permissions are RAM policies here; Django's groups would be a second way that nothing asks.
admin.site.unregister(Group)


class AreaFilter(admin.AllValuesFieldListFilter):
    """By area, in the language of the page."""

    def choices(self, changelist: Any) -> Iterator[Any]:
        """Return the areas by the names that the region menu has for them."""
        for each in super().choices(changelist):
            yield {**each, "display": gettext(str(each["display"]))}


@admin.register(Region)
class RegionAdmin(NotedAdmin):
    """Regions: what is available where."""

    noted_as = ("admin:CreateRegion", "admin:ModifyRegion", "admin:DeleteRegion")
    list_display = ("id", "called", "area_called", "flow_logs_available", "ipv6_available", "order")
    list_filter = (("area", AreaFilter), "flow_logs_available", "ipv6_available")
    search_fields = ("id", "name")

    def place_of(self, obj: Region) -> dict[str, str | None]:
        """Return the region, which is gone once it is deleted."""
        return {"account_id": None, "region_id": None}

    @admin.display(description=_("name"), ordering="name")
    def called(self, region: Region) -> str:
        """Return the name in the language of the page."""
        return region.label

    @admin.display(description=_("area"), ordering="area")
    def area_called(self, region: Region) -> str:
        """Return the area in the language of the page."""
        return gettext(region.area)

    def get_readonly_fields(self, request: HttpRequest, obj: Region | None = None) -> list[str]:
        """Fix the ID, which is in every address and resource name, and what comes with each release."""
        if obj is None:
            return []
        return ["id", *SHOWN_NAMES.values(), "order"] if obj.pk in reference.REGION_IDS else ["id"]

    def get_fields(self, request: HttpRequest, obj: Region | None = None) -> list[Any]:
        """Show the names that come with each release in the language of the page."""
        fields = [field.name for field in Region._meta.fields if field.editable]
        if obj is None or obj.pk not in reference.REGION_IDS:
            return fields
        return [SHOWN_NAMES.get(name, name) for name in fields]


@admin.register(Account)
class AccountAdmin(NotedAdmin):
    """Accounts, with what they have passed of the gates. All that was captured hangs on them: they stay."""

    noted_as = ("admin:CreateAccount", "admin:ModifyAccount", "")
    list_display = (
        *("id", "name", "is_demo", "flow_log_activated_at", "log_service_activated_at", "flow_log_quota"),
        *("blocks_old_families", "user_count", "created_at"),
    )
    list_filter = ("is_demo", "blocks_old_families", ("flow_log_activated_at", admin.EmptyFieldListFilter))
    search_fields = ("id", "name")
    date_hierarchy = "created_at"

    def place_of(self, obj: Account) -> dict[str, str | None]:
        """Return the account."""
        return {"account_id": obj.pk}

    def get_readonly_fields(self, request: HttpRequest, obj: Account | None = None) -> list[str]:
        """Leave the gates to the authorization pages, and fix the ID, which is in every resource name."""
        return [
            *(["id"] if obj else []),
            *("flow_log_activated_at", "log_service_activated_at", "created_at"),
        ]

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Keep accounts."""
        return False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Account]:
        """Count the users with the accounts."""
        return super().get_queryset(request).annotate(users_there=Count("users"))

    @admin.display(description=_("users"), ordering="users_there")
    def user_count(self, account: Any) -> int:
        """Return the number of users of the account."""
        return account.users_there


@admin.register(Role)
class RoleAdmin(ReadOnlyAdmin):
    """Roles that services assume; the authorization pages are their only writer."""

    list_display = ("name", "account", "policy_name", "created_at")
    list_filter = ("name", ("policy_name", admin.EmptyFieldListFilter))
    list_select_related = ("account",)
    search_fields = ("name", "policy_name", "account__id", "account__name")
    date_hierarchy = "created_at"

    def changes_of(self, obj: Role) -> tuple[str, str] | None:
        """Return the account, on which authorizing is noted."""
        return "Account", obj.account_id


@admin.register(Heartbeat)
class HeartbeatAdmin(ReadOnlyAdmin):
    """When the background roles were last alive; one that is gone for good may be forgotten."""

    ordering = ("name",)
    list_display = ("name", "at")
    list_filter = (("at", admin.DateFieldListFilter),)
    search_fields = ("name",)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Allow forgetting a role that runs no more."""
        return admin.ModelAdmin.has_delete_permission(self, request, obj)


class RecentFilter(admin.SimpleListFilter):
    """Narrows changes to one of the values that a field of the last changes has."""

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return the values of the last changes: all of them would take a look at every change there is."""
        last = Change.objects.order_by("-pk").values_list(str(self.parameter_name), flat=True)[:RECENT]
        return [(value, value) for value in sorted(set(last))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return the changes with the value that was chosen."""
        value = self.value()
        return queryset.filter(**{str(self.parameter_name): value}) if value else queryset


class ActionFilter(RecentFilter):
    """By what was done."""

    title = _("action")
    parameter_name = "action"


class ResourceTypeFilter(RecentFilter):
    """By what it was done to."""

    title = _("resource type")
    parameter_name = "resource_type"


@admin.register(Change)
class ChangeAdmin(ReadOnlyAdmin):
    """The audit of changes: who, what and when. Nobody edits it."""

    list_display = ("at", "who", "action", "resource_type", "resource", "changed", "account", "region")
    list_filter = (
        *(ActionFilter, ResourceTypeFilter, ("at", admin.DateFieldListFilter)),
        *(("account", admin.RelatedFieldListFilter), ("region", admin.RelatedFieldListFilter)),
    )
    list_select_related = ()
    looked_up = ("resource_id", "user_name", "action", "account")
    # all others would sort every change there is
    sortable_by = ("at",)
    search_help_text = _("The whole ID of a resource, name of a user, action, or ID of an account.")
    fields = ("at", "who", "action", "resource_type", "resource", "account", "region", "before_and_after")
    readonly_fields = fields

    def changes_of(self, obj: Change) -> tuple[str, str] | None:
        """Return what was changed, for all that happened to it."""
        return obj.resource_type, obj.resource_id

    def get_ordering(self, request: HttpRequest) -> Any:
        """Read the index of times where a time is asked for, and that of what is asked for otherwise."""
        asks_for_time = any(name.startswith("at__") for name in request.GET)
        return ["-at"] if asks_for_time else ["-pk"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Change]:
        """Fetch what both pages show, apart: with a join the database would sort all of the rows."""
        return super().get_queryset(request).prefetch_related("account", "region")

    @admin.display(description=_("user"), ordering="user_name")
    def who(self, change: Change) -> str:
        """Return who did it."""
        return change.user_name or gettext("The system")

    @admin.display(description=_("resource"), ordering="resource_id")
    def resource(self, change: Change) -> str:
        """Return the ID of the resource, with a link to where it is found."""
        url = _list_url(change.resource_type)
        if url is None:
            return change.resource_id
        # flow logs and the network keep what is deleted, apart
        return format_html('<a href="{}?q={}">{}</a>', url, change.resource_id, change.resource_id)

    @admin.display(description=_("changed"))
    def changed(self, change: Change) -> str:
        """Return which fields changed."""
        first, more = list(change.values)[:NAMED], len(change.values) > NAMED
        return ", ".join([*first, "…"] if more else first)

    @admin.display(description=_("changed"))
    def before_and_after(self, change: Change) -> str:
        """Return what each field was and is."""
        rows = format_html_join(
            "", "<tr><th scope='row'>{}</th><td>{}</td><td>{}</td></tr>",
            ((field, _said(before), _said(after)) for field, (before, after) in change.values.items()),
        )  # fmt: skip
        head = (gettext("Field"), gettext("Before"), gettext("After"))
        titles = format_html_join("", "<th scope='col'>{}</th>", ((title,) for title in head))
        return format_html(
            "<table class='values'><thead><tr>{}</tr></thead><tbody>{}</tbody></table>", titles, rows
        )


def _list_url(resource_type: str) -> str | None:
    """Return the list of the resources of a type, if there is one."""
    for model in apps.get_models():
        if model.__name__ == resource_type and admin.site.is_registered(model):
            return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
    return None


def _said(value: Any) -> str:
    if value in (None, "", [], {}):
        return "-"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=2)
