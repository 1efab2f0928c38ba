"""What the admin pages of things that are only marked when they are deleted share."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext, gettext_lazy

from flowlogs.admin.base import ServedAdmin

LIVE, DELETED, ALL = "live", "deleted", "all"


class StateFilter(admin.SimpleListFilter):
    """Live ones, deleted ones, or all; live ones unless told otherwise."""

    title = gettext_lazy("deletion")
    parameter_name = "kept"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return the choices."""
        return [(LIVE, gettext("Live")), (DELETED, gettext("Deleted")), (ALL, gettext("All"))]

    def choices(self, changelist: ChangeList) -> Iterator[Any]:
        """Offer the choices, the first one being what is shown without a choice."""
        for value, title in self.lookup_choices:
            yield {
                "selected": value == (self.value() or LIVE),
                "query_string": changelist.get_query_string({self.parameter_name: value}),
                "display": title,
            }

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return what is asked for."""
        value = self.value() or LIVE
        return queryset if value == ALL else queryset.filter(deleted_at__isnull=value != DELETED)


class KeptAdmin(ServedAdmin):
    """Shows what was deleted too, and lets nobody change it."""

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Return what was deleted too."""
        return self.model.everything.all()

    def get_list_filter(self, request: HttpRequest) -> list[Any]:
        """Put the state before the other filters."""
        return [StateFilter, *super().get_list_filter(request)]

    def get_list_display(self, request: HttpRequest) -> list[Any]:
        """Show when something was deleted."""
        return [*super().get_list_display(request), "deleted_at"]

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        """Show when it was deleted."""
        fields = list(super().get_fields(request, obj))
        return [*fields, "deleted_at"] if _is_deleted(obj) and "deleted_at" not in fields else fields

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        """Leave the time of deletion to the services."""
        fields = list(super().get_readonly_fields(request, obj))
        return [*fields, "deleted_at"] if _is_deleted(obj) and "deleted_at" not in fields else fields

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Only show what is deleted."""
        return not _is_deleted(obj) and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Delete nothing twice."""
        return not _is_deleted(obj) and super().has_delete_permission(request, obj)


def _is_deleted(row: Any) -> bool:
    return row is not None and row.deleted_at is not None
