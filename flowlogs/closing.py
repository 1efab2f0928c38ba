"""Which windows exist, and which of them close now: the sweep that drives the way of the data.

It reads rows and writes rows; tasks only hint. Running it twice, or on two hosts, changes nothing.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable
from datetime import timedelta
from functools import lru_cache

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Exists, Max, OuterRef, Q
from django.utils import timezone

from . import ingest
from .models import Closing, Collector, IntervalChange, InventoryVersion, SampleSlice, Window
from .windows import MINUTE, Schedule, starts_between

logger = logging.getLogger(__name__)

CLOSED_AT_ONCE = 300
WINDOWS_AT_ONCE = 20_000
HINT_AGAIN = timedelta(seconds=10)

Spans = dict[tuple[str, int], list[tuple[int, int | None]]]


def schedule() -> Schedule:
    """Return when windows close under the present settings."""
    return Schedule(settings.FLOWLOG_LATENESS, settings.FLOWLOG_LATE_LIMIT)


def sweep(enqueue: Callable[[int], object]) -> int:
    """Create windows, close those that are due and hint at deliveries; return how many closings were made.

    ``enqueue`` takes the id of a closing that wants delivery.
    """
    through = horizon(ingest.collectors())
    if through is None:
        return 0
    create_windows(through)
    made = close_due(through, enqueue)
    for closing in overdue():
        enqueue(closing)
    return made


def horizon(collectors: list[Collector]) -> int | None:
    """Return the Unix second through which all that was received is decoded; None before any collector ran.

    A dead collector holds nothing back once its segments are decoded; one that replays the past does until
    it is through.
    """
    if not collectors:
        return None
    waiting = [
        c.decoded_through
        for c in collectors
        if c.is_history or ingest.is_live(c) or c.decoded_through < c.sealed_through
    ]
    now = int(timezone.now().timestamp())
    return min([now, *(through // 1000 for through in waiting)])


def create_windows(through: int) -> None:
    """Create the windows of covered interfaces up to an instant, silent ones too, so that NODATA is told."""
    newest = InventoryVersion.objects.aggregate(newest=Max("id"))["newest"]
    spans = capture_spans(newest or 0)
    if not spans:
        return
    last = {
        (row["vpc"], row["interval"]): row["last"]
        for row in Window.objects.values("vpc", "interval").annotate(last=Max("start")).order_by()
    }
    windows: list[Window] = []
    for (vpc, interval), periods in spans.items():
        for since, until in periods:
            # a window made early by a sample may lie behind a gap: only what is older than a day is taken as made
            known = max(since, min(last.get((vpc, interval), since), through) - 86_400)
            stop = through if until is None else min(through, until)
            windows += [
                Window(vpc_id=vpc, interval=interval, start=start)
                for start in starts_between(known, stop, interval)
            ][:WINDOWS_AT_ONCE]
    existing = set(
        Window.objects.filter(start__gte=min((w.start for w in windows), default=0)).values_list(
            "vpc", "interval", "start"
        )
    )
    missing = [window for window in windows if (window.vpc_id, window.interval, window.start) not in existing]
    Window.objects.bulk_create(missing, ignore_conflicts=True, batch_size=1000)


@lru_cache(maxsize=2)
def capture_spans(version: int) -> Spans:
    """Return when each VPC was captured at each interval, merged over its interfaces; cached by inventory version."""
    changes: dict[str, list[tuple[int, int]]] = defaultdict(list)
    vpc_of: dict[str, str] = {}
    rows = IntervalChange.objects.order_by("network_interface", "since")
    for eni, vpc, interval, since in rows.values_list(
        "network_interface", "network_interface__vpc", "interval", "since"
    ):
        changes[eni].append((int(since.timestamp()), interval))
        vpc_of[eni] = vpc
    raw: dict[tuple[str, int], set[tuple[int, int | None]]] = defaultdict(set)
    for eni, found in changes.items():
        ends: list[int | None] = [start for start, _ in found[1:]]
        for (start, minutes), until in zip(found, [*ends, None], strict=True):
            if minutes and start != until:
                raw[vpc_of[eni], minutes].add((start, until))
    return {key: _merged(spans) for key, spans in raw.items()}


def _merged(spans: set[tuple[int, int | None]]) -> list[tuple[int, int | None]]:
    merged: list[tuple[int, int | None]] = []
    for since, until in sorted(spans, key=lambda span: span[0]):
        if merged and (merged[-1][1] is None or merged[-1][1] >= since):
            last = merged[-1][1]
            merged[-1] = merged[-1][0], None if last is None or until is None else max(last, until)
        else:
            merged.append((since, until))
    return merged


def close_due(through: int, enqueue: Callable[[int], object]) -> int:
    """Make the closings that are due when everything received before ``through`` (Unix s) is decoded."""
    plan = schedule()
    waiting = SampleSlice.objects.filter(window=OuterRef("pk"), closing__isnull=True)
    running = Closing.objects.filter(window=OuterRef("pk")).exclude(
        state__in=(Closing.State.DELIVERED, Closing.State.QUARANTINED)
    )
    candidates = (
        Window.objects.filter(start__lt=through - plan.lateness)
        .annotate(has_samples=Exists(waiting), is_running=Exists(running))
        .filter(Q(is_final=False) | Q(has_samples=True), is_running=False)
        .order_by("-start")
    )
    made = 0
    for window in candidates[:CLOSED_AT_ONCE]:
        kind = _due(window, through, plan, has_samples=window.has_samples)
        if kind is not None and _close(window, kind, enqueue):
            made += 1
    return made


def _due(window: Window, through: int, plan: Schedule, *, has_samples: bool) -> Closing.Kind | None:
    """Return which kind of closing a window is due for, if any."""
    if window.is_final:
        return Closing.Kind.LATE if has_samples else None
    if through >= plan.final_at(window.end):
        return Closing.Kind.FINAL
    if through < plan.closes_at(window.end):
        return None
    if window.closings_made == 0:
        return Closing.Kind.RECORDS
    # supplements once a minute at most: each makes a part
    return Closing.Kind.RECORDS if has_samples and through % MINUTE < 10 else None


def _close(window: Window, kind: Closing.Kind, enqueue: Callable[[int], object]) -> bool:
    try:
        with transaction.atomic():
            closing = Closing.objects.create(window=window, number=window.closings_made, kind=kind)
            SampleSlice.objects.filter(window=window, closing__isnull=True).update(closing=closing)
            Window.objects.filter(pk=window.pk).update(
                closings_made=window.closings_made + 1, is_final=window.is_final or kind == Closing.Kind.FINAL
            )
            transaction.on_commit(lambda: enqueue(closing.pk))
    except IntegrityError:
        # another sweep made the same closing a moment ago
        logger.info("window %s was closed by another sweep", window.pk)
        return False
    return True


def overdue() -> list[int]:
    """Return closings whose hint was lost or whose worker died."""
    now = timezone.now()
    lost_hint = Q(state=Closing.State.PENDING, created_at__lt=now - HINT_AGAIN) & (
        Q(lease__isnull=True) | Q(lease__lt=now)
    )
    dead = Q(state=Closing.State.DELIVERING, lease__lt=now)
    return list(
        Closing.objects.filter(lost_hint | dead)
        .order_by("-window__start")
        .values_list("pk", flat=True)[:CLOSED_AT_ONCE]
    )
