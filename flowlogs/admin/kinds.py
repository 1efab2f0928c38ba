"""Network resources in the admin site: their kind says what they consist of, the service writes them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

from django import forms
from django.contrib.admin.widgets import AdminTextInputWidget
from django.db.models import Q, QuerySet
from django.http import HttpRequest

from flowlogs.admin.base import LABELS, RuleForm, ServedAdmin
from flowlogs.admin.kept import KeptAdmin
from flowlogs.models import Vpc
from flowlogs.networks.fields import Field, Reference, References
from flowlogs.networks.kinds import KINDS, Kind
from flowlogs.services import network

OWNERS = ("vpc", "vswitch", "gateway", "security_group", "network_acl")
"""The fields that lead to the VPC of a new resource."""


def form_name(field: Field) -> str:
    """Return the field of a form that stands for one of a kind: models have objects where kinds have IDs."""
    if isinstance(field, References):
        return f"{field.name.removesuffix('_ids')}s"
    return field.name.removesuffix("_id") if isinstance(field, Reference) else field.name


class KindForm(RuleForm):
    """What a resource consists of; what is in tables of its own is written as text."""

    kind: ClassVar[Kind]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "id" in self.fields:
            self.fields["id"].required = False
        if not self.instance._state.adding:
            [values] = self.kind.values([self.instance])
            for name in self.declared_fields:
                self.initial[name] = _text(values[name])

    def values(self) -> dict[str, Any]:
        """Return what was entered, by the fields of the kind."""
        names = {each.name: form_name(each) for each in self.kind.fields}
        return {name: _raw(self.cleaned_data[mine]) for name, mine in names.items() if mine in self.fields}


def form_of(slug: str) -> type[KindForm]:
    """Return the form of a kind."""
    kind = KINDS[slug]
    texts = {
        each.name: forms.CharField(
            label=each.label, help_text=each.help, required=each.required, widget=AdminTextInputWidget()
        )
        for each in kind.fields
        if each.name in kind.unstored and not isinstance(each, References)
    }
    names = {each.name: form_name(each) for each in kind.fields}
    return type("Form", (KindForm,), {"kind": kind, "fields_of": names, **texts})


class KindAdmin(ServedAdmin):
    """Resources of a kind; fields that are fixed after creation are only shown then."""

    kind: ClassVar[Kind]
    place: ClassVar[tuple[str, ...]] = ()
    """Fields of the form beside those of the kind that say where a new one is."""
    shown: ClassVar[tuple[str, ...]] = ()
    """Fields that are shown once it exists."""

    instead: ClassVar[dict[str, tuple[str, ...]]] = {}
    """What is shown instead of texts where nothing can be changed."""

    @property
    def labels(self) -> dict[str, Any]:  # type: ignore[override]
        """The labels of the pages."""
        return {**LABELS, **{form_name(each): each.label for each in self.kind.fields}}

    @property
    def help_texts(self) -> dict[str, Any]:  # type: ignore[override]
        """The help of the pages."""
        return {form_name(each): each.help for each in self.kind.fields if each.help}

    def changes_of(self, obj: Any) -> tuple[str, str] | None:
        """Return what the audit knows a resource by; a rule is part of its group or ACL."""
        return self.kind.type, self.kind.permission_id(obj)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        """Return the fields of the kind in its order."""
        first, *more = [form_name(each) for each in self.kind.fields]
        if obj is None:
            return [first, *self.place, *more]
        if not self.has_change_permission(request, obj):
            texts = self.form.declared_fields
            more = [
                shown for name in more for shown in (self.instead.get(name, ()) if name in texts else (name,))
            ]
        return [first, *self.place, *more, *self.shown]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        """Fix what is fixed in the kind, and where it is."""
        if obj is None:
            return []
        fixed = [form_name(each) for each in self.kind.fields if each.fixed]
        shown = [name for names in self.instead.values() for name in names]
        return [*fixed, *self.place, *self.shown, *shown]

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Search as the pages do, and by the ID of a VPC too."""
        vpcs = Vpc.objects.order_by().values("pk")
        for word in search_term.replace("\x00", "").split():
            inside = Q(**{f"{self.kind.scope}pk": word})
            queryset = queryset.filter(self.kind.matches(word, vpcs) | inside)
        return queryset, False

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Have the service create or change it."""
        values = form.values()
        if change:
            resource = self.model._base_manager.get(pk=obj.pk)
            vpc = Vpc.everything.get(pk=self.kind.vpc_id(resource))
            network.modify(self.kind, resource, vpc.account, vpc.region, None, **values)
            return
        place = self.place_of(form.cleaned_data)
        obj.pk = network.create(self.kind, place.account, place.region, None, **values).pk

    def place_of(self, values: dict[str, Any]) -> Any:
        """Return the VPC in which something new is to be."""
        owner = next(values[name] for name in OWNERS if values.get(name))
        return owner if isinstance(owner, Vpc) else owner.vpc

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        """Have the service delete it."""
        network.delete(self.kind, obj, None)


class KeptKindAdmin(KeptAdmin, KindAdmin):
    """Resources that stay, marked and hidden, when they are deleted."""


def _raw(value: Any) -> Any:
    """Return a value of a form as something to be entered: objects by their IDs."""
    if hasattr(value, "pk"):
        return value.pk
    if isinstance(value, QuerySet):
        return [each.pk for each in value]
    return value


def _text(value: Any) -> str:
    is_list = isinstance(value, Iterable) and not isinstance(value, str)
    return " ".join(value) if is_list else str(value)
