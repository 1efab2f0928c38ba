"""Forms of RAM users and policies: they turn texts into values, the services judge these."""

from __future__ import annotations

import json
from typing import Any

from django import forms
from django.contrib.auth import authenticate
from django.contrib.auth.forms import PasswordChangeForm
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from console import policies
from console.keys import key_of
from console.models import Policy, User
from console.ram import places, services

GENERATE, TYPE = "generate", "type"
CODE = {
    "spellcheck": "false",
    "autocomplete": "off",
    "class": "code",
    "style": "height: 24em; font-family: var(--mono)",
}
PLAIN = {"spellcheck": "false", "autocomplete": "off", "autocapitalize": "none"}
EXAMPLE = {
    "Version": policies.VERSION,
    "Statement": [
        {
            "Effect": "Allow",
            "Action": ["vpc:DescribeFlowLogs", "vpc:CreateFlowLog"],
            "Resource": "acs:vpc:cn-hangzhou:*:*",
        }
    ],
}


class PasswordForm(forms.Form):
    """A password: made by the console, or typed."""

    HELP = {GENERATE: _("It is shown once."), TYPE: _("At least 10 characters.")}

    password_mode = forms.ChoiceField(
        label=_("Password"),
        choices=[(GENERATE, _("Generate")), (TYPE, _("Type one"))],
        initial=GENERATE,
        widget=forms.RadioSelect,
    )
    password = forms.CharField(
        label=_("Password to set"),
        required=False,
        strip=False,
        max_length=128,
        help_text=_("Only where you type one."),
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )
    must_change = forms.BooleanField(
        label=_("Ask for a new password at the next login"),
        required=False,
        initial=True,
        help_text=_("Until they choose one of their own, the user sees no other page."),
    )

    def clean(self) -> dict[str, Any]:
        """Take the typed password, or make one."""
        values: dict[str, Any] = super().clean() or {}
        if values.get("password_mode") == GENERATE:
            values["password"] = services.new_password()
        elif not values.get("password") and "password" not in self.errors:
            self.add_error("password", gettext("Type the password."))
        return values

    @property
    def is_generated(self) -> bool:
        """Whether the console has made the password, so that somebody must be shown it."""
        return self.cleaned_data["password_mode"] == GENERATE


class OwnPasswordForm(PasswordChangeForm):
    """Another password of one's own. The old one is asked for as at the login: who fails too often waits."""

    def __init__(self, *args: Any, request: HttpRequest, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.request = request

    def clean_old_password(self) -> str:
        """Count a wrong password as a failed login."""
        old: str = self.cleaned_data["old_password"]
        if authenticate(self.request, username=self.user.get_username(), password=old) is None:
            raise ValidationError(self.error_messages["password_incorrect"], code="password_incorrect")
        return old

    def clean(self) -> dict[str, Any]:
        """Refuse what is no change."""
        values: dict[str, Any] = super().clean() or {}
        if values.get("old_password") and values.get("old_password") == values.get("new_password2"):
            self.add_error("new_password1", services.same_password())
        return values

    def save(self, commit: bool = True) -> Any:
        """Have the service change it."""
        services.change_own_password(self.user, self.cleaned_data["new_password1"])
        return self.user


class NewUserForm(PasswordForm):
    """A new RAM user."""

    name = forms.CharField(
        label=_("User name"),
        max_length=64,
        widget=forms.TextInput(attrs=PLAIN),
        help_text=_("To log in with."),
    )
    display_name = forms.CharField(
        label=_("Display name"), required=False, max_length=services.DISPLAY_NAME_LENGTH
    )
    field_order = ("name", "display_name", "password_mode", "password", "must_change")


class UserForm(forms.Form):
    """What can be changed about a RAM user."""

    display_name = forms.CharField(
        label=_("Display name"), required=False, max_length=services.DISPLAY_NAME_LENGTH
    )


class ConfirmationForm(forms.Form):
    """Asks for a name, so that nothing is deleted by a slip."""

    confirmation = forms.CharField(widget=forms.TextInput(attrs=PLAIN), max_length=150)

    def __init__(self, *args: Any, name: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.name = name
        self.fields["confirmation"].label = gettext("Type %(name)s to confirm") % {"name": name}

    def clean_confirmation(self) -> str:
        """Compare what was typed with the name."""
        typed: str = self.cleaned_data["confirmation"]
        if typed != self.name:
            raise ValidationError(gettext("That is not the name."))
        return typed


class _PoliciesField(forms.ModelMultipleChoiceField):
    """Several policies; a number that can be no policy's is told like one that is of none."""

    def clean(self, value: Any) -> Any:
        """Return the chosen policies."""
        for each in value or ():
            if key_of(Policy, str(each)) is None:
                raise ValidationError(
                    self.error_messages["invalid_pk_value"], code="invalid_pk_value", params={"pk": each}
                )
        return super().clean(value)


class AttachForm(forms.Form):
    """Policies to attach to a user."""

    policies = _PoliciesField(
        queryset=Policy.objects.none(),
        label=_("Policies"),
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": _("Choose at least one policy.")},
    )

    def __init__(self, *args: Any, queryset: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["policies"].queryset = queryset  # type: ignore[attr-defined]


class DocumentField(forms.CharField):
    """A policy document, written as JSON; everything that is wrong with it is said at once."""

    widget = forms.Textarea

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            label=_("Policy document"),
            strip=False,
            help_text=_(
                "Effect is Allow or Deny; an explicit Deny wins. "
                "Actions and resources may hold the wildcards * and ?."
            ),
            **kwargs,
        )
        self.widget.attrs.update(CODE)

    def clean(self, value: Any) -> Any:
        """Read the document."""
        text = super().clean(value)
        try:
            document = policies.read(text)
        except policies.PolicyError as error:
            raise ValidationError(services.said(error)) from None
        found = policies.problems(document)
        if found:
            statements = places.of_statements(text)
            for each in found:
                if each.statement:
                    each.line, each.column = statements[each.statement - 1]
            raise ValidationError([services.said(each) for each in found])
        return document


class PolicyForm(forms.Form):
    """A custom policy; its document is JSON."""

    name = forms.CharField(label=_("Policy name"), max_length=128, widget=forms.TextInput(attrs=PLAIN))
    description = forms.CharField(label=_("Description"), required=False, max_length=256)
    document = DocumentField()


class SimulatorForm(forms.Form):
    """Who would do what to what; it is read from the address."""

    user = forms.CharField(
        label=_("User"),
        max_length=150,
        help_text=_("The owner or a RAM user of this account."),
        widget=forms.TextInput(attrs={**PLAIN, "list": "users"}),
    )
    action = forms.RegexField(
        r"^[a-z]+:[A-Za-z]+$",
        label=_("Action"),
        max_length=100,
        help_text=_("Such as vpc:CreateFlowLog."),
        error_messages={"invalid": _("An action is a service and a word, such as vpc:CreateFlowLog.")},
        widget=forms.TextInput(attrs={**PLAIN, "list": "actions"}),
    )
    resource = forms.CharField(
        label=_("Resource"),
        required=False,
        max_length=300,
        help_text=_(
            "Such as acs:vpc:cn-hangzhou:1000000000000001:flowlog/*. Empty: all resources of the account."
        ),
        widget=forms.TextInput(attrs=PLAIN),
    )

    def __init__(self, *args: Any, users: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.users = users

    def clean_user(self) -> User:
        """Find the user of the account."""
        found: User | None = self.users.filter(username=self.cleaned_data["user"]).first()
        if found is None:
            raise ValidationError(gettext("The account has no user of this name."))
        return found


def pretty(document: Any) -> str:
    """Return a policy document as people read it."""
    return json.dumps(document, indent=2, ensure_ascii=False)
