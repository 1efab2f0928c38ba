"""The product run by hand: a network in the database, a real collector, the steps that tasks would take."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing as closing_of
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
from django.conf import settings
from django.utils import timezone

from console.models import Account, Region
from flowlogs import closing, delivery, ingest, inventory, reception, services
from flowlogs.collector import status as collector_status
from flowlogs.identifiers import new_id
from flowlogs.models import (
    Collector,
    Exporter,
    FlowLog,
    Instance,
    Logstore,
    NetworkInterface,
    NetworkInterfaceAddress,
    Part,
    Project,
    Vpc,
    VpcCidrBlock,
    VSwitch,
)

ROOT = Path(__file__).resolve().parents[2]
Tuple = tuple[str, str, int, int, int]
"""Source, destination, protocol, source port, destination port."""


class Impatient(AssertionError):
    """Something that a real process should do soon has not happened in time."""


def eventually(condition: Callable[[], object], what: str, within: float = 20.0) -> None:
    """Wait for a real process; give up loudly."""
    deadline = time.monotonic() + within
    while not condition():
        if time.monotonic() > deadline:
            raise Impatient(f"not within {within:g} s: {what}")
        time.sleep(0.05)


def free_port(kind: socket.SocketKind = socket.SOCK_DGRAM) -> int:
    """Return a port of the loopback that nobody uses."""
    with closing_of(socket.socket(socket.AF_INET, kind)) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running_collector(port: int, *, prefix: tuple[str, ...] = ()) -> Iterator[subprocess.Popen[str]]:
    """Run the real collector on the loopback; stopped by a signal, it seals what it has."""
    command = [
        *prefix,
        sys.executable,
        "-m",
        "flowlogs.collector",
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
    ]
    command += ["--spool", str(settings.FLOWLOG_SPOOL), "--id", "test"]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert "receiving" in process.stdout.readline()
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(10)
        process.stdout.close()


def make_network(account: Account, region: Region, cidrs: list[str], addresses: list[list[str]]) -> Vpc:
    """Enter a VPC with one ENI, and its ECS instance, for each list of addresses."""
    vpc = Vpc.objects.create(id=new_id("vpc", region.pk), account=account, region=region, name="lab")
    for number, cidr in enumerate(cidrs):
        VpcCidrBlock.objects.create(vpc=vpc, cidr=cidr, is_primary=number == 0)
    vswitch = VSwitch.objects.create(id=new_id("vsw", region.pk), vpc=vpc, name="lab", cidr_block=cidrs[0])
    for number, own in enumerate(addresses):
        instance = Instance.objects.create(
            id=new_id("i", region.pk), vpc=vpc, name=f"host-{number}", instance_type="ecs.g7.large"
        )
        eni = NetworkInterface.objects.create(
            id=new_id("eni", region.pk), vpc=vpc, vswitch=vswitch, instance=instance, name=f"host-{number}"
        )
        for place, address in enumerate(own):
            kind = "ipv6" if ":" in address else ("primary" if place == 0 else "secondary")
            NetworkInterfaceAddress.objects.create(network_interface=eni, vpc=vpc, address=address, kind=kind)
    return vpc


def make_exporter(vpc: Vpc, address: str = "127.0.0.1") -> Exporter:
    """Enter an exporter that observes the whole VPC."""
    exporter = Exporter.objects.create(id=new_id("exp"), address=address)
    services.bind_exporter(exporter, None, vpc)
    return exporter


def make_flow_log(vpc: Vpc, **values: object) -> FlowLog:
    """Create a flow log of the VPC at 10 minutes, started half an hour ago, with a Logstore of its own."""
    project, _ = Project.objects.get_or_create(account=vpc.account, region=vpc.region, name="lab-logs")
    name = f"store-{Logstore.objects.count()}"
    Logstore.objects.create(project=project, name=name, ttl=300)
    flow_log = services.create_flow_log(
        vpc.account,
        vpc.region,
        None,
        resource_type="VPC",
        resource_id=vpc.pk,
        project_name="lab-logs",
        logstore_name=name,
        interval=10,
        **values,
    )
    services.finish_transition(flow_log.pk)
    earlier = timezone.now().replace(second=0, microsecond=0) - timedelta(minutes=30)
    flow_log.coverage.update(since=earlier)
    for eni in vpc.network_interfaces.all():
        eni.interval_changes.update(since=earlier)
    inventory.record(since=earlier)
    return FlowLog.objects.get(pk=flow_log.pk)


def keep_collector_alive(at: datetime) -> None:
    """Let the collector's last word be of this instant, as its next second would have."""
    (status,) = collector_status.load_all(settings.FLOWLOG_SPOOL)
    seconds = at.timestamp()
    collector_status.save(
        settings.FLOWLOG_SPOOL,
        replace(status, updated=seconds, sealed_through_ns=int(seconds * 1e9), stopped=False),
        durable=False,
    )


def decode_all() -> None:
    """Decode what the collectors have sealed."""
    for collector in reception.collectors():
        while ingest.ingest(collector.pk):
            pass


def close_and_deliver() -> int:
    """Close every window that is due and deliver it; return how many closings were delivered."""
    due: list[int] = []
    closing.sweep(due.append)
    return sum(delivery.deliver(closing_id) for closing_id in due)


def records(logstore_of: FlowLog, columns: str, where: str = "true") -> list[tuple]:
    """Read the records of a flow log with an engine of the test's own."""
    parts = Part.objects.filter(
        logstore__name=logstore_of.logstore_name,
        logstore__project__name=logstore_of.project_name,
        removed_at__isnull=True,
    )
    paths = [str(settings.FLOWLOG_STORE / part.path) for part in parts]
    if not paths:
        return []
    with duckdb.connect() as connection:
        return connection.execute(f"SELECT {columns} FROM read_parquet(?) WHERE {where}", [paths]).fetchall()


def delivered_tuples(flow_log: FlowLog, direction: str) -> Counter[tuple[Tuple, str]]:
    """Return packets and bytes of each 5-tuple in one direction, as ``(tuple, unit) -> sum``."""
    found: Counter[tuple[Tuple, str]] = Counter()
    columns = "srcaddr, dstaddr, protocol, srcport, dstport, packets, bytes"
    for *key, packets, octets in records(
        flow_log, columns, f"direction = '{direction}' AND \"log-status\" = 'OK'"
    ):
        found[tuple(key), "packets"] += packets  # type: ignore[index]
        found[tuple(key), "bytes"] += octets  # type: ignore[index]
    return found


def past_the_late_limit() -> datetime:
    """Return an instant at which every window of now is past its late limit."""
    return datetime.now(UTC) + timedelta(minutes=25)


def collectors_are_idle() -> bool:
    """Tell whether all that was received is decoded."""
    return not any(c.decoded_through < c.sealed_through for c in Collector.objects.all())


def environment(home: Path, **names: str) -> dict[str, str]:
    """Return the environment of a process that works on an installation of its own."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("FLOWLOG_", "DJANGO_"))}
    return kept | {"FLOWLOG_HOME": str(home)} | names
