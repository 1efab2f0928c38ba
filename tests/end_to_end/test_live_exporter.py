"""Real exporters in network namespaces watch real traffic; what was sent is known by construction."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import time_machine
from django.conf import settings

from console.models import Account, Region
from flowlogs import ledger, spool
from flowlogs.models import Collector, Stream
from flowlogs.netflow import Datagram, Sessions, decode
from tests.end_to_end import installation

NEAR, FAR = "10.98.7.1", "10.98.7.2"
DATAGRAMS, PAYLOAD = 40, 100
UDP_HEADERS = 28
PINGS, PING_BYTES = 5, 84
PMACCT = """daemonize: false
pcap_interface: {interface}
plugins: nfprobe
nfprobe_receiver: 127.0.0.1:{port}
nfprobe_version: 10
nfprobe_timeouts: tcp=2:udp=2:icmp=2:general=2:maxlife=5:expint=2
aggregate: src_host,dst_host,src_port,dst_port,proto,tos
"""
TALK = f"""
import socket
near = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
near.bind(("{NEAR}", 40001))
for number in range({DATAGRAMS}):
    near.sendto(bytes({PAYLOAD}), ("{FAR}", 5353))
"""
LISTEN = f"""
import socket
far = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
far.bind(("{FAR}", 5353))
far.settimeout(30)
print("ready", flush=True)
for number in range({DATAGRAMS}):
    far.recv(2000)
"""


def run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)


@pytest.fixture
def namespaces(tool: Callable[[str], str]) -> Iterator[tuple[str, str]]:
    """Two hosts with a wire between them; skipped where the system does not allow that."""
    tool("ip")
    tool("ping")
    here = os.getpid()
    near, far = f"flowlog-a{here}", f"flowlog-b{here}"
    made = subprocess.run(["ip", "netns", "add", near], capture_output=True, text=True)
    if made.returncode:
        pytest.skip(f"network namespaces are not allowed here: {made.stderr.strip()}")
    try:
        run("ip", "netns", "add", far)
        wires = f"fa{here % 100000}", f"fb{here % 100000}"
        run(
            "ip",
            "link",
            "add",
            wires[0],
            "netns",
            near,
            "type",
            "veth",
            "peer",
            "name",
            wires[1],
            "netns",
            far,
        )
        for name, wire, address in ((near, wires[0], NEAR), (far, wires[1], FAR)):
            run("ip", "-n", name, "addr", "add", f"{address}/24", "dev", wire)
            run("ip", "netns", "exec", name, "sysctl", "-qw", f"net.ipv6.conf.{wire}.disable_ipv6=1")
            for link in ("lo", wire):
                run("ip", "-n", name, "link", "set", link, "up")
        yield near, far
    finally:
        for name in (near, far):
            subprocess.run(["ip", "netns", "delete", name], capture_output=True)


@contextmanager
def exporting(namespace: str, command: list[str]) -> Iterator[None]:
    """Run an exporter in a namespace; it is ready when it has opened its packet socket."""
    inside = ["ip", "netns", "exec", namespace]
    process = subprocess.Popen([*inside, *command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def listens() -> bool:
        sockets = subprocess.run(
            [*inside, "cat", "/proc/net/packet"], capture_output=True, text=True, check=True
        )
        return len(sockets.stdout.splitlines()) > 1

    try:
        installation.eventually(listens, f"{command[0]} watches the wire")
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(10)
        finally:
            process.kill()


def talk(near: str, far: str) -> None:
    """Send what the test knows: UDP one way, pings both ways."""
    inside = ["ip", "netns", "exec"]
    listener = subprocess.Popen(
        [*inside, far, sys.executable, "-c", LISTEN], stdout=subprocess.PIPE, text=True
    )
    assert listener.stdout is not None
    assert "ready" in listener.stdout.readline()
    run(*inside, near, sys.executable, "-c", TALK)
    run(*inside, near, "ping", "-q", "-c", str(PINGS), "-i", "0.2", FAR)
    assert listener.wait(30) == 0


def spooled_flows() -> int:
    """Return how many flows lie sealed in the spool."""
    segments = [spool.read(path) for path in spool.list_sealed(settings.FLOWLOG_SPOOL)]
    datagrams = [Datagram(*frame) for segment in segments for frame in segment.datagrams]
    return len(decode(datagrams, Sessions()).flows)


def deliver_everything(account: Account) -> ledger.Ledger:
    installation.decode_all()
    later = installation.past_the_late_limit()
    with time_machine.travel(later):
        installation.keep_collector_alive(later)
        installation.decode_all()
        installation.close_and_deliver()
        return ledger.ledger(account)


@pytest.mark.django_db(transaction=True)
def test_pmacct_watches_a_wire_and_the_records_equal_what_was_sent(
    namespaces: tuple[str, str],
    tool: Callable[[str], str],
    tmp_path: Path,
    home: Path,
    account: Account,
    region: Region,
) -> None:
    near, far = namespaces
    vpc = installation.make_network(account, region, ["10.98.7.0/24"], [[NEAR], [FAR]])
    installation.make_exporter(vpc)
    flow_log = installation.make_flow_log(vpc)
    port = installation.free_port()
    config = tmp_path / "pmacctd.conf"
    config.write_text(PMACCT.format(interface=f"fa{os.getpid() % 100000}", port=port))
    inside = ("ip", "netns", "exec", near)
    with (
        installation.running_collector(port, prefix=inside),
        exporting(near, [tool("pmacctd"), "-f", str(config)]),
    ):
        talk(near, far)
        installation.eventually(lambda: spooled_flows() >= 3, "all three flows are exported", within=30)
    book = deliver_everything(account)

    udp = ((NEAR, FAR, 17, 40001, 5353), DATAGRAMS, DATAGRAMS * (PAYLOAD + UDP_HEADERS))
    pings = [((src, dst, 1, 0, 0), PINGS, PINGS * PING_BYTES) for src, dst in ((NEAR, FAR), (FAR, NEAR))]
    expected = {}
    for key, packets, octets in (udp, *pings):
        expected |= {(key, "packets"): packets, (key, "bytes"): octets}
    for direction in ("in", "out"):
        assert installation.delivered_tuples(flow_log, direction) == expected
    assert book.is_balanced


@pytest.mark.django_db(transaction=True)
def test_softflowd_watches_a_wire_and_nothing_that_it_reports_is_unexplained(
    namespaces: tuple[str, str],
    tool: Callable[[str], str],
    tmp_path: Path,
    home: Path,
    account: Account,
    region: Region,
) -> None:
    # softflowd was seen to miss packets on a live wire: the truth is what it reported
    near, _far = namespaces
    vpc = installation.make_network(account, region, ["10.98.7.0/24"], [[NEAR], [FAR]])
    installation.make_exporter(vpc)
    flow_log = installation.make_flow_log(vpc)
    port = installation.free_port()
    inside = ("ip", "netns", "exec", near)
    timeouts = ["-t", "maxlife=5", "-t", "udp=1", "-t", "icmp=1", "-t", "general=1", "-t", "expint=1"]
    sockets = ["-p", str(tmp_path / "pid"), "-c", str(tmp_path / "ctl")]
    command = [
        tool("softflowd"),
        "-d",
        "-i",
        f"fa{os.getpid() % 100000}",
        "-v",
        "10",
        "-n",
        f"127.0.0.1:{port}",
    ]
    with (
        installation.running_collector(port, prefix=inside),
        exporting(near, [*command, *timeouts, *sockets]),
    ):
        # its packet library hands packets over in blocks: on a quiet wire none would ever be full
        run(*inside, "ping", "-q", "-f", "-c", "6000", "-s", "1200", FAR)
        installation.eventually(lambda: spooled_flows() > 0, "the flows of softflowd")
    book = deliver_everything(account)

    (stream,) = Stream.objects.all()
    assert Collector.objects.get().datagrams == stream.datagrams > 0
    assert stream.flows == stream.attributed_flows > 0
    sums = "coalesce(sum(packets), 0)::BIGINT, coalesce(sum(bytes), 0)::BIGINT"
    ((packets, octets),) = installation.records(flow_log, sums, "direction = 'out'")
    assert (packets, octets) == (stream.packets, stream.bytes)
    assert book.is_balanced
