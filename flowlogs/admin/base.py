"""What the admin pages of this app share: what services own, services do, and say what they refuse."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, ClassVar
from urllib.parse import urlencode

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.actions import delete_selected
from django.db.models import Field, Model, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from console.administration import ConsoleAdmin, ReadOnlyAdmin
from flowlogs import rules
from flowlogs.models import Vpc
from flowlogs.rules import RuleError, Violation

__all__ = [
    "ReadOnlyAdmin",
    "ReadOnlyInline",
    "RuleForm",
    "ServedAdmin",
    "at",
    "in_words",
    "of_region",
    "one_of",
]


LABELS: Mapping[str, Any] = MappingProxyType(
    {"vpc": _("VPC"), "vswitch": _("vSwitch"), "network_acl": _("Network ACL"), "network_interface": _("ENI")}
)


class RegionFilter(admin.RelatedFieldListFilter):
    """By region, of those in which there is a VPC."""

    def field_choices(self, field: Field, request: HttpRequest, model_admin: Any) -> list[Any]:
        """Return the regions; asking the rows themselves would read all of them."""
        used = {"pk__in": Vpc.everything.order_by().values("region")}
        return list(field.get_choices(include_blank=False, limit_choices_to=used))


def of_region(lookup: str = "region") -> tuple[str, type[RegionFilter]]:
    """Return a filter by the region that a look-up leads to."""
    return lookup, RegionFilter


def one_of(name: str, label: Any, choices: Iterable[tuple[Any, Any]]) -> type[admin.SimpleListFilter]:
    """Return a filter by known values of a field; asking the rows for theirs would read all of them."""
    known = [(str(value), said) for value, said in choices]

    class Filter(admin.SimpleListFilter):
        title = label
        parameter_name = name

        def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
            return known

        def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
            return queryset.filter(**{name: self.value()}) if self.value() in dict(known) else queryset

    return Filter


def in_words(violation: Violation) -> str:
    """Return the message of a violation in the language of the page."""
    return gettext(rules.RULES[violation.code].message) % violation.params


def at(second: int) -> str:
    """Return a Unix second as a UTC time."""
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%d %H:%M:%S")


class RuleForm(forms.ModelForm):
    """A form whose values a service holds to the rules; what it ``refused`` stands beside the fields."""

    refused: ClassVar[Sequence[Violation]] = ()
    fields_of: ClassVar[dict[str, str]] = {}
    """Fields by the names that violations give them, where these differ."""

    def _get_validation_exclusions(self) -> set[str]:
        # uniqueness and constraints are the service's too
        return {field.name for field in self._meta.model._meta.get_fields()}

    def clean(self) -> dict[str, Any]:
        """Show what was refused."""
        for violation in self.refused:
            named = self.fields_of.get(violation.field, violation.field)
            self.add_error(named if named in self.fields else None, in_words(violation))
        return self.cleaned_data


class ServedAdmin(ConsoleAdmin):
    """Rows that services write: ``save_model`` and ``delete_model`` call them, and no rule is known here.

    What a service refuses undoes all of the request, and the form is shown again with the reasons in it.
    """

    form = RuleForm
    actions = ["delete_selected"]
    labels: Mapping[str, Any] = LABELS
    help_texts: Mapping[str, Any] = MappingProxyType({})
    parts: ClassVar[dict[Any, tuple[str, str]]] = {}
    """Links to the forms that add a part of a row: label to model and the field that names the row."""

    def links_of(self, obj: Any) -> list[tuple[Any, str]]:
        """Link to the forms that add a part, too."""
        adding = [
            (label, f"{reverse(f'admin:flowlogs_{model}_add')}?{urlencode({field: obj.pk})}")
            for label, (model, field) in self.parts.items()
        ]
        return [*adding, *super().links_of(obj)]

    def get_inlines(self, request: HttpRequest, obj: Any) -> list[Any]:
        """Show parts of what exists only."""
        return list(super().get_inlines(request, obj)) if obj else []

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        """Tell the form what the service refused."""
        words = {"labels": self.labels, "help_texts": self.help_texts}
        form: Any = super().get_form(request, obj, change, **words, **kwargs)
        form.refused = getattr(request, "refused", ())
        return form

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show the form again with what the service refuses."""
        try:
            return super().changeform_view(request, object_id, form_url, extra_context)
        except RuleError as error:
            request.refused = error.violations  # type: ignore[attr-defined]
            return super().changeform_view(request, object_id, form_url, extra_context)

    def construct_change_message(
        self, request: HttpRequest, form: Any, formsets: Any, add: bool = False
    ) -> Any:
        """Tell of the row: what belongs to it is only shown."""
        return super().construct_change_message(request, form, [], add)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Leave what belongs to a row to its service too."""

    def get_deleted_objects(self, objs: Iterable[Model], request: HttpRequest) -> tuple[Any, ...]:
        """Name what is deleted; what hangs on it is up to the service."""
        rows = [str(row) for row in objs]
        return rows, {self.opts.verbose_name_plural: len(rows)}, set(), []

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Say why something cannot be deleted."""
        try:
            return super().delete_view(request, object_id, extra_context)
        except RuleError as error:
            self.tell(request, error)
            page = reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_change", args=[object_id])
            return HttpResponseRedirect(page)

    @admin.action(permissions=["delete"], description=_("Delete selected %(verbose_name_plural)s"))
    def delete_selected(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse | None:
        """Ask first, then have the service delete each, and say which it refuses."""
        if not request.POST.get("post"):
            return delete_selected(self, request, queryset)
        done = []
        for row in queryset:
            key = row.pk
            try:
                self.delete_model(request, row)
            except RuleError as error:
                self.tell(request, error, f"{row}: ")
            else:
                # what is gone for good has lost it
                row.pk = key
                done.append(row)
        if done:
            self.log_deletions(request, done)  # type: ignore[arg-type]
            told = ngettext("%(count)d is deleted.", "%(count)d are deleted.", len(done))
            self.message_user(request, told % {"count": len(done)}, messages.SUCCESS)
        return None

    def tell(self, request: HttpRequest, error: RuleError, about: str = "") -> None:
        """Show what was refused as messages of the next page."""
        for violation in error.violations:
            self.message_user(request, about + in_words(violation), messages.ERROR)


class ReadOnlyInline(admin.TabularInline):
    """Rows on the page of what they belong to; each has a page of its own, where it is changed."""

    template = "admin/edit_inline/shown.html"
    extra = 0
    can_delete = False
    show_change_link = True
    related: ClassVar[tuple[str, ...]] = ()

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Fetch what the rows show with them."""
        rows = super().get_queryset(request)
        return rows.select_related(*self.related) if self.related else rows

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Leave adding to the page of the row."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Leave changing to the page of the row."""
        return False
