"""What the pages of a Logstore share: its addresses and its time picker."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

from django.http import QueryDict
from django.urls import reverse

from analytics.ranges import RELATIVE, TimeRange, duration_label
from flowlogs.models import Logstore


def address(store: Logstore, name: str, **more: str) -> str:
    """Return the address of a page of the Logstore."""
    where = {"region_id": store.project.region_id, "project": store.project.name, "logstore": store.name}
    return reverse(f"analytics:{name}", kwargs=where | more)


def query_string(time: TimeRange, **more: str) -> str:
    """Return a range and other parameters as the query string of an address."""
    query = QueryDict(mutable=True)
    query.update({**more, **time.parameters()})
    return "?" + query.urlencode()


def now() -> int:
    """Return the Unix second that relative ranges end at."""
    return int(time.time())


def picker(chosen: TimeRange) -> dict[str, Any]:
    """Return what the time picker shows."""
    return {
        "time": chosen,
        "ranges": [(value, duration_label(value)) for value in RELATIVE],
        "from_value": _local(chosen.start),
        "to_value": _local(chosen.end),
    }


def _local(at: int) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S")
