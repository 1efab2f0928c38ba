"""Deleting several resources of the network at once: all of them, or none."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db import transaction

from console.access import ActionDenied
from console.models import User
from flowlogs.networks.kind import Kind
from flowlogs.rules import RuleError
from flowlogs.services import network


class NotAllDeletedError(Exception):
    """Some of several resources cannot be deleted, so none is; ``reasons`` holds why by the resource."""

    def __init__(self, reasons: list[tuple[Any, RuleError | ActionDenied]]) -> None:
        super().__init__(f"{len(reasons)} cannot be deleted")
        self.reasons = reasons


def delete_all(kind: Kind, resources: Sequence[Any], by: User | None) -> None:
    """Delete resources of a kind, all of them or, where one cannot be, none. Raises NotAllDeletedError.

    What only another of them keeps, such as a security group that a rule of it names, goes after that one.
    """
    left = list(resources)
    with transaction.atomic():
        while left:
            reasons = [(each, error) for each in left if (error := _refusal(kind, each, by)) is not None]
            if len(reasons) == len(left):
                raise NotAllDeletedError(reasons)
            left = [each for each, _error in reasons]


def _refusal(kind: Kind, resource: Any, by: User | None) -> RuleError | ActionDenied | None:
    """Delete a resource, or return why it cannot be."""
    try:
        with transaction.atomic():
            network.delete(kind, resource, by)
    except (RuleError, ActionDenied) as error:
        return error
    return None
