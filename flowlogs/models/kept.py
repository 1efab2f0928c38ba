"""What is only marked when it is deleted, so that what was captured of it keeps its name and its numbers."""

from __future__ import annotations

from typing import TypeVar

from django.db import models
from django.db.models import Q

Resource = TypeVar("Resource", bound=models.Model)

LIVE = Q(deleted_at__isnull=True)


class LiveManager(models.Manager[Resource]):
    """Sees what is not deleted."""

    def get_queryset(self) -> models.QuerySet[Resource]:
        return super().get_queryset().filter(LIVE)


class WholeManager(models.Manager[Resource]):
    """Sees what was deleted too."""


class Kept(models.Model):
    """A resource that stays in the database when it is deleted, hidden from every list.

    ``objects`` and what is reached from another object see what is live; ``everything`` and the foreign keys of
    windows, deliveries and coverage see what was deleted too. Only services set ``deleted_at``.
    """

    deleted_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects = LiveManager()
    everything = WholeManager()

    class Meta:
        abstract = True
        base_manager_name = "everything"
