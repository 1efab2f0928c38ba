"""The forms that confirm what is done to several flow logs at once."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from .shared import REQUIRED


class BatchStopForm(forms.Form):
    """That the flow logs named are to be stopped; they can be started again, so nothing is typed."""

    confirmation = forms.CharField(initial="stop", widget=forms.HiddenInput)


class BatchDeleteForm(forms.Form):
    """How many flow logs are to be deleted, typed to confirm it."""

    wrong = _("That is not the number of flow logs.")

    confirmation = forms.CharField(
        error_messages=REQUIRED,
        widget=forms.TextInput(attrs={"autocomplete": "off", "inputmode": "numeric"}),
    )

    def __init__(self, *args: Any, number: int, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.number = number
        self.fields["confirmation"].label = _("Type %(number)s to confirm") % {"number": number}

    def clean_confirmation(self) -> str:
        """Refuse anything but the number."""
        typed: str = self.cleaned_data["confirmation"].strip()
        if typed != str(self.number):
            raise forms.ValidationError(self.wrong)
        return typed
