"""Bringing back what could not be delivered: which windows that is, and having them delivered again, once.

A closing is delivered to all its flow logs or none. Those without a target then are named in the ledger as
quarantined, and their samples are kept for a while. To deliver them again, their deliveries are marked as pending
and the closing goes back to the queue: its next delivery takes those alone, in the transaction that any takes.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from celery import current_app
from django.db import transaction
from django.db.models import Count, F, Q, QuerySet, Sum
from django.utils import timezone

from console import changes
from console.models import User
from flowlogs.models import Closing, Delivery, FlowLog
from flowlogs.rules import RuleError
from flowlogs.services import circumstances
from flowlogs.services.permissions import require
from flowlogs.store.catalogue import KEPT_FAILED

logger = logging.getLogger(__name__)

ACTION = "vpc:ActiveFlowLog"
KEPT_HOURS = int(KEPT_FAILED.total_seconds() // 3600)
"""For how long the samples of what failed are kept."""


@dataclass(frozen=True)
class Quarantine:
    """What of a flow log could not be delivered, as closings of its windows and flows.

    ``ready`` can be delivered again; the samples of what is ``gone`` are no longer there; ``under_way`` is being
    delivered again.
    """

    ready: int = 0
    ready_flows: int = 0
    gone: int = 0
    gone_flows: int = 0
    under_way: int = 0

    def __bool__(self) -> bool:
        return bool(self.ready or self.gone or self.under_way)


COUNTS = tuple(field.name for field in fields(Quarantine))


def of(flow_logs: Collection[FlowLog], now: datetime | None = None) -> dict[str, Quarantine]:
    """Return what could not be delivered of flow logs, by their identifiers; two queries."""
    kept = Q(closing__delivered_at__gt=_kept_since(now))
    failed, pending = Q(state=Delivery.State.FAILED), Q(state=Delivery.State.PENDING)
    rows: Iterable[Any] = (
        Delivery.objects.filter(
            state__in=(Delivery.State.FAILED, Delivery.State.PENDING),
            flow_log__in=[each.pk for each in flow_logs],
        )
        .order_by()
        .values("flow_log")
        .annotate(
            ready=Count("pk", filter=failed & kept),
            ready_flows=Sum("quarantined_flows", filter=failed & kept, default=0),
            gone=Count("pk", filter=failed & ~kept),
            gone_flows=Sum("quarantined_flows", filter=failed & ~kept, default=0),
            under_way=Count("pk", filter=pending),
        )
    )
    found = {row["flow_log"]: [row[name] or 0 for name in COUNTS] for row in rows}
    set_aside = _set_aside(flow_logs)
    quarantines = {}
    for flow_log in flow_logs:
        ready, *others = found.get(flow_log.pk, [0] * len(COUNTS))
        more = sum(1 for _, vpc, end in set_aside if _concerns(flow_log, vpc, end))
        quarantines[flow_log.pk] = Quarantine(ready + more, *others)
    return quarantines


def deliver_again(flow_log: FlowLog, by: User | None) -> int:
    """Have what of a flow log could not be delivered be delivered again; return how many closings of windows.

    Raises RuleError where it could not be delivered now either: a gate is not passed, or its project or Logstore
    does not exist. What is gone or under way is left alone, so it is safe to call twice. Raises ActionDenied.
    """
    require(by, ACTION, flow_log.region_id, flow_log.account_id, f"flowlog/{flow_log.pk}")
    if found := circumstances.in_the_way(flow_log):
        raise RuleError(*found)
    with transaction.atomic():
        count = again([flow_log])
        if count:
            changes.note(
                ACTION,
                "FlowLog",
                flow_log.pk,
                by=by,
                account_id=flow_log.account_id,
                region_id=flow_log.region_id,
                values={"delivered_again": (None, count)},
            )
    return count


def again(flow_logs: Collection[FlowLog], reason: str = "") -> int:
    """Put what of these flow logs could not be delivered, or not for a reason, back into the queue.

    Returns how many closings those are. Meant for the transaction of what makes delivery possible again; the
    number of queries is fixed.
    """
    failed = Delivery.objects.filter(
        state=Delivery.State.FAILED,
        flow_log__in=[each.pk for each in flow_logs],
        closing__delivered_at__gt=_kept_since(),
        **({"reason": reason} if reason else {}),
    )
    with transaction.atomic():
        closings = sorted(set(failed.order_by().values_list("closing", flat=True)))
        # the closing first, as a delivery does
        held = _locked(closings)
        Delivery.objects.filter(
            pk__in=list(failed.filter(closing__in=held).values_list("pk", flat=True))
        ).update(state=Delivery.State.PENDING)
        _requeue(Closing.objects.filter(pk__in=held, state=Closing.State.DELIVERED))
        set_aside = []
        if not reason:
            set_aside = [
                pk
                for pk, vpc, end in _set_aside(flow_logs)
                if any(_concerns(each, vpc, end) for each in flow_logs)
            ]
            _requeue(Closing.objects.filter(pk__in=set_aside, state=Closing.State.QUARANTINED))
        count = len({*held, *set_aside})
        if count:
            # by name, for the tasks import the services; the rows say what is due
            transaction.on_commit(lambda: current_app.send_task("flowlogs.sweep"), robust=True)
            logger.info(
                "%s closings are delivered again for %s", count, ", ".join(each.pk for each in flow_logs)
            )
    return count


def _kept_since(now: datetime | None = None) -> datetime:
    return (now or timezone.now()) - KEPT_FAILED


def _locked(closings: Iterable[int]) -> list[int]:
    found = Closing.objects.select_for_update().filter(pk__in=list(closings)).order_by("pk")
    return list(found.values_list("pk", flat=True))


def _requeue(closings: QuerySet[Closing]) -> None:
    closings.update(state=Closing.State.PENDING, lease=None, hinted_at=None)


def _set_aside(flow_logs: Collection[FlowLog]) -> list[tuple[int, str, int]]:
    """Return the closings that were set aside in the VPCs of flow logs, with their VPC and the end of their window."""
    rows = Closing.objects.filter(
        state=Closing.State.QUARANTINED, window__vpc__in={each.vpc_id for each in flow_logs}
    )
    end = F("window__start") + 60 * F("window__interval")
    return list(rows.order_by().annotate(end=end).values_list("pk", "window__vpc", "end"))


def _concerns(flow_log: FlowLog, vpc: str, end: int) -> bool:
    return flow_log.vpc_id == vpc and flow_log.created_at.timestamp() < end
