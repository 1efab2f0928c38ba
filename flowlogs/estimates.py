"""What a new flow log would generate in a month and cost, from the last day's traffic of its ENIs.

Records of the last 24 hours in Logstores of the account are counted again at each interval by an engine worker,
within a few seconds: whole hours are looked at until there are enough records. Samples are kept for minutes only,
so the day is always counted from its records; samples only correct what long windows hide. The rate is taken for
all ENIs that are captured now. An ENI without traffic in a window has a NODATA record, which is generated and
charged too; that is all that can be said of an ENI that nothing captured yet.
"""

from __future__ import annotations

import logging
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal

import duckdb
from django.conf import settings
from django.db.models import Count, Max, Min, Q, Sum
from django.utils import timezone

from console import access
from console.models import Account, Region, User

from . import fees, usage
from .models import Coverage, FlowLog, Logstore, Part, SampleSlice
from .models.usage import DAY
from .preview import Other, Preview, interfaces_of, records_nothing
from .reaggregate import Counted, Question, Samples, Wanted, count
from .record import FIELDS
from .rules import INTERVALS, TRAFFIC_PATH_CODES, FlowLogValues
from .store import workers
from .windows import HOUR, MINUTE, window_end, window_start

logger = logging.getLogger(__name__)

MONTH = fees.DAYS_OF_AN_ESTIMATE * DAY
DEADLINE = 3.0
PATIENCE = 1.0
MOST_ROWS = 3_000_000
MOST_SAMPLES = 1_000_000
MOST_INTERFACES = 2000
MOST_NAMES = 5000
NEVER = 2**40
"""An end (Unix s) that does not come."""
Spans = tuple[tuple[int, int], ...]
COUNT = f"{count.__module__}:{count.__name__}"
KINDS = FlowLog.ResourceType
COLUMNS = {KINDS.VPC: "vpc-id", KINDS.VSWITCH: "vswitch-id", KINDS.ENI: "eni-id"}


@dataclass(frozen=True)
class Line:
    """What a month at one interval comes to: records and text bytes, NODATA included, and fees in USD."""

    interval: int
    records: int
    size: int
    generation: Decimal
    indexing: Decimal

    @property
    def total(self) -> Decimal:
        """Generation and indexing."""
        return self.generation + self.indexing

    @property
    def is_tiny(self) -> bool:
        """Whether there is less than a hundredth of a GB, but something."""
        return 0 < self.size < fees.GB // 100

    @property
    def gigabytes(self) -> Decimal:
        """The volume in GB."""
        return fees.gigabytes(self.size)


@dataclass
class Estimate:
    """What a month comes to at each interval, and what that is based on.

    ``measured`` of the ENIs have known traffic, of the last ``seconds``; ``share`` of that time was looked at.
    ``approximate`` are the intervals whose records could only be estimated from longer windows, ``by_samples`` those
    corrected by samples of ``sampled_minutes`` that are still there; ``captured_minutes`` is the longest of those
    windows. ``is_partial``: what was recorded is less than what is asked for. ``is_refused``: nothing is counted,
    for no such flow log can be created. ``is_waiting``: the engine is busy or counts for a later question of the
    same user, so that one has to ask again; with ``failed``, nothing is known, whatever the lines say.
    """

    enis: int
    lines: list[Line] = field(default_factory=list)
    measured: int = 0
    seconds: int = 0
    share: float = 1.0
    approximate: list[int] = field(default_factory=list)
    by_samples: list[int] = field(default_factory=list)
    sampled_minutes: int = 0
    captured_minutes: int = 0
    is_partial: bool = False
    failed: bool = False
    is_refused: bool = False
    is_waiting: bool = False

    @property
    def is_known(self) -> bool:
        """Whether any traffic of these ENIs is known."""
        return self.measured > 0

    @property
    def minutes(self) -> int:
        """For how many minutes traffic is known."""
        return self.seconds // MINUTE

    @property
    def percent(self) -> int:
        """How much of the time was looked at, at least 1."""
        return max(round(self.share * 100), 1)


def estimate(
    account: Account,
    region: Region,
    by: User | None,
    values: FlowLogValues,
    resource_ids: Collection[str],
    there: Preview,
    *,
    indexed: bool,
) -> Estimate:
    """Return what flow logs with these values would generate; ``there`` is their preview.

    Only Logstores that the user may read are asked. Waits at most a few seconds; a later question of the same user
    ends this one.
    """
    if records_nothing(values):
        return Estimate(enis=there.enis, is_refused=True)
    found = Estimate(enis=there.enis)
    stores = _logstores(account, region, by, there.captured_by.values())
    sources = [
        other for other in there.captured_by.values() if (other.project_name, other.logstore_name) in stores
    ]
    measured = _Measured(0, 0, Counted())
    if sources and len(resource_ids) <= MOST_NAMES:
        try:
            measured = _measure(values, resource_ids, there, list(stores.values()), found, by)
        except (workers.WorkersBusy, workers.WorkerSuperseded):
            found.is_waiting = True
        except (workers.WorkerFailure, duckdb.Error, OSError) as error:
            logger.warning("the estimate of a flow log failed: %s", error)
            found.failed = True
    found.is_partial = found.is_known and not any(_takes_all(other, values) for other in sources)
    beside = usage.daily_rate(account, region) * fees.DAYS_OF_AN_ESTIMATE
    for interval in INTERVALS:
        found.lines.append(_line(interval, measured, there.enis, account, beside=beside, indexed=indexed))
    return found


@dataclass(frozen=True)
class _Measured:
    """ENIs that are captured now, for how many ENI-seconds their traffic is known, and what was counted."""

    enis: int
    eni_seconds: float
    counted: Counted

    def monthly(self, number: float) -> float:
        """Return what a number becomes for these ENIs in a month."""
        return number / self.eni_seconds * self.enis * MONTH if self.eni_seconds else 0.0


def _line(
    interval: int, measured: _Measured, enis: int, account: Account, *, beside: int, indexed: bool
) -> Line:
    counted = measured.counted
    records = measured.monthly(counted.records.get(interval, 0))
    silent = max(enis * MONTH / (interval * MINUTE) - measured.monthly(counted.busy.get(interval, 0)), 0)
    size = int(records * counted.line + silent * _nodata_line())
    added = fees.monthly_estimate(size // fees.DAYS_OF_AN_ESTIMATE, beside)
    indexing = fees.cost(size, account.index_price) if indexed else Decimal(0)
    return Line(interval, round(records + silent), size, added.fee, indexing)


def _nodata_line() -> int:
    """Return the text bytes of a NODATA record: version, account, ENI, start, end and status, the rest is -."""
    known = (1, 16, len("eni-") + 21, 10, 10, len("NODATA"))
    return sum(known) + len(FIELDS) - len(known) + len(FIELDS)


def _logstores(
    account: Account, region: Region, by: User | None, sources: Collection[Other]
) -> dict[tuple[str, str], Logstore]:
    """Return the Logstores of flow logs that the user may read, by project and name."""
    names = {(other.project_name, other.logstore_name) for other in sources}
    own = Logstore.objects.filter(
        project__account=account, project__region=region, name__in={name for _project, name in names}
    )
    return {
        key: logstore
        for logstore in own.select_related("project")
        if (key := (logstore.project.name, logstore.name)) in names and _may_read(by, logstore)
    }


def _may_read(by: User | None, logstore: Logstore) -> bool:
    project = logstore.project
    path = f"project/{project.name}/logstore/{logstore.name}"
    name = access.resource_name("log", project.region_id, project.account_id, path)
    return by is None or access.may(by, "log:GetLogStoreLogs", name)


def _takes_all(other: Other, values: FlowLogValues) -> bool:
    """Whether a flow log records all that is asked for, and perhaps more."""
    if values.ip_version == FlowLog.IpVersion.DUAL_STACK and other.ip_version != values.ip_version:
        return False
    traffic_type = "Allow" if values.traffic_paths else values.traffic_type
    if other.traffic_type not in (FlowLog.TrafficType.ALL, traffic_type):
        return False
    paths = set(values.traffic_paths)
    return not other.traffic_paths or bool(paths and paths <= set(other.traffic_paths))


def _measure(
    values: FlowLogValues,
    resource_ids: Collection[str],
    there: Preview,
    logstores: Sequence[Logstore],
    found: Estimate,
    by: User | None,
) -> _Measured:
    """Count the traffic that is known, and say in ``found`` what that is."""
    longest = max(there.now)
    since = window_start(int(timezone.now().timestamp()) - DAY, max(INTERVALS))
    live = Part.objects.filter(logstore__in=logstores, removed_at__isnull=True, max_time__gte=since)
    by_hour = (
        live.order_by().values("hour").annotate(rows=Sum("rows"), first=Min("min_time"), last=Max("max_time"))
    )
    hours = {row["hour"]: row["rows"] for row in by_hour}
    if not hours:
        return _Measured(0, 0, Counted())
    last = max(row["last"] for row in by_hour)
    until = window_end(window_start(last, longest), longest)
    # records may be older than their Logstore: the demo's past is delivered after the fact
    first = window_start(min(row["first"] for row in by_hour), longest)
    created = int(min(logstore.created_at for logstore in logstores).timestamp())
    since = max(since, min(first, created))
    chosen = _chosen(hours)
    known = {hour: (max(hour, since), min(hour + HOUR, until)) for hour in hours}
    total = _after(since, known.values())
    looked_at = [known[hour] for hour in chosen]
    share = _after(since, looked_at) / total if total else 0.0
    covered = _covered(values.resource_type, resource_ids, there, logstores, since)
    eni_seconds = sum(count * _within(spans, looked_at) for spans, count in covered.items())
    seconds = max((_within(spans, known.values()) for spans in covered), default=0)
    if not eni_seconds:
        return _Measured(0, 0, Counted())
    paths = live.filter(hour__in=chosen).order_by("pk").values_list("path", flat=True)
    samples = _samples(values, resource_ids, there)
    question = Question(
        parts=tuple(str(settings.FLOWLOG_STORE / path) for path in paths),
        column=COLUMNS[KINDS(values.resource_type)],
        names=tuple(resource_ids),
        since=since,
        wanted=wanted(values),
        intervals=INTERVALS,
        spill=str(settings.FLOWLOG_STORE / "spill"),
        samples=samples,
    )
    counted: Counted = workers.call(
        COUNT,
        {"question": question},
        deadline=DEADLINE,
        patience=PATIENCE,
        kind="query",
        latest=f"estimate {by.pk}" if by else "",
    )
    enis = min(round(sum(covered.values())), there.enis)
    found.measured, found.seconds, found.share = enis, seconds, share
    found.captured_minutes = longest
    _refine(counted, longest, found)
    found.sampled_minutes = len(samples.windows) * samples.interval if found.by_samples else 0
    return _Measured(enis, eni_seconds, counted)


def wanted(values: FlowLogValues) -> Wanted:
    """Return which records a flow log with these values takes."""
    codes = {code for path in values.traffic_paths for code in TRAFFIC_PATH_CODES.get(path, ())}
    is_dual = values.ip_version == FlowLog.IpVersion.DUAL_STACK
    return Wanted(values.traffic_type, is_dual, tuple(sorted(codes)))


def _chosen(hours: dict[int, int]) -> list[int]:
    """Return the hours to look at: all, or evenly spread ones, the newest among them, of few enough rows."""
    newest = sorted(hours, reverse=True)
    step = 1
    while step < len(newest) and sum(hours[hour] for hour in newest[::step]) > MOST_ROWS:
        step += 1
    return newest[::step]


def _after(begun: int, spans: Iterable[tuple[int, int]]) -> int:
    """Return how many seconds of these spans are not before an instant."""
    return sum(max(end - max(start, begun), 0) for start, end in spans)


def _within(spans: Spans, others: Iterable[tuple[int, int]]) -> int:
    """Return how many seconds of the one spans are in the others too; neither overlap among themselves."""
    return sum(
        max(min(end, other_end) - max(start, other_start), 0)
        for other_start, other_end in others
        for start, end in spans
    )


def _covered(
    resource_type: str,
    resource_ids: Collection[str],
    there: Preview,
    logstores: Sequence[Logstore],
    since: int,
) -> dict[Spans, float]:
    """Return during which spans (Unix s) how many of the ENIs were covered, ``since`` at the earliest.

    A flow log that was stopped since, and perhaps started again, has left records too: the time of all that wrote
    to these Logstores counts, once for each ENI. Of many ENIs some are looked at for it.
    """
    targets = Q()
    for logstore in logstores:
        targets |= Q(flow_log__project_name=logstore.project.name, flow_log__logstore_name=logstore.name)
    past = Q(until__isnull=True) | Q(until__gt=datetime.fromtimestamp(since, UTC))
    interfaces = interfaces_of(resource_type, resource_ids)
    rows = Coverage.objects.filter(targets, past, flow_log__vpc__in=there.vpcs)
    if not rows.filter(network_interface__in=interfaces.values("pk"), until__isnull=False).exists():
        return {((at, NEVER),): count for at, count in _begun(resource_type, resource_ids, there, since)}
    looked_at = min(there.enis, MOST_INTERFACES)
    some = interfaces.order_by("pk").values("pk")[:looked_at]
    found = rows.filter(network_interface__in=list(some.values_list("pk", flat=True)))
    spans: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for pk, begins, ends in found.order_by("since").values_list("network_interface", "since", "until"):
        start = max(int(begins.timestamp()), since)
        end = int(ends.timestamp()) if ends else NEVER
        before = spans[pk]
        if before and start <= before[-1][1]:
            before[-1] = (before[-1][0], max(before[-1][1], end))
        else:
            before.append((start, end))
    return {
        each: number * there.enis / looked_at for each, number in Counter(map(tuple, spans.values())).items()
    }


def _begun(
    resource_type: str, resource_ids: Collection[str], there: Preview, since: int
) -> list[tuple[int, int]]:
    """Return since when (Unix s) how many of the captured ENIs are covered, ``since`` at the earliest."""
    rows = (
        Coverage.objects.filter(
            flow_log__in=list(there.captured_by),
            network_interface__in=interfaces_of(resource_type, resource_ids).values("pk"),
            until__isnull=True,
        )
        .order_by()
        .values("since")
        .annotate(enis=Count("network_interface", distinct=True))
        .order_by("since")
    )
    left, found = there.captured, Counter[int]()
    # an ENI that several flow logs cover counts from the first of them on
    for row in rows:
        count = min(row["enis"], left)
        left -= count
        if count:
            found[max(int(row["since"].timestamp()), since)] += count
    return list(found.items())


def _samples(values: FlowLogValues, resource_ids: Collection[str], there: Preview) -> Samples:
    """Return the samples of closed windows that are still there, where they can refine the count."""
    captured = max(there.now)
    if len(there.now) > 1 or captured == min(INTERVALS):
        return Samples()
    slices = SampleSlice.objects.filter(
        Q(closing__isnull=False), window__vpc__in=there.vpcs, window__interval=captured
    )
    rows = slices.order_by("-window__start").values_list("window__start", "file__path", "flows")
    by_window: dict[int, list[tuple[str, int]]] = defaultdict(list)
    for start, path, flows in rows[:MOST_INTERFACES]:
        by_window[start].append((path, flows))
    paths: dict[str, None] = {}
    windows: list[int] = []
    budget = MOST_SAMPLES
    for start, of_window in by_window.items():
        budget -= sum(flows for _path, flows in of_window)
        if budget < 0:
            break
        windows.append(start)
        paths |= dict.fromkeys(str(settings.FLOWLOG_STORE / path) for path, _flows in of_window)
    interfaces = interfaces_of(values.resource_type, resource_ids).order_by("pk")
    return Samples(
        paths=tuple(paths),
        windows=tuple(windows),
        interval=captured,
        interfaces=tuple(interfaces.values_list("pk", flat=True)[:MOST_INTERFACES]),
    )


def _refine(counted: Counted, captured: int, found: Estimate) -> None:
    """Correct what was taken from long windows by what the samples say, and note which is which."""
    for interval in INTERVALS:
        if interval >= captured:
            continue
        if interval not in counted.corrections:
            found.approximate.append(interval)
            continue
        corrected = round(counted.records[interval] * counted.corrections[interval])
        # no record of a long window becomes less than one of a short one
        counted.records[interval] = max(corrected, counted.records[captured])
        found.by_samples.append(interval)
