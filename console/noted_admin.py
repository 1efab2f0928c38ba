"""Rows of the admin site that have no service: what is changed of them is written down where it is changed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest

from console import changes
from console.administration import ConsoleAdmin


class NotedAdmin(ConsoleAdmin):
    """Settings that have no service: what is changed here is written down here.

    ``noted_as`` gives the actions of creating, changing and deleting.
    """

    noted_as: tuple[str, str, str]
    unnoted: frozenset[str] = frozenset({"id", "password", "last_login"})

    def place_of(self, obj: Any) -> dict[str, str | None]:
        """Return account and region of a row, as a change has them."""
        raise NotImplementedError

    def changes_of(self, obj: Any) -> tuple[str, str] | None:
        """Return what the audit knows a row by."""
        return type(obj).__name__, str(obj.pk)

    def described(self, pk: Any) -> dict[str, Any]:
        """Return what a row says now, without what is empty."""
        obj = self.model._base_manager.get(pk=pk)
        values = {field.attname: field.value_from_object(obj) for field in self.opts.concrete_fields}
        many = {
            field.name: sorted(map(str, getattr(obj, field.name).all())) for field in self.opts.many_to_many
        }
        told = {name: _plain(value) for name, value in {**values, **many}.items() if name not in self.unnoted}
        return {name: value for name, value in told.items() if value not in (None, "", [])}

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Remember what the row said before."""
        form.described = self.described(obj.pk) if change else {}
        super().save_model(request, obj, form, change)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Write the change down, once all of it is there."""
        super().save_related(request, form, formsets, change)
        obj = form.instance
        self.note(self.noted_as[change], obj, form.described, self.described(obj.pk), **self.place_of(obj))

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        """Write down what went."""
        self._note_deleted([obj])
        super().delete_model(request, obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """Write down what went."""
        self._note_deleted(queryset)
        super().delete_queryset(request, queryset)

    def note(
        self, action: str, obj: Any, before: dict[str, Any], after: dict[str, Any], **place: Any
    ) -> None:
        """Write down what differs, if anything does."""
        changed = changes.difference(before, after)
        if changed:
            changes.note(action, type(obj).__name__, str(obj.pk), by=None, values=changed, **place)

    def _note_deleted(self, rows: Iterable[Any]) -> None:
        for obj in rows:
            self.note(self.noted_as[2], obj, self.described(obj.pk), {}, **self.place_of(obj))


def _plain(value: Any) -> Any:
    """Return a value as JSON has it."""
    return value if isinstance(value, bool | int | float | str | list | dict | None) else str(value)
