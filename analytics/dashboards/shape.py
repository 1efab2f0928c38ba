"""The shape of a dashboard."""

from __future__ import annotations

from dataclasses import dataclass
from textwrap import dedent
from typing import Literal

from analytics.charts import Spec

BUCKET = "{bucket}"


@dataclass(frozen=True, slots=True)
class Chart:
    """One chart: its query in ``search | SQL``, where ``{bucket}`` stands for the seconds of a bucket."""

    id: str
    title: str
    query: str
    spec: Spec
    size: Literal["half", "full"] = "half"
    height: Literal["tiles", "normal", "tall"] = "normal"
    note: str = ""

    @property
    def is_over_time(self) -> bool:
        """Whether the chart has buckets of time."""
        return BUCKET in self.query

    def text(self, bucket: int) -> str:
        """Return the very query that runs, for buckets of so many seconds."""
        return dedent(self.query).strip().replace(BUCKET, str(bucket))


@dataclass(frozen=True, slots=True)
class Dashboard:
    """A page of charts; ``default_range`` is what it shows when the address names no time."""

    id: str
    title: str
    description: str
    charts: tuple[Chart, ...]
    default_range: str = "24h"

    def chart(self, id: str) -> Chart | None:
        """Return the chart of that id, or None."""
        return next((chart for chart in self.charts if chart.id == id), None)
