"""Senders that nobody has bound or named: how many there may be, and when they are forgotten.

Addresses can be forged, so strangers have a limit. What one beyond it sends, and what a forgotten one sent, is counted
under ``EVERYBODY_ELSE``: the ledger still adds up.
"""

from __future__ import annotations

import logging
from collections import Counter
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Exists, F, OuterRef, QuerySet, Sum
from django.utils import timezone

from .identifiers import new_id
from .models import Exporter, ExporterBinding, Loss, Stream
from .models.network import EVERYBODY_ELSE

logger = logging.getLogger(__name__)

MOST_STRANGERS = 1000
SILENT = timedelta(hours=1)
"""A stranger that sent nothing for so long is forgotten."""
BREATH = timedelta(minutes=1)
"""At the limit a stranger that sent nothing for so long may lose its place to a newcomer."""
ENOUGH = 3
"""Datagrams that decode, after which a newcomer is worth a place: forged senders send one each."""
MOST_NEWCOMERS = 4096
PLACES_AT_ONCE = 20
FORGOTTEN_AT_ONCE = 1000
REFUSED = 1
"""NetFlow v1, which nothing decodes: the stream of ``EVERYBODY_ELSE`` that counts datagrams of networks not allowed."""
SUMMED = (
    *(
        f"{prefix}{unit}"
        for prefix in ("", "attributed_", "unattributed_")
        for unit in ("flows", "packets", "bytes")
    ),
    *("datagrams", "samples", "uncovered_samples", "malformed", "lost_flows", "lost_datagrams"),
)

_newcomers: Counter[str] = Counter()
"""Datagrams that decoded, by address without a place. Of this process alone: a restart only means to be heard anew."""


def nobodys() -> QuerySet[Exporter]:
    """Return the exporters that belong to no account, without the one that stands for all others."""
    return Exporter.objects.filter(account__isnull=True).exclude(address=EVERYBODY_ELSE)


def strangers() -> QuerySet[Exporter]:
    """Return the senders that appeared by themselves and that nobody has bound or named."""
    bound = ExporterBinding.objects.filter(exporter=OuterRef("pk"))
    useful = Stream.objects.filter(exporter=OuterRef("pk"), attributed_flows__gt=0)
    return nobodys().filter(
        ~Exists(bound), ~Exists(useful), name="", domain__isnull=True, is_demo=False, last_seen__isnull=False
    )


def displaceable(now: datetime) -> list[Exporter]:
    """Return strangers whose places newcomers may take at once, the one silent longest last."""
    silent = strangers().filter(last_seen__lt=now - BREATH).order_by("last_seen", "pk")
    return list(silent[:PLACES_AT_ONCE])[::-1]


def hear(address: str, datagrams: int) -> None:
    """Remember datagrams that decoded, of an address without a place."""
    if len(_newcomers) >= MOST_NEWCOMERS and address not in _newcomers:
        # those that go on sending stay
        kept = {known: count // 2 for known, count in _newcomers.items() if count > 1}
        _newcomers.clear()
        _newcomers.update(kept)
    _newcomers[address] += datagrams


def is_worth_a_place(address: str) -> bool:
    """Tell whether an address without a place has sent enough that decodes."""
    return _newcomers[address] >= ENOUGH


def settled(address: str) -> None:
    """Note that an address has its place."""
    _newcomers.pop(address, None)


def everybody_else(now: datetime) -> Exporter:
    """Return the exporter that stands for all senders without a place, made when it is first needed."""
    exporter, _made = Exporter.objects.get_or_create(
        address=EVERYBODY_ELSE,
        domain=None,
        defaults={"id": new_id("exp"), "first_seen": now, "last_seen": now},
    )
    return exporter


@transaction.atomic
def forget_silent() -> int:
    """Forget strangers that have been silent for long; return how many."""
    now = timezone.now()
    silent = strangers().filter(last_seen__lt=now - SILENT).order_by("last_seen", "pk")
    gone = list(silent.values_list("pk", flat=True)[:FORGOTTEN_AT_ONCE])
    if gone:
        fold(strangers().filter(pk__in=gone, last_seen__lt=now - SILENT), now)
    return len(gone)


def fold(exporters: QuerySet[Exporter], now: datetime) -> None:
    """Delete exporters; what they counted goes to ``EVERYBODY_ELSE``. Meant for a transaction."""
    # first the exporters, then their streams: whoever adds a stream waits, and then finds no exporter
    gone = list(exporters.select_for_update(of=("self",)).values_list("pk", flat=True))
    if not gone:
        return
    into = everybody_else(now)
    streams = Stream.objects.filter(exporter__in=gone).order_by()
    list(streams.select_for_update().values_list("pk"))
    for row in _sums(streams):
        add(into, row["version"], now, {name: row[f"{name}_of_all"] for name in SUMMED})
    Loss.objects.filter(exporter__in=gone).update(exporter=into)
    Exporter.objects.filter(pk__in=gone).delete()
    logger.info("%d exporters forgotten", len(gone))


def _sums(streams: QuerySet[Stream]) -> list[Any]:
    terms = {f"{name}_of_all": Sum(name) for name in SUMMED}
    return list(streams.values("version").annotate(**terms))


def add(into: Exporter, version: int, now: datetime, counts: dict[str, int]) -> None:
    """Add counts to the stream of a version that has neither port nor domain."""
    stream, _made = Stream.objects.get_or_create(
        exporter=into,
        port=0,
        domain=0,
        version=version,
        defaults={"first_seen": now, "last_seen": now, "delays_since": now},
    )
    Stream.objects.filter(pk=stream.pk).update(**{name: F(name) + count for name, count in counts.items()})


def refuse(datagrams: int, now: datetime) -> None:
    """Count datagrams from networks that are not allowed."""
    if datagrams:
        exporter = everybody_else(now)
        add(exporter, REFUSED, now, {"datagrams": datagrams})
        Stream.objects.filter(exporter=exporter, version=REFUSED).update(last_seen=now)
        Exporter.objects.filter(pk=exporter.pk).update(last_seen=now)
