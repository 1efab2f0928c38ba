"""One closing → one part a Logstore, exactly once, with its ledger.

Claim by a conditional update (lease and attempt), let a worker aggregate and write, then commit parts, ledger and
state in one transaction under the same attempt. A worker whose claim was taken over commits nothing: its files
are orphans that the janitor collects.
"""

from __future__ import annotations

import logging
from collections.abc import Collection
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


UNKNOWN, SAMPLES_GONE = "UnknownError", "SamplesGone"
TERMS = tuple(
    f"{term}_{unit}"
    for term in ("scope", "delivered", "filtered", "late", "quarantined")
    for unit in ("flows", "packets", "bytes")
)
REWRITTEN = ("part", "state", "reason", "delivered_at", "records", "nodata", "skipdata", "size", *TERMS)
"""What delivering again writes anew on a delivery that failed."""


class StaleAttempt(Exception):
    """Another worker took the closing over, and delivers instead."""


class SamplesGone(Exception):
    """Delivered again, some flow logs would get other samples than they were owed: not all are there any more."""

    def __init__(self, flow_logs: Collection[str]) -> None:
        super().__init__(", ".join(flow_logs))
        self.flow_logs = flow_logs


def deliver(closing_id: int) -> bool:
    """Deliver one closing; return whether this call did. Safe to run twice and at the same time.

    One that was delivered before is delivered again, to those flow logs alone that ``services.deliver_again`` marked.
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
    except SamplesGone as error:
        _give_up(closing, error.flow_logs)
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
    if poison and closing.delivered_at is not None:
        _fail_again(closing, UNKNOWN)
        return
    _held_by(closing).update(
        state=Closing.State.QUARANTINED if poison else Closing.State.PENDING,
        lease=timezone.now() + wait,
        error=f"{type(error).__name__}: {error}"[:500],
    )


@transaction.atomic
def _fail_again(closing: Closing, reason: str, flow_logs: Collection[str] | None = None) -> None:
    """Let what was to be delivered again, all of it or for some flow logs, stand as failed once more."""
    if not _held_by(closing).update(state=Closing.State.DELIVERED, lease=None):
        return
    pending = closing.deliveries.filter(state=Delivery.State.PENDING)
    if flow_logs is not None:
        pending = pending.filter(flow_log__in=flow_logs)
    pending.update(state=Delivery.State.FAILED, reason=reason)
    _requeue_rest(closing)


def _give_up(closing: Closing, flow_logs: Collection[str]) -> None:
    logger.error("closing %s: samples of %s are not all there any more", closing.pk, ", ".join(flow_logs))
    _fail_again(closing, SAMPLES_GONE, flow_logs)


def _requeue_rest(closing: Closing) -> None:
    """Put a closing back where more flow logs are to get it again than this delivery knew of."""
    if closing.deliveries.filter(state=Delivery.State.PENDING).exists():
        Closing.objects.filter(pk=closing.pk).update(state=Closing.State.PENDING, lease=None, hinted_at=None)


@transaction.atomic
def _commit(closing: Closing, planned: Plan, outcome: Outcome) -> None:
    """List the parts and mark the closing delivered, both or neither.

    Raises StaleAttempt for a lost claim, SamplesGone where what is delivered again is not what was owed.
    """
    now = timezone.now()
    is_again = closing.delivered_at is not None
    if not _held_by(closing).update(
        state=Closing.State.DELIVERED, delivered_at=closing.delivered_at or now, lease=None, error=""
    ):
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
    if is_again:
        _rewrite(closing, deliveries, planned.again)
        usage.record(closing, now, [delivery.flow_log_id for delivery in deliveries])
    else:
        Delivery.objects.bulk_create(deliveries)
        usage.record(closing, now)
        _note_skipped(closing, planned, outcome)
    for flow_log, reason in planned.reasons.items():
        services.delivery_failed(flow_log, reason)
    services.delivery_succeeded([d.flow_log_id for d in deliveries if d.state == Delivery.State.DELIVERED])
    if is_again:
        _requeue_rest(closing)


def _rewrite(closing: Closing, deliveries: list[Delivery], asked: Collection[str]) -> None:
    """Write deliveries anew that failed before: what was quarantined moves on, none of it in two terms or none.

    ``asked`` are the flow logs that the plan was for. Raises SamplesGone where the scope of one is not what it was.
    """
    pending = closing.deliveries.filter(state=Delivery.State.PENDING)
    owed = {each.flow_log_id: each for each in pending.select_for_update()}
    made = {each.flow_log_id: each for each in deliveries}
    # one that was asked for since the plan is left for the next time
    short = [pk for pk in asked if pk not in made or _scope(made[pk]) != _scope(owed[pk])]
    if short:
        raise SamplesGone(short)
    for flow_log, delivery in made.items():
        delivery.pk = owed[flow_log].pk
    Delivery.objects.bulk_update(deliveries, REWRITTEN, batch_size=100)


def _scope(delivery: Delivery) -> tuple[int, int, int]:
    return delivery.scope_flows, delivery.scope_packets, delivery.scope_bytes


def _note_skipped(closing: Closing, planned: Plan, outcome: Outcome) -> None:
    """Note whose losses and late samples are recorded now, on the window and on what recorded them."""
    window = Window.objects.select_for_update().get(pk=closing.window_id)
    known = {*window.skipped_exporters}
    Closing.objects.filter(pk=closing.pk).update(
        skipped_exporters=sorted({*planned.skipped_exporters} - known), late_interfaces=outcome.late
    )
    Window.objects.filter(pk=window.pk).update(
        skipped_exporters=sorted({*planned.skipped_exporters} | known),
        late_interfaces=sorted({*window.late_interfaces, *outcome.late}),
    )


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
