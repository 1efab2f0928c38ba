"""What each flow log generated, by hour, day and month: what lists, the overview and the fees read."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from .flowlog import FlowLog
from .network import Vpc

HOUR = 3600
DAY = 86_400
MONTH = 30 * DAY
"""Stands for a calendar month (UTC), whatever its length."""


class Usage(models.Model):
    """What a flow log generated in one hour, one day or one calendar month (UTC), written with each delivery.

    It belongs to the time of delivery, as fees do. ``span`` is HOUR, DAY or MONTH.
    """

    flow_log = models.ForeignKey(FlowLog, models.CASCADE, related_name="usage")
    # the flow log's own: sums by region or VPC would otherwise look each flow log up
    vpc = models.ForeignKey(Vpc, models.CASCADE, related_name="usage", db_index=False)
    span = models.PositiveIntegerField(choices=[(HOUR, _("Hour")), (DAY, _("Day")), (MONTH, _("Month"))])
    start = models.BigIntegerField(help_text=_("Unix second"))
    records = models.BigIntegerField(default=0)
    nodata = models.BigIntegerField(_("NODATA records"), default=0)
    skipdata = models.BigIntegerField(_("SKIPDATA records"), default=0)
    size = models.BigIntegerField(
        _("bytes generated"), default=0, help_text=_("Text bytes of the records, the unit of fees")
    )
    indexed_size = models.BigIntegerField(
        _("bytes indexed"), default=0, help_text=_("Of these, what an index of the Logstore took in")
    )
    packets = models.BigIntegerField(_("delivered packets"), default=0)
    bytes = models.BigIntegerField(_("delivered bytes"), default=0, help_text=_("IP bytes of the traffic"))

    class Meta:
        verbose_name_plural = _("usage")
        ordering = ["-start", "flow_log"]
        indexes = [
            models.Index(fields=["span", "start"]),
            # has every column that sums of a region ask for, so that no row is looked up
            models.Index(
                fields=[
                    *("vpc", "span", "start", "flow_log", "size", "records", "nodata", "skipdata"),
                    *("indexed_size", "packets", "bytes"),
                ],
                name="usage_sums_of_vpc",
            ),
        ]
        constraints = [
            models.UniqueConstraint(fields=["flow_log", "span", "start"], name="usage_once"),
            models.CheckConstraint(condition=Q(span__in=[HOUR, DAY, MONTH]), name="usage_span"),
        ]

    def __str__(self) -> str:
        return f"{self.flow_log_id} {self.start} +{self.span} s"
