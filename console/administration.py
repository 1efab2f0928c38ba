"""The admin site in the console's dress, and what all of its lists and pages have in common."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlencode

from csp.decorators import csp_update
from django.contrib import admin
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _

COUNTED = 100_000


class BrandedAdminSite(admin.AdminSite):
    """Django's admin site with our name on it and a content policy of its own."""

    site_header = _("Flow Log Console")
    site_title = _("Flow Log Console administration")
    index_title = _("Administration")

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Let the console's own login page, with its lockout, ask for the password."""
        if request.user.is_authenticated:
            raise PermissionDenied(_("Only administrators of this installation may use the administration."))
        return redirect_to_login(request.GET.get("next") or reverse("admin:index"))

    def admin_view(self, view: Any, cacheable: bool = False) -> Any:
        """Allow the style elements that the admin's own forms write into the page, and name who acts."""
        # A nonce in the policy would make browsers ignore 'unsafe-inline', so the admin never asks for one.
        allowed = csp_update({"style-src-elem": ["'unsafe-inline'"]})(view)
        return super().admin_view(_named(allowed), cacheable)


def _named(view: Any) -> Any:
    """Have the audit name the administrator, whom services know nothing of."""

    @functools.wraps(view)
    def acting(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        # the site is made before the models are there
        from console import changes
        from console.models import User

        assert isinstance(request.user, User)
        with changes.acting_as(request.user):
            return view(request, *args, **kwargs)

    return acting


class BoundedPaginator(Paginator):
    """Counts and offers the first 100 000 rows only: who has more searches or filters."""

    @cached_property
    def count(self) -> int:
        """How many rows there are, at most ``COUNTED``."""
        rows: Any = self.object_list
        return rows.order_by()[:COUNTED].count()


class ConsoleAdmin(admin.ModelAdmin):
    """Lists that stay quick on large tables, and pages that lead to the changes of what they show."""

    list_per_page = 50
    list_max_show_all = 200
    show_full_result_count = False
    # counting what each filter would leave reads every row once for each
    show_facets = admin.ShowFacets.NEVER
    paginator = BoundedPaginator

    def changes_of(self, obj: Any) -> tuple[str, str] | None:
        """Return the resource type and ID that the audit knows a row by, if it does."""
        return None

    def links_of(self, obj: Any) -> list[tuple[Any, str]]:
        """Return label and address of what the page of a row links to."""
        known = self.changes_of(obj)
        if known is None:
            return []
        asked = urlencode(dict(zip(("resource_type", "resource_id"), known, strict=True)))
        return [(_("Changes"), f"{reverse('admin:console_change_changelist')}?{asked}")]

    def render_change_form(
        self,
        request: HttpRequest,
        context: dict[str, Any],
        add: bool = False,
        change: bool = False,
        form_url: str = "",
        obj: Any = None,
    ) -> HttpResponse:
        """Link the page to what belongs to the row, its changes above all."""
        if obj is not None:
            context["links"] = self.links_of(obj)
        return super().render_change_form(request, context, add, change, form_url, obj)


class ReadOnlyAdmin(ConsoleAdmin):
    """Rows that only services and background work write."""

    ordering = ("-pk",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Leave adding to what owns the rows."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Leave changing to what owns the rows."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Leave deleting to what owns the rows."""
        return False


class NotedAdmin(ConsoleAdmin):
    """Settings that have no service: what is changed here is written down here.

    ``noted_as`` gives the actions of creating, changing and deleting.
    """

    noted_as: tuple[str, str, str]
    unnoted: frozenset[str] = frozenset({"id", "password", "last_login"})

    def place_of(self, obj: Any) -> dict[str, str | None]:
        """Return account and region of a row, as a change has them."""
        raise NotImplementedError

    def changes_of(self, obj: Any) -> tuple[str, str] | None:
        """Return what the audit knows a row by."""
        return type(obj).__name__, str(obj.pk)

    def described(self, pk: Any) -> dict[str, Any]:
        """Return what a row says now, without what is empty."""
        obj = self.model._base_manager.get(pk=pk)
        values = {field.attname: field.value_from_object(obj) for field in self.opts.concrete_fields}
        many = {
            field.name: sorted(map(str, getattr(obj, field.name).all())) for field in self.opts.many_to_many
        }
        told = {name: _plain(value) for name, value in {**values, **many}.items() if name not in self.unnoted}
        return {name: value for name, value in told.items() if value not in (None, "", [])}

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Remember what the row said before."""
        form.described = self.described(obj.pk) if change else {}
        super().save_model(request, obj, form, change)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Write the change down, once all of it is there."""
        super().save_related(request, form, formsets, change)
        obj = form.instance
        self.note(self.noted_as[change], obj, form.described, self.described(obj.pk), **self.place_of(obj))

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        """Write down what went."""
        self._note_deleted([obj])
        super().delete_model(request, obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """Write down what went."""
        self._note_deleted(queryset)
        super().delete_queryset(request, queryset)

    def note(
        self, action: str, obj: Any, before: dict[str, Any], after: dict[str, Any], **place: Any
    ) -> None:
        """Write down what differs, if anything does."""
        from console import changes

        changed = changes.difference(before, after)
        if changed:
            changes.note(action, type(obj).__name__, str(obj.pk), by=None, values=changed, **place)

    def _note_deleted(self, rows: Iterable[Any]) -> None:
        for obj in rows:
            self.note(self.noted_as[2], obj, self.described(obj.pk), {}, **self.place_of(obj))


def _plain(value: Any) -> Any:
    """Return a value as JSON has it."""
    return value if isinstance(value, bool | int | float | str | list | dict | None) else str(value)
