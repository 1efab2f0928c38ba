"""The catalogue of parts: what a Logstore holds, compaction of an hour, retention and the janitor.

Rows are the truth: a part is readable exactly while its row says so. Hidden parts keep their files past the
longest query deadline, so that a list of parts once read stays valid.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Count, F, Q
from django.utils import timezone

from flowlogs.models import (
    Closing,
    Delivery,
    InventoryPart,
    InventoryVersion,
    Logstore,
    Part,
    SampleFile,
    SampleSlice,
)
from flowlogs.models.logstore import PERMANENT
from flowlogs.windows import HOUR

from . import workers
from .files import discard, durable_name

logger = logging.getLogger(__name__)

DAY = 86_400
DEADLINE = 180.0
GRACE = timedelta(minutes=2)
ORPHAN_AGE = 900
AT_ONCE = 200
KEPT_FAILED = timedelta(hours=72)
"""For how long samples are kept that could not be delivered: time to create a Logstore again, over a weekend too."""


def live_parts(logstore: Logstore, since: int, until: int) -> list[Part]:
    """Return the readable parts with records in ``[since, until)`` (Unix s), newest first."""
    parts = Part.objects.filter(
        logstore=logstore, removed_at__isnull=True, min_time__lt=until, max_time__gte=since
    )
    return list(parts.order_by("-min_time"))


def due_for_compaction(now: int) -> list[tuple[int, int]]:
    """Return (Logstore, hour) with several parts, once the hour takes no more supplements."""
    settled = now - HOUR - settings.FLOWLOG_LATE_LIMIT - 2 * settings.FLOWLOG_LATENESS
    hours = (
        Part.objects.filter(removed_at__isnull=True, hour__lte=settled, logstore__isnull=False)
        .values("logstore", "hour")
        .annotate(parts=Count("id"))
        .filter(parts__gt=1)
        .order_by("-hour")
    )
    return [(row["logstore"], row["hour"]) for row in hours[:AT_ONCE]]


def compact(logstore_id: int, hour: int) -> int:
    """Replace the parts of one hour by one, sorted as a whole; return how many were replaced.

    Safe to run twice: the replacement only counts while all its sources are still listed.
    """
    parts = list(Part.objects.filter(logstore=logstore_id, hour=hour, removed_at__isnull=True).order_by("pk"))
    if len(parts) < 2:
        return 0
    day = time.strftime("%Y%m%d", time.gmtime(hour))
    path = Path("parts") / str(logstore_id) / day / durable_name(f"h{hour}")
    made: dict[str, int] = workers.call(
        "flowlogs.store.compaction:compact",
        {
            "sources": [str(settings.FLOWLOG_STORE / part.path) for part in parts],
            "target": str(settings.FLOWLOG_STORE / path),
            "rows": sum(part.rows for part in parts),
            "spill": str(settings.FLOWLOG_STORE / "spill"),
        },
        deadline=DEADLINE,
    )
    with transaction.atomic():
        hidden = Part.objects.filter(pk__in=[part.pk for part in parts], removed_at__isnull=True).update(
            removed_at=timezone.now()
        )
        if hidden != len(parts):
            transaction.set_rollback(True)
            logger.info("hour %s of Logstore %s was compacted by another worker", hour, logstore_id)
            return 0
        Part.objects.create(logstore_id=logstore_id, path=str(path), level=1, hour=hour, **made)
    return len(parts)


def expire(now: int) -> int:
    """Hide parts whose newest record is older than their Logstore keeps records; return how many."""
    kept = now - F("logstore__ttl") * DAY
    old = Part.objects.filter(removed_at__isnull=True, logstore__ttl__lt=PERMANENT, max_time__lt=kept)
    orphaned = Part.objects.filter(removed_at__isnull=True, logstore__isnull=True)
    ids = [*old.values_list("pk", flat=True)[:1000], *orphaned.values_list("pk", flat=True)[:1000]]
    return Part.objects.filter(pk__in=ids).update(removed_at=timezone.now())


def remove_hidden() -> int:
    """Delete hidden parts once no query can hold them: the rows first, then the files."""
    grace = max(GRACE, timedelta(seconds=2 * settings.FLOWLOG_QUERY_DEADLINE))
    parts = list(Part.objects.filter(removed_at__lt=timezone.now() - grace)[:1000])
    _remove(Part, parts)
    return len(parts)


def remove_used_samples() -> int:
    """Delete sample files whose windows are final and all of whose closings are delivered; return how many.

    The final closing reads every file of its window, also those that an earlier closing took. What could not be
    delivered to some flow log is kept for ``KEPT_FAILED``, so that it can be delivered again.
    """
    undelivered = Closing.objects.exclude(state=Closing.State.DELIVERED)
    failed = Delivery.objects.filter(
        state=Delivery.State.FAILED, closing__delivered_at__gt=timezone.now() - KEPT_FAILED
    )
    needed = SampleSlice.objects.filter(
        Q(closing__isnull=True)
        | Q(window__is_final=False)
        | Q(window__in=undelivered.values("window"))
        | Q(window__in=failed.values("closing__window"))
    )
    old = timezone.now() - GRACE
    files = SampleFile.objects.filter(created_at__lt=old).exclude(pk__in=needed.values("file"))
    chosen = list(files.order_by("pk")[:1000])
    _remove(SampleFile, chosen)
    return len(chosen)


def _remove(model: Any, rows: list[Any]) -> None:
    with transaction.atomic():
        model.objects.filter(pk__in=[row.pk for row in rows]).delete()
    for row in rows:
        discard(settings.FLOWLOG_STORE / row.path)


def collect_orphans(now: float) -> int:
    """Delete files that no row lists and no running attempt can still list; return how many."""
    removed = 0
    for folder, model in (("parts", Part), ("samples", SampleFile)):
        old = list(_files_older(folder, now - ORPHAN_AGE))
        for at in range(0, len(old), 500):
            names = {str(path.relative_to(settings.FLOWLOG_STORE)): path for path in old[at : at + 500]}
            listed = model.objects.filter(path__in=names).values_list("path", flat=True)
            removed += _discard_all(names[name] for name in names.keys() - set(listed))
    removed += _discard_all(_files_older("spill", now - ORPHAN_AGE))
    in_use = set(InventoryVersion.objects.values_list("digest", flat=True))
    in_use.update(InventoryPart.objects.values_list("digest", flat=True))
    # a version before its parts, so that there is never one without them
    unpacked = sorted(_files_older("inventory", now - ORPHAN_AGE), key=lambda path: len(path.parts))
    return removed + _discard_all(path for path in unpacked if path.name.partition(".")[0] not in in_use)


def _files_older(folder: str, limit: float) -> Iterator[Path]:
    for path in (settings.FLOWLOG_STORE / folder).rglob("*"):
        # a file that its worker removes at this moment is no orphan
        with suppress(FileNotFoundError):
            if path.is_file() and path.stat().st_mtime < limit:
                yield path


def _discard_all(paths: Iterable[Path]) -> int:
    removed = 0
    for path in paths:
        discard(path)
        removed += 1
    return removed
