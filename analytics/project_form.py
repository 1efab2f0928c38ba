"""The form of a project: its description, all of it that can be changed."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _

from console.models import User
from flowlogs.models import Project
from flowlogs.services import logstores


class ProjectForm(forms.Form):
    """What a project is for."""

    description = forms.CharField(
        label=_("Description"), required=False, widget=forms.Textarea(attrs={"rows": "3"})
    )

    def save(self, project: Project, by: User) -> None:
        """Have the service change it. Raises RuleError, ActionDenied."""
        logstores.change_project(project, by, self.cleaned_data["description"])
