"""What the pages of a Logstore share: its addresses and its time picker."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.http import QueryDict
from django.urls import reverse
from django.utils.translation import gettext

from analytics.ranges import DAY, MINUTE, RELATIVE, TimeRange, duration_label, written
from flowlogs.models import Logstore
from flowlogs.rules import INTERVALS


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


def settled(time: TimeRange) -> int | None:
    """Return up to when (Unix s) all records of a relative range are there; None for a range from-to.

    A record stands at the start of its capture window and arrives after the end.
    """
    if not time.relative:
        return None
    return min(time.end, now() - max(INTERVALS) * MINUTE - settings.FLOWLOG_LATENESS)


def ends_early(until: int | None, time: TimeRange) -> str:
    """Return where a chart ends that leaves out the buckets that are not complete, or nothing."""
    if until is None or not time.start < until < time.end:
        return ""
    at = written(until)[:-3] if time.seconds > DAY else written(until)[11:-3]
    return gettext("up to %(time)s UTC, the last complete bucket") % {"time": at}


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
