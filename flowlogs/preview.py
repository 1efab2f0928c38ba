"""What new flow logs would cover, before they are created: ENIs, real intervals, and what is recorded twice.

Scopes are nested (VPC, vSwitch, ENI), so ENIs fall into a few cells that the same flow logs cover: those with a
flow log of their own, the others of a vSwitch that has one, and the rest of the VPC. Cells are counted by the
database; no ENI is loaded that has no flow log of its own, but those that were chosen one by one.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from math import ceil
from typing import Any, NamedTuple
from zlib import crc32

from django.core.cache import cache
from django.db.models import Count, Q, QuerySet, Value
from django.db.models.functions import Concat
from django.utils import timezone

from console.models import Account, Region

from .models import FlowLog, NetworkInterface, Vpc, VSwitch
from .rules import TRAFFIC_PATH_CODES, FlowLogValues
from .services import coverage

KINDS = FlowLog.ResourceType
VPC, VSWITCH, ENI = (str(kind.value) for kind in (KINDS.VPC, KINDS.VSWITCH, KINDS.ENI))
VERY_MANY = 10_000
CENSUS_KEPT = 15
"""Seconds for which the number of ENIs of a VPC with very many of them is taken as known."""
STARTED = (FlowLog.Status.ACTIVE, FlowLog.Status.ACTIVATING, FlowLog.Status.MODIFYING)


class Other(NamedTuple):
    """A flow log that exists already, as far as it matters here."""

    pk: str
    name: str
    resource_type: str
    resource_id: str
    interval: int
    status: str
    traffic_type: str
    ip_version: str
    traffic_paths: Sequence[str]
    project_name: str
    logstore_name: str
    vpc: str

    @property
    def is_started(self) -> bool:
        """Whether it captures now, or is about to."""
        return self.status in STARTED


class Cell(NamedTuple):
    """ENIs that the same flow logs cover: one ENI, those of a vSwitch, or all others of the VPC."""

    vpc: str
    vswitch: str = ""
    interface: str = ""


@dataclass(frozen=True)
class Case:
    """So many ENIs are captured every so many minutes; ``because_of`` is none for the new flow log itself."""

    enis: int
    interval: int
    because_of: Other | None


@dataclass(frozen=True)
class Faster:
    """So many ENIs of other flow logs would be captured more often than until now (minutes), from ``since`` on."""

    enis: int
    before: int
    flow_logs: Sequence[Other]
    since: datetime


@dataclass(frozen=True)
class Double:
    """Another flow log writes traffic of so many of these ENIs to the same Logstore."""

    enis: int
    flow_log: Other


@dataclass(frozen=True)
class Covering:
    """Another flow log, which is started, covers so many of these ENIs already."""

    enis: int
    flow_log: Other


@dataclass
class Preview:
    """What the new flow logs would cover. ``captured`` of the ENIs are captured already, by those flow logs, every
    ``now`` minutes."""

    enis: int = 0
    captured: int = 0
    cases: list[Case] = field(default_factory=list)
    faster: list[Faster] = field(default_factory=list)
    doubles: list[Double] = field(default_factory=list)
    covering: list[Covering] = field(default_factory=list)
    captured_by: dict[str, Other] = field(default_factory=dict)
    now: set[int] = field(default_factory=set)
    vpcs: tuple[str, ...] = ()

    @property
    def intervals(self) -> list[int]:
        """The intervals at which these ENIs would really be captured."""
        return sorted({case.interval for case in self.cases})


def preview(
    account: Account, region: Region, values: FlowLogValues, resource_ids: Collection[str]
) -> Preview:
    """Return what flow logs with these values on these resources would cover; at most six queries."""
    if values.resource_type != ENI:
        # of VPCs and vSwitches only one can be chosen
        resource_ids = list(resource_ids)[:1]
    vpcs = _vpcs(account, region, values.resource_type, resource_ids)
    interfaces = interfaces_of(values.resource_type, resource_ids).filter(vpc__in=vpcs)
    others = _others(vpcs, values.resource_type, resource_ids, interfaces)
    cells = _cells(interfaces, values.resource_type, vpcs, others)
    # what is gone between two queries must not count as less than nothing
    cells = +cells
    found = Preview(enis=sum(cells.values()), vpcs=tuple(sorted(vpcs)))
    _add_intervals(found, cells, [other for other in others if other.is_started], values.interval)
    inside = _inside(cells)
    found.doubles = _doubles(inside, others, values)
    found.covering = sorted(
        (
            Covering(inside[other.resource_type, other.resource_id], other)
            for other in others
            if other.pk in found.captured_by
        ),
        key=lambda each: (-each.enis, each.flow_log.name),
    )
    return found


def interfaces_of(resource_type: str, resource_ids: Collection[str]) -> QuerySet[NetworkInterface]:
    """Return the ENIs that flow logs of these resources cover now."""
    name = {VPC: "vpc__in", VSWITCH: "vswitch__in", ENI: "pk__in"}.get(resource_type)
    interfaces = NetworkInterface.objects.order_by()
    return interfaces.filter(**{name: list(resource_ids)}) if name else interfaces.none()


def records_nothing(values: FlowLogValues) -> bool:
    """Tell whether a flow log with these values, which is refused, asks for denied traffic of single paths."""
    return bool(values.traffic_paths) and values.traffic_type == FlowLog.TrafficType.DROP


def overlap(one: Any, other: Any) -> bool:
    """Tell whether two flow logs of one ENI may record the same traffic: by traffic type and sampling path."""
    types = {"Allow" if each.traffic_paths else each.traffic_type for each in (one, other)}
    if types == {"Allow", "Drop"}:
        return False
    if not one.traffic_paths or not other.traffic_paths:
        return True
    return bool(_codes(one.traffic_paths) & _codes(other.traffic_paths))


def _codes(paths: Iterable[str]) -> set[int]:
    return {code for path in paths for code in TRAFFIC_PATH_CODES.get(path, ())}


def _vpcs(account: Account, region: Region, kind: str, ids: Collection[str]) -> set[str]:
    if kind == VPC:
        return set(
            Vpc.objects.filter(account=account, region=region, pk__in=ids).values_list("pk", flat=True)
        )
    if kind not in (VSWITCH, ENI):
        return set()
    model = VSwitch if kind == VSWITCH else NetworkInterface
    inside = model.objects.filter(vpc__account=account, vpc__region=region, pk__in=ids)
    return set(inside.order_by().values_list("vpc", flat=True).distinct())


def _others(
    vpcs: Collection[str], kind: str, ids: Collection[str], interfaces: QuerySet[NetworkInterface]
) -> list[Other]:
    """Return the flow logs that cover some of the ENIs."""
    found = FlowLog.objects.filter(vpc__in=vpcs).exclude(status=FlowLog.Status.DELETING)
    if kind != VPC:
        vswitches = ids if kind == VSWITCH else interfaces.values("vswitch")
        found = found.filter(
            Q(resource_type=VPC)
            | Q(resource_type=VSWITCH, resource_id__in=vswitches)
            | Q(resource_type=ENI, resource_id__in=interfaces.values("pk"))
        )
    return [Other(*row) for row in found.order_by("name", "pk").values_list(*Other._fields)]


def _cells(
    interfaces: QuerySet[NetworkInterface], kind: str, vpcs: Collection[str], others: Sequence[Other]
) -> Counter[Cell]:
    """Return how many of the ENIs are in each cell."""
    alone = {other.resource_id for other in others if other.resource_type == ENI}
    apart = {other.resource_id for other in others if other.resource_type == VSWITCH}
    if kind == ENI:
        rows = interfaces.values_list("vpc", "vswitch", "pk")
        return Counter(_cell(vpc, vswitch, pk, alone, apart) for vpc, vswitch, pk in rows)
    cells: Counter[Cell] = Counter()
    singles = list(interfaces.filter(pk__in=alone).values_list("vpc", "vswitch", "pk")) if alone else []
    for row in singles:
        cells[_cell(*row, alone, apart)] += 1
    own = Counter(vswitch for _vpc, vswitch, _pk in singles)
    for vpc in vpcs:
        if kind == VSWITCH:
            cells[Cell(vpc, "".join(apart))] += interfaces.count() - len(singles)
            continue
        total, by_vswitch = _known_census(vpc, apart)
        for vswitch, count in by_vswitch.items():
            cells[Cell(vpc, vswitch)] += count - own[vswitch]
        cells[Cell(vpc)] += total - sum(cells.values())
    return cells


def _cell(vpc: str, vswitch: str, pk: str, alone: Collection[str], apart: Collection[str]) -> Cell:
    return Cell(vpc, vswitch if vswitch in apart else "", pk if pk in alone else "")


def _known_census(vpc: str, vswitches: Collection[str]) -> tuple[int, dict[str, int]]:
    """Return the census of a VPC; of one with very many ENIs as it was a moment ago, for it takes a while."""
    named = ",".join(sorted(vswitches))
    key = f"eni-census:{vpc}:{crc32(named.encode())}"
    found: tuple[int, dict[str, int]] | None = cache.get(key)
    if found is None:
        found = _census(vpc, vswitches)
        if found[0] > VERY_MANY:
            cache.set(key, found, CENSUS_KEPT)
    return found


def _census(vpc: str, vswitches: Collection[str]) -> tuple[int, dict[str, int]]:
    """Return how many ENIs a VPC has, and how many each of these vSwitches of it.

    An index counts those that were deleted too, which are taken off again: several times faster than looking at
    every ENI.
    """
    everything = NetworkInterface.everything.filter(vpc=vpc).order_by()
    deleted = everything.filter(deleted_at__isnull=False)
    if not vswitches:
        return NetworkInterface.objects.filter(vpc=vpc).count(), {}
    # as an expression, so that the database reads the rows in their order and not vSwitch by vSwitch
    named = deleted.annotate(subnet=Concat("vswitch_id", Value("")))
    gone = dict(named.values_list("subnet").annotate(n=Count("*")))
    inside = NetworkInterface.everything.filter(vswitch__in=vswitches).order_by()
    found = inside.values_list("vswitch_id").annotate(n=Count("*"))
    by_vswitch = {vswitch: count - gone.get(vswitch, 0) for vswitch, count in found}
    return everything.count() - sum(gone.values()), by_vswitch


def _add_intervals(found: Preview, cells: Counter[Cell], started: Sequence[Other], interval: int) -> None:
    covering: dict[tuple[str, str], list[Other]] = defaultdict(list)
    for other in started:
        covering[other.resource_type, other.resource_id].append(other)
    by_id = {other.pk: other for other in started}
    cases: Counter[tuple[int, str]] = Counter()
    faster: Counter[int] = Counter()
    made_faster: dict[int, set[str]] = defaultdict(set)
    for cell, count in cells.items():
        here = _covering(cell, covering)
        first = min(here, key=lambda other: (other.interval, other.name), default=None)
        if first is None:
            cases[interval, ""] += count
            continue
        found.captured += count
        found.captured_by.update((other.pk, other) for other in here)
        cases[(first.interval, first.pk) if first.interval < interval else (interval, "")] += count
        found.now.add(first.interval)
        if interval < first.interval:
            faster[first.interval] += count
            made_faster[first.interval].update(other.pk for other in here)
    found.cases = [
        Case(count, minutes, by_id.get(pk))
        for (minutes, pk), count in sorted(cases.items(), key=lambda item: (item[0][0], -item[1]))
    ]
    found.faster = [
        Faster(count, before, [by_id[pk] for pk in sorted(made_faster[before])], _begins(before, interval))
        for before, count in sorted(faster.items())
    ]


def _begins(before: int, interval: int) -> datetime:
    """Return when ENIs that are captured every ``before`` minutes would be captured at another interval."""
    at, _minutes = coverage.scheduled([(0, before)], interval, ceil(timezone.now().timestamp()))[-1]
    return datetime.fromtimestamp(at, UTC)


def _covering(cell: Cell, covering: dict[tuple[str, str], list[Other]]) -> list[Other]:
    return [other for key in _scopes(cell) for other in covering.get(key, ())]


def _scopes(cell: Cell) -> tuple[tuple[str, str], ...]:
    return (VPC, cell.vpc), (VSWITCH, cell.vswitch), (ENI, cell.interface)


def _inside(cells: Counter[Cell]) -> Counter[tuple[str, str]]:
    """Return how many of the ENIs are in each scope: resource type and identifier."""
    inside: Counter[tuple[str, str]] = Counter()
    for cell, count in cells.items():
        for key in _scopes(cell):
            inside[key] += count
    return inside


def _doubles(
    inside: Counter[tuple[str, str]], others: Iterable[Other], values: FlowLogValues
) -> list[Double]:
    target = (values.project_name, values.logstore_name)
    if values.create_project or values.create_logstore or records_nothing(values):
        return []
    return [
        Double(count, other)
        for other in others
        if (other.project_name, other.logstore_name) == target
        and (count := inside[other.resource_type, other.resource_id])
        and overlap(other, values)
    ]
