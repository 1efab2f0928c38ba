"""When flow logs that have delivered nothing since they were started deliver for the first time."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime

from django.db.models import Exists, OuterRef, Subquery
from django.utils import timezone

from .closing import schedule
from .models import Coverage, Delivery, FlowLog, IntervalChange
from .windows import MINUTE, window_end, window_start


@dataclass(frozen=True)
class Awaited:
    """A first delivery: whether there were any before the last start, and when it is due, if that is to come."""

    has_delivered: bool
    due: datetime | None


def awaited(flow_log_ids: Collection[str], now: datetime | None = None) -> dict[str, Awaited]:
    """Return what is to be told of these flow logs; one query.

    It is due when the window closes in which the flow log was started, told of the first of its ENIs: as a whole
    minute, rounded up.
    """
    covering = Coverage.objects.filter(flow_log=OuterRef("pk"), until__isnull=True).order_by(
        "network_interface"
    )
    in_force = IntervalChange.objects.filter(
        network_interface=OuterRef("first_eni"), since__lte=OuterRef("begun")
    )
    delivered = Delivery.objects.filter(flow_log=OuterRef("pk"), state=Delivery.State.DELIVERED)
    rows = (
        FlowLog.objects.filter(pk__in=flow_log_ids)
        .order_by()
        .annotate(
            first_eni=Subquery(covering.values("network_interface")[:1]),
            begun=Subquery(covering.values("since")[:1]),
        )
        .annotate(minutes=Subquery(in_force.order_by("-since").values("interval")[:1]))
        .values_list("pk", "begun", "minutes", Exists(delivered))
    )
    at = (now or timezone.now()).timestamp()
    return {pk: Awaited(has, _due(begun, minutes, at)) for pk, begun, minutes, has in rows}


def _due(begun: datetime | None, minutes: int | None, now: float) -> datetime | None:
    if not begun or not minutes:
        return None
    end = window_end(window_start(int(begun.timestamp()), minutes), minutes)
    due = -(-schedule().closes_at(end) // MINUTE) * MINUTE
    return datetime.fromtimestamp(due, UTC) if due >= now else None
