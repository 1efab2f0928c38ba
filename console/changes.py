"""The audit of changes: who changed what, when, from which value to which."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from django.db import models

from console.models import Change, User

_acting: ContextVar[User | None] = ContextVar("acting", default=None)


@contextmanager
def acting_as(user: User) -> Iterator[None]:
    """Name a user as who did what the installation itself does meanwhile.

    An administrator works for every account without being in it: services ask no policy, the audit tells who it was.
    """
    token = _acting.set(user)
    try:
        yield
    finally:
        _acting.reset(token)


def actor(by: User | None) -> User | None:
    """Return who acts: the user themself, or whoever ``acting_as`` names where the installation does it."""
    return by or _acting.get()


def note(
    action: str,
    resource_type: str,
    resource_id: str,
    *,
    by: User | None,
    account_id: str | None,
    region_id: str | None = None,
    values: Mapping[str, tuple[Any, Any]] | None = None,
) -> None:
    """Write a change down, inside the transaction that makes it.

    ``by`` is empty for the system itself, and for whoever ``acting_as`` names. ``values`` says of each field what
    it was and what it is, as JSON.
    """
    note_all(
        [(resource_type, resource_id, values or {})],
        action,
        by=by,
        account_id=account_id,
        region_id=region_id,
    )


def note_all(
    resources: Iterable[tuple[str, str, Mapping[str, tuple[Any, Any]]]],
    action: str,
    *,
    by: User | None,
    account_id: str | None,
    region_id: str | None = None,
) -> None:
    """Write the same action on many resources down: type, ID and values of each, in one query."""
    rows = made(resources, action, by=by, account_id=account_id, region_id=region_id)
    Change.objects.bulk_create(rows, batch_size=500)


def made(
    resources: Iterable[tuple[str, str, Mapping[str, tuple[Any, Any]]]],
    action: str,
    *,
    by: User | None,
    account_id: str | None,
    region_id: str | None = None,
) -> list[Change]:
    """Return what ``note_all`` writes, for whoever writes it with other rows."""
    who = actor(by)
    return [
        Change(
            account_id=account_id,
            region_id=region_id,
            user=who,
            user_name=who.username if who else "",
            action=action,
            resource_type=resource_type,
            resource_id=resource_id,
            values={field: list(pair) for field, pair in values.items()},
        )
        for resource_type, resource_id, values in resources
    ]


def difference(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Return the fields that differ, each with its value before and after; a missing one is empty."""
    fields = dict.fromkeys([*before, *after])
    return {
        field: (before.get(field), after.get(field))
        for field in fields
        if before.get(field) != after.get(field)
    }


def history(resource_id: str) -> models.QuerySet[Change]:
    """Return what happened to a resource, newest first."""
    return Change.objects.filter(resource_id=resource_id)
