"""Accounts and access in the admin site."""

from typing import Any, ClassVar

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.models import Group
from django.db import models
from django.db.models import Count, QuerySet
from django.forms import CheckboxSelectMultiple
from django.http import HttpRequest

from console.models import Account, Change, Heartbeat, Policy, Region, Role, User

# Permissions are RAM policies here; Django's groups would be a second way that nothing asks.
admin.site.unregister(Group)


@admin.register(Region)
class RegionAdmin(admin.ModelAdmin):
    """Regions: what is available where."""

    list_display = ("id", "name", "area", "flow_logs_available", "ipv6_available", "order")
    list_filter = ("area", "flow_logs_available", "ipv6_available")
    search_fields = ("id", "name")


@admin.register(Account)
class AccountAdmin(admin.ModelAdmin):
    """Accounts, with what they have passed of the gates."""

    list_display = (
        "id",
        "name",
        "is_demo",
        "flow_log_activated_at",
        "log_service_activated_at",
        "flow_log_quota",
        "user_count",
    )
    list_filter = ("is_demo",)
    search_fields = ("id", "name")
    readonly_fields = ("flow_log_activated_at", "log_service_activated_at", "created_at")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Account]:
        """Count the users with the accounts."""
        return super().get_queryset(request).annotate(users_there=Count("users"))

    @admin.display(description="users", ordering="users_there")
    def user_count(self, account: Any) -> int:
        """Return the number of users of the account."""
        return account.users_there


@admin.register(Policy)
class PolicyAdmin(admin.ModelAdmin):
    """Policies; their documents are checked when they are saved."""

    list_display = ("name", "kind", "account", "description")
    list_filter = ("kind",)
    list_select_related = ("account",)
    search_fields = ("name", "description", "account__id", "account__name")


@admin.register(User)
class ConsoleUserAdmin(UserAdmin):
    """Users: owners of accounts and RAM users with their policies."""

    list_display = ("username", "account", "is_account_owner", "is_staff", "is_active", "last_login")
    list_filter = ("is_account_owner", "is_staff", "is_active")
    list_select_related = ("account",)
    search_fields = ("username", "email", "first_name", "last_name", "account__id", "account__name")
    # Checkboxes, because the two-list widget of the admin is not accessible.
    filter_horizontal = ()
    formfield_overrides: ClassVar = {models.ManyToManyField: {"widget": CheckboxSelectMultiple}}
    fieldsets = (
        (None, {"fields": ("username", "password")}),
        ("Account", {"fields": ("account", "is_account_owner", "policies")}),
        ("Person", {"fields": ("first_name", "last_name", "email")}),
        ("Administration", {"fields": ("is_active", "is_staff", "is_superuser")}),
        ("Dates", {"fields": ("last_login", "date_joined")}),
    )
    add_fieldsets = (
        (
            None,
            {
                "classes": ("wide",),
                "fields": ("username", "account", "usable_password", "password1", "password2"),
            },
        ),
    )
    readonly_fields = ("last_login", "date_joined")


@admin.register(Role)
class RoleAdmin(admin.ModelAdmin):
    """Roles that services assume; the authorization pages are their only writer."""

    list_display = ("name", "account", "policy_name", "created_at")
    list_select_related = ("account",)
    search_fields = ("name", "policy_name", "account__id", "account__name")

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Leave creating to the authorization page."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Role | None = None) -> bool:
        """Leave changing to the authorization page."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Role | None = None) -> bool:
        """Leave deleting to the authorization page."""
        return False


@admin.register(Heartbeat)
class HeartbeatAdmin(admin.ModelAdmin):
    """When the background roles were last alive."""

    list_display = ("name", "at")
    search_fields = ("name",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Nobody adds a heartbeat by hand."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Heartbeat | None = None) -> bool:
        """Nobody changes a heartbeat by hand."""
        return False


@admin.register(Change)
class ChangeAdmin(admin.ModelAdmin):
    """The audit of changes: who, what and when. Nobody edits it."""

    list_display = ("at", "user_name", "action", "resource_type", "resource_id", "account", "region")
    list_filter = ("action", "resource_type", ("region", admin.RelatedOnlyFieldListFilter))
    list_select_related = ("account", "region")
    search_fields = ("resource_id", "user_name", "action", "account__id")
    date_hierarchy = "at"
    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Leave adding to what changes things."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Change | None = None) -> bool:
        """Leave history as it was."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Change | None = None) -> bool:
        """Leave history as it was."""
        return False
