"""What each flow log generated, by hour and by day: what lists, the overview and the fees read."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from .flowlog import FlowLog

HOUR = 3600
DAY = 86_400


class Usage(models.Model):
    """What a flow log generated in one hour or one day (UTC), written with each delivery.

    It belongs to the time of delivery, as fees do. ``span`` is 3600 or 86400 seconds.
    """

    flow_log = models.ForeignKey(FlowLog, models.CASCADE, related_name="usage")
    span = models.PositiveIntegerField(choices=[(HOUR, "Hour"), (DAY, "Day")])
    start = models.BigIntegerField(help_text="Unix second")
    records = models.BigIntegerField(default=0)
    nodata = models.BigIntegerField("NODATA records", default=0)
    skipdata = models.BigIntegerField("SKIPDATA records", default=0)
    size = models.BigIntegerField(
        "bytes generated", default=0, help_text="Text bytes of the records, the unit of fees"
    )
    indexed_size = models.BigIntegerField(
        "bytes indexed", default=0, help_text="Of these, what an index of the Logstore took in"
    )
    packets = models.BigIntegerField("delivered packets", default=0)
    bytes = models.BigIntegerField("delivered bytes", default=0, help_text="IP bytes of the traffic")

    class Meta:
        verbose_name_plural = "usage"
        ordering = ["-start", "flow_log"]
        indexes = [models.Index(fields=["span", "start"])]
        constraints = [
            models.UniqueConstraint(fields=["flow_log", "span", "start"], name="usage_once"),
            models.CheckConstraint(condition=Q(span__in=[HOUR, DAY]), name="usage_span"),
        ]

    def __str__(self) -> str:
        return f"{self.flow_log_id} {self.start} +{self.span} s"
