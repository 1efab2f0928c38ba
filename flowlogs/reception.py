"""What the collectors tell about themselves, brought from their status files into the database."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from .collector import status as collector_status
from .collector.status import Status
from .models import Collector, Loss

LIVE = timedelta(seconds=15)
REASONS = {
    collector_status.KERNEL: "kernel",
    collector_status.SPOOL: "spool",
    collector_status.DOWN: "collector",
}
TOLD = (
    "started_at", "last_seen", "address", "spool_bytes", "trouble", "sealed_through", "kernel_drops",
    "spool_drops", "losses_seen",
)  # fmt: skip


def collectors() -> list[Collector]:
    """Bring the collectors' own status files into the database and return all that are not retired."""
    seen = dict(Collector.objects.values_list("id", "last_seen"))
    for status in collector_status.load_all(settings.FLOWLOG_SPOOL):
        if seen.get(status.id) != _instant(status.updated):
            _take(status)
    return list(Collector.objects.filter(retired_at__isnull=True))


def is_live(collector: Collector) -> bool:
    """Whether the collector has told of itself in the last seconds, so that windows wait for it."""
    return collector.last_seen is not None and timezone.now() - collector.last_seen < LIVE


def _instant(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


@transaction.atomic
def _take(status: Status) -> None:
    Collector.objects.get_or_create(pk=status.id, defaults={"decoded_through": int(status.started * 1000)})
    # locked and read again: another host or thread may take the same status at this moment
    collector = Collector.objects.select_for_update().get(pk=status.id)
    fresh = [loss for loss in status.losses if loss.number > collector.losses_seen]
    collector.started_at = _instant(status.started)
    collector.last_seen = _instant(status.updated)
    collector.address = f"{status.host}:{status.port}"
    collector.spool_bytes = status.spool_bytes
    collector.trouble = status.trouble[:200]
    collector.sealed_through = max(collector.sealed_through, status.sealed_through_ns // 1_000_000)
    collector.kernel_drops += sum(loss.count for loss in fresh if loss.reason == collector_status.KERNEL)
    collector.spool_drops += sum(loss.count for loss in fresh if loss.reason == collector_status.SPOOL)
    collector.losses_seen = max((loss.number for loss in fresh), default=collector.losses_seen)
    collector.save(update_fields=TOLD)
    Loss.objects.bulk_create(_loss(collector, loss) for loss in fresh)


def _loss(collector: Collector, loss: collector_status.Loss) -> Loss:
    seconds = max((loss.until_ns - loss.at_ns) // 1_000_000_000, 1)
    return Loss(
        collector=collector,
        since=loss.at_ns // 1_000_000,
        until=loss.until_ns // 1_000_000,
        unit="seconds" if loss.reason == collector_status.DOWN else "datagrams",
        count=loss.count or seconds,
        reason=REASONS[loss.reason],
    )
