"""Celery doorways: ids in, a service does the work. Rows say what is due, so every task may run twice or never."""

from __future__ import annotations

import logging
import time

from celery import shared_task
from django.utils import timezone

from . import bookkeeping, closing, delivery, ingest, inventory, reception, services, strangers, usage
from .models import FlowLog
from .store import catalogue

logger = logging.getLogger(__name__)


@shared_task(name="flowlogs.capture")
def capture() -> None:
    """Decode what the collectors have sealed."""
    for collector in reception.collectors():
        if collector.sealed_through > collector.decoded_through or collector.is_history:
            decode_segments.delay(collector.pk)


@shared_task(name="flowlogs.decode_segments", queue="capture")
def decode_segments(collector_id: str) -> None:
    """Decode the sealed segments of one collector."""
    try:
        ingest.ingest(collector_id)
    except ingest.LeaseLost:
        logger.warning("collector %s: another worker took over", collector_id)
    except ingest.NOT_THE_DATA as error:
        # the segments stay in the spool and are tried again until it works
        logger.error("collector %s: its segments cannot be decoded now: %s", collector_id, error)


@shared_task(name="flowlogs.sweep")
def sweep() -> None:
    """Close what is due and hint at what waits."""
    closing.sweep(deliver_closing.delay)


@shared_task(name="flowlogs.deliver_closing")
def deliver_closing(closing_id: int) -> None:
    """Deliver one closing."""
    delivery.deliver(closing_id)


@shared_task(name="flowlogs.apply_flow_log", queue="capture")
def apply_flow_log(flow_log_id: str) -> None:
    """Finish the transition that a flow log is in."""
    services.finish_transition(flow_log_id)


@shared_task(name="flowlogs.apply_transitions")
def apply_transitions() -> None:
    """Finish transitions whose hint was lost."""
    transient = (
        FlowLog.Status.ACTIVATING,
        FlowLog.Status.DEACTIVATING,
        FlowLog.Status.MODIFYING,
        FlowLog.Status.DELETING,
    )
    for flow_log_id in FlowLog.objects.filter(status__in=transient).values_list("pk", flat=True):
        apply_flow_log.delay(flow_log_id)


@shared_task(name="flowlogs.keep_house")
def keep_house() -> None:
    """Compact, expire and clean up."""
    now = int(timezone.now().timestamp())
    catalogue.expire(now)
    catalogue.remove_hidden()
    catalogue.remove_used_samples()
    strangers.forget_silent()
    bookkeeping.prune_strays()
    inventory.record_marked()
    inventory.prune()
    usage.prune()
    for logstore_id, hour in catalogue.due_for_compaction(now):
        compact_hour.delay(logstore_id, hour)


@shared_task(name="flowlogs.collect_orphans")
def collect_orphans() -> None:
    """Delete files that no row lists."""
    catalogue.collect_orphans(time.time())


@shared_task(name="flowlogs.compact_hour")
def compact_hour(logstore_id: int, hour: int) -> None:
    """Compact one hour of a Logstore."""
    catalogue.compact(logstore_id, hour)
