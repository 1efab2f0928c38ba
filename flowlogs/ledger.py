"""The conservation ledger: nothing decoded and no sample in scope goes missing without a name.

decoded = attributed + unattributed, for every exporter; scope = delivered + filtered + late + quarantined + open,
for every flow log; in flows, packets and bytes. Every term is counted where it happens, none is a residual.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.db.models import Q, Sum

from console.models import Account

from .exporters import own_first
from .jobs import BIGGEST_SECOND
from .models import Closing, Coverage, Delivery, Exporter, FlowLog, SampleSlice, Stream
from .open_samples import Scope, Slice
from .store import workers

DEADLINE = 30.0
UNITS = ("flows", "packets", "bytes")


@dataclass(frozen=True)
class Amount:
    """Flows, packets and bytes of one term."""

    flows: int = 0
    packets: int = 0
    bytes: int = 0

    def __add__(self, other: Amount) -> Amount:
        return Amount(self.flows + other.flows, self.packets + other.packets, self.bytes + other.bytes)

    def __sub__(self, other: Amount) -> Amount:
        return Amount(self.flows - other.flows, self.packets - other.packets, self.bytes - other.bytes)

    def __bool__(self) -> bool:
        return bool(self.flows or self.packets or self.bytes)


@dataclass(frozen=True)
class ExporterSums:
    """The ledger of one exporter or several; ``waiting`` counts data sets whose template is not here yet."""

    decoded: Amount
    attributed: Amount
    unattributed: Amount
    waiting: int
    lost_flows: int
    lost_datagrams: int
    malformed: int

    @property
    def unexplained(self) -> Amount:
        """What was decoded and is in no other term; zero, always."""
        return self.decoded - self.attributed - self.unattributed


@dataclass(frozen=True)
class ExporterLine(ExporterSums):
    """The ledger of one exporter."""

    exporter: Exporter


def summed(lines: Sequence[ExporterSums]) -> ExporterSums:
    """Return the ledger of several exporters in one."""
    return ExporterSums(
        decoded=sum((line.decoded for line in lines), Amount()),
        attributed=sum((line.attributed for line in lines), Amount()),
        unattributed=sum((line.unattributed for line in lines), Amount()),
        waiting=sum(line.waiting for line in lines),
        lost_flows=sum(line.lost_flows for line in lines),
        lost_datagrams=sum(line.lost_datagrams for line in lines),
        malformed=sum(line.malformed for line in lines),
    )


@dataclass(frozen=True)
class FlowLogLine:
    """The ledger of one flow log; ``open`` waits for its window to close or its closing to be delivered."""

    flow_log: FlowLog
    closed: Amount
    delivered: Amount
    filtered: Amount
    late: Amount
    quarantined: Amount
    open: Amount
    records: int = 0
    nodata: int = 0
    skipdata: int = 0

    @property
    def scope(self) -> Amount:
        """All samples in the scope of the flow log."""
        return self.closed + self.open

    @property
    def unexplained(self) -> Amount:
        """What is in scope and in no other term; zero, always."""
        return self.scope - self.delivered - self.filtered - self.late - self.quarantined - self.open


@dataclass
class Ledger:
    """Both halves of the ledger."""

    exporters: list[ExporterLine] = field(default_factory=list)
    flow_logs: list[FlowLogLine] = field(default_factory=list)

    @property
    def is_balanced(self) -> bool:
        """Whether nothing is unexplained."""
        lines: list[ExporterLine | FlowLogLine] = [*self.exporters, *self.flow_logs]
        return not any(line.unexplained for line in lines)


def ledger(account: Account) -> Ledger:
    """Return the whole ledger of an account."""
    return Ledger(exporters(account), flow_logs(account))


def exporters(account: Account) -> list[ExporterLine]:
    """Return a line for each exporter of the account, and for those that nobody has claimed yet."""
    found = own_first(Exporter.objects.filter(Q(account=account) | Q(account__isnull=True)))
    terms = [f"{prefix}{unit}" for prefix in ("", "attributed_", "unattributed_") for unit in UNITS]
    others = ["waiting", "lost_flows", "lost_datagrams", "malformed"]
    sums: dict[str, Any] = {
        row["exporter"]: row
        for row in Stream.objects.filter(exporter__in=found.order_by())
        .values("exporter")
        .annotate(**{f"sum_{name}": Sum(name) for name in [*terms, *others]})
        .order_by()
    }
    lines = []
    for exporter in found:
        row = sums.get(exporter.pk, {})
        values = [row.get(f"sum_{name}") or 0 for name in terms]
        lines.append(
            ExporterLine(
                Amount(*values[0:3]),
                Amount(*values[3:6]),
                Amount(*values[6:9]),
                exporter=exporter,
                **{name: row.get(f"sum_{name}") or 0 for name in others},
            )
        )
    return lines


def flow_logs(account: Account, only: Iterable[str] | None = None) -> list[FlowLogLine]:
    """Return a line for each flow log of the account, or for those that are asked for.

    Of all, deleted ones only where they have numbers.
    """
    found = FlowLog.everything.filter(account=account).select_related("region").order_by("-created_at", "id")
    if only is not None:
        found = found.filter(pk__in=only)
    names = [
        f"{term}_{unit}"
        for term in ("scope", "delivered", "filtered", "late", "quarantined")
        for unit in UNITS
    ]
    names += ["records", "nodata", "skipdata"]
    sums: dict[str, Any] = {
        row["flow_log"]: row
        for row in Delivery.objects.filter(flow_log__in=found)
        .values("flow_log")
        .annotate(**{f"sum_{name}": Sum(name) for name in names})
        .order_by()
    }
    undelivered = undelivered_samples([flow_log.pk for flow_log in found])
    lines = []
    for flow_log in found:
        row = sums.get(flow_log.pk, {})
        values = [row.get(f"sum_{name}") or 0 for name in names]
        closed, delivered, filtered, late, quarantined = (
            Amount(*values[at : at + 3]) for at in range(0, 15, 3)
        )
        set_aside = undelivered.get((flow_log.pk, True), Amount())
        waiting = undelivered.get((flow_log.pk, False), Amount())
        if only is None and flow_log.deleted_at and not (row or set_aside or waiting):
            continue
        lines.append(
            FlowLogLine(
                flow_log,
                closed + set_aside,
                delivered,
                filtered,
                late,
                quarantined + set_aside,
                waiting,
                *values[15:],
            )
        )
    return sorted(lines, key=lambda line: line.flow_log.deleted_at is not None)


def undelivered_samples(flow_log_ids: Sequence[str]) -> dict[tuple[str, bool], Amount]:
    """Return the samples in scope of each flow log that no delivered closing has taken.

    By flow log and whether their closing was set aside. They are counted in the sample files themselves, by
    an engine worker.
    """
    vpcs = FlowLog.everything.filter(pk__in=flow_log_ids).values("vpc")
    # one that is delivered again has its deliveries, which count their samples
    waiting = ~Q(closing__state=Closing.State.DELIVERED) & Q(closing__delivered_at__isnull=True)
    rows = SampleSlice.objects.filter(Q(closing__isnull=True) | waiting, window__vpc__in=vpcs).values_list(
        "file__path", "window__start", "window__interval", "closing__state"
    )
    slices = {
        Slice(str(settings.FLOWLOG_STORE / path), start, interval, state == Closing.State.QUARANTINED)
        for path, start, interval, state in rows
    }
    if not slices:
        return {}
    number = {flow_log: place for place, flow_log in enumerate(flow_log_ids)}
    earliest = datetime.fromtimestamp(min(each.window for each in slices), UTC)
    covering = Coverage.objects.filter(
        Q(until__isnull=True) | Q(until__gt=earliest), flow_log__in=flow_log_ids
    )
    scopes = [
        Scope(
            number[flow_log], eni, int(since.timestamp()), int(until.timestamp()) if until else BIGGEST_SECOND
        )
        for flow_log, eni, since, until in covering.values_list(
            "flow_log", "network_interface", "since", "until"
        )
    ]
    counts = workers.call(
        "flowlogs.open_samples:count", {"slices": sorted(slices), "scopes": scopes}, deadline=DEADLINE
    )
    return {
        (flow_log_ids[flow_log], is_quarantined): Amount(*amounts)
        for flow_log, is_quarantined, *amounts in counts
    }
