"""``decode`` and ``replay``: what they print, send, and how they end."""

import csv
import io
import json
import socket
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from flowlogs.netflow import Datagram, Sessions, decode
from flowlogs.record import FIELD_NAMES

from .netflow.messages import ip, ipfix, ipfix_template_set, number, set_, v5, v5_record
from .netflow.test_samples import LIVE, OFFLINE, captured, truth
from .test_pcap import ethernet, ipv4, pcap, udp

ROOT = Path(__file__).parents[2]
SAMPLES = ROOT / "tests" / "samples"


def run(*arguments: str) -> tuple[str, str]:
    out, err = io.StringIO(), io.StringIO()
    call_command("decode", *arguments, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


def manage(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "manage.py", *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )


def capture_of(path: Path, *payloads: bytes) -> str:
    path.write_bytes(pcap(*(ethernet(ipv4(udp(payload))) for payload in payloads)))
    return str(path)


def totals(rows: list[dict]) -> dict[tuple, tuple[int, int]]:
    packets, octets = Counter(), Counter()
    for row in rows:
        key = (
            row["srcaddr"],
            row["dstaddr"],
            *(int(row[name]) for name in ("protocol", "srcport", "dstport")),
        )
        packets[key] += int(row["packets"])
        octets[key] += int(row["bytes"])
    return {key: (packets[key], octets[key]) for key in packets}


@pytest.mark.parametrize("port", [2056, 4739, 4740, 4741])
@pytest.mark.parametrize("format_", ["csv", "json"])
def test_every_tuple_is_printed_with_its_packets_and_bytes(port, format_):
    out, _ = run(str(SAMPLES / OFFLINE), "--port", str(port), "--format", format_)
    rows = (
        list(csv.DictReader(io.StringIO(out)))
        if format_ == "csv"
        else [json.loads(line) for line in out.splitlines()]
    )
    assert totals(rows) == truth(4, 6)
    assert all(tuple(row) == FIELD_NAMES for row in rows)


def test_a_json_line_has_numbers_where_the_field_table_has_them():
    out, _ = run(str(SAMPLES / OFFLINE), "--port", "4739", "--format", "json")
    row = next(row for row in map(json.loads, out.splitlines()) if row["srcport"] == 43754)
    assert row == {
        "version": 1, "account-id": "-", "eni-id": "-", "vm-id": "-", "vswitch-id": "-", "vpc-id": "-", "type": "IPv4",
        "protocol": 6, "srcaddr": "10.77.1.2", "srcport": 43754, "dstaddr": "10.77.2.2", "dstport": 8080,
        "direction": "-", "action": "-", "packets": 25, "bytes": 1394, "start": 1795235304, "end": 1795235304,
        "tcp-flags": 27, "log-status": "-", "traffic_path": "-",
    }  # fmt: skip


def test_the_action_is_what_the_exporter_states(tmp_path):
    fields = [(8, 4), (12, 4), (2, 4), (233, 1), (89, 1)]
    told = [(3, 0), (1, 0), (0, 0x40), (0, 0x82), (0, 0xC0), (3, 0x40), (0, 0)]
    records = b"".join(ip("10.0.0.1") + ip("10.0.0.2") + number(1, 4) + bytes(each) for each in told)
    path = capture_of(tmp_path / "c.pcap", ipfix(ipfix_template_set(256, fields), set_(256, records)))
    out, _ = run(path, "--format", "json")
    actions = [json.loads(line)["action"] for line in out.splitlines()]
    assert actions == ["REJECT", "ACCEPT", "ACCEPT", "REJECT", "ACCEPT", "REJECT", "-"]


def test_totals_of_each_stream_are_on_standard_error():
    _, err = run(str(SAMPLES / LIVE), "--port", "2065")
    assert (
        "127.0.0.1:35659 domain 258 NetFlow v5: 5 datagrams, 25 flows, 654 packets, 593150 bytes; lost: nothing"
        in err
    )
    assert "total: 5 datagrams, 25 flows, 654 packets, 593150 bytes; lost: nothing" in err


def test_sampling_is_told_and_counts_are_as_exported():
    _, err = run(str(SAMPLES / LIVE), "--port", "4742")
    assert "51 packets, 47618 bytes; sampled 1:10, counts not multiplied" in err


def test_sequence_gaps_are_on_standard_error(tmp_path):
    payloads = [
        v5(*[v5_record()] * own, sequence=before) for before, own in ((0, 2), (2, 5), (10, 1), (11, 4))
    ]
    _, err = run(capture_of(tmp_path / "c.pcap", *payloads))
    assert "lost: 3 flows" in err
    assert "2026-11-21T04:28:45.123Z sequence gap: 3 flows lost" in err


def test_what_could_not_be_decoded_is_on_standard_error():
    _, err = run(str(SAMPLES / LIVE))
    assert "unsupported version: 35 datagrams lost" in err
    assert "skipped sections 51" in err


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param(b"not a capture at all", "not a pcap or pcapng file", id="text"),
        pytest.param(b"", "not a pcap or pcapng file", id="empty"),
        pytest.param(pcap(), "no UDP datagrams in 0 packets", id="no packets"),
        pytest.param(pcap(ethernet(ipv4())), "no datagram of NetFlow", id="other datagrams"),
        pytest.param(
            pcap(ethernet(ipv4(udp(v5(v5_record()))))) + b"\0",
            "what came before it was decoded",
            id="damaged",
        ),
    ],
)
def test_a_file_that_cannot_be_decoded_is_one_clear_line(tmp_path, content, message):
    path = tmp_path / "c.pcap"
    path.write_bytes(content)
    with pytest.raises(CommandError, match=message) as raised:
        run(str(path))
    assert "\n" not in str(raised.value)
    assert raised.value.returncode == 1


def test_a_file_that_is_not_there_is_one_clear_line(tmp_path):
    with pytest.raises(CommandError, match="No such file"):
        run(str(tmp_path / "missing.pcap"))


def test_a_port_without_datagrams_names_the_ports_that_have_some():
    with pytest.raises(
        CommandError, match=r"no UDP datagrams to port 9; there are some to 2055 \(1\), 2056 \(2\)"
    ):
        run(str(SAMPLES / OFFLINE), "--port", "9")


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        pytest.param(["decode", str(SAMPLES / OFFLINE)], 0, id="decode"),
        pytest.param(["decode", "manage.py"], 1, id="no capture"),
        pytest.param(["decode"], 2, id="no file"),
        pytest.param(["decode", str(SAMPLES / OFFLINE), "--port", "0"], 2, id="no port"),
        pytest.param(["decode", str(SAMPLES / OFFLINE), "--format", "xml"], 2, id="no format"),
        pytest.param(["replay", str(SAMPLES / OFFLINE)], 2, id="replay without a port"),
        pytest.param(
            ["replay", str(SAMPLES / OFFLINE), "--port", "2055", "--to", "nowhere"], 2, id="no target"
        ),
        pytest.param(["replay", str(SAMPLES / OFFLINE), "--port", "2055", "--speed", "-1"], 2, id="no speed"),
        pytest.param(["replay", "manage.py", "--port", "2055"], 1, id="replay of no capture"),
    ],
)
def test_exit_codes(arguments, code):
    done = manage(*arguments)
    assert done.returncode == code
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("command", ["decode", "replay"])
def test_help_has_an_example(command):
    done = manage(command, "--help")
    assert done.returncode == 0
    assert f"manage.py {command} exporters.pcap" in " ".join(done.stdout.split())


@pytest.mark.parametrize("port", ["2058", "2066"], ids=["few flows", "more flows"])
def test_a_reader_that_stops_early_is_no_error(port):
    process = subprocess.Popen(
        [sys.executable, "manage.py", "decode", str(SAMPLES / LIVE), "--port", port],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout and process.stderr
    process.stdout.close()
    errors = process.stderr.read()
    assert process.wait(60) == 0
    assert "Traceback" not in errors


@pytest.fixture
def collector():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(5)
        yield receiver


def replayed(collector: socket.socket, count: int, *arguments: str) -> list[tuple[bytes, int]]:
    address = f"127.0.0.1:{collector.getsockname()[1]}"
    call_command("replay", *arguments, "--to", address, stdout=io.StringIO(), stderr=io.StringIO())
    received = [collector.recvfrom(65535) for _ in range(count)]
    return [(payload, source[1]) for payload, source in received]


def test_replay_sends_the_same_datagrams_in_their_order(collector):
    received = replayed(collector, 7, str(SAMPLES / LIVE), "--port", "4749", "--speed", "0")
    assert [payload for payload, _ in received] == [each.payload for each in captured(LIVE, 4749)]
    assert len({port for _, port in received}) == 1


def test_replayed_datagrams_decode_to_the_truth(collector):
    received = replayed(collector, 2, str(SAMPLES / OFFLINE), "--port", "4739", "--speed", "1000")
    flows = decode([Datagram(1, bytes(16), port, payload) for payload, port in received], Sessions()).flows
    assert (int(flows.packets.sum()), int(flows.bytes.sum())) == (718, 638_257)


def test_replay_keeps_exporters_apart(collector, tmp_path):
    one = ethernet(ipv4(udp(v5(v5_record()))))
    other = one.replace(bytes([192, 0, 2, 1]), bytes([192, 0, 2, 9]))
    path = tmp_path / "c.pcap"
    path.write_bytes(pcap(one, other, one))
    received = replayed(collector, 3, str(path), "--port", "2055", "--speed", "0")
    ports = [port for _, port in received]
    assert ports[0] == ports[2] != ports[1]


def test_replay_keeps_the_pace_of_the_capture(collector):
    datagrams = captured(LIVE, 2066)
    span = (datagrams[-1].received_ns - datagrams[0].received_ns) / 1e9
    began = time.monotonic()
    replayed(collector, 6, str(SAMPLES / LIVE), "--port", "2066", "--speed", "20")
    assert time.monotonic() - began >= span / 20


def test_replay_of_nothing_says_what_there_is():
    with pytest.raises(CommandError, match="there are some to 2055"):
        call_command(
            "replay", str(SAMPLES / OFFLINE), "--port", "9", stdout=io.StringIO(), stderr=io.StringIO()
        )


def test_replay_to_an_unknown_host_is_one_clear_line():
    with pytest.raises(CommandError, match=r"cannot send to no-such-host\.invalid:1"):
        call_command("replay", str(SAMPLES / OFFLINE), "--port", "2055", "--to", "no-such-host.invalid:1")
