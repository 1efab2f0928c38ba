"""Forms that change a flow log, and the one that confirms its deletion."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from .fields import TagsField, show_more_tags
from .shared import INTERVALS, REQUIRED


class FlowLogEditForm(forms.Form):
    """What of a flow log can be changed."""

    name = forms.CharField(label=_("Name"), required=False)
    description = forms.CharField(
        label=_("Description"), required=False, widget=forms.Textarea(attrs={"rows": 2})
    )
    interval = forms.TypedChoiceField(
        label=_("Sampling interval (minutes)"),
        coerce=int,
        choices=INTERVALS,
        widget=forms.RadioSelect,
        help_text=_(
            "A new interval takes effect at the next boundary that the old and the new windows share."
        ),
    )


class FlowLogTagsForm(forms.Form):
    """The tags of a flow log."""

    tags = TagsField(
        label=_("Tags"), required=False, help_text=_("At most 20. Rows without key and value do not count.")
    )

    def __init__(self, *args: Any, spare_tags: int = 1, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        show_more_tags(self.fields["tags"], spare_tags)


class FlowLogDeleteForm(forms.Form):
    """The name of a flow log, typed to confirm that it is to be deleted."""

    confirmation = forms.CharField(
        error_messages=REQUIRED, widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"})
    )

    def __init__(self, *args: Any, name: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.name = name
        self.fields["confirmation"].label = _("Type %(name)s to confirm") % {"name": name}

    def clean_confirmation(self) -> str:
        """Refuse anything but the name."""
        typed: str = self.cleaned_data["confirmation"].strip()
        if typed != self.name:
            raise forms.ValidationError(_("That is not the name of the flow log."))
        return typed
