"""Adds up what a decode step says about streams, losses and strays, and saves it with few queries.

Meant for one transaction: rows that are added to are locked first.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta
from ipaddress import IPv4Address, IPv6Address

from django.db.models import Count, F, Window
from django.db.models.functions import RowNumber

from . import strangers
from .decoding import Batch, Decoding
from .identifiers import new_id
from .models import Collector, Exporter, Loss, Stream, Unattributed
from .models.network import EVERYBODY_ELSE
from .netflow import Counters, StreamKey
from .netflow import Loss as DecoderLoss
from .tallies import Stray, StreamCount

logger = logging.getLogger(__name__)

DELAY_MEMORY = timedelta(hours=1)
KEPT_STRAYS = 200
MOST_STREAMS = 256
REASONS = {"sequence gap": "sequence", "no template": "template"}
STREAM = ["exporter", "port", "domain", "version"]
ADDED = [
    field.name for field in Stream._meta.concrete_fields if field.name not in {"id", "first_seen", *STREAM}
]

LossKey = tuple[str, str, str, int]
"""Exporter, reason, unit, minute."""
StrayKey = tuple[str, str, str, int, int]
"""Exporter, source, destination, protocol, destination port."""


class Book:
    """The rows that one decode step adds to."""

    def __init__(self, now: datetime) -> None:
        self.now = now
        self._exporters = {(e.address, e.domain): e for e in Exporter.objects.all()}
        self._strangers = sum(
            exporter.account_id is None and not exporter.is_everybody_else
            for exporter in self._exporters.values()
        )
        self._heard: set[str] = set()
        self._displaceable: list[Exporter] | None = None
        self._gone: dict[str, str] = {}
        self._streams: dict[StreamKey, Stream] = {}
        self._losses: dict[LossKey, Loss] = {}
        self._told: Counter[tuple[str, str, str]] = Counter()
        self._strays: dict[StrayKey, Unattributed] = {}

    def add(self, batch: Batch) -> None:
        """Add the counts of one batch."""
        for key, counters in batch.counters.items():
            decoded = counters.datagrams - counters.malformed - counters.unsupported
            if decoded > 0 and self._known(key) is None:
                strangers.hear(key.address, decoded)
        self._open([*batch.counters, *batch.streams, *(loss.stream for loss in batch.losses)])
        for key, counters in batch.counters.items():
            self._add_counters(self._streams[key], counters)
        for key, count in zip(batch.streams, batch.counts, strict=True):
            self._add_count(self._streams[key], count)
        for loss in batch.losses:
            self._add_loss(self._streams[loss.stream], loss)
        for stray in batch.strays:
            self._add_stray(self._streams[batch.streams[stray.stream]].exporter, stray)

    def save(self, collector: Collector, decoding: Decoding) -> None:
        """Write everything; ``collector`` is whose segments were decoded."""
        rows = list({id(stream): stream for stream in self._streams.values()}.values())
        for stream in rows:
            stream.waiting = 0
        for key, stream in self._streams.items():
            stream.waiting += decoding.waiting.get(key, 0)
        known = [stream for stream in rows if stream.pk is not None]
        Stream.objects.bulk_create(stream for stream in rows if stream.pk is None)
        for stream in known:
            stream.pk = None
        # many times faster than bulk_update; every row is there, and locked
        Stream.objects.bulk_create(known, update_conflicts=True, unique_fields=STREAM, update_fields=ADDED)
        heard = {stream.exporter_id for stream in rows}
        Exporter.objects.filter(pk__in=heard).update(last_seen=self.now)
        Exporter.objects.filter(pk__in=heard, first_seen__isnull=True).update(first_seen=self.now)
        losses = list(self._losses.values())
        if decoding.corrupt_frames:
            at = decoding.received_ms
            losses.append(
                Loss(
                    since=at, until=at, unit="datagrams", count=decoding.corrupt_frames, reason="undecodable"
                )
            )
        for loss in losses:
            loss.collector = collector
        Loss.objects.bulk_create(losses)
        for (address, reason, unit), count in self._told.items():
            logger.warning("exporter %s: %d %s lost: %s", address, count, unit, reason)
        self._save_strays()
        strangers.refuse(decoding.refused, self.now)
        if self._gone:
            strangers.fold(strangers.strangers().filter(pk__in=self._gone.values()), self.now)

    def _open(self, keys: list[StreamKey]) -> None:
        """Load and lock the rows of streams, or make new ones."""
        missing = [key for key in dict.fromkeys(keys) if key not in self._streams]
        if not missing:
            return
        # whoever is in here is not silent
        self._heard |= {found.pk for key in missing if (found := self._known(key))}
        exporters = {key: self._exporter(key) for key in missing}
        known = {
            (stream.exporter_id, stream.port, stream.domain, stream.version): stream
            for stream in Stream.objects.select_for_update().filter(
                exporter__in={exporter.pk for exporter in exporters.values()},
                port__in={_port(key) for key in missing} | {0},
            )
        }
        known |= {(s.exporter_id, s.port, s.domain, s.version): s for s in self._streams.values()}
        counts = self._stream_counts(exporters.values())
        for key in missing:
            exporter = exporters[key]
            name = (exporter.pk, _port(key), _domain(key), key.version)
            if name not in known and counts[exporter.pk] >= MOST_STREAMS:
                # ports or domains that are noise must not fill the table
                name = (exporter.pk, 0, 0, key.version)
            if name not in known:
                counts[exporter.pk] += 1
                known[name] = Stream(
                    exporter=exporter, port=name[1], domain=name[2], version=name[3],
                    first_seen=self.now, last_seen=self.now, delays_since=self.now,
                )  # fmt: skip
            known[name].exporter = exporter
            self._streams[key] = known[name]

    def _stream_counts(self, exporters: Iterable[Exporter]) -> dict[str, int]:
        wanted = {exporter.pk for exporter in exporters}
        found = Exporter.objects.filter(pk__in=wanted).annotate(count=Count("streams"))
        new = [stream for stream in self._streams.values() if stream.pk is None]
        return {
            pk: count + sum(stream.exporter_id == pk for stream in new)
            for pk, count in found.values_list("pk", "count")
        }

    def _known(self, key: StreamKey) -> Exporter | None:
        return self._exporters.get((key.address, key.domain)) or self._exporters.get((key.address, None))

    def _exporter(self, key: StreamKey) -> Exporter:
        """Return the exporter of a stream; an address never heard of becomes one, up to a limit."""
        found = self._known(key)
        if found is None:
            address = key.address if self._has_place(key.address) else EVERYBODY_ELSE
            found = self._exporters.get((address, None)) or self._appear(address)
        self._heard.add(found.pk)
        return found

    def _appear(self, address: str) -> Exporter:
        if address == EVERYBODY_ELSE:
            found = strangers.everybody_else(self.now)
        else:
            found = Exporter.objects.create(
                id=new_id("exp"), address=address, first_seen=self.now, last_seen=self.now
            )
            self._strangers += 1
            strangers.settled(address)
        self._exporters[address, None] = found
        return found

    def _has_place(self, address: str) -> bool:
        """Tell whether a new address gets a row; at the limit it takes that of a stranger that fell silent."""
        if address in self._gone:
            return False
        if self._strangers < strangers.MOST_STRANGERS:
            return True
        if not strangers.is_worth_a_place(address):
            return False
        if self._displaceable is None:
            self._displaceable = strangers.displaceable(self.now)
        while self._displaceable:
            silent = self._displaceable.pop()
            if silent.pk not in self._heard:
                self._gone[silent.address] = silent.pk
                self._exporters.pop((silent.address, None), None)
                self._strangers -= 1
                return True
        return False

    def _add_counters(self, stream: Stream, counters: Counters) -> None:
        stream.datagrams += counters.datagrams
        stream.malformed += (
            counters.malformed
            + counters.unsupported
            + counters.undecodable_sets
            + counters.rejected_templates
        )
        stream.last_seen = self.now

    def _add_count(self, stream: Stream, count: StreamCount) -> None:
        for unit in ("flows", "packets", "bytes"):
            for name in (unit, f"attributed_{unit}", f"unattributed_{unit}"):
                setattr(stream, name, getattr(stream, name) + getattr(count, name))
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

    def _add_loss(self, stream: Stream, lost: DecoderLoss) -> None:
        """Add a loss; those of a minute, which no window boundary divides, share a row."""
        if lost.unit == "flows":
            stream.lost_flows += lost.count
        else:
            stream.lost_datagrams += lost.count
        self._told[lost.stream.address, str(lost.reason), lost.unit] += lost.count
        received = lost.received_ns // 1_000_000
        reason = REASONS.get(str(lost.reason), "undecodable")
        name = (stream.exporter_id, reason, lost.unit, received // 60_000)
        row = self._losses.setdefault(
            name,
            Loss(
                exporter=stream.exporter,
                since=received,
                until=received,
                unit=lost.unit,
                count=0,
                reason=reason,
            ),
        )
        row.since, row.until = min(row.since, received), max(row.until, received)
        row.count += lost.count

    def _add_stray(self, exporter: Exporter, stray: Stray) -> None:
        address = IPv4Address if stray.family == 4 else IPv6Address
        name = (exporter.pk, str(address(stray.src)), str(address(stray.dst)), stray.protocol, stray.dstport)
        row = self._strays.setdefault(
            name,
            Unattributed(
                exporter=exporter,
                srcaddr=name[1],
                dstaddr=name[2],
                protocol=name[3],
                dstport=name[4],
                last_seen=self.now,
            ),
        )
        row.flows += stray.flows
        row.packets += stray.packets
        row.bytes += stray.bytes

    def _save_strays(self) -> None:
        if not self._strays:
            return
        known = Unattributed.objects.select_for_update().filter(
            exporter__in={exporter for exporter, *_ in self._strays},
            dstport__in={dstport for *_, dstport in self._strays},
        )
        for earlier in known:
            name = (
                earlier.exporter_id, earlier.srcaddr, earlier.dstaddr, earlier.protocol, earlier.dstport
            )  # fmt: skip
            row = self._strays.get(name)
            if row is not None:
                row.flows += earlier.flows
                row.packets += earlier.packets
                row.bytes += earlier.bytes
        Unattributed.objects.bulk_create(
            self._strays.values(),
            update_conflicts=True,
            unique_fields=["exporter", "srcaddr", "dstaddr", "protocol", "dstport"],
            update_fields=["flows", "packets", "bytes", "last_seen"],
        )


def prune_strays() -> None:
    """Keep the heaviest unattributed flows of each exporter."""
    place = Window(RowNumber(), partition_by=F("exporter"), order_by=[F("bytes").desc(), F("id").desc()])
    light = Unattributed.objects.annotate(place=place).filter(place__gt=KEPT_STRAYS)
    Unattributed.objects.filter(pk__in=list(light.values_list("pk", flat=True)[:10_000])).delete()


def _port(key: StreamKey) -> int:
    # what is no flow export may come from any port: one row for all
    return key.port if key.version else 0


def _domain(key: StreamKey) -> int:
    return key.domain if key.version else 0
