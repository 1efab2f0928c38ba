"""The forms of network resources, made of the fields of their kind; the service holds them to the rules."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from console.models import Account, Region
from flowlogs.forms.batch import BatchDeleteForm
from flowlogs.forms.shared import REQUIRED

from .fields import Choice, Field, Flag, Number, Reference, References, Words
from .kind import ID, KINDS, Kind

OFFERED = 200
YES_NO = (("true", _("Yes")), ("false", _("No")))
REFRESHES = {"data-refresh": "true"}
"""Marks the choices that others depend on: the page fetches the form again when they change."""
LEADING = ("vpc_id", "vswitch_id")


class ResourceForm(forms.Form):
    """The parameters of a resource: those of a new one, or those that can be changed of one that exists."""

    def __init__(
        self,
        kind: Kind,
        account: Account,
        region: Region,
        data: Any = None,
        *,
        entered: Mapping[str, Any] | None = None,
        resource: Any = None,
        refused: Mapping[str, str] | None = None,
    ) -> None:
        """``refused`` are the kinds that are not offered, with the actions that would list them."""
        self.refused = refused or {}
        self.kind, self.account, self.region, self.resource = kind, account, region, resource
        initial = {each.name: _initial(each, each.default) for each in kind.fields}
        if resource is not None:
            [values] = kind.values([resource])
            initial = {each.name: _initial(each, values[each.name]) for each in kind.fields}
        super().__init__(data, initial={**initial, **(entered or {})})
        vpc_id = self._vpc_id()
        for each in self._asked():
            self.fields[each.name] = self._field(each, vpc_id)

    def groups(self) -> list[list[forms.BoundField]]:
        """Return the fields in rows but for ``dependents``; the numbers of a range stand beside each other."""
        found: list[list[forms.BoundField]] = []
        dependents = {bound.name for bound in self.dependents()}
        for bound in self:
            if bound.name == "port_to" and found:
                found[-1].append(bound)
            elif bound.name not in dependents:
                found.append([bound])
        return found

    def dependents(self) -> list[forms.BoundField]:
        """Return the fields whose choices follow another one, so that only they are fetched again."""
        fields = [each for each in self.kind.fields if isinstance(each, Reference | References)]
        if not any(each.name in LEADING for each in fields):
            return []
        return [self[each.name] for each in fields if each.name in self.fields and each.name not in LEADING]

    def settled(self) -> list[tuple[Any, str]]:
        """Return label and value of what can no longer be changed."""
        if self.resource is None:
            return []
        return [
            (each.label, str(dict(getattr(each, "choices", ())).get(value := self.initial[each.name], value)))
            for each in self.kind.fields
            if each.fixed
        ]

    def values(self) -> dict[str, Any]:
        """Return what was entered."""
        return {name: self.cleaned_data[name] for name in self.fields}

    def _asked(self) -> list[Field]:
        fields = [each for each in self.kind.fields if self.resource is None or not each.fixed]
        return sorted(fields, key=lambda each: each is ID)

    def _current(self, name: str) -> Any:
        return self.data.get(name) if self.is_bound else self.initial.get(name)

    def _vpc_id(self) -> str:
        if self.resource is not None:
            return self.kind.vpc_id(self.resource)
        if self._current("vpc_id"):
            return str(self._current("vpc_id"))
        for each in self.kind.fields:
            if isinstance(each, Reference) and each.name in LEADING and self._current(each.name):
                here = KINDS[each.to].within(self.account, self.region)
                return here.filter(pk=self._current(each.name)).values_list("vpc", flat=True).first() or ""
        return ""

    def _field(self, each: Field, vpc_id: str) -> forms.Field:
        shared: dict[str, Any] = {"label": each.label, "help_text": each.help, "required": False}
        if isinstance(each, Reference | References):
            return self._reference(each, vpc_id, shared)
        if isinstance(each, Choice):
            prompt = [] if each.default else [("", _("Choose"))]
            widget: Any = forms.Select(choices=[*prompt, *each.choices])
        elif isinstance(each, Flag):
            widget = forms.Select(choices=YES_NO)
        elif isinstance(each, Number):
            widget = forms.NumberInput()
        elif isinstance(each, Words):
            widget = forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"})
            shared["help_text"] = shared["help_text"] or _("Several with spaces between them.")
        else:
            widget = forms.TextInput(attrs={"autocomplete": "off"})
        return _Raw(widget=widget, is_needed=each.required or bool(each.default), **shared)

    def _reference(self, each: Reference | References, vpc_id: str, shared: dict[str, Any]) -> forms.Field:
        choices = self._choices(each, vpc_id)
        is_many = isinstance(each, References)
        if choices is None:
            shared["help_text"] = self._unoffered(each) or shared["help_text"]
            widget: Any = forms.TextInput()
            return _Raw(widget=widget, is_needed=each.required, **shared)
        if is_many:
            size = min(max(len(choices), 2), 8)
            return _RawList(widget=forms.SelectMultiple(choices=choices, attrs={"size": size}), **shared)
        prompt = ("", _("Choose") if each.required else _("None"))
        is_followed = any(
            isinstance(other, Reference | References) and other.name not in LEADING
            for other in self.kind.fields
        )
        attrs = REFRESHES if each.name in LEADING and is_followed else {}
        widget = forms.Select(choices=[prompt, *choices], attrs=attrs)
        return _Raw(widget=widget, is_needed=each.required, **shared)

    def _unoffered(self, each: Reference | References) -> Any:
        """Return why an ID is asked for in place of a choice."""
        if each.to in self.refused:
            text = gettext("Its ID: to choose, you need the permission %(action)s.")
            return text % {"action": self.refused[each.to]}
        return each.help or _("Its ID: there are too many to choose from.")

    def _choices(self, each: Reference | References, vpc_id: str) -> list[tuple[str, str]] | None:
        """Return the resources to choose from, of the VPC where it is known; None if they cannot be offered."""
        if each.to in self.refused:
            return None
        kind = KINDS[each.to]
        here = kind.within(self.account, self.region)
        leads = each.name in LEADING and self.resource is None
        if vpc_id and not leads and each.to != "vpc":
            here = here.filter(vpc=vpc_id)
        found = list(here.order_by("name", "pk")[: OFFERED + 1])
        return None if len(found) > OFFERED else [(other.pk, _label(other)) for other in found]


class DeleteForm(forms.Form):
    """The name of a resource, typed to confirm that it is to be deleted; a rule or route needs none."""

    confirmation = forms.CharField(
        error_messages=REQUIRED, widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"})
    )

    def __init__(self, kind: Kind, name: str, data: Any = None) -> None:
        super().__init__(data)
        self.name = name
        if not kind.is_identified:
            del self.fields["confirmation"]
            return
        self.fields["confirmation"].label = _("Type %(name)s to confirm") % {"name": name}

    def clean_confirmation(self) -> str:
        """Refuse anything but the name."""
        typed: str = self.cleaned_data["confirmation"].strip()
        if typed != self.name:
            raise forms.ValidationError(_("That is not its name."))
        return typed


class SeveralDeleteForm(BatchDeleteForm):
    """How many network resources are to be deleted, typed to confirm it."""

    wrong = _("That is not their number.")


class _Raw(forms.CharField):
    """What was entered, as it is; ``required`` is the service's to say, and only marked here."""

    def __init__(self, *, is_needed: bool, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        # says "(optional)" beside the label of the others; an empty value still reaches the service
        self.required = is_needed
        self.widget.is_required = False

    def validate(self, value: Any) -> None:
        """Leave it to the service."""


class _RawList(forms.Field):
    """A list of what was chosen, as it is."""

    def clean(self, value: Any) -> list[str]:
        """Return the members."""
        return list(value or [])


def _initial(each: Field, value: Any) -> Any:
    if isinstance(each, References):
        return list(value)
    return " ".join(value) if isinstance(each, Words) else each.text(value)


def _label(resource: Any) -> str:
    block = getattr(resource, "cidr_block", "")
    return f"{resource} · {block}" if block else str(resource)
