"""Sealed segments → samples: takes the lease, has a worker decode, and commits everything at once.

One transaction adds the sample file, saves templates and sequence state, counts, losses and windows; then the
segments go. A crash before the commit decodes the segments again, one after it finds them already counted.
"""

from __future__ import annotations

import json
import logging
import time
import zlib
from collections import defaultdict
from datetime import datetime, timedelta
from pathlib import Path

import duckdb
from django.conf import settings
from django.db import InterfaceError, OperationalError, transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from . import inventory, leases, spool
from .bookkeeping import Book
from .collector import status as collector_status
from .decoding import Batch, Decoding, part_path
from .models import Collector, InventoryVersion, Loss, SampleFile, SampleSlice, Vpc, Window
from .store import workers
from .store.files import durable_name, write_all

logger = logging.getLogger(__name__)

DEADLINE = 120.0
BATCH_BYTES = 48 << 20
MOST_FAILURES = 5
MOST_DEATHS = 60
"""A worker that dies may be the machine's fault or the data's: tried much longer, and further apart."""
PAUSE = timedelta(seconds=5)
NOT_THE_DATA = (OSError, duckdb.IOException, OperationalError, InterfaceError, workers.WorkersBusy)
"""What fails for the machine's sake: tried until it works."""

Totals = dict[tuple[str, int, int], list[int]]
"""Flows, packets and bytes by VPC, interval and start of the window."""


class LeaseLost(Exception):
    """Another worker took over; what this one made is discarded."""


def ingest(collector_id: str) -> int:
    """Decode the sealed segments of one collector and return how many datagrams that were.

    Safe to run twice and at the same time: the lease admits one, and a lost lease commits nothing. A segment
    that cannot be decoded however often it is tried is set aside and counted.
    """
    if _is_idle(collector_id):
        return 0
    collector = _claim(collector_id)
    if collector is None:
        return 0
    mine = _held_by(collector)
    segments, whole = _undecoded_segments(collector)
    pause: datetime | None = None
    try:
        with leases.renewed(lambda: mine.update(decode_lease=timezone.now() + leases.LEASE)):
            return _decode(collector, segments, whole=whole) if segments else 0
    except LeaseLost:
        raise
    except NOT_THE_DATA:
        pause = timezone.now() + PAUSE
        raise
    except Exception as error:
        pause = timezone.now() + PAUSE if isinstance(error, workers.WorkerDied) else None
        _failed(collector, segments[0], error)
        return 0
    finally:
        mine.update(decode_lease=pause)


def _is_idle(collector_id: str) -> bool:
    """Whether a collector has nothing to decode; that it has not is noted, so that windows may close.

    Cheap, since it is asked every second.
    """
    collector = Collector.objects.filter(_is_free(), pk=collector_id).first()
    if collector is None:
        return True
    # the row is older than the list, so that the list holds all that it calls sealed
    segments, _ = _undecoded_segments(collector)
    if segments:
        return False
    # of a spool on another host only that host knows that nothing is left
    if collector.is_history or collector_status.status_path(settings.FLOWLOG_SPOOL, collector.pk).exists():
        _held_by(collector).filter(_is_free()).update(
            decoded_through=max(collector.decoded_through, collector.sealed_through),
            # a replay of the past that is through holds no window back any more
            retired_at=timezone.now() if collector.is_history else None,
        )
    return True


def _is_free() -> Q:
    return Q(retired_at__isnull=True) & (Q(decode_lease__isnull=True) | Q(decode_lease__lt=timezone.now()))


def _held_by(collector: Collector) -> QuerySet[Collector]:
    """Return the row as long as nobody has claimed it since it was read."""
    return Collector.objects.filter(pk=collector.pk, decode_attempt=collector.decode_attempt)


def _claim(collector_id: str) -> Collector | None:
    lease = timezone.now() + leases.LEASE
    claimed = Collector.objects.filter(_is_free(), pk=collector_id).update(
        decode_lease=lease, decode_attempt=F("decode_attempt") + 1
    )
    return Collector.objects.get(pk=collector_id) if claimed else None


def _undecoded_segments(collector: Collector) -> tuple[list[Path], bool]:
    """Return the next segments to decode, and whether these are all; those decoded before a crash go.

    After a failure one at a time, so that what cannot be decoded stands alone.
    """
    chosen: list[Path] = []
    size = 0
    for path in spool.list_sealed(settings.FLOWLOG_SPOOL, collector.pk):
        if spool.segment_number(path)[1] <= collector.decoded_segment:
            spool.discard(path)
            continue
        size += path.stat().st_size
        if chosen and (size > BATCH_BYTES or collector.decode_failures):
            return chosen, False
        chosen.append(path)
    return chosen, True


def _decode(collector: Collector, segments: list[Path], *, whole: bool) -> int:
    started = time.monotonic()
    sample_path = Path("samples") / time.strftime("%Y%m%d", time.gmtime()) / durable_name(collector.pk)
    sessions = json.loads(zlib.decompress(collector.sessions)) if collector.sessions else {}
    decoding: Decoding = workers.call(
        "flowlogs.decoding:run",
        {
            "segments": [str(path) for path in segments],
            "sessions": sessions,
            "inventories": _inventories(collector.decoded_through),
            "sample_path": str(settings.FLOWLOG_STORE / sample_path),
            "through_ms": collector.sealed_through if whole else 0,
            "allowed": [str(network) for network in settings.FLOWLOG_EXPORTERS_FROM],
        },
        deadline=DEADLINE,
    )
    through = collector.sealed_through if whole else decoding.received_ms
    datagrams = decoding.refused + _commit(collector, decoding, str(sample_path), segments[-1], through)
    for path in segments:
        spool.discard(path)
    logger.info(
        "decoded %d datagrams of %s into %d samples in %.2f s",
        datagrams,
        collector.pk,
        decoding.rows,
        time.monotonic() - started,
    )
    return datagrams


def _inventories(since_ms: int) -> list[tuple[int, str]]:
    """Return the inventory versions in force from an instant on, as (Unix ms, path) for the worker."""
    return [(version.since, str(_unpacked(version))) for version in inventory.versions_from(since_ms)]


def _unpacked(version: InventoryVersion) -> Path:
    path: Path = settings.FLOWLOG_STORE / "inventory" / f"{version.digest}.json.z"
    if not path.exists():
        # a version is there only when all its parts are
        parts = {part_path(path, digest): digest for digest in inventory.digests_of(version).values()}
        missing = [digest for part, digest in parts.items() if not part.exists()]
        write_all({part_path(path, digest): found for digest, found in inventory.packed_parts(missing)})
        write_all({path: bytes(version.parts or version.content)})
    return path


@transaction.atomic
def _commit(collector: Collector, decoding: Decoding, sample_path: str, last: Path, through: int) -> int:
    """Write everything that a decode step learned, or nothing. Raises LeaseLost for a stale worker."""
    datagrams = sum(counter.datagrams for batch in decoding.batches for counter in batch.counters.values())
    _advance(
        collector,
        last,
        sessions=zlib.compress(json.dumps(decoding.sessions, separators=(",", ":")).encode(), 1),
        decoded_through=max(collector.decoded_through, through),
        datagrams=F("datagrams") + datagrams,
    )
    book = Book(timezone.now())
    for batch in decoding.batches:
        book.add(batch)
    book.save(collector, decoding)
    if decoding.path:
        file = SampleFile.objects.create(
            collector=collector, path=sample_path, rows=decoding.rows, size=decoding.size
        )
        _add_slices(file, decoding.batches)
    return datagrams


def _advance(collector: Collector, last: Path, **values: object) -> None:
    """Note that all segments up to one are done with. Raises LeaseLost when another worker took over."""
    number = spool.segment_number(last)[1]
    if not _held_by(collector).update(decoded_segment=number, decode_failures=0, **values):
        raise LeaseLost(f"another worker decodes the segments of {collector.pk}")


def _add_slices(file: SampleFile, batches: list[Batch]) -> None:
    totals = _window_totals(batches)
    Window.objects.bulk_create(
        (Window(vpc_id=vpc, interval=interval, start=start) for vpc, interval, start in totals),
        ignore_conflicts=True,
    )
    starts = [start for _, _, start in totals]
    windows = {
        (window.vpc_id, window.interval, window.start): window
        for window in Window.objects.filter(
            start__gte=min(starts, default=0),
            start__lte=max(starts, default=0),
            vpc__in={vpc for vpc, *_ in totals},
        )
    }
    SampleSlice.objects.bulk_create(
        SampleSlice(file=file, window=windows[key], flows=flows, packets=packets, bytes=octets)
        for key, (flows, packets, octets) in totals.items()
    )


def _window_totals(batches: list[Batch]) -> Totals:
    totals: Totals = defaultdict(lambda: [0, 0, 0])
    for batch in batches:
        for count in batch.windows:
            total = totals[count.vpc, count.interval, count.start]
            for place, value in enumerate((count.flows, count.packets, count.bytes)):
                total[place] += value
    # a VPC of an account that is gone has no windows any more
    there = set(Vpc.everything.filter(pk__in={vpc for vpc, *_ in totals}).values_list("pk", flat=True))
    return {key: total for key, total in totals.items() if key[0] in there}


def _failed(collector: Collector, segment: Path, error: Exception) -> None:
    """Count a failure that is the segment's own; set it aside when it is beyond help."""
    logger.error("%s cannot be decoded: %s", segment, error, exc_info=error)
    failures = collector.decode_failures + 1
    if failures < (MOST_DEATHS if isinstance(error, workers.WorkerDied) else MOST_FAILURES):
        _held_by(collector).update(decode_failures=failures)
        return
    lost, since, until = _content(segment)
    with transaction.atomic():
        _advance(collector, segment)
        Loss.objects.create(
            collector=collector, since=since, until=until, unit="datagrams", count=lost, reason="undecodable"
        )
    segment.rename(segment.with_suffix(".damaged"))
    logger.error("%s is set aside as .damaged; %d datagrams are counted as lost", segment, lost)


def _content(segment: Path) -> tuple[int, int, int]:
    """Return how many datagrams a segment holds, at least one, and when they were received (Unix ms)."""
    try:
        received = [datagram[0] // 1_000_000 for datagram in spool.read(segment).datagrams]
    except spool.NotASegment:
        received = []
    written = int(segment.stat().st_mtime * 1000)
    return max(len(received), 1), min(received, default=written), max(received, default=written)
