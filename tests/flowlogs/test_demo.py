"""The demo: traffic that is the same whenever it is asked for, as real IPFIX, with the stories it should tell."""

import signal
import socket
import subprocess
import sys
from ipaddress import ip_address, ip_network
from pathlib import Path

import numpy as np
import pytest
from django.conf import settings
from django.utils import timezone

from console import changes
from console.models import Change, Role
from console.services import DEMO_ACCOUNT, ensure_owner
from flowlogs import demo, inventory, models, spool
from flowlogs.attribute import ACCEPT, FROM_RULES, REJECT, attribute
from flowlogs.demo import exporter as process
from flowlogs.demo import history, install, words
from flowlogs.demo.network import EXPORTERS, HOSTS, NETWORKS
from flowlogs.demo.traffic import CELL_MS, OUTSIDE, PATTERNS, flows_ended
from flowlogs.export import FLOW
from flowlogs.inventory_tables import compile_inventory, interface_key
from flowlogs.netflow import Datagram, Sessions, decode

ROOT = Path(__file__).resolve().parents[2]
HOUR_MS = 3_600_000
START_MS = 1_760_000_400_000
COMPARED = [name for name in FLOW.names if name != "firewall_event"]


def rows_of(columns, names=COMPARED) -> list[tuple[int, ...]]:
    taken = [columns[name] if isinstance(columns, np.ndarray) else getattr(columns, name) for name in names]
    return sorted(zip(*[column.tolist() for column in taken], strict=True))


@pytest.mark.parametrize("exporter", EXPORTERS)
def test_traffic_does_not_depend_on_how_it_is_asked_for(exporter):
    end_ms = START_MS + 2 * CELL_MS
    whole = flows_ended(exporter, START_MS, end_ms)
    pieces = [flows_ended(exporter, at, min(at + 7_321, end_ms)) for at in range(START_MS, end_ms, 7_321)]
    assert (np.concatenate(pieces) == whole).all()
    assert (whole["start_ms"] <= whole["end_ms"]).all()
    assert (np.diff(whole["end_ms"]) >= 0).all()


def test_a_day_of_history_has_the_size_it_should():
    counts = [
        sum(len(flows_ended(exporter, at, at + 600_000, covered_only=True)) for exporter in EXPORTERS)
        for at in range(START_MS, START_MS + 24 * HOUR_MS, 600_000)
    ]
    assert 100_000 < sum(counts) < 200_000
    assert min(counts) > 300
    assert max(counts) < 2_500


def test_no_address_is_anybodys():
    ours = {
        ip_address(address) for host in HOSTS.values() for address in (host.address, host.ipv6) if address
    }
    blocks = [ip_network(block) for block, _count, _skew in OUTSIDE.values()]
    for exporter in EXPORTERS:
        flows = flows_ended(exporter, START_MS, START_MS + HOUR_MS)
        for side in ("src", "dst"):
            pairs = np.unique(flows[["family", f"{side}_hi", f"{side}_lo"]])
            for family, high, low in pairs.tolist():
                address = ip_address((high << 64 | low).to_bytes(16 if family == 6 else 4, "big"))
                assert address in ours or any(address in block for block in blocks)


def test_every_host_of_a_pattern_exists_and_one_host_is_silent():
    named = {name for pattern in PATTERNS for name in (*pattern.clients, *pattern.servers)}
    assert named - set(HOSTS) <= set(OUTSIDE)
    assert set(HOSTS) - named == {"standby-1"}


def test_the_exporter_sends_what_ended_as_ipfix_from_its_own_address():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.setblocking(False)
        sender = process.DemoExporter("127.0.0.2", receiver.getsockname(), START_MS)
        assert sender.export(START_MS + 20_000) + sender.export(START_MS + 40_000) > 10
        received = []
        while True:
            try:
                payload, source = receiver.recvfrom(65_535)
            except BlockingIOError:
                break
            received.append(Datagram(START_MS * 10**6, spool.packed_address(source[0]), source[1], payload))
        sender.close()
    decoded = decode(received, Sessions())
    assert rows_of(decoded.flows) == rows_of(flows_ended("127.0.0.2", START_MS, START_MS + 40_000))
    assert [(key.address, key.version) for key in decoded.streams] == [("127.0.0.2", 10)]
    assert decoded.losses == []


@pytest.mark.parametrize("later_ms", [HOUR_MS, -HOUR_MS], ids=["after a long sleep", "clock set back"])
def test_the_exporter_makes_nothing_up_when_the_clock_jumps(later_ms):
    sender = process.DemoExporter("127.0.0.2", ("127.0.0.1", 9), START_MS)
    assert sender.export(START_MS + later_ms) == 0
    sender.close()


def test_the_exporter_process_stops_when_asked():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(20)
        target = ":".join(map(str, receiver.getsockname()))
        running = subprocess.Popen(
            [sys.executable, "-m", "flowlogs.demo.exporter", "--every=0.1", f"--to={target}"],
            cwd=ROOT,
        )
        try:
            source = receiver.recvfrom(65_535)[1]
            running.send_signal(signal.SIGTERM)
            assert running.wait(10) == 0
        finally:
            running.kill()
    assert source[0] in EXPORTERS


@pytest.mark.parametrize("target", ["nowhere", "127.0.0.1:0", "127.0.0.1:70000"])
def test_a_wrong_target_is_refused(target, capsys):
    with pytest.raises(SystemExit):
        process.parse([f"--to={target}"])
    assert "is not HOST:PORT" in capsys.readouterr().err


def test_history_is_the_same_traffic_with_the_receipt_times_it_would_have_had(tmp_path):
    end_ms = START_MS + HOUR_MS + 12_345
    spool.write_segment(tmp_path, history.COLLECTOR, 77, [(1, bytes(16), 1, b"left by an earlier attempt")])
    count = history.write(tmp_path, START_MS, end_ms)
    received = [row for path in spool.list_sealed(tmp_path) for row in spool.read(path).datagrams]
    assert len(received) == count
    times = [row[0] for row in received]
    assert times == sorted(times)
    assert START_MS * 10**6 < times[0] <= times[-1] < (end_ms + 1) * 10**6
    decoded = decode([Datagram(*row) for row in received], Sessions())
    assert decoded.losses == []
    expected = np.concatenate(
        [flows_ended(address, START_MS, end_ms, covered_only=True) for address in EXPORTERS]
    )
    assert rows_of(decoded.flows) == rows_of(expected)
    assert (decoded.flows.received_ms >= decoded.flows.end_ms).all()
    assert (decoded.flows.received_ms - decoded.flows.end_ms <= 60_001).all()


@pytest.fixture
def installed(db, monkeypatch, tmp_path, settings):
    settings.FLOWLOG_SPOOL = tmp_path
    monkeypatch.setattr(install, "DAY", 7_200)
    ensure_owner("demo", DEMO_ACCOUNT, "Demo", is_demo=True)
    assert demo.ensure()


def test_everything_is_there_once_and_labelled(installed, django_assert_max_num_queries):
    hosts = sum(len(network.hosts) for network in NETWORKS)
    assert models.NetworkInterface.objects.count() == hosts == 22
    assert set(models.Vpc.objects.values_list("region", flat=True)) == {"cn-hangzhou", "ap-southeast-1"}
    for model in (models.Vpc, models.Exporter, models.FlowLog):
        assert set(model.objects.values_list("is_demo", flat=True)) == {True}
    assert set(models.FlowLog.objects.values_list("status", flat=True)) == {"Active"}
    assert Role.objects.filter(account=DEMO_ACCOUNT).exists()
    with django_assert_max_num_queries(1):
        assert not demo.ensure()
    assert models.NetworkInterface.objects.count() == hosts


def test_flow_logs_seem_to_have_run_all_the_time_that_history_speaks_of(installed):
    collector = models.Collector.objects.get(pk=history.COLLECTOR)
    assert collector.is_history
    start = collector.decoded_through // 1000
    assert start % 600 == 0
    assert {int(row.since.timestamp()) for row in models.Coverage.objects.all()} == {start}
    assert {(int(row.since.timestamp()), row.interval) for row in models.IntervalChange.objects.all()} == {
        (start, 10)
    }
    assert inventory.in_force(collector.decoded_through).since == start * 1000
    received = [
        row[0] // 10**6
        for path in spool.list_sealed(settings.FLOWLOG_SPOOL)
        for row in spool.read(path).datagrams
    ]
    assert collector.decoded_through < min(received) <= max(received) <= collector.sealed_through


def test_what_was_made_and_its_change_history_tell_the_same_date(installed):
    start = models.Collector.objects.get(pk=history.COLLECTOR).decoded_through // 1000
    noted = Change.objects.filter(account=DEMO_ACCOUNT)
    for model in (models.FlowLog, models.Vpc, models.NetworkInterface, models.Project, models.Logstore):
        made = set(model.objects.values_list("created_at", flat=True))
        assert {int(at.timestamp()) for at in made} == {start}, model
    flow_logs = models.FlowLog.objects.values_list("pk", flat=True)
    assert set(flow_logs) <= set(noted.values_list("resource_id", flat=True))
    assert {int(at.timestamp()) for at in noted.values_list("at", flat=True)} == {start}


def test_changes_from_before_the_demo_keep_their_date(db, monkeypatch, tmp_path, settings):
    settings.FLOWLOG_SPOOL = tmp_path
    monkeypatch.setattr(install, "DAY", 7_200)
    owner, _created = ensure_owner("demo", DEMO_ACCOUNT, "Demo", is_demo=True)
    changes.note("ram:Test", "User", "own", by=owner, account_id=DEMO_ACCOUNT)
    before = Change.objects.get(resource_id="own").at
    assert demo.ensure()
    assert Change.objects.get(resource_id="own").at == before


def test_an_inventory_of_the_users_own_is_not_rewritten(db, monkeypatch, tmp_path, settings, account, region):
    settings.FLOWLOG_SPOOL = tmp_path
    models.Vpc.objects.create(id="vpc-own", account=account, region=region)
    switch = models.VSwitch.objects.create(id="vsw-own", vpc_id="vpc-own", cidr_block="10.0.0.0/24")
    models.NetworkInterface.objects.create(id="eni-own", vpc_id="vpc-own", vswitch=switch)
    known = inventory.record(since=timezone.now())
    ensure_owner("demo", DEMO_ACCOUNT, "Demo", is_demo=True)
    assert demo.ensure()
    assert models.Collector.objects.get(pk=history.COLLECTOR).decoded_through >= known.since - 1_000
    assert models.InventoryVersion.objects.filter(pk=known.pk).exists()


def test_the_stories_come_out_as_they_should(installed):
    received = [
        Datagram(*row)
        for path in spool.list_sealed(settings.FLOWLOG_SPOOL)
        for row in spool.read(path).datagrams
    ]
    decoded = decode(received, Sessions())
    tables = compile_inventory(inventory.content())
    attributed = attribute(decoded.flows, decoded.streams, tables)
    assert attributed.strays == []
    samples = attributed.samples
    enis = dict(models.NetworkInterface.objects.values_list("name", "pk"))

    def chosen(host: str, direction: int, port: int, **equal: int) -> np.ndarray:
        mask = (samples["eni"] == interface_key(enis[host])) & (samples["direction"] == direction)
        mask &= samples["dstport"] == port
        for name, value in equal.items():
            mask &= samples[name] == value
        assert mask.any(), (host, direction, port)
        return mask

    inward, outward = 0, 1
    stories = [
        ("customers reach the shop", chosen("web-1", inward, 443, family=4), ACCEPT, 13),
        ("over IPv6 too", chosen("web-2", inward, 443, family=6), ACCEPT, 14),
        ("scans for SSH are refused", chosen("web-1", inward, 22, tcp_flags=2, path=13), REJECT, 13),
        ("also at the bastion", chosen("bastion", inward, 22, tcp_flags=2), REJECT, 13),
        ("the API reaches the database", chosen("db-1", inward, 3306, path=2, tcp_flags=27), ACCEPT, 2),
        ("a forgotten job does not", chosen("db-1", inward, 3306, tcp_flags=2), REJECT, 2),
        ("though it may leave its host", chosen("web-2", outward, 3306), ACCEPT, 2),
        ("mail may not", chosen("web-3", outward, 25), REJECT, 13),
        ("payments go through NAT", chosen("app-1", outward, 443), ACCEPT, 7),
        ("the replica comes by VPN", chosen("db-1", inward, 3306, path=9), ACCEPT, 9),
        ("names of others are the provider's", chosen("dns-1", outward, 53), ACCEPT, 5),
    ]
    for story, mask, action, path in stories:
        assert set(samples["action"][mask].tolist()) == {action}, story
        assert set(samples["path"][mask].tolist()) == {path}, story
        assert set(samples["source"][mask].tolist()) == {FROM_RULES}, story
    answers = samples["action"][(samples["srcport"] == 443) & (samples["tcp_flags"] == 27)]
    assert set(answers.tolist()) == {ACCEPT}


def test_only_descriptions_of_the_demo_are_put_into_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(words, "gettext", str.upper)
    assert words.shown("Demo: all traffic in Singapore") == "DEMO: ALL TRAFFIC IN SINGAPORE"
    assert words.shown("my own network") == "my own network"
    assert words.shown("") == ""
