"""A small network with a Logstore, and flow logs to order."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import time_machine

from console.models import Account, Region, User
from flowlogs import closing, services
from flowlogs.identifiers import new_id
from flowlogs.models import (
    FlowLog,
    Instance,
    Logstore,
    NetworkInterface,
    NetworkInterfaceAddress,
    Vpc,
    VpcCidrBlock,
    VSwitch,
)

from .factories import START, Lab

MakeFlowLog = Callable[..., FlowLog]


def make_vpc(account: Account, region: Region, vpc_id: str, **values: Any) -> Vpc:
    """Make a VPC with two vSwitches, ``…-a`` and ``…-b``."""
    vpc = Vpc.objects.create(pk=vpc_id, account=account, region=region, name=vpc_id, **values)
    VpcCidrBlock.objects.create(vpc=vpc, cidr="10.0.0.0/8", is_primary=True)
    for number, letter in enumerate("ab"):
        VSwitch.objects.create(pk=f"vsw-{vpc_id}-{letter}", vpc=vpc, cidr_block=f"10.0.{number}.0/24")
    return vpc


def make_interface(vswitch: VSwitch, number: int, **values: Any) -> NetworkInterface:
    """Make a network interface of an instance; its address ends in the number."""
    pk = f"eni-{vswitch.pk}-{number}"
    instance = Instance.objects.create(
        pk=f"i-{vswitch.pk}-{number}", vpc=vswitch.vpc, instance_type="ecs.g7.large"
    )
    interface = NetworkInterface.objects.create(
        pk=pk, vpc=vswitch.vpc, vswitch=vswitch, instance=instance, name=f"web-{number}", **values
    )
    address = vswitch.cidr_block.replace("0/24", str(number))
    NetworkInterfaceAddress.objects.create(network_interface=interface, vpc=vswitch.vpc, address=address)
    return interface


@pytest.fixture
def vpc(account: Account, region: Region) -> Vpc:
    """A VPC with two vSwitches: two interfaces in the first, one in the second."""
    vpc = make_vpc(account, region, "vpc-1")
    first, second = vpc.vswitches.order_by("pk")
    make_interface(first, 1)
    make_interface(first, 2)
    make_interface(second, 1)
    return vpc


@pytest.fixture
def logstore(account: Account, region: Region) -> Logstore:
    """The Logstore ``logs/flows``."""
    project = services.create_project(account, region, None, "logs")
    return services.create_logstore(project, None, "flows")


@pytest.fixture
def make_flow_log(account: Account, region: Region, vpc: Vpc, logstore: Logstore) -> MakeFlowLog:
    """Make a flow log of the VPC through the services; it is started unless ``finished`` is False."""

    def make(by: User | None = None, *, finished: bool = True, **values: Any) -> FlowLog:
        given = {
            "resource_type": "VPC",
            "resource_id": vpc.pk,
            "project_name": logstore.project.name,
            "logstore_name": logstore.name,
            **values,
        }
        flow_log = services.create_flow_log(account, region, by, **given)
        if finished:
            services.finish_transition(flow_log.pk)
            flow_log.refresh_from_db()
        return flow_log

    return make


@pytest.fixture
def many_flow_logs(account: Account, region: Region, vpc: Vpc, logstore: Logstore) -> Callable[[int], None]:
    """Insert any number of started flow logs, without the quota."""

    def insert(count: int) -> None:
        FlowLog.objects.bulk_create(
            FlowLog(
                pk=new_id("fl"),
                account=account,
                region=region,
                name=f"log-{number}",
                resource_type=["VPC", "VSwitch", "NetworkInterface"][number % 3],
                resource_id=["vpc-1", "vsw-vpc-1-a", "eni-vsw-vpc-1-a-1"][number % 3],
                vpc=vpc,
                project_name=logstore.project.name,
                logstore_name=logstore.name,
                status=FlowLog.Status.ACTIVE,
            )
            for number in range(count)
        )

    return insert


@pytest.fixture
def lab(account: Account, region: Region, settings: Any, tmp_path: Path) -> Iterator[Lab]:
    """A small network that is captured; its clock stands a minute before ``START`` and moves by hand."""
    settings.FLOWLOG_STORE, settings.FLOWLOG_SPOOL = tmp_path / "store", tmp_path / "spool"
    closing.forget()
    with time_machine.travel(START - 60, tick=False) as clock:
        yield Lab(account, region, clock)
