"""Projects, Logstores and the catalogue of their parts."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

PERMANENT = 3650


class Project(models.Model):
    """A Log Service project: a named place for Logstores in one region."""

    account = models.ForeignKey("console.Account", models.CASCADE, related_name="projects")
    region = models.ForeignKey("console.Region", models.PROTECT, related_name="projects")
    name = models.CharField(max_length=63)
    description = models.CharField(max_length=256, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name"]
        constraints = [models.UniqueConstraint(fields=["region", "name"], name="project_name_once_in_region")]

    def __str__(self) -> str:
        return self.name


class Logstore(models.Model):
    """A store of flow log records: its rows are the parts that the catalogue lists for it."""

    project = models.ForeignKey(Project, models.CASCADE, related_name="logstores")
    name = models.CharField(max_length=63)
    ttl = models.PositiveIntegerField(
        _("data retention in days"), default=300, help_text=_("1 to 3650; 3650 is permanent")
    )
    analysis_report = models.BooleanField(
        default=False, help_text=_("Indexes and dashboards, made by Enable Log Analysis Report")
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["project", "name"]
        constraints = [
            models.UniqueConstraint(fields=["project", "name"], name="logstore_name_once_in_project"),
            models.CheckConstraint(condition=Q(ttl__gte=1, ttl__lte=PERMANENT), name="logstore_ttl_range"),
        ]

    def __str__(self) -> str:
        return f"{self.project}/{self.name}"

    @property
    def is_permanent(self) -> bool:
        """Whether records are kept for good."""
        return self.ttl == PERMANENT


class Part(models.Model):
    """One Parquet file of a Logstore: a row here makes its records readable, its absence hides them.

    A part never changes. ``removed_at`` hides it at once; its file follows once no query can hold it.
    """

    logstore = models.ForeignKey(Logstore, models.SET_NULL, null=True, related_name="parts")
    closing = models.ForeignKey(
        "flowlogs.Closing", models.SET_NULL, null=True, blank=True, related_name="parts"
    )
    path = models.CharField(max_length=255, unique=True, help_text=_("Relative to FLOWLOG_STORE"))
    level = models.PositiveSmallIntegerField(default=0, help_text=_("0 delivered, 1 compacted"))
    hour = models.BigIntegerField(help_text=_("Unix second of the hour that all its records belong to"))
    rows = models.BigIntegerField()
    size = models.BigIntegerField(_("bytes on disk"))
    min_time = models.BigIntegerField(help_text=_("Smallest __time__"))
    max_time = models.BigIntegerField(help_text=_("Greatest __time__"))
    created_at = models.DateTimeField(auto_now_add=True)
    removed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-min_time", "-id"]
        indexes = [
            models.Index(
                fields=["logstore", "min_time"],
                condition=Q(removed_at__isnull=True),
                name="part_live_by_time",
            ),
            models.Index(fields=["removed_at"], name="part_removed"),
            models.Index(
                fields=["level", "hour"], condition=Q(removed_at__isnull=True), name="part_to_compact"
            ),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(min_time__lte=models.F("max_time")), name="part_time_order")
        ]

    def __str__(self) -> str:
        return self.path
