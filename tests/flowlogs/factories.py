"""A small network that is captured for real: datagrams, spool, engine, database; only the clock is moved by hand.

Two vSwitches, three network interfaces, an exporter that observes the VPC, a flow log at 10 minutes, a Logstore.
"""

from collections import Counter, defaultdict
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path

import duckdb
import numpy as np
import time_machine
from django.conf import settings
from django.db.models import Sum

from console.models import Account, Region
from flowlogs import closing, delivery, ingest, inventory, ledger, reception, services, spool
from flowlogs.collector import status as collector_status
from flowlogs.collector.status import Status
from flowlogs.export import FLOW, IpfixEncoder
from flowlogs.inventory_tables import interface_key
from flowlogs.models import (
    Closing,
    Exporter,
    FlowLog,
    Instance,
    Logstore,
    NetworkInterface,
    NetworkInterfaceAddress,
    Part,
    Project,
    SampleSlice,
    SecurityGroup,
    SecurityGroupRule,
    Stream,
    Vpc,
    VpcCidrBlock,
    VSwitch,
)
from flowlogs.netflow import StreamKey
from flowlogs.record import FIELD_NAMES, TIME
from flowlogs.services import coverage
from flowlogs.store import catalogue

from .test_attribute import Flow, plain

START = 1_760_000_400
"""Unix second at which a window of every interval starts; the network exists a minute before."""

EXPORTER = "192.0.2.1"
PORT = 40_000
LATENESS, LATE_LIMIT = 60, 600
RECORD = tuple[object, ...]


@dataclass
class Receiver:
    """A collector's side: what it has received and not sealed yet, and what it says about itself."""

    status: Status
    encoders: dict[str, IpfixEncoder] = field(default_factory=dict)
    pending: list[spool.Datagram] = field(default_factory=list)


class Lab:
    """The network, its clock, and the steps of the pipeline."""

    def __init__(self, account: Account, region: Region, clock: time_machine.Traveller) -> None:
        self.clock = clock
        self.receivers: dict[str, Receiver] = {}
        self.sent: list[Flow] = []
        settings.FLOWLOG_SPOOL.mkdir(parents=True, exist_ok=True)
        self.account, self.region = account, region
        self.move(START - 60)
        self.vpc = Vpc.objects.create(pk="vpc-1", account=account, region=region)
        VpcCidrBlock.objects.create(vpc=self.vpc, cidr="10.0.0.0/16", is_primary=True)
        for number in (1, 2):
            VSwitch.objects.create(pk=f"vsw-{number}", vpc=self.vpc, cidr_block=f"10.0.{number}.0/24")
        group = SecurityGroup.objects.create(pk="sg-1", vpc=self.vpc, inner_access=False)
        SecurityGroupRule.objects.create(
            security_group=group,
            direction="ingress",
            protocol="tcp",
            port_from=443,
            port_to=443,
            cidr="0.0.0.0/0",
        )
        self.interface("eni-a", "vsw-1", "10.0.1.1", groups=[group])
        self.interface("eni-b", "vsw-1", "10.0.1.2")
        self.interface("eni-c", "vsw-2", "10.0.2.1")
        self.project = Project.objects.create(account=account, region=region, name="logs")
        self.exporter = Exporter.objects.create(pk="exp-1", address=EXPORTER)
        services.bind_exporter(self.exporter, None, self.vpc)
        self.receiver("c1")

    def interface(
        self,
        name: str,
        vswitch: str,
        address: str,
        groups: tuple[SecurityGroup, ...] | list[SecurityGroup] = (),
    ) -> NetworkInterface:
        """Add a network interface with an ECS instance."""
        instance = Instance.objects.create(
            pk=name.replace("eni", "i"), vpc=self.vpc, instance_type="ecs.g7.large"
        )
        interface = NetworkInterface.objects.create(
            pk=name, vpc=self.vpc, vswitch_id=vswitch, instance=instance, name=name
        )
        NetworkInterfaceAddress.objects.create(network_interface=interface, vpc=self.vpc, address=address)
        interface.security_groups.set(groups)
        return interface

    def flow_log(self, logstore: str = "flows", **values: object) -> FlowLog:
        """Start a flow log of the VPC now, at 10 minutes unless told otherwise."""
        Logstore.objects.get_or_create(project=self.project, name=logstore)
        given = {
            "resource_type": "VPC",
            "resource_id": "vpc-1",
            "project_name": "logs",
            "logstore_name": logstore,
        }
        flow_log = services.create_flow_log(self.account, self.region, None, **{**given, **values})
        return self.settle(flow_log)

    def settle(self, flow_log: FlowLog) -> FlowLog:
        """Finish the transition that a flow log is in, as its task would."""
        services.finish_transition(flow_log.pk)
        inventory.record()
        return FlowLog.objects.get(pk=flow_log.pk)

    def cover(self) -> None:
        """Refresh coverage and inventory, as the signals do on commit."""
        coverage.refresh(self.vpc)
        inventory.record()

    @property
    def spool(self) -> Path:
        return settings.FLOWLOG_SPOOL

    @property
    def store(self) -> Path:
        return settings.FLOWLOG_STORE

    # ---- the clock and the collectors ---------------------------------------------------------------

    @property
    def now(self) -> float:
        return datetime.now(UTC).timestamp()

    def move(self, at: float) -> None:
        """Set the clock; collectors that are running say so."""
        self.clock.move_to(datetime.fromtimestamp(at, UTC), tick=False)
        for name, receiver in self.receivers.items():
            if not receiver.status.stopped:
                self.tell(name)

    def receiver(self, name: str) -> Receiver:
        """Add a running collector."""
        status = Status(
            id=name, pid=1, started=self.now, updated=self.now, sealed_through_ns=int(self.now * 1e9),
            host="127.0.0.1", port=4739, receive_buffer=1,
        )  # fmt: skip
        self.receivers[name] = Receiver(status)
        self.tell(name)
        return self.receivers[name]

    def tell(self, name: str, **values: object) -> None:
        """Have a collector seal what it has and say so now; ``values`` change what it says."""
        receiver = self.receivers[name]
        if receiver.pending:
            number = receiver.status.next_segment
            spool.write_segment(settings.FLOWLOG_SPOOL, name, number, receiver.pending)
            receiver.pending = []
            receiver.status = replace(receiver.status, next_segment=number + 1)
        said = {"updated": self.now, "sealed_through_ns": int(self.now * 1e9), **values}
        receiver.status = replace(receiver.status, **said)  # type: ignore[arg-type]
        collector_status.save(settings.FLOWLOG_SPOOL, receiver.status, durable=False)

    def lose(self, name: str, reason: str, count: int = 1, seconds: float = 0) -> None:
        """Have a collector report a loss of the last ``seconds``."""
        losses = self.receivers[name].status.losses
        now = int(self.now * 1e9)
        lost = collector_status.Loss(len(losses) + 1, now - int(seconds * 1e9), now, count, reason)
        self.tell(name, losses=(*losses, lost))

    def stop(self, name: str) -> None:
        """Stop a collector."""
        self.tell(name, stopped=True)

    def restart(self, name: str) -> None:
        """Start it again; it reports the time when nobody received."""
        away = self.now - self.receivers[name].status.updated
        self.tell(name, stopped=False, started=self.now)
        self.lose(name, collector_status.DOWN, count=0, seconds=away)

    def known(self, name: str) -> str:
        """Make sure that a collector is in the database and return its id."""
        reception.collectors()
        return name

    # ---- traffic ------------------------------------------------------------------------------------

    def send(self, *flows: Flow, collector: str = "c1", exporter: str = EXPORTER, lost: bool = False) -> None:
        """Have an exporter send flows, which are received now, or are lost on the way."""
        received = int(self.now * 1000)
        encoder = self.receivers[collector].encoders.setdefault(exporter, IpfixEncoder())
        rows = np.concatenate([_row(flow) for flow in flows])
        for datagram in encoder.encode(rows, received / 1000):
            if not lost:
                packet = (received * 1_000_000, spool.packed_address(exporter), PORT, datagram)
                self.receivers[collector].pending.append(packet)
        if not lost and exporter == EXPORTER:
            seen = {"received_ms": received, "export_ms": received // 1000 * 1000}
            self.sent += [replace(flow, **seen) for flow in flows]

    # ---- the pipeline -------------------------------------------------------------------------------

    def decode(self) -> int:
        """Have running collectors seal, and decode it all; return how many datagrams that were."""
        for name, receiver in self.receivers.items():
            if receiver.pending and not receiver.status.stopped:
                self.tell(name)
        decoded = 0
        for collector in reception.collectors():
            while datagrams := ingest.ingest(collector.pk):
                decoded += datagrams
        return decoded

    def sweep(self) -> list[int]:
        """Decode, make the closings that are due, and return those that want delivery."""
        self.decode()
        due: list[int] = []
        closing.sweep(due.append)
        return due

    def work(self) -> int:
        """Do once what the tasks do: decode, close, deliver; return how many closings were delivered."""
        return sum(delivery.deliver(closing_id) for closing_id in self.sweep())

    def work_until(self, at: float, step: float = 20) -> None:
        """Let time pass in steps, as the periodic tasks see it."""
        while self.now < at:
            self.move(min(self.now + step, at))
            self.work()

    def finish(self, start: int = START, interval: int = 10) -> None:
        """Let time pass until the window that starts then is closed for good, and deliver everything."""
        self.work_until(max(start + interval * 60 + LATE_LIMIT + 1, self.now + 1), step=60)
        while self.work():
            pass

    def keep_house(self) -> None:
        """Compact, expire and clean up, as the periodic task does."""
        now = int(self.now)
        catalogue.expire(now)
        catalogue.remove_hidden()
        catalogue.remove_used_samples()
        for logstore, hour in catalogue.due_for_compaction(now):
            catalogue.compact(logstore, hour)

    # ---- what came of it ----------------------------------------------------------------------------

    def parts(self, logstore: str = "flows") -> list[Path]:
        """Return the files that a Logstore lists."""
        parts = Part.objects.filter(logstore__name=logstore, removed_at__isnull=True).order_by("pk")
        return [settings.FLOWLOG_STORE / part.path for part in parts]

    def rows(self, logstore: str = "flows") -> list[dict]:
        """Return all that a Logstore holds."""
        paths = [str(path) for path in self.parts(logstore)]
        if not paths:
            return []
        with duckdb.connect() as connection:
            found = connection.execute("SELECT * FROM read_parquet(?)", [paths])
            names = [column[0] for column in found.description]
            return [dict(zip(names, row, strict=True)) for row in found.fetchall()]

    def records(self, logstore: str = "flows") -> Counter[RECORD]:
        """Return the OK records of a Logstore as a multiset."""
        return Counter(
            tuple(row[name] for name in (*FIELD_NAMES, TIME))
            for row in self.rows(logstore)
            if row["log-status"] == "OK"
        )

    def markers(self, logstore: str = "flows") -> list[tuple[str, str, int, int]]:
        """Return the NODATA and SKIPDATA records: interface, status, start and end relative to START."""
        return sorted(
            (row["eni-id"], row["log-status"], row["start"] - START, row["end"] - START)
            for row in self.rows(logstore)
            if row["log-status"] != "OK"
        )

    def assert_balanced(self, flow_log: FlowLog | None = None, **expected: int) -> None:
        """Hold the ledger to account: nothing unexplained, and what was attributed is what flow logs have.

        ``expected`` gives flows of single terms of the flow log.
        """
        book = ledger.ledger(self.account)
        assert book.is_balanced
        for line in book.exporters:
            assert line.decoded == line.attributed + line.unattributed
        samples = Stream.objects.aggregate(sum=Sum("samples"))["sum"] or 0
        kept = SampleSlice.objects.aggregate(sum=Sum("flows"))["sum"] or 0
        assert kept <= samples
        if flow_log is None:
            return
        (line,) = [line for line in book.flow_logs if line.flow_log == flow_log]
        assert line.scope == line.delivered + line.filtered + line.late + line.quarantined + line.open
        found = {term: getattr(line, term).flows for term in expected if term != "scope"}
        found |= {"scope": line.scope.flows} if "scope" in expected else {}
        assert found == expected

    def assert_nothing_pending(self) -> None:
        """Every closing is delivered and no sample waits."""
        assert not Closing.objects.exclude(state=Closing.State.DELIVERED).exists()
        assert not SampleSlice.objects.filter(closing__isnull=True).exists()


def flow(src: str = "10.0.1.1", dst: str = "198.51.100.9", at: float = START + 30, **values: int) -> Flow:
    """One flow whose last packet was at a Unix second."""
    end = int(at * 1000)
    return Flow(src=src, dst=dst, **{"start_ms": end - 3000, "end_ms": end, **values})


def _row(sent: Flow) -> np.ndarray:
    row = np.zeros(1, FLOW)
    row["family"] = ip_address(sent.src).version
    for side in ("src", "dst"):
        address = int(ip_address(getattr(sent, side)))
        row[f"{side}_hi"], row[f"{side}_lo"] = address >> 64, address & 2**64 - 1
    for name in FLOW.names:
        if hasattr(sent, name):
            row[name] = getattr(sent, name)
    return row


GROUP = (
    "eni",
    "window",
    "interval",
    "direction",
    "family",
    "src",
    "dst",
    "protocol",
    "srcport",
    "dstport",
    "action",
    "path",
)


SAME = (
    "eni-id",
    "srcaddr",
    "dstaddr",
    "srcport",
    "dstport",
    "protocol",
    "direction",
    "action",
    "traffic_path",
)


def truth(flows: list[Flow], takes: object = None, only: set[str] | None = None) -> Counter[RECORD]:
    """Return the records that these flows should become, by the plain reading; all flows are of one stream.

    ``takes`` says of a sample whether the flow log wants it, ``only`` names the interfaces that it covers.
    """
    interfaces = {interface_key(eni.pk): eni for eni in NetworkInterface.objects.select_related("vpc")}
    groups: dict[tuple, list[dict]] = defaultdict(list)
    streams = [StreamKey(EXPORTER, PORT, 1, 10)]
    for sample in plain(flows, streams, inventory.content()).samples:
        if only is not None and interfaces[sample["eni"]].pk not in only:
            continue
        if takes is None or takes(sample):  # type: ignore[operator]
            groups[tuple(sample[name] for name in GROUP)].append(sample)
    return Counter(
        _record(dict(zip(GROUP, key, strict=True)), rows, interfaces) for key, rows in groups.items()
    )


def summed(records: Counter[RECORD]) -> Counter[tuple]:
    """Return packets and bytes by whose flow it is: the same however many closings the records came in."""
    sums: Counter[tuple] = Counter()
    same = [FIELD_NAMES.index(name) for name in SAME]
    for record, count in records.items():
        for unit in ("packets", "bytes"):
            sums[(*(record[place] for place in same), unit)] += count * record[FIELD_NAMES.index(unit)]  # type: ignore[operator]
    return sums


def _record(group: dict, rows: list[dict], interfaces: dict[int, NetworkInterface]) -> RECORD:
    interface = interfaces[group["eni"]]
    flags = 0
    for row in rows:
        flags |= row["tcp_flags"]
    start = min(row["start"] for row in rows)
    values = {
        "version": 1, "account-id": interface.vpc.account_id, "eni-id": interface.pk, "vm-id": interface.instance_id,
        "vswitch-id": interface.vswitch_id, "vpc-id": interface.vpc_id, "type": f"IPv{group['family']}",
        "protocol": group["protocol"], "srcaddr": group["src"], "srcport": group["srcport"],
        "dstaddr": group["dst"], "dstport": group["dstport"], "direction": ("in", "out")[group["direction"]],
        "action": ("REJECT", "ACCEPT")[group["action"]], "packets": sum(row["packets"] for row in rows),
        "bytes": sum(row["bytes"] for row in rows), "start": start, "end": max(row["end"] for row in rows),
        "tcp-flags": flags, "log-status": "OK", "traffic_path": group["path"], TIME: start,
    }  # fmt: skip
    return tuple(values[name] for name in (*FIELD_NAMES, TIME))
