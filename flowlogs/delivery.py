"""One closing → one part a Logstore, exactly once, with its ledger.

Claim by a conditional update (lease and attempt), let a worker aggregate and write, then commit parts, ledger and
state in one transaction under the same attempt. A worker that lost its lease commits nothing: its files are
orphans that the janitor collects.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
from django.conf import settings
from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from console import access

from . import ingest, services
from .aggregate import BIGGEST_SECOND, Count, Interface, Job, Order, Outcome
from .models import (
    Closing,
    Collector,
    Coverage,
    Delivery,
    ExporterBinding,
    FlowLog,
    IntervalChange,
    Logstore,
    Loss,
    NetworkInterface,
    Part,
    SampleFile,
    Window,
)
from .rules import TRAFFIC_PATH_CODES
from .store import workers
from .store.files import durable_name
from .windows import hour_of

logger = logging.getLogger(__name__)

DEADLINE = 180.0
LEASE = timedelta(seconds=210)
MOST_ATTEMPTS = 5
BACKOFF = timedelta(seconds=5)
LONGEST_BACKOFF = timedelta(minutes=5)
COUNTED_ONLY = 0

Bindings = Sequence[tuple[str, str | None, str | None]]
"""Exporter, vSwitch and network interface of each binding in a VPC."""


class StaleAttempt(Exception):
    """The lease was lost to another worker, which delivers instead."""


@dataclass
class Plan:
    """A closing as a job for the worker, and which flow log each order is for."""

    job: Job
    flow_logs: list[FlowLog] = field(default_factory=list)
    reasons: dict[str, str] = field(default_factory=dict)
    skipped_exporters: list[str] = field(default_factory=list)


def deliver(closing_id: int) -> bool:
    """Deliver one closing; return whether this call did. Safe to run twice and at the same time."""
    closing = _claim(closing_id)
    if closing is None:
        return False
    try:
        plan = _plan(closing)
        outcome: Outcome = workers.call("flowlogs.aggregate:close", {"job": plan.job}, deadline=DEADLINE)
        _commit(closing, plan, outcome)
    except StaleAttempt:
        logger.warning("closing %s: another worker took over, nothing committed", closing_id)
        return False
    except (OSError, duckdb.Error, workers.WorkerFailure, RuntimeError) as error:
        _failed(closing, error)
        return False
    return True


def _claim(closing_id: int) -> Closing | None:
    now = timezone.now()
    free = Q(state=Closing.State.PENDING) & (Q(lease__isnull=True) | Q(lease__lt=now))
    dead = Q(state=Closing.State.DELIVERING, lease__lt=now)
    claimed = Closing.objects.filter(free | dead, pk=closing_id).update(
        state=Closing.State.DELIVERING, attempt=F("attempt") + 1, lease=now + LEASE
    )
    if not claimed:
        return None
    return Closing.objects.select_related("window__vpc__account", "window__vpc__region").get(pk=closing_id)


def _failed(closing: Closing, error: Exception) -> None:
    """Give the closing back for another attempt, or set it aside when it is the data that fails."""
    logger.warning("closing %s, attempt %s: %s", closing.pk, closing.attempt, error)
    # a full or failing disk is no property of the data: it is tried until it works
    storage = isinstance(error, OSError | duckdb.IOException)
    poison = closing.attempt >= MOST_ATTEMPTS and not storage
    wait = min(BACKOFF * 2 ** min(closing.attempt, 10), LONGEST_BACKOFF)
    Closing.objects.filter(pk=closing.pk, attempt=closing.attempt, state=Closing.State.DELIVERING).update(
        state=Closing.State.QUARANTINED if poison else Closing.State.PENDING,
        lease=timezone.now() + wait,
        error=f"{type(error).__name__}: {error}"[:500],
    )


def _plan(closing: Closing) -> Plan:
    window = closing.window
    coverage = _coverage(window)
    interfaces = _interfaces({row.network_interface_id for row in coverage})
    rank = {interface.id: place for place, interface in enumerate(interfaces)}
    flow_logs = {row.flow_log_id: row.flow_log for row in coverage}
    targets, reasons = _targets(window, list(flow_logs.values()))
    exporters, skipped = _skipped(closing)
    grouped: dict[tuple[str, int, int], list[int]] = defaultdict(list)
    for row in coverage:
        since = int(row.since.timestamp()) if row.since.timestamp() > window.start else 0
        until = (
            int(row.until.timestamp()) if row.until and row.until.timestamp() < window.end else BIGGEST_SECOND
        )
        grouped[row.flow_log_id, since, until].append(rank[row.network_interface_id])
    orders = [
        _order(
            flow_logs[flow_log],
            targets.get(flow_log, COUNTED_ONLY),
            sorted(places),
            since,
            until,
            skipped,
            interfaces,
        )
        for (flow_log, since, until), places in sorted(grouped.items())
    ]
    files = _paths(SampleFile.objects.filter(slices__closing=closing))
    job = Job(
        files=files,
        window=window.start,
        interval=window.interval,
        interfaces=interfaces,
        orders=tuple(orders),
        parts={logstore: str(_part_path(logstore, closing)) for logstore in sorted(set(targets.values()))},
        final=closing.kind == Closing.Kind.FINAL,
        late=closing.kind == Closing.Kind.LATE,
        window_files=_paths(SampleFile.objects.filter(slices__window=window))
        if closing.kind == Closing.Kind.FINAL
        else (),
        late_files=_paths(
            SampleFile.objects.filter(
                slices__window=window,
                slices__closing__kind=Closing.Kind.LATE,
                slices__closing__number__lt=closing.number,
            )
        )
        if closing.kind == Closing.Kind.LATE
        else (),
        spill=str(settings.FLOWLOG_STORE / "spill"),
    )
    return Plan(job, [flow_logs[order.flow_log] for order in orders], reasons, exporters)


def _coverage(window: Window) -> list[Coverage]:
    """Return what covers the interfaces that this window captures: those whose interval then was this window's."""
    start, end = (datetime.fromtimestamp(at, UTC) for at in (window.start, window.end))
    rows = list(
        Coverage.objects.filter(
            Q(until__isnull=True) | Q(until__gt=start), flow_log__vpc=window.vpc, since__lt=end
        )
        .select_related("flow_log__account")
        .order_by("flow_log", "network_interface")
    )
    interval: dict[str, int] = {}
    changes = IntervalChange.objects.filter(
        network_interface__in={row.network_interface_id for row in rows}, since__lte=start
    )
    for eni, minutes in changes.order_by("since").values_list("network_interface", "interval"):
        interval[eni] = minutes
    return [row for row in rows if interval.get(row.network_interface_id) == window.interval]


def _interfaces(ids: set[str]) -> tuple[Interface, ...]:
    rows = NetworkInterface.objects.filter(pk__in=ids).order_by("id")
    return tuple(
        Interface(eni, account, vm or "", vswitch, vpc)
        for eni, account, vm, vswitch, vpc in rows.values_list(
            "id", "vpc__account", "instance", "vswitch", "vpc"
        )
    )


def _order(
    flow_log: FlowLog,
    logstore: int,
    places: list[int],
    since: int,
    until: int,
    skipped: set[str],
    interfaces: tuple[Interface, ...],
) -> Order:
    codes = sorted({code for path in flow_log.traffic_paths for code in TRAFFIC_PATH_CODES[path]})
    return Order(
        flow_log=flow_log.pk,
        logstore=logstore,
        interfaces=tuple(places),
        traffic_type=flow_log.traffic_type,
        dual_stack=flow_log.ip_version == FlowLog.IpVersion.DUAL_STACK,
        paths=tuple(codes),
        since=since,
        until=until,
        skipdata=tuple(place for place in places if interfaces[place].id in skipped),
    )


def _targets(window: Window, flow_logs: list[FlowLog]) -> tuple[dict[str, int], dict[str, str]]:
    """Return the Logstore of each flow log, and the reason for each that has none to deliver to."""
    region, account = window.vpc.region_id, window.vpc.account
    authorized = access.delivery_authorized(account)
    stores = {
        (store.project.name, store.name): store.pk
        for store in Logstore.objects.filter(project__region=region, project__account=account).select_related(
            "project"
        )
    }
    projects = {project for project, _ in stores} | set(
        account.projects.filter(region=region).values_list("name", flat=True)
    )
    targets: dict[str, int] = {}
    reasons: dict[str, str] = {}
    for flow_log in flow_logs:
        store = stores.get((flow_log.project_name, flow_log.logstore_name))
        if not authorized:
            reasons[flow_log.pk] = "RoleRevoked"
        elif store is not None:
            targets[flow_log.pk] = store
        else:
            reasons[flow_log.pk] = (
                "LogstoreNotExist" if flow_log.project_name in projects else "ProjectNotExist"
            )
    return targets, reasons


def _skipped(closing: Closing) -> tuple[list[str], set[str]]:
    """Return whose losses are recorded once this closing is delivered, and the interfaces that get SKIPDATA now."""
    window = closing.window
    if closing.kind == Closing.Kind.LATE:
        return window.skipped_exporters, set()
    start, end = window.start * 1000, window.end * 1000
    losses = (
        Loss.objects.filter(since__lt=end, until__gte=start)
        .values_list("exporter", flat=True)
        .distinct()
        .order_by()
    )
    bindings: Bindings = list(
        ExporterBinding.objects.filter(vpc=window.vpc).values_list("exporter", "vswitch", "network_interface")
    )
    bound = {exporter for exporter, *_ in bindings}
    hit = {exporter for exporter in losses if exporter}
    if None in losses or _collector_down(window):
        hit = bound
    hit &= bound
    fresh = hit - set(window.skipped_exporters)
    if not fresh:
        return window.skipped_exporters, set()
    return sorted(hit | set(window.skipped_exporters)), _observed(window, bindings, fresh) - _observed(
        window, bindings, set(window.skipped_exporters)
    )


def _collector_down(window: Window) -> bool:
    """Whether a collector that is not running now, and not retired, had stopped before the window's end."""
    stopped = Collector.objects.filter(
        retired_at__isnull=True, is_history=False, sealed_through__lt=window.end * 1000
    )
    return any(not ingest.is_live(collector) for collector in stopped)


def _observed(window: Window, bindings: Bindings, exporters: set[str]) -> set[str]:
    chosen = [binding for binding in bindings if binding[0] in exporters]
    if not chosen:
        return set()
    scope = Q(pk__in=[eni for _, _, eni in chosen if eni]) | Q(
        vswitch__in=[vswitch for _, vswitch, _ in chosen if vswitch]
    )
    if any(vswitch is None and eni is None for _, vswitch, eni in chosen):
        scope = Q()
    return set(NetworkInterface.objects.filter(scope, vpc=window.vpc).values_list("pk", flat=True))


def _paths(files: Any) -> tuple[str, ...]:
    return tuple(
        str(settings.FLOWLOG_STORE / path)
        for path in files.order_by("pk").values_list("path", flat=True).distinct()
    )


def _part_path(logstore: int, closing: Closing) -> Path:
    day = datetime.fromtimestamp(closing.window.start, UTC).strftime("%Y%m%d")
    name = durable_name(f"{closing.pk}-{closing.attempt}")
    path: Path = settings.FLOWLOG_STORE / "parts" / str(logstore) / day / name
    return path


@transaction.atomic
def _commit(closing: Closing, plan: Plan, outcome: Outcome) -> None:
    """List the parts and mark the closing delivered, both or neither. Raises StaleAttempt for a lost lease."""
    now = timezone.now()
    held = Closing.objects.filter(
        pk=closing.pk, attempt=closing.attempt, state=Closing.State.DELIVERING, lease__gt=now
    )
    if not held.update(state=Closing.State.DELIVERED, delivered_at=now, lease=None, error=""):
        raise StaleAttempt(closing.pk)
    parts = {
        made.logstore: Part.objects.create(
            logstore_id=made.logstore,
            closing=closing,
            path=str(Path(made.path).relative_to(settings.FLOWLOG_STORE)),
            hour=hour_of(made.min_time),
            rows=made.rows,
            size=made.size,
            min_time=made.min_time,
            max_time=made.max_time,
        )
        for made in outcome.parts
    }
    deliveries = _deliveries(closing, plan, outcome, parts)
    Delivery.objects.bulk_create(deliveries)
    Window.objects.filter(pk=closing.window_id).update(skipped_exporters=plan.skipped_exporters)
    for flow_log, reason in plan.reasons.items():
        services.delivery_failed(flow_log, reason)
    services.delivery_succeeded([d.flow_log_id for d in deliveries if d.state == Delivery.State.DELIVERED])


def _deliveries(closing: Closing, plan: Plan, outcome: Outcome, parts: dict[int, Part]) -> list[Delivery]:
    made: dict[str, Delivery] = {}
    for order, flow_log, count in zip(plan.job.orders, plan.flow_logs, outcome.counts, strict=True):
        delivery = made.get(flow_log.pk)
        if delivery is None:
            failed = order.logstore == COUNTED_ONLY
            delivery = made[flow_log.pk] = Delivery(
                flow_log=flow_log,
                closing=closing,
                part=parts.get(order.logstore),
                state=Delivery.State.FAILED if failed else Delivery.State.DELIVERED,
                reason=plan.reasons.get(flow_log.pk, ""),
                delivered_at=None if failed else timezone.now(),
            )
        _add(delivery, count, late=plan.job.late)
    return list(made.values())


def _add(delivery: Delivery, count: Count, *, late: bool) -> None:
    """Add what an order came to; what cannot be delivered is quarantined, what came too late is late."""
    delivery.records += count.records
    delivery.nodata += count.nodata
    delivery.skipdata += count.skipdata
    delivery.size += count.size
    terms: dict[str, tuple[int, int, int]] = {"scope": count.scope}
    if late:
        terms["late"] = count.scope
    elif delivery.state == Delivery.State.FAILED:
        terms["quarantined"] = count.scope
    else:
        terms |= {"delivered": count.delivered, "filtered": count.filtered}
    for term, values in terms.items():
        for unit, value in zip(("flows", "packets", "bytes"), values, strict=True):
            name = f"{term}_{unit}"
            setattr(delivery, name, getattr(delivery, name) + value)
