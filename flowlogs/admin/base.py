"""What the admin pages of this app share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest
from django.utils.translation import gettext

from flowlogs import network_rules, rules
from flowlogs.identifiers import new_id
from flowlogs.rules import Violation

LABELS = {"vpc": "VPC", "vswitch": "vSwitch", "network_acl": "Network ACL", "network_interface": "ENI"}
BY_REGION = ("region", admin.RelatedOnlyFieldListFilter)
BY_VPC_REGION = ("vpc__region", admin.RelatedOnlyFieldListFilter)


def in_words(violation: Violation) -> str:
    """Return the message of a violation in the language of the page."""
    return gettext(rules.RULES[violation.code].message) % violation.params


def at(second: int) -> str:
    """Return a Unix second as a UTC time."""
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%d %H:%M:%S")


class RuleForm(forms.ModelForm):
    """A form whose fields pass the rules as well; ``rules_of`` says which check a field has."""

    rules_of: ClassVar[dict[str, Callable[[str], Sequence[Violation]]]] = {}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field, label in LABELS.items():
            if field in self.fields:
                self.fields[field].label = label

    def clean(self) -> dict[str, Any]:
        """Apply the rules to the values that are well-formed."""
        values: dict[str, Any] = super().clean() or {}
        for field, check in self.rules_of.items():
            if values.get(field):
                self.add_violations(check(values[field]))
        return values

    def add_violations(self, violations: Iterable[Violation]) -> None:
        """Put violations beside their fields, or above the form where it has no such field."""
        for violation in violations:
            field = violation.field if violation.field in self.fields else None
            self.add_error(field, in_words(violation))

    def check_vpc(self, field: str, vpc_id: str | None) -> None:
        """Refuse what a field refers to when it is in another VPC."""
        other = self.cleaned_data.get(field)
        if other is not None and vpc_id is not None and other.vpc_id != vpc_id:
            self.add_violations([Violation("OtherVpc", field, {"other": other.pk})])


def cidr_of_field(value: str) -> list[Violation]:
    return network_rules.cidr_block(value, "cidr")


class CidrForm(RuleForm):
    """A rule or block with a CIDR block."""

    rules_of = {"cidr": cidr_of_field}


class IdentifiedAdmin(admin.ModelAdmin):
    """Things with an identifier of the product's kind: offered for a new one, fixed from then on."""

    prefix: str = ""
    form = RuleForm

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """Offer a fresh identifier."""
        return {"id": new_id(self.prefix), **super().get_changeform_initial_data(request)}

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> list[str]:
        """Fix the identifier of what exists."""
        fixed = list(super().get_readonly_fields(request, obj))
        return ["id", *fixed] if obj else fixed


class ReadOnlyAdmin(admin.ModelAdmin):
    """Rows that only services and the pipeline write."""

    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Leave adding to the services."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Leave changing to the services."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Leave deleting to the services."""
        return False


class ReadOnlyInline(admin.TabularInline):
    """Rows of a read-only model on the page of what they belong to."""

    extra = 0
    can_delete = False
    show_change_link = True

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Leave adding to the services."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Leave changing to the services."""
        return False
