"""The state of a region at a glance: what is logged, what is not, what fails, and what to do next."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from itertools import groupby
from typing import Any, NamedTuple

from django.db.models import Count, Func, IntegerField, OuterRef, QuerySet, Subquery
from django.utils import timezone

from console.models import Account, Region

from . import old_families, usage
from .models import FlowLog, NetworkInterface, Vpc, VSwitch
from .models.usage import DAY, HOUR
from .old_families import Blocked
from .services.coverage import COVERING
from .usage import Volume
from .windows import hour_of

OK, LOSS, NONE = "ok", "loss", "none"
HOURS = DAY // HOUR
Type = FlowLog.ResourceType


class Logging(NamedTuple):
    """A flow log, as far as it matters here: of a thousand, model instances would take several times as long."""

    pk: str
    name: str
    vpc: str
    resource_type: str
    resource_id: str
    status: str
    delivery_status: str
    delivery_error: str

    @property
    def is_started(self) -> bool:
        """Whether it logs anything."""
        return self.status in COVERING


@dataclass(frozen=True)
class VpcState:
    """A VPC: how many of its network interfaces are logged, by what, and what came of it in the last 24 hours.

    ``strip`` has an entry an hour, oldest first: ok, loss (records were skipped) or none (nothing delivered).
    """

    vpc: Vpc
    interfaces: int
    logged: int
    flow_logs: list[Logging]
    bare_vswitches: list[tuple[VSwitch, int]]
    """vSwitches with network interfaces that nothing logs, and how many."""
    volume: Volume
    strip: list[str]
    blocked: Blocked | None = None
    """The instances in it that keep further flow logs out, if any."""

    @property
    def bare(self) -> int:
        """How many network interfaces nothing logs."""
        return self.interfaces - self.logged

    @property
    def cidrs(self) -> str:
        """Its CIDR blocks."""
        return ", ".join(block.cidr for block in self.vpc.cidr_blocks.all())

    @property
    def runs(self) -> list[tuple[str, int]]:
        """The strip as runs of equal hours: state, and how many."""
        return [(state, len(list(hours))) for state, hours in groupby(self.strip)]

    @property
    def delivered_hours(self) -> int:
        """In how many of the last 24 hours something was delivered."""
        return len(self.strip) - self.strip.count(NONE)

    @property
    def lossy_hours(self) -> int:
        """In how many of them records were skipped."""
        return self.strip.count(LOSS)

    @property
    def logging(self) -> list[Logging]:
        """Its flow logs, those that log something first."""
        return sorted(self.flow_logs, key=lambda each: not each.is_started)

    @property
    def stopped(self) -> list[Logging]:
        """Its flow logs of the whole VPC that would log what nothing logs, if someone started them."""
        whole = (each for each in self.flow_logs if each.resource_id == self.vpc.pk)
        return [each for each in whole if each.status == FlowLog.Status.INACTIVE] if self.bare else []

    @property
    def failing(self) -> list[Logging]:
        """Its flow logs whose delivery fails."""
        return [each for each in self.flow_logs if each.delivery_status == FlowLog.DeliveryStatus.FAILED]


@dataclass(frozen=True)
class Overview:
    """The VPCs of an account in a region, and their sums."""

    vpcs: list[VpcState]
    flow_logs: int
    interfaces: int = field(init=False)
    logged: int = field(init=False)
    volume: Volume = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "interfaces", sum(each.interfaces for each in self.vpcs))
        object.__setattr__(self, "logged", sum(each.logged for each in self.vpcs))
        object.__setattr__(self, "volume", usage.total_of(each.volume for each in self.vpcs))

    @property
    def bare(self) -> int:
        """How many network interfaces nothing logs."""
        return self.interfaces - self.logged

    @cached_property
    def failing(self) -> list[Logging]:
        """The flow logs whose delivery fails."""
        return [flow_log for each in self.vpcs for flow_log in each.failing]


def overview(account: Account, region: Region, now: datetime | None = None) -> Overview:
    """Return the state of a region in a fixed number of queries, however much there is in it."""
    at = now or timezone.now()
    here = Vpc.objects.filter(account=account, region=region)
    vpcs = list(here.prefetch_related("cidr_blocks"))
    blocked = {each.vpc.pk: each for each in old_families.blocking(account, here.order_by().values("pk"))}
    flow_logs: dict[str, list[Logging]] = defaultdict(list)
    found = FlowLog.objects.filter(account=account, region=region)
    for flow_log in map(Logging._make, found.values_list(*Logging._fields)):
        flow_logs[flow_log.vpc].append(flow_log)
    vswitches: dict[str, list[VSwitch]] = defaultdict(list)
    interfaces: dict[str, int] = {}
    for vswitch in _vswitches(vpcs):
        vswitches[vswitch.vpc_id].append(vswitch)
        interfaces[vswitch.pk] = vswitch.interfaces_here
    alone = _logged_alone(account, region, vpcs)
    last_day = _last_day(account, region, at)
    states = [
        _state(vpc, flow_logs[vpc.pk], vswitches[vpc.pk], interfaces, alone, last_day, blocked.get(vpc.pk))
        for vpc in vpcs
    ]
    return Overview(
        sorted(states, key=lambda each: (-each.bare, str(each.vpc))), sum(map(len, flow_logs.values()))
    )


def _state(
    vpc: Vpc,
    flow_logs: list[Logging],
    vswitches: list[VSwitch],
    interfaces: dict[str, int],
    alone: dict[str, int],
    last_day: dict[str, tuple[Volume, list[str]]],
    blocked: Blocked | None,
) -> VpcState:
    bare = []
    volume, strip = last_day.get(vpc.pk, (Volume(), [NONE] * HOURS))
    covered = _covered(flow_logs)
    for vswitch in vswitches:
        there = interfaces.get(vswitch.pk, 0)
        logged = there if {vpc.pk, vswitch.pk} & covered else alone.get(vswitch.pk, 0)
        if logged < there:
            bare.append((vswitch, there - logged))
    total = sum(interfaces.get(vswitch.pk, 0) for vswitch in vswitches)
    return VpcState(
        vpc=vpc,
        interfaces=total,
        logged=total - sum(number for _vswitch, number in bare),
        flow_logs=flow_logs,
        bare_vswitches=bare,
        volume=volume,
        strip=strip,
        blocked=blocked,
    )


def _covered(flow_logs: Iterable[Logging]) -> set[str]:
    """Return the VPCs and vSwitches all of whose network interfaces are logged."""
    return {
        each.resource_id for each in flow_logs if each.status in COVERING and each.resource_type != Type.ENI
    }


def _vswitches(vpcs: list[Vpc]) -> QuerySet[Any]:
    """Return the vSwitches of these VPCs with how many network interfaces each has.

    Counted vSwitch by vSwitch in its index, and ungrouped: grouping takes twice as long.
    """
    there = NetworkInterface.objects.filter(vswitch=OuterRef("pk")).order_by()
    number = Func(function="COUNT", template="%(function)s(*)", output_field=IntegerField())
    counted = there.annotate(number=number).values("number")
    return VSwitch.objects.filter(vpc__in=vpcs).annotate(interfaces_here=Subquery(counted))


def _logged_alone(account: Account, region: Region, vpcs: list[Vpc]) -> dict[str, int]:
    """Return how many network interfaces of each vSwitch have a flow log of their own."""
    own = FlowLog.objects.filter(
        account=account, region=region, resource_type=Type.ENI, status__in=COVERING
    ).order_by()
    watched = NetworkInterface.objects.filter(pk__in=own.values("resource_id"), vpc__in=vpcs)
    return dict(watched.order_by().values_list("vswitch").annotate(number=Count("*")))


def _last_day(account: Account, region: Region, now: datetime) -> dict[str, tuple[Volume, list[str]]]:
    """Return what was delivered for each VPC in the last 24 hours, and in which of them."""
    first = hour_of(int(now.timestamp())) - DAY + HOUR
    hours: dict[str, list[Volume]] = defaultdict(list)
    strips: dict[str, list[str]] = defaultdict(lambda: [NONE] * HOURS)
    for (vpc, start), volume in usage.hours_of_vpcs(account, region, first).items():
        hours[vpc].append(volume)
        strips[vpc][min((start - first) // HOUR, HOURS - 1)] = LOSS if volume.skipdata else OK
    return {vpc: (usage.total_of(volumes), strips[vpc]) for vpc, volumes in hours.items()}
