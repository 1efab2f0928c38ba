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
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from . import inventory, spool
from .collector import status as collector_status
from .decoding import Batch, Decoding
from .identifiers import new_id
from .models import (
    Collector,
    Exporter,
    InventoryVersion,
    Loss,
    SampleFile,
    SampleSlice,
    Stream,
    Unattributed,
    Window,
)
from .netflow import StreamKey
from .store import workers
from .store.files import durable, durable_name

logger = logging.getLogger(__name__)

LEASE = timedelta(seconds=150)
DEADLINE = 120.0
BATCH_BYTES = 48 << 20
LIVE = timedelta(seconds=15)
DELAY_MEMORY = timedelta(hours=1)
KEPT_STRAYS = 200
COLLECTOR_REASONS = {"kernel": "kernel", "spool": "spool", "down": "collector"}
DECODER_REASONS = {"sequence gap": "sequence", "no template": "template"}


class LeaseLost(Exception):
    """Another worker took over; what this one made is discarded."""


def collectors() -> list[Collector]:
    """Bring the collectors' own status files into the database and return all that are not retired."""
    known = {collector.id: collector for collector in Collector.objects.all()}
    for status in collector_status.load_all(settings.FLOWLOG_SPOOL):
        _take_status(known.get(status.id), status)
    return list(Collector.objects.filter(retired_at__isnull=True))


def is_live(collector: Collector) -> bool:
    """Whether the collector has told of itself in the last seconds, so that windows wait for it."""
    return collector.last_seen is not None and timezone.now() - collector.last_seen < LIVE


@transaction.atomic
def _take_status(collector: Collector | None, status: collector_status.Status) -> None:
    if collector is None:
        collector = Collector(id=status.id, decoded_through=int(status.started * 1000))
    fresh = [loss for loss in status.losses if loss.number > collector.losses_seen]
    collector.started_at = datetime.fromtimestamp(status.started, UTC)
    collector.last_seen = datetime.fromtimestamp(status.updated, UTC)
    collector.address = f"{status.host}:{status.port}"
    collector.spool_bytes = status.spool_bytes
    collector.trouble = status.trouble[:200]
    collector.sealed_through = max(collector.sealed_through, status.sealed_through_ns // 1_000_000)
    collector.kernel_drops += sum(loss.count for loss in fresh if loss.reason == collector_status.KERNEL)
    collector.spool_drops += sum(loss.count for loss in fresh if loss.reason == collector_status.SPOOL)
    collector.losses_seen = max((loss.number for loss in fresh), default=collector.losses_seen)
    exclude = {
        "sessions",
        "decode_lease",
        "decode_attempt",
        "decoded_through",
        "decoded_segment",
        "datagrams",
        "retired_at",
    }
    if collector._state.adding:
        collector.save(force_insert=True)
    else:
        names = [
            field.name for field in collector._meta.concrete_fields if field.name not in exclude | {"id"}
        ]
        collector.save(update_fields=names)
    Loss.objects.bulk_create(
        Loss(
            collector=collector,
            since=loss.at_ns // 1_000_000,
            until=loss.until_ns // 1_000_000,
            unit="seconds" if loss.reason == collector_status.DOWN else "datagrams",
            count=loss.count or max((loss.until_ns - loss.at_ns) // 1_000_000_000, 1),
            reason=COLLECTOR_REASONS[loss.reason],
        )
        for loss in fresh
    )


def ingest(collector_id: str) -> int:
    """Decode the sealed segments of one collector and return how many datagrams that were.

    Safe to run twice and at the same time: the lease admits one, and a lost lease commits nothing.
    """
    attempt = _claim(collector_id)
    if attempt is None:
        return 0
    try:
        return _ingest(collector_id, attempt)
    finally:
        Collector.objects.filter(pk=collector_id, decode_attempt=attempt).update(decode_lease=None)


def _claim(collector_id: str) -> int | None:
    now = timezone.now()
    free = Q(decode_lease__isnull=True) | Q(decode_lease__lt=now)
    claimed = Collector.objects.filter(free, pk=collector_id, retired_at__isnull=True).update(
        decode_lease=now + LEASE, decode_attempt=F("decode_attempt") + 1
    )
    if not claimed:
        return None
    return Collector.objects.values_list("decode_attempt", flat=True).get(pk=collector_id)


def _ingest(collector_id: str, attempt: int) -> int:
    # the status is older than the list, so that the list holds all that the status calls sealed
    collector = Collector.objects.get(pk=collector_id)
    segments, whole = _undecoded_segments(collector)
    if not segments:
        through = max(collector.decoded_through, collector.sealed_through)
        # a replay of the past that is through holds no window back any more
        retired = timezone.now() if collector.is_history else None
        Collector.objects.filter(pk=collector_id, decode_attempt=attempt).update(
            decoded_through=through, retired_at=retired
        )
        return 0
    started = time.monotonic()
    sample_path = Path("samples") / time.strftime("%Y%m%d", time.gmtime()) / durable_name(collector_id)
    sessions = json.loads(zlib.decompress(collector.sessions)) if collector.sessions else {}
    decoding: Decoding = workers.call(
        "flowlogs.decoding:run",
        {
            "segments": [str(path) for path in segments],
            "sessions": sessions,
            "inventories": _inventories(collector.decoded_through),
            "sample_path": str(settings.FLOWLOG_STORE / sample_path),
        },
        deadline=DEADLINE,
    )
    through = collector.sealed_through if whole else decoding.received_ms
    datagrams = _commit(
        collector, attempt, decoding, str(sample_path), spool.segment_number(segments[-1])[1], through
    )
    for path in segments:
        spool.discard(path)
    logger.info(
        "decoded %d datagrams of %s into %d samples in %.2f s",
        datagrams,
        collector_id,
        decoding.rows,
        time.monotonic() - started,
    )
    return datagrams


def _undecoded_segments(collector: Collector) -> tuple[list[Path], bool]:
    """Return the next segments to decode, and whether these are all; those decoded before a crash go."""
    chosen: list[Path] = []
    size = 0
    for path in spool.list_sealed(settings.FLOWLOG_SPOOL, collector.id):
        if spool.segment_number(path)[1] <= collector.decoded_segment:
            spool.discard(path)
            continue
        size += path.stat().st_size
        if chosen and size > BATCH_BYTES:
            return chosen, False
        chosen.append(path)
    return chosen, True


def _inventories(since_ms: int) -> list[tuple[int, str]]:
    """Return the inventory versions in force from an instant on, as (Unix ms, path) for the worker."""
    first = inventory.in_force(since_ms)
    later = InventoryVersion.objects.filter(since__gt=first.since).order_by("since", "id")
    return [(version.since, str(_unpacked(version))) for version in [first, *later]]


def _unpacked(version: InventoryVersion) -> Path:
    path: Path = settings.FLOWLOG_STORE / "inventory" / f"{version.digest}.json.z"
    if not path.exists():
        with durable(path) as temporary:
            temporary.write_bytes(bytes(version.content))
    return path


@transaction.atomic
def _commit(
    collector: Collector, attempt: int, decoding: Decoding, sample_path: str, segment: int, through: int
) -> int:
    """Write everything that a decode step learned, or nothing. Raises LeaseLost for a stale worker."""
    now = timezone.now()
    datagrams = sum(counter.datagrams for batch in decoding.batches for counter in batch.counters.values())
    held = Collector.objects.filter(pk=collector.pk, decode_attempt=attempt, decode_lease__gt=now).update(
        sessions=zlib.compress(json.dumps(decoding.sessions, separators=(",", ":")).encode(), 1),
        decoded_segment=segment,
        decoded_through=max(collector.decoded_through, through),
        datagrams=F("datagrams") + datagrams,
    )
    if not held:
        raise LeaseLost(f"another worker decodes the segments of {collector.pk}")
    streams = _Streams(now)
    for batch in decoding.batches:
        streams.add(batch)
    streams.save(collector, decoding)
    if decoding.path:
        file = SampleFile.objects.create(
            collector=collector, path=sample_path, rows=decoding.rows, size=decoding.size
        )
        _add_slices(file, decoding.batches)
    return datagrams


def _add_slices(file: SampleFile, batches: list[Batch]) -> None:
    totals: dict[tuple[str, int, int], list[int]] = defaultdict(lambda: [0, 0, 0])
    for batch in batches:
        for count in batch.windows:
            total = totals[count.vpc, count.interval, count.start]
            for place, value in enumerate((count.flows, count.packets, count.bytes)):
                total[place] += value
    Window.objects.bulk_create(
        (Window(vpc_id=vpc, interval=interval, start=start) for vpc, interval, start in totals),
        ignore_conflicts=True,
    )
    starts = [start for _, _, start in totals]
    windows = {
        (window.vpc_id, window.interval, window.start): window
        for window in Window.objects.filter(
            start__gte=min(starts), start__lte=max(starts), vpc__in={k[0] for k in totals}
        )
    }
    SampleSlice.objects.bulk_create(
        SampleSlice(file=file, window=windows[key], flows=flows, packets=packets, bytes=octets)
        for key, (flows, packets, octets) in totals.items()
    )


class _Streams:
    """Adds up what a decode step says about streams, and saves it with few queries."""

    def __init__(self, now: datetime) -> None:
        self.now = now
        self.exporters = {(e.address, e.domain): e for e in Exporter.objects.all()}
        self.streams: dict[StreamKey, Stream] = {}
        self.losses: list[Loss] = []
        self.strays: dict[tuple[str, str, str, int, int], Unattributed] = {}
        self.fresh: set[StreamKey] = set()

    def exporter(self, key: StreamKey) -> Exporter:
        """Return the exporter of a stream; an address never heard of becomes one."""
        found = self.exporters.get((key.address, key.domain)) or self.exporters.get((key.address, None))
        if found is None:
            found = Exporter.objects.create(
                id=new_id("exp"), address=key.address, first_seen=self.now, last_seen=self.now
            )
            self.exporters[key.address, None] = found
        return found

    def add(self, batch: Batch) -> None:
        self._load([*batch.counters, *batch.streams])
        for key, counter in batch.counters.items():
            stream = self.streams[key]
            stream.datagrams += counter.datagrams
            stream.malformed += (
                counter.malformed
                + counter.unsupported
                + counter.undecodable_sets
                + counter.rejected_templates
            )
            stream.waiting = max(stream.waiting + counter.waiting - counter.unknown_template, 0)
            stream.last_seen = self.now
        for key, count in zip(batch.streams, batch.counts, strict=True):
            self._add_count(self.streams[key], count)
        for loss in batch.losses:
            self._add_loss(loss)
        for stray in batch.strays:
            self._add_stray(batch.streams[stray.stream], stray)

    def _load(self, keys: list[StreamKey]) -> None:
        missing = [key for key in keys if key not in self.streams]
        if not missing:
            return
        wanted = {(self.exporter(key).pk, key.port, key.domain, key.version): key for key in missing}
        found = Stream.objects.filter(exporter__in={exporter for exporter, *_ in wanted})
        for stream in found:
            key = wanted.get((stream.exporter_id, stream.port, stream.domain, stream.version))
            if key is not None:
                self.streams[key] = stream
        for key in missing:
            if key not in self.streams:
                self.fresh.add(key)
                self.streams[key] = Stream(
                    exporter=self.exporter(key),
                    port=key.port,
                    domain=key.domain,
                    version=key.version,
                    first_seen=self.now,
                    last_seen=self.now,
                    delays_since=self.now,
                )

    def _add_count(self, stream: Stream, count: Any) -> None:
        stream.flows += count.flows
        stream.packets += count.packets
        stream.bytes += count.bytes
        stream.attributed_flows += count.attributed_flows
        stream.attributed_packets += count.attributed_packets
        stream.attributed_bytes += count.attributed_bytes
        stream.unattributed_flows += count.unattributed_flows
        stream.unattributed_packets += count.unattributed_packets
        stream.unattributed_bytes += count.unattributed_bytes
        stream.samples += count.samples
        stream.uncovered_samples += count.uncovered_samples
        stream.malformed += count.implausible
        if not count.flows:
            return
        stream.clock_offset_ms = count.clock_offset_ms
        if stream.delays_since is None or self.now - stream.delays_since > DELAY_MEMORY:
            stream.delays_since, stream.longest_flow_ms, stream.longest_delay_ms = self.now, 0, 0
        stream.longest_flow_ms = max(stream.longest_flow_ms, count.longest_flow_ms)
        stream.longest_delay_ms = max(stream.longest_delay_ms, count.longest_delay_ms)

    def _add_loss(self, loss: Any) -> None:
        self._load([loss.stream])
        stream = self.streams[loss.stream]
        if loss.unit == "flows":
            stream.lost_flows += loss.count
        else:
            stream.lost_datagrams += loss.count
        received = loss.received_ns // 1_000_000
        self.losses.append(
            Loss(
                exporter=stream.exporter,
                since=received,
                until=received,
                unit=loss.unit,
                count=loss.count,
                reason=DECODER_REASONS.get(str(loss.reason), "undecodable"),
            )
        )

    def _add_stray(self, key: StreamKey, stray: Any) -> None:
        address = IPv4Address if stray.family == 4 else IPv6Address
        exporter = self.exporter(key)
        name = (exporter.pk, str(address(stray.src)), str(address(stray.dst)), stray.protocol, stray.dstport)
        row = self.strays.get(name)
        if row is None:
            row = self.strays[name] = Unattributed(
                exporter=exporter,
                srcaddr=name[1],
                dstaddr=name[2],
                protocol=name[3],
                dstport=name[4],
                last_seen=self.now,
            )
        row.flows += stray.flows
        row.packets += stray.packets
        row.bytes += stray.bytes

    def save(self, collector: Collector, decoding: Decoding) -> None:
        counted = [
            f.name
            for f in Stream._meta.concrete_fields
            if f.name not in {"id", "exporter", "port", "domain", "version"}
        ]
        Stream.objects.bulk_create(stream for key, stream in self.streams.items() if key in self.fresh)
        Stream.objects.bulk_update(
            (stream for key, stream in self.streams.items() if key not in self.fresh), counted
        )
        exporters = {stream.exporter_id for stream in self.streams.values()}
        Exporter.objects.filter(pk__in=exporters).update(last_seen=self.now)
        Exporter.objects.filter(pk__in=exporters, first_seen__isnull=True).update(first_seen=self.now)
        for loss in self.losses:
            loss.collector = collector
        if decoding.corrupt_frames:
            self.losses.append(
                Loss(
                    collector=collector,
                    since=decoding.received_ms,
                    until=decoding.received_ms,
                    unit="datagrams",
                    count=decoding.corrupt_frames,
                    reason="undecodable",
                )
            )
        Loss.objects.bulk_create(self.losses)
        self._save_strays()

    def _save_strays(self) -> None:
        if not self.strays:
            return
        exporters = {exporter for exporter, *_ in self.strays}
        for known in Unattributed.objects.filter(exporter__in=exporters):
            row = self.strays.get(
                (known.exporter_id, known.srcaddr, known.dstaddr, known.protocol, known.dstport)
            )
            if row is not None:
                row.flows += known.flows
                row.packets += known.packets
                row.bytes += known.bytes
        Unattributed.objects.bulk_create(
            self.strays.values(),
            update_conflicts=True,
            unique_fields=["exporter", "srcaddr", "dstaddr", "protocol", "dstport"],
            update_fields=["flows", "packets", "bytes", "last_seen"],
        )


def prune_strays() -> None:
    """Keep the heaviest unattributed flows of each exporter."""
    for exporter in Unattributed.objects.values_list("exporter", flat=True).distinct().order_by():
        rows = Unattributed.objects.filter(exporter=exporter).order_by("-bytes")
        Unattributed.objects.filter(
            pk__in=rows.values_list("pk", flat=True)[KEPT_STRAYS : KEPT_STRAYS + 10_000]
        ).delete()
