"""Forms of the Exporters page: strings into what an exporter observes and how it is read."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace
from ipaddress import ip_address
from typing import Any

from django import forms
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from console.models import Account, Region

from . import rules
from .forms import add_violations
from .models import Exporter, NetworkInterface, Vpc, VSwitch
from .rules import Violation

VERDICTS = ("ACCEPT", "REJECT")
POINTS = ("accept_points", "reject_points")
MOST_DIGITS = 100
"""Enough that the rules judge whatever somebody may take for a number, and that all of it stays quick to read."""


class BindingForm(forms.Form):
    """What an exporter observes: a VPC or vSwitch of the region, or one network interface."""

    resource = forms.ChoiceField(
        label=_("It observes"),
        required=False,
        help_text=_(
            "Only flows of these interfaces become samples, so that two exporters do not count a flow twice."
        ),
    )
    interface = forms.CharField(
        label=_("Or one ENI"), required=False, help_text=_("Its ID, or one of its addresses"), max_length=64
    )

    def __init__(
        self,
        *args: Any,
        account: Account,
        region: Region,
        offered: Collection[str] = ("vpc", "vswitch"),
        **kwargs: Any,
    ) -> None:
        """Offer resources of the kinds ``offered``: those that the user may list."""
        super().__init__(*args, **kwargs)
        self.vpcs = Vpc.objects.filter(account=account, region=region)
        vswitches = VSwitch.objects.filter(vpc__in=self.vpcs)
        field = self.fields["resource"]
        assert isinstance(field, forms.ChoiceField)
        choices: list[Any] = [("", _("Choose a resource"))]
        if "vpc" in offered:
            choices.append((_("VPCs"), [(f"vpc:{vpc.pk}", str(vpc)) for vpc in self.vpcs]))
        if "vswitch" in offered:
            choices.append((_("vSwitches"), [(f"vsw:{each.pk}", str(each)) for each in vswitches]))
        field.choices = choices

    def clean(self) -> dict[str, Any]:
        """Put what was chosen or named under ``observed``."""
        data = super().clean() or {}
        choice, named = data.get("resource", ""), data.get("interface", "").strip()
        if bool(choice) == bool(named):
            raise forms.ValidationError(_("Choose a VPC or vSwitch, or name one ENI."))
        kind, _colon, pk = choice.partition(":")
        if named:
            data["observed"] = self._interface(named)
        elif kind == "vpc":
            data["observed"] = Vpc.objects.get(pk=pk)
        else:
            data["observed"] = VSwitch.objects.get(pk=pk)
        return data

    def _interface(self, named: str) -> NetworkInterface:
        found = NetworkInterface.objects.filter(vpc__in=self.vpcs)
        chosen = found.filter(_is_called(named)).distinct()[:2]
        if len(chosen) != 1:
            raise forms.ValidationError(
                {"interface": _("No single ENI of this region has this ID or address.")}
            )
        return chosen[0]


def _is_called(named: str) -> Q:
    """Return the condition that a network interface has this ID, or this address."""
    try:
        return Q(pk=named) | Q(addresses__address=str(ip_address(named)))
    except ValueError:
        return Q(pk=named)


class ProfileForm(forms.ModelForm):
    """How an exporter is called and read."""

    accept_points = forms.CharField(
        label=_("Observation points that accept"),
        required=False,
        help_text=_("Numbers, comma separated; element 138"),
    )
    reject_points = forms.CharField(label=_("Observation points that reject"), required=False)
    drop_ports = forms.CharField(
        label=_("Output ports that mean dropped"),
        required=False,
        help_text=_("65533 for NetFlow of Open vSwitch"),
    )

    class Meta:
        model = Exporter
        fields = ("name", "byte_layer")
        labels = {"byte_layer": _("Its byte counts are")}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        points = self.instance.observation_points
        for name, verdict in zip(POINTS, VERDICTS, strict=True):
            self.initial[name] = ", ".join(point for point, told in points.items() if told == verdict)
        self.initial["drop_ports"] = ", ".join(str(port) for port in self.instance.drop_ports)

    def clean_accept_points(self) -> list[int]:
        """Return numbers."""
        return self._numbers("accept_points")

    def clean_reject_points(self) -> list[int]:
        """Return numbers."""
        return self._numbers("reject_points")

    def clean_drop_ports(self) -> list[int]:
        """Return numbers."""
        return self._numbers("drop_ports")

    def _numbers(self, name: str) -> list[int]:
        words = self.cleaned_data[name].replace(",", " ").split()
        if any(not (word.isascii() and word.isdecimal() and len(word) <= MOST_DIGITS) for word in words):
            raise forms.ValidationError(_("Enter whole numbers, comma separated."))
        return [int(word) for word in words]

    def values(self) -> dict[str, Any]:
        """Return the fields of the exporter that the form sets."""
        data = self.cleaned_data
        points = {str(point): "ACCEPT" for point in data["accept_points"]}
        points |= {str(point): "REJECT" for point in data["reject_points"]}
        return {
            "name": data["name"],
            "byte_layer": data["byte_layer"],
            "observation_points": points,
            "drop_ports": data["drop_ports"],
        }

    def add_violations(self, violations: Iterable[Violation]) -> None:
        """Put what breaks the rules beside the fields that it is about; the points are told in two of them."""
        for violation in violations:
            names = self._points_at_fault() if violation.field == "observation_points" else [violation.field]
            add_violations(self, [replace(violation, field=name) for name in names])

    def _points_at_fault(self) -> list[str]:
        entered = {name: self.cleaned_data.get(name, []) for name in POINTS}
        return [
            name
            for name, points in entered.items()
            if rules.observation_points({str(point): VERDICTS[0] for point in points})
        ]
