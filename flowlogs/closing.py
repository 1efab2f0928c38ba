"""Which windows exist, and which of them close now: the sweep that drives the way of the data.

It reads rows and writes rows; tasks only hint. Running it twice, or on two hosts, changes nothing.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import lru_cache

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Exists, F, Max, OuterRef, Q, QuerySet
from django.utils import timezone

from . import inventory, reception
from .models import Closing, Collector, IntervalChange, InventoryVersion, SampleSlice, Window
from .windows import MINUTE, Schedule, starts_between

logger = logging.getLogger(__name__)

CLOSED_AT_ONCE = 300
WINDOWS_AT_ONCE = 20_000
MOST_STALE = 500
"""Of more VPCs than these at once, all are looked at."""
HINT_AGAIN = timedelta(seconds=30)
MOST_HINTS = 40
SUPPLEMENTS_APART = timedelta(minutes=1)

DAY = 86_400

Spans = dict[tuple[str, int], list[tuple[int, int | None]]]
Version = tuple[int, str]
"""Number and digest of an inventory version."""

_known_spans: dict[str, tuple[tuple[str, ...], Spans]] = {}
"""The spans of each VPC, with the digests of the parts of the inventory that had its interfaces then."""
_made: dict[Version, int] = {}
"""The instant up to which this process has made all windows that an inventory version asks for."""


def forget() -> None:
    """Take nothing as known: another database is in use, or rows were removed by hand."""
    capture_spans.cache_clear()
    _known_spans.clear()
    _made.clear()


def schedule() -> Schedule:
    """Return when windows close under the present settings."""
    return Schedule(settings.FLOWLOG_LATENESS, settings.FLOWLOG_LATE_LIMIT)


def sweep(enqueue: Callable[[int], object]) -> int:
    """Create windows, close those that are due and hint at deliveries; return how many closings were made.

    ``enqueue`` takes the id of a closing that wants delivery.
    """
    through = horizon(reception.collectors())
    if through is None:
        return 0
    create_windows(through)
    made = close_due(through)
    hint(enqueue)
    return made


def horizon(collectors: list[Collector]) -> int | None:
    """Return the Unix second through which all that was received is decoded; None before any collector ran.

    A dead collector holds nothing back once its segments are decoded, or when they have not been within the late
    limit: its host is gone. One that replays the past holds windows back until it is through.
    """
    if not collectors and not Collector.objects.exists():
        return None
    now = timezone.now()
    waiting = [c.decoded_through for c in collectors if c.is_history or _is_awaited(c, now)]
    return min([int(now.timestamp()), *(through // 1000 for through in waiting)])


def _is_awaited(collector: Collector, now: datetime) -> bool:
    if reception.is_live(collector):
        return True
    patience = timedelta(seconds=settings.FLOWLOG_LATE_LIMIT)
    is_fresh = collector.last_seen is not None and now - collector.last_seen < patience
    return is_fresh and collector.decoded_through < collector.sealed_through


def create_windows(through: int) -> None:
    """Create the windows of covered interfaces up to an instant, silent ones too, so that NODATA is told."""
    version = InventoryVersion.objects.order_by("-id").values_list("id", "digest").first()
    if version is None:
        return
    windows = _windows_to_make(version, through)
    if windows:
        present = Window.objects.filter(start__gte=min(window.start for window in windows))
        existing = set(present.values_list("vpc", "interval", "start"))
        Window.objects.bulk_create(
            (window for window in windows if (window.vpc_id, window.interval, window.start) not in existing),
            ignore_conflicts=True,
            batch_size=1000,
        )
    if len(windows) < WINDOWS_AT_ONCE:
        _made.clear()
        _made[version] = through


def _windows_to_make(version: Version, through: int) -> list[Window]:
    """Return the windows that began since the last sweep of this process, or in doubt all that may be missing."""
    made = _made.get(version)
    last = {} if made is not None else _last_windows()
    windows = []
    for (vpc, interval), periods in capture_spans(version).items():
        # a window that a sample made early may lie behind a gap: what is older than a day is taken as made
        known = min(last.get((vpc, interval), 0), through) - DAY if made is None else made
        for since, until in periods:
            stop = through if until is None else min(through, until)
            starts = starts_between(max(since, known), stop, interval)
            windows += [
                Window(vpc_id=vpc, interval=interval, start=start)
                for start in starts
                if made is None or start >= made
            ]
    return sorted(windows, key=lambda window: window.start)[:WINDOWS_AT_ONCE]


def _last_windows() -> dict[tuple[str, int], int]:
    rows = Window.objects.order_by().values("vpc", "interval").annotate(last=Max("start"))
    return {(row["vpc"], row["interval"]): row["last"] for row in rows}


@lru_cache(maxsize=2)
def capture_spans(version: Version) -> Spans:
    """Return when each VPC was captured at each interval, merged over its interfaces; cached by inventory version.

    Only VPCs whose interfaces are others than in the version before are looked at again.
    """
    row = InventoryVersion.objects.defer("content").filter(pk=version[0]).first()
    parts = inventory.interfaces_of(row)
    stale = {
        vpc
        for vpc in parts.keys() | _known_spans.keys()
        if vpc not in _known_spans or _known_spans[vpc][0] != parts.get(vpc, ())
    }
    is_known = bool(_known_spans) and len(stale) <= MOST_STALE
    found = _read_spans(Q(network_interface__vpc__in=stale) if is_known else Q())
    for vpc in found.keys() | stale:
        _known_spans[vpc] = parts.get(vpc, ()), found.get(vpc, {})
    return {key: spans for _, of_vpc in _known_spans.values() for key, spans in of_vpc.items()}


def _read_spans(chosen: Q) -> dict[str, Spans]:
    """Return the spans of VPCs by VPC."""
    changes: dict[str, list[tuple[int, int]]] = defaultdict(list)
    vpc_of: dict[str, str] = {}
    rows = IntervalChange.objects.filter(chosen).order_by("network_interface_id", "since")
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
    by_vpc: dict[str, Spans] = defaultdict(dict)
    for key, spans in raw.items():
        by_vpc[key[0]][key] = _merged(spans)
    return by_vpc


def _merged(spans: set[tuple[int, int | None]]) -> list[tuple[int, int | None]]:
    merged: list[tuple[int, int | None]] = []
    for since, until in sorted(spans, key=lambda span: span[0]):
        if merged and (merged[-1][1] is None or merged[-1][1] >= since):
            last = merged[-1][1]
            merged[-1] = merged[-1][0], None if last is None or until is None else max(last, until)
        else:
            merged.append((since, until))
    return merged


def close_due(through: int) -> int:
    """Make the closings that are due when everything received before ``through`` (Unix s) is decoded."""
    plan = schedule()
    # two queries, since one for both would search the windows of all times
    candidates = [*_open_windows(through, plan)[:CLOSED_AT_ONCE], *_late_windows()[:CLOSED_AT_ONCE]]
    candidates.sort(key=lambda window: -window.start)
    made = 0
    for window in candidates[:CLOSED_AT_ONCE]:
        kind = _due(window, through, plan)
        if kind is not None and _close(window, kind):
            made += 1
    return made


def _open_windows(through: int, plan: Schedule) -> QuerySet[Window]:
    """Return the windows that are due for a closing before or at their late limit, newest first."""
    end = F("start") + MINUTE * F("interval")
    waiting = SampleSlice.objects.filter(window=OuterRef("pk"), closing__isnull=True)
    first = Q(closings_made=0, closes_at__lte=through)
    supplement = Q(closes_at__lte=through) & Exists(waiting) & ~Exists(_recent_closings())
    final = Q(final_at__lte=through)
    return (
        Window.objects.alias(
            closes_at=end + plan.lateness, final_at=end + max(plan.lateness, plan.late_limit)
        )
        # a list of one: the database finds no index for NOT is_final
        .filter(
            first | supplement | final,
            ~Exists(_running_closings()),
            is_final__in=(False,),
            start__lt=through,
        )
        .order_by("-start")
    )


def _late_windows() -> QuerySet[Window]:
    """Return the windows that are final and have samples that no closing took, newest first."""
    unclosed = SampleSlice.objects.filter(closing__isnull=True).values("window")
    return Window.objects.filter(
        ~Exists(_running_closings()), ~Exists(_recent_closings()), is_final=True, pk__in=unclosed
    ).order_by("-start")


def _running_closings() -> QuerySet[Closing]:
    done = (Closing.State.DELIVERED, Closing.State.QUARANTINED)
    return Closing.objects.filter(window=OuterRef("pk")).exclude(state__in=done)


def _recent_closings() -> QuerySet[Closing]:
    """Each supplement makes a part: they are kept apart."""
    return Closing.objects.filter(window=OuterRef("pk"), created_at__gt=timezone.now() - SUPPLEMENTS_APART)


def _due(window: Window, through: int, plan: Schedule) -> Closing.Kind | None:
    """Return which kind of closing a candidate is due for."""
    if window.is_final:
        return Closing.Kind.LATE
    if through >= plan.final_at(window.end):
        return Closing.Kind.FINAL
    return Closing.Kind.RECORDS if through >= plan.closes_at(window.end) else None


def _close(window: Window, kind: Closing.Kind) -> bool:
    try:
        with transaction.atomic():
            closing = Closing.objects.create(window=window, number=window.closings_made, kind=kind)
            SampleSlice.objects.filter(window=window, closing__isnull=True).update(closing=closing)
            Window.objects.filter(pk=window.pk).update(
                closings_made=window.closings_made + 1, is_final=window.is_final or kind == Closing.Kind.FINAL
            )
    except IntegrityError:
        # another sweep made the same closing a moment ago
        logger.info("window %s was closed by another sweep", window.pk)
        return False
    return True


def hint(enqueue: Callable[[int], object]) -> int:
    """Hint at closings that wait for delivery, newest windows first; return how many hints were given.

    Only so many hints are outstanding at once, so that no backlog of them stands before other tasks; one that
    was lost is given again after a while.
    """
    now = timezone.now()
    pending = Closing.objects.filter(state=Closing.State.PENDING)
    outstanding = pending.filter(hinted_at__gt=now - HINT_AGAIN).count()
    ready = Q(state=Closing.State.PENDING) & (Q(lease__isnull=True) | Q(lease__lt=now))
    dead = Q(state=Closing.State.DELIVERING, lease__lt=now)
    unhinted = Q(hinted_at__isnull=True) | Q(hinted_at__lte=now - HINT_AGAIN)
    due = Closing.objects.filter(ready | dead).filter(unhinted).order_by("-window__start")
    chosen = list(due.values_list("pk", flat=True)[: max(MOST_HINTS - outstanding, 0)])
    Closing.objects.filter(pk__in=chosen).update(hinted_at=now)
    for closing_id in chosen:
        enqueue(closing_id)
    return len(chosen)
