"""What the forms of the console share: rules in words, beside the fields that they are about."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from console import texts
from flowlogs import rules
from flowlogs.rules import Violation

TRAFFIC_PATHS = {
    "ipv4Gateway": _("IPv4 gateway"),
    "natGateway": _("NAT gateway"),
    "vpnGateway": _("VPN gateway"),
    "transitRouter": _("Transit router"),
    "gatewayEndpoint": _("Gateway endpoint"),
    "vbr": _("Virtual border router (VBR)"),
    "ecr": _("Express Connect Router (ECR)"),
    "gwlbEndpoint": _("GWLB endpoint"),
    "internetGateway": _("Internet"),
}
INTERVALS = [(minutes, str(minutes)) for minutes in rules.INTERVALS]
MINUTES = {text: minutes for minutes, text in INTERVALS}
REQUIRED = {"required": _(rules.RULES["Required"].message)}
REFRESHES = {"data-refresh": "true"}
"""Marks controls on which others depend: the page fetches those again when they change."""


def said(code: str, params: Any = None) -> str:
    """Return what a rule says, in the language of the page."""
    words = {name: texts.said(value, gettext) for name, value in (params or {}).items()}
    return gettext(rules.RULES[code].message) % words


def add_violations(form: forms.BaseForm, violations: Iterable[Violation]) -> None:
    """Put what breaks the rules beside the fields that it is about, or above the form."""
    for violation in violations:
        field = violation.field if violation.field in form.fields else None
        form.add_error(field, said(violation.code, violation.params))
