"""What the admin pages of this app share: what services own, services do, and say what they refuse."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, ClassVar
from urllib.parse import urlencode

from django.contrib import admin
from django.db.models import Field, Model, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from console import names, served_admin
from console.administration import ReadOnlyAdmin
from console.served_admin import ServedForm
from flowlogs import rules
from flowlogs.models import Vpc
from flowlogs.rules import RuleError, Violation

__all__ = [
    "REASONS",
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


REASONS = [(code, _(rule.message)) for code, rule in rules.DELIVERY_REASONS.items()]
"""Why deliveries fail, as choices: codes with what they mean."""


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


class RuleForm(ServedForm):
    """A form whose values a service holds to the rules."""


class ServedAdmin(served_admin.ServedAdmin):
    """Rows that the services of this app write, and hold to its rules."""

    form = RuleForm
    refusal = RuleError
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
        """Give the fields the labels of the pages."""
        words = {"labels": {name: names.kept(said) for name, said in self.labels.items()}}
        return super().get_form(request, obj, change, **words, help_texts=self.help_texts, **kwargs)

    def reasons(self, error: Exception) -> list[tuple[str, str]]:
        """Return the rules that were broken, in words."""
        return [(each.field, in_words(each)) for each in error.violations]  # type: ignore[attr-defined]


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
