"""The state of a region at a glance: what is logged, what is not, what fails, and what to do next."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from django.db.models import Count
from django.utils import timezone

from console.models import Account, Region

from . import usage
from .models import FlowLog, NetworkInterface, Vpc, VSwitch
from .models.usage import DAY, HOUR
from .services.coverage import COVERING
from .usage import Volume
from .windows import hour_of

OK, LOSS, NONE = "ok", "loss", "none"
HOURS = DAY // HOUR
Type = FlowLog.ResourceType
SHOWN = (
    "name",
    "region",
    "vpc",
    "resource_type",
    "resource_id",
    "status",
    "delivery_status",
    "delivery_error",
)


@dataclass(frozen=True)
class VpcState:
    """A VPC: how many of its network interfaces are logged, by what, and what came of it in the last 24 hours.

    ``strip`` has an entry an hour, oldest first: ok, loss (records were skipped) or none (nothing delivered).
    """

    vpc: Vpc
    interfaces: int
    logged: int
    flow_logs: list[FlowLog]
    bare_vswitches: list[tuple[VSwitch, int]]
    """vSwitches with network interfaces that nothing logs, and how many."""
    volume: Volume
    strip: list[str]

    @property
    def bare(self) -> int:
        """How many network interfaces nothing logs."""
        return self.interfaces - self.logged

    @property
    def delivered_hours(self) -> int:
        """In how many of the last 24 hours something was delivered."""
        return len(self.strip) - self.strip.count(NONE)

    @property
    def lossy_hours(self) -> int:
        """In how many of them records were skipped."""
        return self.strip.count(LOSS)

    @property
    def failing(self) -> list[FlowLog]:
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
        object.__setattr__(self, "volume", sum((each.volume for each in self.vpcs), Volume()))

    @property
    def bare(self) -> int:
        """How many network interfaces nothing logs."""
        return self.interfaces - self.logged

    @property
    def failing(self) -> list[FlowLog]:
        """The flow logs whose delivery fails."""
        return [flow_log for each in self.vpcs for flow_log in each.failing]


def overview(account: Account, region: Region, now: datetime | None = None) -> Overview:
    """Return the state of a region in a fixed number of queries, however much there is in it."""
    at = now or timezone.now()
    vpcs = list(Vpc.objects.filter(account=account, region=region).prefetch_related("cidr_blocks"))
    flow_logs: dict[str, list[FlowLog]] = defaultdict(list)
    for flow_log in FlowLog.objects.filter(account=account, region=region).only(*SHOWN):
        flow_logs[flow_log.vpc_id].append(flow_log)
    vswitches: dict[str, list[VSwitch]] = defaultdict(list)
    for vswitch in VSwitch.objects.filter(vpc__in=vpcs):
        vswitches[vswitch.vpc_id].append(vswitch)
    interfaces = _interfaces(vpcs)
    alone = _logged_alone(flow_logs)
    last_day = _last_day(account, region, at)
    states = [_state(vpc, flow_logs[vpc.pk], vswitches[vpc.pk], interfaces, alone, last_day) for vpc in vpcs]
    return Overview(
        sorted(states, key=lambda each: (-each.bare, str(each.vpc))), sum(map(len, flow_logs.values()))
    )


def _state(
    vpc: Vpc,
    flow_logs: list[FlowLog],
    vswitches: list[VSwitch],
    interfaces: dict[str, int],
    alone: dict[str, set[str]],
    last_day: dict[str, tuple[Volume, list[str]]],
) -> VpcState:
    bare = []
    volume, strip = last_day.get(vpc.pk, (Volume(), [NONE] * HOURS))
    covered = _covered(flow_logs)
    for vswitch in vswitches:
        there = interfaces.get(vswitch.pk, 0)
        logged = there if {vpc.pk, vswitch.pk} & covered else len(alone.get(vswitch.pk, ()))
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
    )


def _covered(flow_logs: Iterable[FlowLog]) -> set[str]:
    """Return the VPCs and vSwitches all of whose network interfaces are logged."""
    return {
        each.resource_id for each in flow_logs if each.status in COVERING and each.resource_type != Type.ENI
    }


def _interfaces(vpcs: list[Vpc]) -> dict[str, int]:
    """Return how many network interfaces each vSwitch has."""
    rows = NetworkInterface.objects.filter(vpc__in=vpcs).order_by().values_list("vswitch")
    return dict(rows.annotate(number=Count("*")))


def _logged_alone(flow_logs: dict[str, list[FlowLog]]) -> dict[str, set[str]]:
    """Return the network interfaces with a flow log of their own by vSwitch."""
    watched = {
        each.resource_id
        for members in flow_logs.values()
        for each in members
        if each.status in COVERING and each.resource_type == Type.ENI
    }
    alone: dict[str, set[str]] = defaultdict(set)
    for pk, vswitch in NetworkInterface.objects.filter(pk__in=watched).values_list("pk", "vswitch"):
        alone[vswitch].add(pk)
    return alone


def _last_day(account: Account, region: Region, now: datetime) -> dict[str, tuple[Volume, list[str]]]:
    """Return what was delivered for each VPC in the last 24 hours, and in which of them."""
    first = hour_of(int(now.timestamp())) - DAY + HOUR
    found: dict[str, tuple[Volume, list[str]]] = {}
    for (vpc, start), volume in usage.hours_of_vpcs(account, region, first).items():
        before, strip = found.get(vpc, (Volume(), [NONE] * HOURS))
        strip[min((start - first) // HOUR, HOURS - 1)] = LOSS if volume.skipdata else OK
        found[vpc] = (before + volume, strip)
    return found
