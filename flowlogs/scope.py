"""What a flow log collects: the ENIs it covers now, how often, who decides that, and what came of it in a day."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
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
NAMED = 2
"""How many of the flow logs that decide are named."""


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

    ``since`` is empty where nothing changes soon, ``now`` is 0 for what is not captured yet. ``because_of`` are the
    other flow logs that decide, ``more`` how many there are beyond those.
    """

    enis: int
    of: int
    now: int
    later: int
    since: datetime | None
    because_of: tuple[str, ...]
    own: int = 0
    """The interval of the flow log itself."""
    more: int = 0

    @property
    def words(self) -> str:
        """Say so, without the other flow logs."""
        said = self._said()
        if self.enis == self.of:
            return said
        counts = {"enis": self.enis, "total": self.of, "said": said}
        return (
            ngettext("%(enis)s of %(total)s ENIs: %(said)s", "%(enis)s of %(total)s ENIs: %(said)s", self.of)
            % counts
        )

    @property
    def named(self) -> tuple[str, ...]:
        """The first of the other flow logs."""
        return self.because_of[:NAMED]

    @property
    def unnamed(self) -> int:
        """How many other flow logs there are beyond the first."""
        return self.more + len(self.because_of[NAMED:])

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
    enis: Counter[tuple[int, int, int]] = Counter()
    more: Counter[tuple[int, int, int]] = Counter()
    deciders: dict[tuple[int, int, int], dict[str, None]] = defaultdict(dict)
    # what was noted apart is alike once a boundary has passed
    for count, others, unnamed, changes in map(_noted, flow_log.captured["otherwise"]):
        in_force = [interval for since, interval in changes if since <= at][-1]
        since, later = next(((since, interval) for since, interval in changes if since > at), (0, in_force))
        if not since and later == flow_log.interval:
            continue
        case = in_force, later, since
        enis[case] += count
        if later != flow_log.interval:
            more[case] += unnamed
            deciders[case].update(dict.fromkeys(others))
    total = flow_log.captured["enis"]
    return [
        RealInterval(
            enis=count,
            of=total,
            now=in_force,
            later=later,
            since=datetime.fromtimestamp(since, UTC) if since else None,
            because_of=tuple(deciders[in_force, later, since]),
            own=flow_log.interval,
            more=more[in_force, later, since],
        )
        for (in_force, later, since), count in sorted(enis.items(), key=lambda item: (-item[1], item[0]))
    ]


def _noted(entry: Sequence[Any]) -> tuple[int, list[str], int, list[tuple[int, int]]]:
    """Return what is noted of ENIs that are captured otherwise; until a refresh it may name one flow log, or none."""
    count, *others, changes = entry
    named, unnamed = others if len(others) == 2 else ([other for other in others if other], 0)
    return count, named, unnamed, changes


def several(found: Sequence[RealInterval]) -> str:
    """Say how many ENIs several real intervals are of; empty where it is one, which says so itself."""
    if len(found) < 2:
        return ""
    enis = sum(each.enis for each in found)
    return ngettext(
        "%(enis)s of %(total)s ENIs at another interval:",
        "%(enis)s of %(total)s ENIs at another interval:",
        found[0].of,
    ) % {"enis": enis, "total": found[0].of}


def covered(flow_log: FlowLog, search: str = "") -> QuerySet[Coverage]:
    """Return what a flow log covers now, in the order of the ENIs' identifiers: that of the index.

    ``search`` is a part of an ENI's name or identifier, or a whole address of it.
    """
    rows = Coverage.objects.filter(flow_log=flow_log, until__isnull=True).order_by("network_interface")
    return _matching(rows, flow_log, search) if search else rows


def once_covered(flow_log: FlowLog, search: str = "") -> QuerySet[Coverage]:
    """Return all that a flow log ever covered, with the ENIs, and in their order; ``search`` as in ``covered``.

    ENIs that were deleted since are among them, but have no addresses any more.
    """
    rows = Coverage.objects.filter(flow_log=flow_log).order_by("network_interface", "since")
    rows = rows.select_related("network_interface")
    return _matching(rows, flow_log, search) if search else rows


def once_covered_count(flow_log: FlowLog) -> int:
    """Return how many ENIs a flow log ever covered."""
    return (
        Coverage.objects.filter(flow_log=flow_log).order_by().values("network_interface").distinct().count()
    )


def _matching(rows: QuerySet[Coverage], flow_log: FlowLog, search: str) -> QuerySet[Coverage]:
    named = NetworkInterface.everything.filter(
        Q(name__icontains=search) | Q(pk__icontains=search), vpc=flow_log.vpc_id
    ).order_by()
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
