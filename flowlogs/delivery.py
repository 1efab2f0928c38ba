"""One closing → one part a Logstore, exactly once, with its ledger.

Claim by a conditional update (lease and attempt), let a worker aggregate and write, then commit parts, ledger and
state in one transaction under the same attempt. A worker whose claim was taken over commits nothing: its files
are orphans that the janitor collects.
"""

from __future__ import annotations

import logging
from datetime import timedelta
from pathlib import Path

import duckdb
from django.conf import settings
from django.db import InterfaceError, OperationalError, transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from console import access
from console.models import Account

from . import leases, services, usage
from .jobs import Count, Outcome
from .models import Closing, Delivery, Part, Window
from .plans import COUNTED_ONLY, Plan, plan
from .store import workers
from .windows import hour_of

logger = logging.getLogger(__name__)

DEADLINE = 180.0
MOST_ATTEMPTS = 5
MOST_DEATHS = 60
"""A worker that dies may be the machine's fault or the data's: tried much longer."""
BACKOFF = timedelta(seconds=5)
LONGEST_BACKOFF = timedelta(minutes=5)
NOT_THE_DATA = (OSError, duckdb.IOException, OperationalError, InterfaceError, workers.WorkersBusy)
"""What fails for the machine's sake, such as a full disk: tried until it works."""


class StaleAttempt(Exception):
    """Another worker took the closing over, and delivers instead."""


def deliver(closing_id: int) -> bool:
    """Deliver one closing; return whether this call did. Safe to run twice and at the same time.

    While the account has not authorized delivery the closing waits: once it has, nothing is missing.
    """
    if not _is_authorized(closing_id):
        return False
    closing = _claim(closing_id)
    if closing is None:
        return False
    mine = _held_by(closing)
    try:
        with leases.renewed(lambda: mine.update(lease=timezone.now() + leases.LEASE)):
            planned = plan(closing)
            outcome: Outcome = workers.call(
                "flowlogs.aggregate:close", {"job": planned.job}, deadline=DEADLINE
            )
        _commit(closing, planned, outcome)
    except StaleAttempt:
        logger.warning("closing %s: another worker took over, nothing committed", closing_id)
        return False
    except Exception as error:
        _failed(closing, error)
        return False
    return True


def _is_authorized(closing_id: int) -> bool:
    account = Account.objects.filter(vpcs__windows__closings=closing_id).first()
    if account is None or access.delivery_authorized(account):
        return True
    services.authorization_changed(account)
    return False


def _claim(closing_id: int) -> Closing | None:
    now = timezone.now()
    free = Q(state=Closing.State.PENDING) & (Q(lease__isnull=True) | Q(lease__lt=now))
    dead = Q(state=Closing.State.DELIVERING, lease__lt=now)
    claimed = Closing.objects.filter(free | dead, pk=closing_id).update(
        state=Closing.State.DELIVERING, attempt=F("attempt") + 1, lease=now + leases.LEASE
    )
    if not claimed:
        return None
    return Closing.objects.select_related("window__vpc__account").get(pk=closing_id)


def _held_by(closing: Closing) -> QuerySet[Closing]:
    """Return the row as long as nobody has taken the closing over."""
    return Closing.objects.filter(pk=closing.pk, attempt=closing.attempt, state=Closing.State.DELIVERING)


def _failed(closing: Closing, error: Exception) -> None:
    """Give the closing back for another attempt, or set it aside when it is the data that fails."""
    is_machine = isinstance(error, NOT_THE_DATA)
    logger.warning("closing %s, attempt %s: %s", closing.pk, closing.attempt, error, exc_info=not is_machine)
    most = MOST_DEATHS if isinstance(error, workers.WorkerDied) else MOST_ATTEMPTS
    poison = closing.attempt >= most and not is_machine
    wait = min(BACKOFF * 2 ** min(closing.attempt, 10), LONGEST_BACKOFF)
    _held_by(closing).update(
        state=Closing.State.QUARANTINED if poison else Closing.State.PENDING,
        lease=timezone.now() + wait,
        error=f"{type(error).__name__}: {error}"[:500],
    )


@transaction.atomic
def _commit(closing: Closing, planned: Plan, outcome: Outcome) -> None:
    """List the parts and mark the closing delivered, both or neither. Raises StaleAttempt for a lost claim."""
    now = timezone.now()
    if not _held_by(closing).update(state=Closing.State.DELIVERED, delivered_at=now, lease=None, error=""):
        raise StaleAttempt(closing.pk)
    parts = Part.objects.bulk_create(
        Part(
            logstore_id=made.logstore,
            closing=closing,
            path=str(Path(made.path).relative_to(settings.FLOWLOG_STORE)),
            hour=hour_of(made.min_time),
            rows=made.rows,
            size=made.size,
            min_time=made.min_time,
            max_time=made.max_time,
        )
        for made in outcome.parts
    )
    deliveries = _deliveries(closing, planned, outcome, {part.logstore_id: part for part in parts})
    Delivery.objects.bulk_create(deliveries)
    usage.record(closing, now)
    Window.objects.filter(pk=closing.window_id).update(
        skipped_exporters=planned.skipped_exporters,
        late_interfaces=sorted({*closing.window.late_interfaces, *outcome.late}),
    )
    for flow_log, reason in planned.reasons.items():
        services.delivery_failed(flow_log, reason)
    services.delivery_succeeded([d.flow_log_id for d in deliveries if d.state == Delivery.State.DELIVERED])


def _deliveries(
    closing: Closing, planned: Plan, outcome: Outcome, parts: dict[int | None, Part]
) -> list[Delivery]:
    deliveries = []
    for order, flow_log, count in zip(planned.job.orders, planned.flow_logs, outcome.counts, strict=True):
        failed = order.logstore == COUNTED_ONLY
        delivery = Delivery(
            flow_log=flow_log,
            closing=closing,
            part=parts.get(order.logstore) if count.rows else None,
            state=Delivery.State.FAILED if failed else Delivery.State.DELIVERED,
            reason=planned.reasons.get(flow_log.pk, ""),
            delivered_at=None if failed else timezone.now(),
            records=count.records,
            nodata=count.nodata,
            skipdata=count.skipdata,
            size=count.size,
        )
        _fill_terms(delivery, count, late=planned.job.late)
        deliveries.append(delivery)
    return deliveries


def _fill_terms(delivery: Delivery, count: Count, *, late: bool) -> None:
    """Note what became of the samples in scope: what came too late is late, what has no target is quarantined."""
    terms = {"scope": count.scope}
    if late:
        terms["late"] = count.scope
    elif delivery.state == Delivery.State.FAILED:
        terms["quarantined"] = count.scope
    else:
        terms |= {"delivered": count.delivered, "filtered": count.filtered}
    for term, values in terms.items():
        for unit, value in zip(("flows", "packets", "bytes"), values, strict=True):
            setattr(delivery, f"{term}_{unit}", value)
