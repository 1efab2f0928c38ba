"""What a flow log collects: the ENIs it covers now, how often, who decides that, and what came of it in a day."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.db.models import Exists, Max, OuterRef, Q, QuerySet, Subquery
from django.utils import timezone
from django.utils.translation import gettext, ngettext

from .models import Coverage, Delivery, FlowLog, IntervalChange, Logstore, NetworkInterface
from .models import NetworkInterfaceAddress as Address
from .record_counts import Counted
from .services.coverage import NOT_CAPTURED
from .store import catalogue, workers
from .windows import MINUTE, window_end

DAY = 86_400
SLOT = 1800
SLOTS = DAY // SLOT
DEADLINE = 20.0
PATIENCE = 5.0


@dataclass
class CoveredInterface:
    """An ENI that a flow log covers, as of now; ``decider`` is the flow log with the shortest interval."""

    interface: NetworkInterface
    since: datetime
    address: str
    interval: int
    next_interval: int | None
    next_since: datetime | None
    decider: FlowLog | None
    slots: list[float] = field(default_factory=list)
    """How much of each half hour of the last day it was covered, 0 to 1."""

    @property
    def covered_share(self) -> float:
        """How much of the last day it was covered, 0 to 1."""
        return sum(self.slots) / len(self.slots) if self.slots else 0.0


@dataclass(frozen=True)
class RealInterval:
    """So many of the ENIs of a flow log are captured every ``now`` minutes, from ``since`` on every ``later``.

    ``since`` is empty where nothing changes soon, ``now`` is 0 for what is not captured yet, and ``because_of``
    is the other flow log that decides, if it is another one.
    """

    enis: int
    of: int
    now: int
    later: int
    since: datetime | None
    because_of: str
    own: int = 0
    """The interval of the flow log itself."""

    @property
    def words(self) -> str:
        """Say so, without the other flow log."""
        said = self._said()
        if self.enis == self.of:
            return said
        counts = {"enis": self.enis, "total": self.of, "said": said}
        return (
            ngettext("%(enis)s of %(total)s ENIs: %(said)s", "%(enis)s of %(total)s ENIs: %(said)s", self.of)
            % counts
        )

    @property
    def full_words(self) -> str:
        """Say so with the other flow log, if it is one that decides."""
        if not self.because_of:
            return self.words
        return gettext("%(said)s because of %(other)s") % {"said": self.words, "other": self.because_of}

    def _said(self) -> str:
        if self.since is None:
            return gettext("really %(minutes)s min") % {"minutes": self.now}
        at = f"{self.since:%H:%M}"
        if self.later == self.own and self.now:
            return gettext("%(minutes)s min until %(at)s UTC") % {"minutes": self.now, "at": at}
        return gettext("%(minutes)s min from %(at)s UTC") % {"minutes": self.later, "at": at}


@dataclass
class Collected:
    """What the Logstore has of an ENI: records of the last day, packets and bytes of its last window."""

    records: int = 0
    nodata: int = 0
    skipdata: int = 0
    packets: int = 0
    bytes: int = 0
    skipped_slots: set[int] = field(default_factory=set)

    def add(self, row: Counted) -> None:
        """Add the records of one slot."""
        self.records += row.records
        self.nodata += row.nodata
        self.skipdata += row.skipdata
        self.packets += row.packets
        self.bytes += row.bytes
        if row.skipdata:
            self.skipped_slots.add(row.slot)


def real_intervals(flow_log: FlowLog, now: datetime | None = None) -> list[RealInterval]:
    """Return how ENIs of a flow log are captured otherwise than it says, or will be until a boundary; no query.

    Most ENIs first; empty where all are captured at its own interval.
    """
    if not flow_log.captured:
        return []
    at = (now or timezone.now()).timestamp()
    found = []
    for enis, decider, changes in flow_log.captured["otherwise"]:
        in_force = [interval for since, interval in changes if since <= at]
        to_come = [(since, interval) for since, interval in changes if since > at]
        since, later = to_come[0] if to_come else (None, in_force[-1])
        if to_come or later != flow_log.interval:
            begins = datetime.fromtimestamp(since, UTC) if since else None
            total = flow_log.captured["enis"]
            because_of = decider if later != flow_log.interval else ""
            found.append(
                RealInterval(enis, total, in_force[-1], later, begins, because_of, flow_log.interval)
            )
    return found


def covered(flow_log: FlowLog, search: str = "") -> QuerySet[Coverage]:
    """Return what a flow log covers now, in the order of the ENIs' identifiers: that of the index.

    ``search`` is a part of an ENI's name or identifier, or a whole address of it.
    """
    rows = Coverage.objects.filter(flow_log=flow_log, until__isnull=True).order_by("network_interface")
    if not search:
        return rows
    named = NetworkInterface.objects.filter(
        Q(name__icontains=search) | Q(pk__icontains=search), vpc=flow_log.vpc_id
    )
    addressed = Address.objects.filter(vpc=flow_log.vpc_id, address=search)
    return rows.filter(
        Q(network_interface__in=named.values("pk"))
        | Q(network_interface__in=addressed.values("network_interface"))
    )


def interfaces(rows: Sequence[Coverage], now: datetime | None = None) -> list[CoveredInterface]:
    """Return the ENIs of some rows of ``covered``: three queries, whatever the number of rows."""
    now = now or timezone.now()
    keys = [row.pk for row in rows]
    found = {row.pk: row for row in _described(keys, now)}
    deciders = FlowLog.everything.in_bulk({row.decider for row in found.values()} - {None})
    spans = _spans(rows, now) if rows else {}
    return [
        CoveredInterface(
            interface=row.network_interface,
            since=row.since,
            address=row.address or "",
            interval=row.interval or NOT_CAPTURED,
            next_interval=row.next_interval,
            next_since=row.next_since,
            decider=deciders.get(row.decider),
            slots=_slots(spans[row.network_interface_id], now.timestamp()),
        )
        for row in (found[key] for key in keys)
    ]


def last_windows(flow_log: FlowLog) -> dict[int, int]:
    """Return the start of the last window that was delivered to a flow log, by interval."""
    delivered = Delivery.objects.filter(flow_log=flow_log, state=Delivery.State.DELIVERED)
    recent = delivered.order_by("-id").values("pk")[:1000]
    rows = (
        Delivery.objects.filter(pk__in=recent)
        .order_by()
        .values("closing__window__interval")
        .annotate(start=Max("closing__window__start"))
    )
    return {row["closing__window__interval"]: row["start"] for row in rows}


def logstore_of(flow_log: FlowLog) -> Logstore | None:
    """Return the Logstore that a flow log delivers to, if it exists."""
    return Logstore.objects.filter(
        project__account=flow_log.account_id,
        project__region=flow_log.region_id,
        project__name=flow_log.project_name,
        name=flow_log.logstore_name,
    ).first()


def others_into(flow_log: FlowLog, eni_ids: Collection[str]) -> list[FlowLog]:
    """Return the other flow logs that deliver records of these ENIs into the same Logstore: they count there too."""
    covering = Coverage.objects.filter(
        flow_log=OuterRef("pk"), network_interface__in=eni_ids, until__isnull=True
    )
    others = FlowLog.objects.filter(
        account=flow_log.account_id,
        region=flow_log.region_id,
        project_name=flow_log.project_name,
        logstore_name=flow_log.logstore_name,
        vpc=flow_log.vpc_id,
    ).exclude(pk=flow_log.pk)
    return list(others.filter(Exists(covering)).order_by("name")[:10])


def collected(
    flow_log: FlowLog, covered_now: Iterable[CoveredInterface], now: float | None = None
) -> dict[str, Collected]:
    """Return what the flow log's Logstore has of these ENIs, counted now by an engine worker.

    Records do not name their flow log: those of others into the same Logstore count too. Raises
    ``workers.WorkerFailure`` and ``duckdb.Error``.
    """
    until = int(now or time.time())
    since = until - DAY
    windows = last_windows(flow_log)
    asked: dict[str, tuple[int, int]] = {}
    for each in covered_now:
        start = windows.get(each.interval)
        asked[each.interface.pk] = (start, window_end(start, each.interval)) if start else (0, 0)
    found: dict[str, Collected] = {eni: Collected() for eni in asked}
    store = logstore_of(flow_log)
    parts = catalogue.live_parts(store, since, until) if store else []
    if not parts or not asked:
        return found
    rows = workers.call(
        "flowlogs.record_counts:count",
        {
            "paths": [str(settings.FLOWLOG_STORE / part.path) for part in parts],
            "windows": asked,
            "since": since,
            "until": until,
            "slot": SLOT,
        },
        deadline=DEADLINE,
        patience=PATIENCE,
        kind="query",
    )
    for row in rows:
        found[row.interface].add(row)
    return found


def _described(keys: Sequence[int], now: datetime) -> QuerySet[Any]:
    interface = OuterRef("network_interface")
    changes = IntervalChange.objects.filter(network_interface=interface)
    in_force = changes.filter(since__lte=now).order_by("-since")
    to_come = changes.filter(since__gt=now).order_by("since")
    address = Address.objects.filter(network_interface=interface, kind="primary")
    covering = Coverage.objects.filter(network_interface=interface, until__isnull=True)
    shortest = covering.order_by("flow_log__interval", "flow_log__created_at", "flow_log")
    return (
        Coverage.objects.filter(pk__in=keys)
        .select_related("network_interface__instance", "network_interface__vswitch")
        .annotate(
            address=Subquery(address.values("address")[:1]),
            interval=Subquery(in_force.values("interval")[:1]),
            next_interval=Subquery(to_come.values("interval")[:1]),
            next_since=Subquery(to_come.values("since")[:1]),
            decider=Subquery(shortest.values("flow_log")[:1]),
        )
    )


def _spans(rows: Sequence[Coverage], now: datetime) -> dict[str, list[tuple[float, float]]]:
    """Return when the flow log of these rows covered their ENIs, in Unix seconds."""
    begun = datetime.fromtimestamp(now.timestamp() - DAY, now.tzinfo)
    spans = Coverage.objects.filter(
        Q(until__isnull=True) | Q(until__gt=begun),
        flow_log=rows[0].flow_log_id,
        network_interface__in=[row.network_interface_id for row in rows],
    )
    found: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for eni, since, until in spans.values_list("network_interface", "since", "until"):
        found[eni].append((since.timestamp(), until.timestamp() if until else now.timestamp()))
    return found


def _slots(spans: Iterable[tuple[float, float]], now: float) -> list[float]:
    """Return which part of each slot of the last day the spans cover; spans of one ENI do not overlap."""
    begun = now - DAY
    shares = []
    for number in range(SLOTS):
        low, high = begun + number * SLOT, begun + (number + 1) * SLOT
        inside = sum(max(0.0, min(until, high) - max(since, low)) for since, until in spans)
        shares.append(min(1.0, inside / SLOT))
    return shares


assert SLOT % MINUTE == 0
