"""Captures of real exporters decode to what was counted without them."""

import ipaddress
from collections import Counter
from pathlib import Path

import pytest

from flowlogs.netflow import Datagram, Decoded, Sessions, decode
from flowlogs.pcap import CaptureNotes, read_datagrams

from .messages import END_NS, column, counted, through_json

SAMPLES = Path(__file__).parents[2] / "samples"
OFFLINE, LIVE = "softflowd-a-offline.pcap", "exporters-a-live.pcap"
Tuple = tuple[str, str, int, int, int]

EXACT = [
    pytest.param(OFFLINE, 2055, 24, 4, id="softflowd v5"),
    pytest.param(OFFLINE, 2056, 28, 0, id="softflowd v9"),
    pytest.param(OFFLINE, 4739, 28, 0, id="softflowd IPFIX ms"),
    pytest.param(OFFLINE, 4740, 28, 0, id="softflowd IPFIX biflow"),
    pytest.param(OFFLINE, 4741, 28, 0, id="softflowd IPFIX sysUpTime"),
    pytest.param(LIVE, 2065, 25, 4, id="pmacctd v5"),
    pytest.param(LIVE, 2066, 28, 0, id="pmacctd v9"),
    pytest.param(LIVE, 4749, 29, 0, id="pmacctd IPFIX"),
]
TOTALS = [
    pytest.param(2055, 12, 440, 425_658, 1, id="softflowd live v5"),
    pytest.param(2056, 16, 504, 470_765, 1, id="softflowd live v9"),
    pytest.param(2057, 16, 504, 470_765, 1, id="softflowd live v9 ms"),
    pytest.param(4739, 16, 504, 470_765, 1, id="softflowd live IPFIX"),
    pytest.param(4740, 16, 504, 470_765, 1, id="softflowd live biflow"),
    pytest.param(4741, 16, 504, 470_765, 1, id="softflowd live IPFIX with Ethernet"),
    pytest.param(4744, 16, 504, 470_765, 1, id="softflowd live IPFIX full"),
    pytest.param(2058, 9, 45, 45_747, 10, id="softflowd v5 sampled 1:10 by its header"),
    pytest.param(4742, 13, 51, 47_618, 10, id="softflowd IPFIX sampled 1:10 by options"),
]
CLEAN = [(OFFLINE, port) for port in (2055, 2056, 4739, 4740, 4741)] + [
    (LIVE, port)
    for port in (2055, 2056, 2057, 2058, 2065, 2066, 2075, 4739, 4740, 4741, 4742, 4743, 4744, 4749)
]
# in the packet section stream all data datagrams hold one record: without the first of them, the numbers of the others
# can be read in two ways, and in one of them nothing is missing
WITH_INNER_DATAGRAMS = [(LIVE, 2065, 1), (LIVE, 2066, 1), (LIVE, 4749, 1), (LIVE, 4743, 2)]


def captured(name: str, port: int) -> list[Datagram]:
    with (SAMPLES / name).open("rb") as file:
        found = read_datagrams(file, CaptureNotes())
        return [Datagram(*each[:3], each.payload) for each in found if each.destination_port == port]


def truth(*families: int) -> dict[Tuple, tuple[int, int]]:
    counts = {}
    for line in (SAMPLES / "truth-a.txt").read_text().splitlines()[1:]:
        source, destination, *numbers = line.split()
        protocol, source_port, destination_port, packets, octets = map(int, numbers)
        if ipaddress.ip_address(source).version in families:
            counts[source, destination, protocol, source_port, destination_port] = (packets, octets)
    return counts


def by_tuple(decoded: Decoded) -> dict[Tuple, tuple[int, int]]:
    packets, octets = Counter[Tuple](), Counter[Tuple]()
    names = (
        "family",
        "src_hi",
        "src_lo",
        "dst_hi",
        "dst_lo",
        "protocol",
        "srcport",
        "dstport",
        "packets",
        "bytes",
    )
    for family, sh, sl, dh, dl, *rest in zip(*(column(decoded, name) for name in names), strict=True):
        protocol, source_port, destination_port, count, length = rest
        address = ipaddress.IPv4Address if family == 4 else ipaddress.IPv6Address
        ends = str(address(sh << 64 | sl)), str(address(dh << 64 | dl))
        key = (*ends, protocol, source_port, destination_port)
        packets[key] += count
        octets[key] += length
    return {key: (packets[key], octets[key]) for key in packets}


@pytest.mark.parametrize(("name", "port", "flows", "only_family"), EXACT)
def test_every_tuple_has_the_packets_and_bytes_that_were_on_the_wire(name, port, flows, only_family):
    decoded = decode(captured(name, port), Sessions(), now_ns=END_NS)
    assert by_tuple(decoded) == truth(*((only_family,) if only_family else (4, 6)))
    assert len(decoded.flows) == flows
    assert not decoded.losses


@pytest.mark.parametrize(("port", "flows", "packets", "octets", "rate"), TOTALS)
def test_live_streams_have_the_totals_that_their_exporters_sent(port, flows, packets, octets, rate):
    decoded = decode(captured(LIVE, port), Sessions(), now_ns=END_NS)
    assert len(decoded.flows) == flows
    assert (int(decoded.flows.packets.sum()), int(decoded.flows.bytes.sum())) == (packets, octets)
    assert set(column(decoded, "sampling")) == {rate}


@pytest.mark.parametrize(("name", "port", "flows", "only_family"), EXACT)
def test_times_lie_within_the_traffic(name, port, flows, only_family):
    decoded = decode(captured(name, port), Sessions(), now_ns=END_NS)
    first, last = 1_795_235_302_838, 1_795_235_311_577
    # a v9 header tells whole seconds, so that its clock base is early by up to one
    early = 1000 if (name, port) == (OFFLINE, 2056) else 1
    assert first - early <= decoded.flows.start_ms.min() <= first
    assert last - early <= decoded.flows.end_ms.max() <= last


def test_packet_sections_are_skipped_and_counted():
    decoded = decode(captured(LIVE, 4743), Sessions(), now_ns=END_NS)
    assert len(decoded.flows) == 0
    assert counted(decoded, "skipped_sections") == 51
    assert not decoded.losses


def test_sflow_is_counted_as_unsupported():
    decoded = decode(captured(LIVE, 6343), Sessions(), now_ns=END_NS)
    assert len(decoded.flows) == 0
    assert counted(decoded, "unsupported") == counted(decoded, "datagrams") == len(decoded.losses) == 35


@pytest.mark.parametrize(("name", "port"), CLEAN)
def test_a_clean_stream_shows_no_loss(name, port):
    assert not decode(captured(name, port), Sessions(), now_ns=END_NS).losses


@pytest.mark.parametrize(("name", "port", "first"), WITH_INNER_DATAGRAMS)
def test_the_removal_of_any_inner_datagram_is_counted_exactly(name, port, first):
    datagrams = captured(name, port)
    records = [records_in(datagrams, number) for number in range(len(datagrams))]
    for gone in range(first, len(datagrams) - 1):
        if records[gone]:
            rest = datagrams[:gone] + datagrams[gone + 1 :]
            losses = decode(rest, Sessions(), now_ns=END_NS).losses
            assert [loss.count for loss in losses] == [records[gone]]
            assert losses[0].received_ns == datagrams[gone + 1].received_ns


def records_in(datagrams: list[Datagram], number: int) -> int:
    """Return what the sequence numbers count of a datagram: itself in v9, its records in all others."""
    before = decode(datagrams[:number], Sessions()).sessions
    decoded = decode([datagrams[number]], before)
    if decoded.streams[0].version == 9:
        return 1
    return counted(decoded, "flows") + counted(decoded, "skipped_sections")


@pytest.mark.parametrize(("name", "port"), CLEAN)
def test_a_stream_decoded_datagram_by_datagram_gives_the_same(name, port):
    datagrams = captured(name, port)
    whole = by_tuple(decode(datagrams, Sessions()))
    parts, sessions = Counter[Tuple](), Sessions()
    for each in datagrams:
        decoded = decode([each], sessions)
        assert not decoded.losses
        sessions = through_json(decoded.sessions)
        parts.update({key: packets for key, (packets, _) in by_tuple(decoded).items()})
    assert parts == {key: packets for key, (packets, _) in whole.items()}


@pytest.mark.parametrize(
    ("name", "port"),
    [
        pytest.param("softflowd-v5", 2055, id="v5"),
        pytest.param("softflowd-v9", 2056, id="v9"),
        pytest.param("softflowd-ipfix-ms", 4739, id="ipfix"),
        pytest.param("softflowd-ipfix-biflow", 4740, id="biflow"),
        pytest.param("softflowd-ipfix-sysuptime", 4741, id="sysuptime"),
    ],
)
def test_the_hex_files_are_the_datagrams_of_the_capture(name, port):
    lines = (SAMPLES / "hex" / f"{name}.hex").read_text().split()
    assert [bytes.fromhex(line) for line in lines] == [each.payload for each in captured(OFFLINE, port)]
