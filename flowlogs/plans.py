"""A closing as a job for the engine worker: who is covered, what each flow log wants, whose records were skipped."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from django.conf import settings
from django.db.models import Q, QuerySet

from console import access

from . import inventory, reception
from .jobs import BIGGEST_SECOND, Interface, Job, Order, Span
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
    SampleFile,
    SampleSlice,
    Window,
)
from .rules import TRAFFIC_PATH_CODES
from .store.files import durable_name

COUNTED_ONLY = 0
Binding = tuple[str, str | None, str | None]
"""Exporter, vSwitch, network interface; neither of the latter for a whole VPC."""


@dataclass
class Plan:
    """A closing as a job for the worker, with what its commit needs to know.

    ``flow_logs`` run in step with the orders; ``reasons`` says why some cannot be delivered to;
    ``skipped_exporters`` are those whose losses are recorded once the closing is delivered.
    """

    job: Job
    flow_logs: list[FlowLog]
    reasons: dict[str, str] = field(default_factory=dict)
    skipped_exporters: list[str] = field(default_factory=list)
    again: frozenset[str] = frozenset()
    """Of a closing that is delivered again: the flow logs that are to get it."""


class _Covered(NamedTuple):
    """A flow log covers an interface in ``[since, until)`` (Unix s)."""

    flow_log: str
    interface: str
    since: int
    until: int


class _Skips(NamedTuple):
    """Exporters whose losses are known, interfaces that get SKIPDATA for them now, and those that have it."""

    exporters: list[str]
    now: frozenset[str]
    before: frozenset[str]


def plan(closing: Closing) -> Plan:
    """Return what is to be done for a closing; it has its window, VPC and account loaded.

    One that was delivered before is delivered again to those flow logs alone that failed and are to get it now.
    """
    window = closing.window
    covered = _coverage(window)
    again: frozenset[str] = frozenset()
    if closing.delivered_at is not None:
        pending = Delivery.objects.filter(closing=closing, state=Delivery.State.PENDING)
        again = frozenset(pending.values_list("flow_log", flat=True))
        covered = [row for row in covered if row.flow_log in again]
    interfaces = _interfaces({row.interface for row in covered})
    place = {interface.id: number for number, interface in enumerate(interfaces)}
    # what was deleted since is still owed what was captured of it
    flow_logs = FlowLog.everything.in_bulk({row.flow_log for row in covered})
    targets, reasons = _targets(window, flow_logs.values())
    skips = _skips(closing, interfaces, [*_bindings(window), *_former_bindings(covered)])
    spans: dict[str, list[Span]] = defaultdict(list)
    for row in covered:
        spans[row.flow_log].append(_span(window, place[row.interface], row))
    orders = [
        _order(flow_logs[pk], targets.get(pk, COUNTED_ONLY), spans[pk], skips, place)
        for pk in sorted(spans.keys() & flow_logs.keys())
    ]
    is_final = closing.kind == Closing.Kind.FINAL
    # what a later closing took was not there when this one told of silence
    in_window = SampleSlice.objects.filter(window=window).exclude(closing__number__gt=closing.number)
    job = Job(
        files=_paths(SampleFile.objects.filter(slices__closing=closing)),
        window=window.start,
        interval=window.interval,
        interfaces=interfaces,
        orders=tuple(orders),
        parts={logstore: str(_part_path(logstore, closing)) for logstore in sorted(set(targets.values()))},
        final=is_final,
        late=closing.kind == Closing.Kind.LATE,
        window_files=_paths(SampleFile.objects.filter(slices__in=in_window)) if is_final else (),
        spill=str(settings.FLOWLOG_STORE / "spill"),
    )
    return Plan(job, [flow_logs[order.flow_log] for order in orders], reasons, skips.exporters, again)


def _coverage(window: Window) -> list[_Covered]:
    """Return what covers the interfaces that this window captures: those whose interval then was this window's.

    Spans of one flow log and interface that touch are one, so that no sample is in two of them.
    """
    start, end = (datetime.fromtimestamp(at, UTC) for at in (window.start, window.end))
    covering = Coverage.objects.filter(
        Q(until__isnull=True) | Q(until__gt=start), flow_log__vpc=window.vpc_id, since__lt=end
    )
    changes = IntervalChange.objects.filter(
        network_interface__in=covering.values("network_interface"), since__lt=end
    )
    interval = dict(changes.order_by("since").values_list("network_interface", "interval"))
    rows = covering.order_by("flow_log", "network_interface", "since")
    covered: list[_Covered] = []
    for flow_log, eni, since, until in rows.values_list("flow_log", "network_interface", "since", "until"):
        row = _Covered(
            flow_log, eni, int(since.timestamp()), int(until.timestamp()) if until else BIGGEST_SECOND
        )
        if interval.get(eni) != window.interval or row.since >= row.until:
            continue
        last = covered[-1] if covered else None
        if last and (last.flow_log, last.interface) == (flow_log, eni) and row.since <= last.until:
            covered[-1] = last._replace(until=max(last.until, row.until))
        else:
            covered.append(row)
    return covered


def _interfaces(ids: set[str]) -> tuple[Interface, ...]:
    rows = NetworkInterface.everything.filter(pk__in=ids).order_by("id")
    return tuple(
        Interface(eni, account, vm or "", vswitch, vpc)
        for eni, account, vm, vswitch, vpc in rows.values_list(
            "id", "vpc__account", "instance", "vswitch", "vpc"
        )
    )


def _span(window: Window, place: int, row: _Covered) -> Span:
    """Return the part of a coverage that matters to the window: all equal ones are one."""
    since = row.since if row.since > window.start else 0
    return Span(place, since, row.until if row.until < window.end else BIGGEST_SECOND)


def _order(
    flow_log: FlowLog, logstore: int, spans: list[Span], skips: _Skips, place: dict[str, int]
) -> Order:
    codes = {code for path in flow_log.traffic_paths for code in TRAFFIC_PATH_CODES[path]}
    covered = {span.place for span in spans}
    return Order(
        flow_log=flow_log.pk,
        logstore=logstore,
        interfaces=tuple(sorted(span.place for span in spans if span == Span(span.place))),
        traffic_type=flow_log.traffic_type,
        dual_stack=flow_log.ip_version == FlowLog.IpVersion.DUAL_STACK,
        paths=tuple(sorted(codes)),
        partly=tuple(sorted(span for span in spans if span != Span(span.place))),
        skipdata=frozenset(place[eni] for eni in skips.now) & covered,
        skipped=frozenset(place[eni] for eni in skips.before) & covered,
    )


def _targets(window: Window, flow_logs: Iterable[FlowLog]) -> tuple[dict[str, int], dict[str, str]]:
    """Return the Logstore of each flow log, and the reason for each that has none to deliver to."""
    region, account = window.vpc.region_id, window.vpc.account
    if not access.delivery_authorized(account):
        return {}, {flow_log.pk: "RoleRevoked" for flow_log in flow_logs}
    own = Logstore.objects.filter(project__region=region, project__account=account)
    stores = {(project, name): pk for project, name, pk in own.values_list("project__name", "name", "pk")}
    projects = set(account.projects.filter(region=region).values_list("name", flat=True))
    targets: dict[str, int] = {}
    reasons: dict[str, str] = {}
    for flow_log in flow_logs:
        store = stores.get((flow_log.project_name, flow_log.logstore_name))
        if store is not None:
            targets[flow_log.pk] = store
        else:
            known = flow_log.project_name in projects
            reasons[flow_log.pk] = "LogstoreNotExist" if known else "ProjectNotExist"
    return targets, reasons


def _bindings(window: Window) -> list[Binding]:
    """Return what exporters observe of the VPC now."""
    rows = ExporterBinding.objects.filter(vpc=window.vpc_id)
    return list(rows.values_list("exporter", "vswitch", "network_interface"))


def _former_bindings(covered: Iterable[_Covered]) -> list[Binding]:
    """Return what observed interfaces that were deleted: with them their bindings went, but not what was lost.

    As the inventory had it before the first of them was deleted.
    """
    ended = {row.interface for row in covered if row.until < BIGGEST_SECOND}
    there = NetworkInterface.everything.filter(pk__in=ended, deleted_at__isnull=False)
    deleted = list(there) if ended else []
    gone = {interface.pk: interface.deleted_at for interface in deleted}
    if not gone:
        return []
    earliest = min(at for at in gone.values() if at is not None)
    version = inventory.in_force(int(earliest.timestamp() * 1000) - 1)
    places = {interface.pk: (interface.vpc_id, interface.vswitch_id) for interface in deleted}
    return [(exporter, None, eni) for exporter, eni in inventory.observers(version, places)]


def _skips(closing: Closing, interfaces: tuple[Interface, ...], bindings: list[Binding]) -> _Skips:
    """Return whose records were skipped: a loss marks the windows in which it was received.

    One without an exporter is the collector's and concerns all that is observed.
    """
    window = closing.window
    if closing.delivered_at is not None:
        # as it was then: each closing has noted what it recorded
        earlier = list(window.closings.filter(number__lt=closing.number))
        known = {exporter for each in earlier for exporter in each.skipped_exporters}
        late = {eni for each in earlier for eni in each.late_interfaces}
        hit = known | set(closing.skipped_exporters)
    else:
        known, late = set(window.skipped_exporters), set(window.late_interfaces)
        hit = known if closing.kind == Closing.Kind.LATE else known | _hit(window, bindings)
    before = _observed(interfaces, bindings, known) | late
    now = _observed(interfaces, bindings, hit - known) - before
    there = {interface.id for interface in interfaces}
    return _Skips(sorted(hit), frozenset(now), frozenset(before & there))


def _hit(window: Window, bindings: list[Binding]) -> set[str]:
    """Return the exporters that losses of this window concern."""
    bound = {exporter for exporter, *_ in bindings}
    losses = set(
        Loss.objects.filter(since__lt=window.end * 1000, until__gte=window.start * 1000)
        .order_by()
        .values_list("exporter", flat=True)
        .distinct()
    )
    return bound if None in losses or _collector_down(window) else bound & losses


def _collector_down(window: Window) -> bool:
    """Whether a collector that is not running now, and not retired, had stopped before the window's end."""
    stopped = Collector.objects.filter(
        retired_at__isnull=True, is_history=False, sealed_through__lt=window.end * 1000
    )
    return any(not reception.is_live(collector) for collector in stopped)


def _observed(interfaces: Iterable[Interface], bindings: list[Binding], exporters: set[str]) -> set[str]:
    """Return which interfaces some exporters observe."""
    scopes = {(vswitch, eni) for exporter, vswitch, eni in bindings if exporter in exporters}
    if (None, None) in scopes:
        return {interface.id for interface in interfaces}
    return {
        interface.id
        for interface in interfaces
        if (interface.vswitch, None) in scopes or (None, interface.id) in scopes
    }


def _paths(files: QuerySet[SampleFile]) -> tuple[str, ...]:
    paths = files.order_by("pk").values_list("path", flat=True).distinct()
    return tuple(str(settings.FLOWLOG_STORE / path) for path in paths)


def _part_path(logstore: int, closing: Closing) -> Path:
    day = datetime.fromtimestamp(closing.window.start, UTC).strftime("%Y%m%d")
    name = durable_name(f"{closing.pk}-{closing.attempt}")
    path: Path = settings.FLOWLOG_STORE / "parts" / str(logstore) / day / name
    return path
