"""A big account for measuring pages: 1 000 flow logs, 100 000 ENIs, 10 000 windows, what they delivered, records.

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
HOURS = 5
"""How many hours, the running one among them, have records."""
RECORDS = 1_800
"""How many records each of these hours has."""
SMALL = 60
"""How many security groups, network ACLs and gateways, and how many RAM users, there are."""


def fill() -> None:
    """Insert the big account's network, flow logs, windows, deliveries and usage, as services would have left them."""
    from django.db import transaction
    from django.utils import timezone

    from console import tasks
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
        _small(account, network)
        _records(account)
    # as the console does by itself every so often: the database plans by what it then knows
    tasks.tune_database()


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
    from flowlogs.fees import Month
    from flowlogs.models import Closing, Delivery, Usage, Window
    from flowlogs.models.usage import DAY, HOUR, MONTH

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
    hour, day = end // HOUR * HOUR, end // DAY * DAY
    spans = [(HOUR, hour - HOUR * ago) for ago in range(24)]
    spans += [(DAY, day - DAY * ago) for ago in range(DAYS)]
    spans += sorted({(MONTH, Month.of(start).start) for span, start in spans if span == DAY})
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


def _small(account: Any, vpcs: list[Any]) -> None:
    """Insert a full page or more of what there are few of: groups, ACLs, gateways with routes, RAM users."""
    from console.models import User
    from flowlogs.models import Gateway, NetworkAcl, RouteEntry, SecurityGroup

    numbers = [(number, vpcs[number % VPCS]) for number in range(SMALL)]
    _insert(
        SecurityGroup, (SecurityGroup(pk=f"sg-crowd{n:03}", vpc=vpc, name=f"group-{n}") for n, vpc in numbers)
    )
    _insert(NetworkAcl, (NetworkAcl(pk=f"nacl-crowd{n:03}", vpc=vpc, name=f"acl-{n}") for n, vpc in numbers))
    gateways = [
        Gateway(pk=f"ngw-crowd{n:03}", vpc=vpc, name=f"gateway-{n}", kind="nat") for n, vpc in numbers
    ]
    _insert(Gateway, iter(gateways))
    _insert(
        RouteEntry,
        (
            RouteEntry(vpc=each.vpc, destination=f"172.16.{n}.0/24", gateway=each)
            for n, each in enumerate(gateways)
        ),
    )
    _insert(User, (User(username=f"ram-{n:03}", account=account) for n in range(SMALL)))


def _records(account: Any) -> None:
    """Write records into the Logstore, every minute of the last hours, as delivery would."""
    import duckdb
    from django.conf import settings

    from flowlogs.models import Logstore, Part
    from flowlogs.record import FIELDS, TIME

    logstore = Logstore.objects.get(project__account=account, name="flows")
    last = int(time.time()) // 3600 * 3600
    known = {
        "version": "1",
        "account-id": f"'{account.pk}'",
        "eni-id": "format('eni-crowd0000{:04d}', n % 1000)",
        "vm-id": "format('i-crowd0000{:04d}', n % 1000)",
        "vswitch-id": "'vsw-crowd0000'",
        "vpc-id": "'vpc-crowd000'",
        "type": "'IPv4'",
        "protocol": "6",
        "srcaddr": "format('10.0.{:d}.{:d}', n % 16, n % 250)",
        "srcport": "32768 + n",
        "dstaddr": "format('192.168.0.{:d}', n % 99)",
        "dstport": "443",
        "direction": "CASE n % 2 WHEN 0 THEN 'in' ELSE 'out' END",
        "action": "CASE n % 9 WHEN 0 THEN 'REJECT' ELSE 'ACCEPT' END",
        "packets": "12 + n",
        "bytes": "5300 + 40 * n",
        "start": "hour + 2 * n",
        "end": "hour + 2 * n + 30",
        "tcp-flags": "18",
        "log-status": "'OK'",
        "traffic_path": "2",
    }
    columns = [
        f'CAST({known.get(field.name, "NULL")} AS {"BIGINT" if field.type == "long" else "VARCHAR"}) AS "{field.name}"'
        for field in FIELDS
    ]
    for hour in range(last - (HOURS - 1) * 3600, last + 1, 3600):
        name = f"parts/{logstore.pk}/crowd-{hour}.parquet"
        path = settings.FLOWLOG_STORE / name
        path.parent.mkdir(parents=True, exist_ok=True)
        duckdb.execute(
            f'COPY (SELECT {", ".join(columns)}, CAST(hour + 2 * n AS BIGINT) AS "{TIME}" '
            f"FROM (SELECT {hour} AS hour, range AS n FROM range({RECORDS}))) TO '{path}' (FORMAT parquet)"
        )
        Part.objects.create(
            logstore=logstore,
            path=name,
            hour=hour,
            rows=RECORDS,
            size=path.stat().st_size,
            min_time=hour,
            max_time=hour + 2 * RECORDS - 2,
        )


if __name__ == "__main__":
    import os

    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "console.settings")
    django.setup()
    fill()
