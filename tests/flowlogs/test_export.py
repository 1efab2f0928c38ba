"""The encoder: datagrams that keep to the RFCs, and that our own decoder gives back flow by flow."""

import struct
from ipaddress import ip_address

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowlogs.export import FLOW, IpfixEncoder, NetflowV9Encoder
from flowlogs.netflow import Datagram, Sessions, decode
from flowlogs.spool import packed_address

NOW = 1_700_000_000
TIMES = st.integers((NOW - 86_400) * 1000, NOW * 1000)
COMPARED = [name for name in FLOW.names if name != "firewall_event"]


def flow(**values: int | str) -> np.ndarray:
    """One TCP flow, but for what is given."""
    row = np.zeros(1, FLOW)
    for side, default in (("src", "10.0.1.10"), ("dst", "203.0.113.9")):
        address = ip_address(values.pop(side, default))
        row["family"] = address.version
        row[f"{side}_hi"], row[f"{side}_lo"] = int(address) >> 64, int(address) & 2**64 - 1
    defaults = {
        "protocol": 6,
        "srcport": 40_000,
        "dstport": 443,
        "tcp_flags": 27,
        "packets": 9,
        "bytes": 5_000,
    }
    defaults |= {"start_ms": NOW * 1000 - 9_876, "end_ms": NOW * 1000 - 1_234, "input_if": 3, "output_if": 4}
    for name, value in (defaults | values).items():
        row[name] = value
    return row


MIXED = np.concatenate(
    [
        flow(),
        flow(protocol=17, srcport=5353, dstport=53, tcp_flags=0),
        flow(protocol=1, srcport=0, dstport=0, icmp=8 * 256, tcp_flags=0),
        flow(src="2001:db8::10", dst="2001:db8:1::7"),
        flow(src="fe80::1", dst="ff02::1", protocol=58, srcport=0, dstport=0, icmp=135 * 256, tcp_flags=0),
        flow(bytes=2**32 - 1, packets=2**32 - 1, flow_direction=1),
    ]
)


@st.composite
def flows(draw):
    count = draw(st.integers(0, 8))
    rows = np.zeros(count, FLOW)
    for row in rows:
        six = draw(st.booleans())
        row["family"] = 6 if six else 4
        for side in ("src", "dst"):
            address = draw(st.integers(0, 2**128 - 1 if six else 2**32 - 1))
            row[f"{side}_hi"], row[f"{side}_lo"] = address >> 64, address & 2**64 - 1
        row["protocol"] = draw(st.sampled_from([6, 17, 58 if six else 1, 47]))
        if row["protocol"] in (1, 58):
            row["icmp"] = draw(st.integers(0, 65_535))
        else:
            row["srcport"], row["dstport"] = draw(st.integers(0, 65_535)), draw(st.integers(0, 65_535))
            row["tcp_flags"] = draw(st.integers(0, 255)) if row["protocol"] == 6 else 0
        row["packets"], row["bytes"] = draw(st.integers(1, 2**32 - 1)), draw(st.integers(1, 2**32 - 1))
        row["start_ms"], row["end_ms"] = sorted([draw(TIMES), draw(TIMES)])
        row["input_if"], row["output_if"] = draw(st.integers(0, 2**32 - 1)), draw(st.integers(0, 2**32 - 1))
        row["flow_direction"] = draw(st.integers(0, 1))
    return rows


def encoder(version: int, **options: int) -> IpfixEncoder | NetflowV9Encoder:
    return (
        IpfixEncoder(7, **options)
        if version == 10
        else NetflowV9Encoder(7, boot_time_s=NOW - 90_000, **options)
    )


def sets(datagram: bytes) -> list[tuple[int, bytes]]:
    found, offset = [], 16 if datagram[1] == 10 else 20
    while offset < len(datagram):
        number, length = struct.unpack_from("!HH", datagram, offset)
        found.append((number, datagram[offset + 4 : offset + length]))
        offset += length
    assert offset == len(datagram)
    return found


def decoded(datagrams: list[bytes]):
    received = [Datagram(NOW * 10**9, packed_address("192.0.2.1"), 4_000, datagram) for datagram in datagrams]
    return decode(received, Sessions())


def rows_of(columns, names) -> list[tuple[int, ...]]:
    """Columns as sorted rows: the encoder orders flows by template."""
    taken = [columns[name] if isinstance(columns, np.ndarray) else getattr(columns, name) for name in names]
    return sorted(zip(*[column.tolist() for column in taken], strict=True))


@pytest.mark.parametrize("version", [9, 10])
@given(content=flows())
def test_our_decoder_gives_back_every_flow(version, content):
    result = decoded(encoder(version).encode(content, NOW))
    assert rows_of(result.flows, COMPARED) == rows_of(content, COMPARED)
    assert result.losses == []
    if len(content):
        assert [(key.address, key.domain, key.version) for key in result.streams] == [
            ("192.0.2.1", 7, version)
        ]


@pytest.mark.parametrize("version", [9, 10])
def test_the_sequence_shows_a_missing_datagram_and_nothing_else(version):
    sender = encoder(version)
    datagrams = [datagram for _ in range(8) for datagram in sender.encode(np.repeat(MIXED[:1], 200), NOW)]
    assert decoded(datagrams).losses == []
    lost = decoded(datagrams[:20] + datagrams[21:]).losses
    flows_lost = len(decoded(datagrams[:21]).flows) - len(decoded(datagrams[:20]).flows)
    assert [(loss.count, loss.unit) for loss in lost] == [
        (1, "datagrams") if version == 9 else (flows_lost, "flows")
    ]


def test_an_ipfix_message_header_is_that_of_the_rfc():
    sender = IpfixEncoder(7, sequence=2**32 - 1)
    first, second = (sender.encode(MIXED[:1], NOW + seconds)[0] for seconds in (0, 1))
    assert struct.unpack_from("!HHIII", first) == (10, len(first), NOW, 2**32 - 1, 7)
    assert struct.unpack_from("!HHIII", second) == (10, len(second), NOW + 1, 0, 7)
    assert [number for number, _content in sets(first)] == [2, 256]
    assert [number for number, _content in sets(second)] == [256]


def test_an_ipfix_template_and_its_record_are_that_of_the_rfc():
    (_two, templates), (_id, record) = sets(
        IpfixEncoder(verdicts=True).encode(flow(firewall_event=3), NOW)[0]
    )
    template_id, count = struct.unpack_from("!HH", templates)
    fields = list(struct.iter_unpack("!HH", templates[4 : 4 + 4 * count]))
    assert template_id == 256
    assert fields == [
        (8, 4), (12, 4), (4, 1), (7, 2), (11, 2), (6, 2), (1, 8), (2, 8),
        (152, 8), (153, 8), (10, 4), (14, 4), (61, 1), (233, 1),
    ]  # fmt: skip
    assert struct.unpack("!4s4sBHHHQQQQIIBB", record) == (
        bytes([10, 0, 1, 10]), bytes([203, 0, 113, 9]), 6, 40_000, 443, 27, 5_000, 9,
        NOW * 1000 - 9_876, NOW * 1000 - 1_234, 3, 4, 0, 3,
    )  # fmt: skip


def test_a_netflow_v9_packet_is_that_of_the_rfc():
    sender = encoder(9)
    first, second = (sender.encode(np.repeat(MIXED[:1], count), NOW)[0] for count in (2, 40))
    # The count is of templates and records alike; the length of every set is a multiple of four.
    assert struct.unpack_from("!HHIIII", first) == (9, 6, 90_000_000, NOW, 0, 7)
    assert struct.unpack_from("!HHIIII", second) == (9, 35, 90_000_000, NOW, 1, 7)
    assert [(number, len(content) % 4) for number, content in sets(first)] == [(0, 0), (256, 0)]
    record = sets(first)[1][1][:39]
    assert struct.unpack("!4s4sBHHBIIIIIIB", record)[8:10] == (90_000_000 - 9_876, 90_000_000 - 1_234)
    assert len(second) == 20 + 4 + 35 * 39 + 3


def test_firewall_events_arrive():
    events = np.concatenate([flow(firewall_event=event, srcport=event) for event in range(1, 6)])
    result = decoded(IpfixEncoder(verdicts=True).encode(events, NOW))
    assert result.flows.firewall_event.tolist() == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("version", [9, 10])
def test_templates_come_again_after_time_and_after_datagrams(version):
    sender = encoder(version, template_seconds=30, template_datagrams=3)
    announced = []
    for at in (0, 1, 2, 3, 4, 40, 41, 10):
        datagram = sender.encode(MIXED[:1], NOW + at)[0]
        announced.append(sets(datagram)[0][0] < 256)
    assert announced == [True, False, False, True, False, True, False, True]


@pytest.mark.parametrize("version", [9, 10])
@pytest.mark.parametrize("payload", [500, 1_400, 8_900])
def test_no_datagram_is_larger_than_allowed(version, payload):
    datagrams = encoder(version).encode(np.repeat(MIXED, 300), NOW, payload)
    assert max(map(len, datagrams)) <= payload
    assert len(decoded(datagrams).flows) == 1_800


@pytest.mark.parametrize("version", [9, 10])
@pytest.mark.parametrize(
    ("content", "payload"),
    [
        pytest.param(MIXED, 100, id="payload smaller than the templates"),
        pytest.param(np.zeros(1, FLOW), 1_400, id="no address family"),
        pytest.param(flow(src_lo=2**40), 1_400, id="IPv4 address of more than 32 bits"),
    ],
)
def test_what_cannot_be_encoded_is_refused(version, content, payload):
    with pytest.raises(ValueError, match=r"room|family|fit"):
        encoder(version).encode(content, NOW, payload)


def test_four_octet_counters_refuse_what_eight_octets_take():
    large = flow(bytes=2**40)
    with pytest.raises(ValueError, match="bytes does not fit into 32 bits"):
        NetflowV9Encoder().encode(large, NOW)
    datagrams = NetflowV9Encoder(boot_time_s=NOW - 100, counter_octets=8).encode(large, NOW)
    assert decoded(datagrams).flows.bytes.tolist() == [2**40]


@pytest.mark.parametrize("version", [9, 10])
def test_no_flows_make_no_datagrams(version):
    assert encoder(version).encode(MIXED[:0], NOW) == []
