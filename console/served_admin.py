"""Rows of the admin site that services write, and what they refuse."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.actions import delete_selected
from django.core.exceptions import ValidationError
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from console.administration import ConsoleAdmin


class ServedForm(forms.ModelForm):
    """A form whose values a service judges; what it ``refused`` stands beside the fields."""

    refused: ClassVar[Sequence[tuple[str, str]]] = ()
    """Field and reason, as the service names them."""
    fields_of: ClassVar[dict[str, str]] = {}
    """Fields by the names that the service gives them, where these differ."""

    def _get_validation_exclusions(self) -> set[str]:
        # uniqueness and constraints are the service's too
        return {field.name for field in self._meta.model._meta.get_fields()}

    def clean(self) -> dict[str, Any]:
        """Show what was refused."""
        for field, reason in self.refused:
            named = self.fields_of.get(field, field)
            self.add_error(named if named in self.fields else None, reason)
        return self.cleaned_data


class ServedAdmin(ConsoleAdmin):
    """Rows that services write: ``save_model`` and ``delete_model`` call them, and no rule is known here.

    What a service refuses undoes all of the request, and the form is shown again with the reasons in it.
    """

    form = ServedForm
    actions = ["delete_selected"]
    refusal: ClassVar[type[Exception]] = ValidationError

    def reasons(self, error: Any) -> list[tuple[str, str]]:
        """Return of each thing that a service refused the field, if it is about one, and why."""
        by_field = getattr(error, "message_dict", None) or {"": error.messages}
        return [(field, reason) for field, found in by_field.items() for reason in found]

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        """Tell the form what the service refused."""
        form: Any = super().get_form(request, obj, change=change, **kwargs)
        form.refused = getattr(request, "refused", ())
        return form

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show the form again with what the service refuses."""
        try:
            return super().changeform_view(request, object_id, form_url, extra_context)
        except self.refusal as error:
            request.refused = self.reasons(error)  # type: ignore[attr-defined]
            return super().changeform_view(request, object_id, form_url, extra_context)

    def construct_change_message(
        self, request: HttpRequest, form: Any, formsets: Any, add: bool = False
    ) -> Any:
        """Tell of the row: what belongs to it is only shown."""
        return super().construct_change_message(request, form, [], add)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Leave what belongs to a row to its service too."""

    def get_deleted_objects(self, objs: Iterable[Model], request: HttpRequest) -> tuple[Any, ...]:
        """Name what is deleted; what hangs on it is up to the service."""
        rows = [str(row) for row in objs]
        return rows, {self.opts.verbose_name_plural: len(rows)}, set(), []

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Say why something cannot be deleted."""
        try:
            return super().delete_view(request, object_id, extra_context)
        except self.refusal as error:
            self.tell(request, error)
            page = reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_change", args=[object_id])
            return HttpResponseRedirect(page)

    @admin.action(permissions=["delete"], description=_("Delete selected %(verbose_name_plural)s"))
    def delete_selected(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse | None:
        """Ask first, then have the service delete each, and say which it refuses."""
        if not request.POST.get("post"):
            return delete_selected(self, request, queryset)
        done = []
        for row in queryset:
            key = row.pk
            try:
                self.delete_model(request, row)
            except self.refusal as error:
                self.tell(request, error, f"{row}: ")
            else:
                # what is gone for good has lost it
                row.pk = key
                done.append(row)
        if done:
            self.log_deletions(request, done)  # type: ignore[arg-type]
            told = ngettext("%(count)d is deleted.", "%(count)d are deleted.", len(done))
            self.message_user(request, told % {"count": len(done)}, messages.SUCCESS)
        return None

    def tell(self, request: HttpRequest, error: Exception, about: str = "") -> None:
        """Show what was refused as messages of the next page."""
        for _field, reason in self.reasons(error):
            self.message_user(request, about + reason, messages.ERROR)
