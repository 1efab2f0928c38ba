"""The audit of changes: who changed what, when, from which value to which."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django.db import models

from console.models import Change, User


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

    ``by`` is empty for the system itself; ``values`` says of each field what it was and what it is, as JSON.
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
    Change.objects.bulk_create(
        [
            Change(
                account_id=account_id,
                region_id=region_id,
                user=by,
                user_name=by.username if by else "",
                action=action,
                resource_type=resource_type,
                resource_id=resource_id,
                values={field: list(pair) for field, pair in values.items()},
            )
            for resource_type, resource_id, values in resources
        ],
        batch_size=500,
    )


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
