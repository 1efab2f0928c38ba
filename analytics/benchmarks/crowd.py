"""A big account for measuring pages: 1 000 flow logs, 100 000 ENIs, 10 000 windows and what they delivered.

Run as ``python -m analytics.benchmarks.crowd`` with the FLOWLOG_HOME of an installation that has been made.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice
from typing import Any

VPCS = 20
VSWITCHES = 5
ENIS = 1_000
FLOW_LOGS = 1_000
WINDOWS = 10_000
TARGETS = 10
"""How many flow logs each window was delivered to."""
DAYS = 30
REGION = "cn-hangzhou"
BATCH = 2_000


def fill() -> None:
    """Insert the big account's network, flow logs, windows, deliveries and usage, as services would have left them."""
    from django.db import transaction
    from django.utils import timezone

    from console.models import DELIVERY_POLICY, DELIVERY_ROLE, Account, Region

    with transaction.atomic():
        account = Account.objects.exclude(users=None).get()
        now = timezone.now()
        Account.objects.filter(pk=account.pk).update(
            flow_log_quota=FLOW_LOGS, flow_log_activated_at=now, log_service_activated_at=now
        )
        account.roles.update_or_create(name=DELIVERY_ROLE, defaults={"policy_name": DELIVERY_POLICY})
        network = _network(account, Region.objects.get(pk=REGION))
        flow_logs = _flow_logs(account, network)
        _coverage(flow_logs)
        _history(network, flow_logs)


def _insert(model: Any, rows: Iterator[Any]) -> None:
    while batch := list(islice(rows, BATCH)):
        model.objects.bulk_create(batch)


def _network(account: Any, region: Any) -> list[Any]:
    from flowlogs.models import (
        Instance,
        NetworkInterface,
        NetworkInterfaceAddress,
        Vpc,
        VpcCidrBlock,
        VSwitch,
    )

    vpcs = [
        Vpc(pk=f"vpc-crowd{number:03}", account=account, region=region, name=f"net-{number:03}")
        for number in range(VPCS)
    ]
    _insert(Vpc, iter(vpcs))
    _insert(
        VpcCidrBlock,
        (VpcCidrBlock(vpc=vpc, cidr=f"10.{n}.0.0/16", is_primary=True) for n, vpc in enumerate(vpcs)),
    )
    places = [(n, m) for n in range(VPCS) for m in range(VSWITCHES)]
    _insert(
        VSwitch,
        (
            VSwitch(
                pk=f"vsw-crowd{n:03}{m}", vpc=vpcs[n], name=f"zone-{m}", cidr_block=f"10.{n}.{16 * m}.0/20"
            )
            for n, m in places
        ),
    )
    numbers = [(n, m, k) for n, m in places for k in range(ENIS)]
    _insert(
        Instance,
        (
            Instance(
                pk=f"i-crowd{n:03}{m}{k:04}",
                vpc=vpcs[n],
                name=f"host-{n}-{m}-{k}",
                instance_type="ecs.g7.large",
            )
            for n, m, k in numbers
        ),
    )
    _insert(
        NetworkInterface,
        (
            NetworkInterface(
                pk=f"eni-crowd{n:03}{m}{k:04}",
                vpc=vpcs[n],
                vswitch_id=f"vsw-crowd{n:03}{m}",
                instance_id=f"i-crowd{n:03}{m}{k:04}",
                name=f"host-{n}-{m}-{k}",
            )
            for n, m, k in numbers
        ),
    )
    _insert(
        NetworkInterfaceAddress,
        (
            NetworkInterfaceAddress(
                network_interface_id=f"eni-crowd{n:03}{m}{k:04}",
                vpc=vpcs[n],
                address=f"10.{n}.{16 * m + (k + 4) // 256}.{(k + 4) % 256}",
            )
            for n, m, k in numbers
        ),
    )
    return vpcs


def _flow_logs(account: Any, vpcs: list[Any]) -> list[Any]:
    from flowlogs.models import FlowLog, Logstore, Project

    region = vpcs[0].region
    project = Project.objects.create(account=account, region=region, name="crowd")
    Logstore.objects.create(project=project, name="flows", analysis_report=True, ttl=7)
    flow_logs = []
    for number in range(FLOW_LOGS):
        vpc, turn = vpcs[number % VPCS], number // VPCS
        kind, resource = [
            ("VPC", vpc.pk),
            ("VSwitch", f"vsw-crowd{number % VPCS:03}{turn % VSWITCHES}"),
            ("NetworkInterface", f"eni-crowd{number % VPCS:03}0{turn:04}"),
        ][0 if turn == 0 else 1 if turn <= VSWITCHES else 2]
        flow_logs.append(
            FlowLog(
                pk=f"fl-crowd{number:04}",
                account=account,
                region=region,
                name=f"log-{number:04}",
                resource_type=kind,
                resource_id=resource,
                vpc=vpc,
                project_name=project.name,
                logstore_name="flows",
                status="Active",
                delivery_status="SUCCESS",
                tags={"team": f"t{number % 7}"},
            )
        )
    _insert(FlowLog, iter(flow_logs))
    return flow_logs


def _coverage(flow_logs: list[Any]) -> None:
    from flowlogs.services import coverage

    for vpc_id in sorted({each.vpc_id for each in flow_logs}):
        coverage.refresh(vpc_id)


def _history(vpcs: list[Any], flow_logs: list[Any]) -> None:
    from flowlogs.models import Closing, Delivery, Usage, Window

    end = int(time.time()) // 600 * 600
    each = WINDOWS // VPCS
    _insert(
        Window,
        (
            Window(vpc=vpc, interval=10, start=end - 600 * (number + 2), closings_made=1, is_final=True)
            for vpc in vpcs
            for number in range(each)
        ),
    )
    windows = list(Window.objects.all())
    _insert(
        Closing,
        (
            Closing(
                window=window,
                number=0,
                state="delivered",
                delivered_at=datetime.fromtimestamp(window.end + 65, UTC),
            )
            for window in windows
        ),
    )
    by_vpc: dict[str, list[Any]] = {}
    for flow_log in flow_logs:
        by_vpc.setdefault(flow_log.vpc_id, []).append(flow_log)
    terms = {
        f"{term}_{unit}": 100 for term in ("scope", "delivered") for unit in ("flows", "packets", "bytes")
    }
    _insert(
        Delivery,
        (
            Delivery(
                flow_log=flow_log,
                closing=closing,
                state="delivered",
                records=100,
                size=20_000,
                delivered_at=closing.delivered_at,
                **terms,
            )
            for closing in Closing.objects.select_related("window")
            for flow_log in by_vpc[closing.window.vpc_id][:TARGETS]
        ),
    )
    hour, day = end // 3600 * 3600, end // 86_400 * 86_400
    spans = [(3600, hour - 3600 * ago) for ago in range(24)] + [
        (86_400, day - 86_400 * ago) for ago in range(DAYS)
    ]
    _insert(
        Usage,
        (
            Usage(
                vpc_id=flow_log.vpc_id,
                flow_log=flow_log,
                span=span,
                start=start,
                records=600,
                size=120_000,
                packets=9_000,
                bytes=900_000,
            )
            for flow_log in flow_logs
            for span, start in spans
        ),
    )


if __name__ == "__main__":
    import os

    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "console.settings")
    django.setup()
    fill()
