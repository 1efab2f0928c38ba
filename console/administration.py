"""The admin site in the console's dress, and what all of its lists and pages have in common."""

from __future__ import annotations

import functools
import logging
from typing import Any, ClassVar
from urllib.parse import urlencode

from csp.decorators import csp_update
from django.contrib import admin
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.views.main import ERROR_FLAG, ChangeList
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import FieldError, PermissionDenied, ValidationError
from django.core.paginator import Paginator
from django.db import DataError
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _

COUNTED = 100_000
WORDS = 8
UNANSWERABLE = (ValueError, OverflowError, ValidationError, FieldError, DataError)
log = logging.getLogger(__name__)
KEYS = 100


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
        return super().admin_view(_named(_answerable(allowed)), cacheable)


def _answerable(view: Any) -> Any:
    """Answer a question that no value could answer, such as one about the year 99999, as one that makes no sense.

    Django finds out at different places, some of them only when it draws the page or asks the database.
    """

    @functools.wraps(view)
    def answering(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        chosen = request.POST.getlist(ACTION_CHECKBOX_NAME) if request.method == "POST" else []
        is_plain = request.method != "GET" or request.GET.keys() <= {ERROR_FLAG}
        if is_plain and not chosen:
            return view(request, *args, **kwargs)
        try:
            if any(name.endswith("regex") for name in request.GET):
                raise FieldError("patterns may take any time to match")
            response = view(request, *args, **kwargs)
            return response.render() if hasattr(response, "render") else response
        except UNANSWERABLE as error:
            log.warning("%s is asked what cannot be answered: %s", request.path, error)
            return HttpResponseRedirect(f"{request.path}?{ERROR_FLAG}=1")

    return answering


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
        return rows.order_by().values("pk")[:COUNTED].count()


class ConsoleChangeList(ChangeList):
    """Sorts by what ``sortable_by`` names and by nothing else, also where an address asks for more."""

    def get_ordering_field(self, field_name: Any) -> Any:
        """Return what a column is sorted by, if it may be."""
        return super().get_ordering_field(field_name) if field_name in (self.sortable_by or ()) else None


class ConsoleAdmin(admin.ModelAdmin):
    """Lists that stay quick on large tables, and pages that lead to the changes of what they show."""

    list_per_page = 50
    list_max_show_all = 200
    show_full_result_count = False
    # counting what each filter would leave reads every row once for each
    show_facets = admin.ShowFacets.NEVER
    paginator = BoundedPaginator
    looked_up: ClassVar[tuple[str, ...]] = ()
    """For large tables: what a word of a search is exactly. The first of these that finds something counts."""

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        """Return the list that keeps to the columns it may be sorted by."""
        return ConsoleChangeList

    def get_search_fields(self, request: HttpRequest) -> Any:
        """Offer a search where there is anything to look up."""
        return self.looked_up or super().get_search_fields(request)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Look words up in indexes where the table is large: any other search reads all of it."""
        if not self.looked_up:
            return super().get_search_results(request, queryset, search_term)
        for word in search_term.replace("\x00", "").split()[:WORDS]:
            asked = (self._asked(lookup, word) for lookup in self.looked_up)
            known = (each for each in asked if self.model._base_manager.filter(**each).exists())
            found = next(known, None)
            queryset = queryset.none() if found is None else queryset.filter(**found)
        return queryset, False

    def _asked(self, lookup: str, word: str) -> dict[str, Any]:
        """Return the look-up of a word; rows that others lead to are found by these, for there are few of them."""
        relation, _path, field = lookup.partition("__")
        if not field:
            return {lookup: word}
        related: Any = self.opts.get_field(relation).related_model
        keys = related._base_manager.filter(**{field: word}).order_by().values_list("pk", flat=True)
        return {f"{relation}__in": list(keys[:KEYS])}

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
