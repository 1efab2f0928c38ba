"""Recorded datagrams, sent again to a real collector, end as records that equal the truth, with nothing unexplained."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
import time_machine
from django.core.management import call_command

from console.models import Account, Region
from flowlogs import ledger
from flowlogs.models import Loss
from tests.end_to_end import installation

SAMPLES = Path(__file__).resolve().parents[1] / "samples"
OFFLINE, LIVE = "softflowd-a-offline.pcap", "exporters-a-live.pcap"
HOSTS = [["10.77.1.2", "fd77:1::2"], ["10.77.2.2", "fd77:2::2"], ["10.77.1.1"], ["10.77.2.99"]]


def truth(*, with_ipv6: bool) -> Counter[tuple[installation.Tuple, str]]:
    """Return what tshark counted on the wire."""
    found: Counter[tuple[installation.Tuple, str]] = Counter()
    for line in (SAMPLES / "truth-a.txt").read_text().splitlines()[1:]:
        src, dst, protocol, sport, dport, packets, octets = line.split()
        if with_ipv6 or ":" not in src:
            key = (src, dst, int(protocol), int(sport), int(dport))
            found[key, "packets"] += int(packets)
            found[key, "bytes"] += int(octets)
    return found


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("capture", "port", "with_ipv6"),
    [
        pytest.param(OFFLINE, 2055, False, id="softflowd-v5"),
        pytest.param(OFFLINE, 2056, True, id="softflowd-v9"),
        pytest.param(OFFLINE, 4739, True, id="softflowd-ipfix"),
        pytest.param(OFFLINE, 4740, True, id="softflowd-biflow"),
        pytest.param(LIVE, 2065, False, id="pmacct-v5"),
        pytest.param(LIVE, 2066, True, id="pmacct-v9"),
        pytest.param(LIVE, 4749, True, id="pmacct-ipfix"),
    ],
)
def test_a_replayed_capture_ends_as_records_that_equal_the_wire(
    capture: str, port: int, with_ipv6: bool, home: Path, account: Account, region: Region
) -> None:
    vpc = installation.make_network(account, region, ["10.77.0.0/16", "fd77::/16"], HOSTS)
    installation.make_exporter(vpc)
    flow_log = installation.make_flow_log(vpc, ip_version="DualStack")
    collector_port = installation.free_port()
    with installation.running_collector(collector_port):
        target = f"127.0.0.1:{collector_port}"
        call_command("replay", str(SAMPLES / capture), "--port", str(port), "--to", target, "--speed", "0")
    installation.decode_all()
    later = installation.past_the_late_limit()
    with time_machine.travel(later):
        installation.keep_collector_alive(later)
        installation.decode_all()
        assert installation.close_and_deliver() > 0
        book = ledger.ledger(account)

    expected = truth(with_ipv6=with_ipv6)
    assert installation.delivered_tuples(flow_log, "out") == expected
    assert installation.delivered_tuples(flow_log, "in") == expected
    assert book.is_balanced
    (line,) = book.flow_logs
    assert line.scope == line.delivered
    assert not line.open
    assert line.delivered.bytes == 2 * sum(n for (_, unit), n in expected.items() if unit == "bytes")
    # windows before the collector ran say so; no loss was invented
    assert not Loss.objects.exclude(reason="collector").exists()
