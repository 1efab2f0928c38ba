"""The conservation ledger: nothing decoded and no sample in scope goes missing without a name.

decoded = attributed + unattributed, for every exporter; scope = delivered + filtered + late + quarantined + open,
for every flow log; in flows, packets and bytes. Every term is counted where it happens, none is a residual.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from django.conf import settings
from django.db.models import Q, Sum

from console.models import Account

from .inventory_tables import interface_key
from .models import Coverage, Delivery, Exporter, FlowLog, SampleFile, SampleSlice, Stream
from .store import workers

DEADLINE = 30.0
SampleCount = tuple[str, int, int, int, int, int, int, int]
"""Path, interface key, window start, interval, second of the last packet, flows, packets, bytes."""
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
class ExporterLine:
    """The ledger of one exporter; ``waiting`` counts data sets whose template is not here yet."""

    exporter: Exporter
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
        return not any(line.unexplained for line in [*self.exporters, *self.flow_logs])


def ledger(account: Account) -> Ledger:
    """Return the whole ledger of an account."""
    return Ledger(exporters(account), flow_logs(account))


def exporters(account: Account) -> list[ExporterLine]:
    """Return a line for each exporter of the account, and for those that nobody has claimed yet."""
    found = Exporter.objects.filter(Q(account=account) | Q(account__isnull=True)).order_by(
        "address", "domain"
    )
    terms = [f"{prefix}{unit}" for prefix in ("", "attributed_", "unattributed_") for unit in UNITS]
    others = ["waiting", "lost_flows", "lost_datagrams", "malformed"]
    sums = {
        row["exporter"]: row
        for row in Stream.objects.filter(exporter__in=found)
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
                exporter,
                Amount(*values[0:3]),
                Amount(*values[3:6]),
                Amount(*values[6:9]),
                **{name: row.get(f"sum_{name}") or 0 for name in others},
            )
        )
    return lines


def flow_logs(account: Account, only: Iterable[str] | None = None) -> list[FlowLogLine]:
    """Return a line for each flow log of the account, or for some of them."""
    found = FlowLog.objects.filter(account=account).select_related("region").order_by("-created_at", "id")
    if only is not None:
        found = found.filter(pk__in=only)
    names = [
        f"{term}_{unit}"
        for term in ("scope", "delivered", "filtered", "late", "quarantined")
        for unit in UNITS
    ]
    names += ["records", "nodata", "skipdata"]
    sums = {
        row["flow_log"]: row
        for row in Delivery.objects.filter(flow_log__in=found)
        .values("flow_log")
        .annotate(**{f"sum_{name}": Sum(name) for name in names})
        .order_by()
    }
    waiting = open_samples([flow_log.pk for flow_log in found])
    lines = []
    for flow_log in found:
        row = sums.get(flow_log.pk, {})
        values = [row.get(f"sum_{name}") or 0 for name in names]
        amounts = [Amount(*values[at : at + 3]) for at in range(0, 15, 3)]
        closed, delivered, filtered, late, quarantined = amounts
        records, nodata, skipdata = values[15:]
        lines.append(
            FlowLogLine(
                flow_log=flow_log,
                closed=closed,
                delivered=delivered,
                filtered=filtered,
                late=late,
                quarantined=quarantined,
                open=waiting.get(flow_log.pk, Amount()),
                records=records,
                nodata=nodata,
                skipdata=skipdata,
            )
        )
    return lines


def open_samples(flow_log_ids: list[str]) -> dict[str, Amount]:
    """Return the samples in scope of each flow log that no delivered closing has taken yet.

    They are counted in the sample files themselves, by an engine worker.
    """
    undelivered = Q(closing__isnull=True) | Q(closing__delivered_at__isnull=True)
    slices = SampleSlice.objects.filter(undelivered, window__vpc__flow_logs__in=flow_log_ids)
    files = SampleFile.objects.filter(slices__in=slices).distinct()
    pairs = set(slices.values_list("file__path", "window__start", "window__interval"))
    if not pairs:
        return {}
    counts: list[SampleCount] = workers.call(
        "flowlogs.aggregate:count_samples",
        {
            "paths": [str(settings.FLOWLOG_STORE / path) for path in files.values_list("path", flat=True)],
            "windows": sorted({(start, interval) for _, start, interval in pairs}),
        },
        deadline=DEADLINE,
    )
    return _by_flow_log(flow_log_ids, counts, {(str(settings.FLOWLOG_STORE / p), s, i) for p, s, i in pairs})


def _by_flow_log(
    flow_log_ids: list[str], counts: Iterable[SampleCount], pairs: set[tuple[str, int, int]]
) -> dict[str, Amount]:
    spans: dict[int, list[tuple[str, float, float]]] = defaultdict(list)
    for row in Coverage.objects.filter(flow_log__in=flow_log_ids):
        until = row.until.timestamp() if row.until else float("inf")
        spans[interface_key(row.network_interface_id)].append((row.flow_log_id, _seconds(row.since), until))
    totals: dict[str, Amount] = defaultdict(Amount)
    for path, key, window, interval, last, flows, packets, octets in counts:
        if (path, window, interval) not in pairs:
            continue
        for flow_log, since, until in spans[key]:
            if since <= last < until:
                totals[flow_log] += Amount(flows, packets, octets)
    return dict(totals)


def _seconds(instant: datetime) -> int:
    return int(instant.timestamp())
