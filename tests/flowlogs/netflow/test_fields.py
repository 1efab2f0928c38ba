"""Which of several fields fills a column, and how odd encodings are read."""

import struct

import pytest

from .messages import (
    EXPORT_S,
    REVERSE,
    VARIABLE,
    column,
    counted,
    ip,
    ipfix,
    ipfix_template_set,
    lost,
    number,
    run,
    set_,
    v5,
    v5_record,
    v9,
    v9_template_set,
)

ENDS = [(8, 4), (12, 4)]
EXPORT_MS = EXPORT_S * 1000
NTP_1900 = 2_208_988_800


def one(*fields: tuple, with_counter: bool = True):
    """Decode one IPFIX flow of the given (element, length, value[, enterprise]) fields."""
    chosen = [*fields, (2, 4, 1)] if with_counter else list(fields)
    kinds = [(element, length, *rest) for element, length, _, *rest in chosen]
    record = (
        ip("10.0.0.1") + ip("10.0.0.2") + b"".join(number(value, length) for _, length, value, *_ in chosen)
    )
    return run(ipfix(ipfix_template_set(256, [*ENDS, *kinds]), set_(256, record)))


@pytest.mark.parametrize(
    ("fields", "octets"),
    [
        pytest.param([(1, 4, 10), (85, 8, 900)], 10, id="delta beside total"),
        pytest.param([(85, 8, 900), (1, 4, 10)], 10, id="total before delta"),
        pytest.param([(231, 4, 20), (85, 4, 900)], 20, id="initiator beside total"),
        pytest.param([(1, 4, 10), (231, 4, 20)], 10, id="delta beside initiator"),
        pytest.param([(85, 4, 900)], 900, id="total alone"),
        pytest.param([(23, 4, 30)], 30, id="post delta"),
        pytest.param([(352, 8, 40)], 40, id="layer 2 alone"),
        pytest.param([(1, 8, (1 << 64) - 1)], (1 << 64) - 1, id="largest"),
        pytest.param([(1, 3, 0x010203)], 0x010203, id="three bytes"),
        pytest.param([(1, 5, 1 << 33)], 1 << 33, id="five bytes"),
        pytest.param([(1, 7, (1 << 56) - 1)], (1 << 56) - 1, id="seven bytes"),
        pytest.param([(1, 1, 255)], 255, id="one byte"),
        pytest.param([(1, 4, 10), (1, 4, 99)], 10, id="twice"),
        pytest.param([(1, 4, 99, 9999), (1, 4, 10)], 10, id="same number of another enterprise"),
        pytest.param([(132, 8, 77), (1, 4, 10)], 10, id="dropped octets are not read"),
    ],
)
def test_bytes(fields, octets):
    assert column(one(*fields), "bytes") == [octets]


@pytest.mark.parametrize(
    ("fields", "packets"),
    [
        pytest.param([(2, 4, 5), (86, 8, 500)], 5, id="delta beside total"),
        pytest.param([(298, 4, 6), (86, 8, 500)], 6, id="initiator beside total"),
        pytest.param([(86, 8, 500)], 500, id="total alone"),
    ],
)
def test_packets(fields, packets):
    assert column(one(*fields, with_counter=False), "packets") == [packets]


def test_a_firewalls_connection_is_two_flows():
    decoded = one((231, 4, 100), (232, 4, 900), (298, 4, 2), (299, 4, 8), (233, 1, 2), with_counter=False)
    assert column(decoded, "bytes") == [100, 900]
    assert column(decoded, "packets") == [2, 8]
    assert column(decoded, "src_lo") == [0x0A000001, 0x0A000002]
    assert column(decoded, "firewall_event") == [2, 2]


def test_a_denied_connection_without_counters_is_a_flow():
    decoded = one((233, 1, 3), with_counter=False)
    assert column(decoded, "firewall_event") == [3]
    assert column(decoded, "packets") == [0]


def test_cisco_firewalls_before_element_233():
    fields = [*ENDS, (40005, 1), (85, 4)]
    record = ip("10.0.0.1") + ip("10.0.0.2") + struct.pack(">BI", 3, 77)
    decoded = run(v9(v9_template_set(256, fields), set_(256, record)))
    assert column(decoded, "firewall_event") == [3]


@pytest.mark.parametrize(
    ("fields", "counter"),
    [
        pytest.param([(8, 4), (12, 4), (82, 8)], "skipped_records", id="no counter"),
        pytest.param([(8, 4), (7, 2), (2, 4)], "skipped_records", id="one address"),
        pytest.param([(56, 6), (80, 6), (2, 4)], "skipped_records", id="Ethernet only"),
        pytest.param([(301, 8), (315, 20)], "skipped_sections", id="packet section"),
    ],
)
def test_records_of_no_ip_flow_are_skipped_and_counted(fields, counter):
    size = sum(length for _, length in fields)
    decoded = run(ipfix(ipfix_template_set(256, fields), set_(256, bytes(range(1, size + 1)) * 2)))
    assert len(decoded.flows) == 0
    assert counted(decoded, counter) == 2
    assert not decoded.losses


@pytest.mark.parametrize(
    ("fields", "start", "end"),
    [
        pytest.param([(152, 8, 1000), (153, 8, 2000)], 1000, 2000, id="ms"),
        pytest.param([(153, 8, 2000), (152, 8, 1000)], 1000, 2000, id="ms, end first"),
        pytest.param([(150, 4, 5), (151, 4, 7)], 5000, 7000, id="s"),
        pytest.param(
            [(154, 8, NTP_1900 + 5 << 32 | 1 << 31), (155, 8, NTP_1900 + 6 << 32)], 5500, 6000, id="NTP us"
        ),
        pytest.param(
            [(156, 8, NTP_1900 + 5 << 32 | 1 << 30), (157, 8, NTP_1900 + 6 << 32)], 5250, 6000, id="NTP ns"
        ),
        pytest.param(
            [(154, 8, 1 << 32), (155, 8, 2 << 32)],
            ((1 << 32) + 1 - NTP_1900) * 1000,
            ((1 << 32) + 2 - NTP_1900) * 1000,
            id="NTP after 2036",
        ),
        pytest.param(
            [(158, 4, 3_000_000), (159, 4, 1_000)], EXPORT_MS - 3000, EXPORT_MS - 1, id="us before export"
        ),
        pytest.param(
            [(152, 8, 1000), (153, 8, 2000), (22, 4, 1), (21, 4, 2)], 1000, 2000, id="ms beside uptime"
        ),
        pytest.param([(152, 8, 1000), (161, 4, 500)], 1000, 1500, id="start and duration"),
        pytest.param([(153, 8, 2000), (162, 4, 500_000)], 1500, 2000, id="end and duration in us"),
        pytest.param([(152, 8, 1000), (323, 8, 3000)], 1000, 3000, id="start and observation"),
        pytest.param([(323, 8, 3000)], 3000, 3000, id="observation alone"),
        pytest.param([(153, 8, 2000)], 2000, 2000, id="end alone"),
        pytest.param([(152, 8, 9000), (153, 8, 2000)], 2000, 2000, id="start after end"),
        pytest.param(
            [(160, 8, EXPORT_MS - 50_000), (22, 4, 10_000), (21, 4, 20_000)],
            EXPORT_MS - 40_000,
            EXPORT_MS - 30_000,
            id="uptime with its base in the record",
        ),
    ],
)
def test_times(fields, start, end):
    decoded = one(*fields)
    assert (column(decoded, "start_ms"), column(decoded, "end_ms")) == ([start], [end])
    assert counted(decoded, "assumed_times") == 0


@pytest.mark.parametrize(
    ("fields", "start", "end"),
    [
        pytest.param([], EXPORT_MS, EXPORT_MS, id="none"),
        pytest.param([(152, 8, 1000)], 1000, EXPORT_MS, id="no end"),
        pytest.param([(152, 4, 1000)], EXPORT_MS, EXPORT_MS, id="ms of a wrong length"),
        pytest.param([(152, 8, 1 << 63), (153, 8, 2000)], 2000, 2000, id="start before 1970"),
        pytest.param([(152, 8, 1000), (153, 8, 1 << 60)], 1000, EXPORT_MS, id="end in another age"),
        pytest.param([(22, 4, 7000), (21, 4, 8000)], EXPORT_MS - 1000, EXPORT_MS, id="uptime without a base"),
    ],
)
def test_times_that_the_exporter_did_not_tell_are_assumed_and_counted(fields, start, end):
    decoded = one(*fields)
    assert (column(decoded, "start_ms"), column(decoded, "end_ms")) == ([start], [end])
    assert counted(decoded, "assumed_times") == 1


@pytest.mark.parametrize("make", [v5, v9], ids=["v5", "v9"])
def test_uptimes_are_right_across_the_wrap_after_49_7_days(make):
    before, after = (1 << 32) - 3000, 1000
    if make is v5:
        payload = v5(v5_record(first_ms=before, last_ms=after), uptime_ms=2000)
    else:
        fields = [*ENDS, (22, 4), (21, 4), (2, 4)]
        record = ip("10.0.0.1") + ip("10.0.0.2") + struct.pack(">III", before, after, 1)
        payload = v9(v9_template_set(256, fields), set_(256, record), uptime_ms=2000)
    decoded = run(payload)
    assert column(decoded, "start_ms") == [EXPORT_MS - 5000]
    assert column(decoded, "end_ms") == [EXPORT_MS - 1000]


def test_a_version_5_exporter_whose_header_has_no_uptime():
    decoded = run(v5(v5_record(first_ms=(1 << 32) - 20_000, last_ms=(1 << 32) - 10_000), uptime_ms=0))
    assert column(decoded, "start_ms") == [EXPORT_MS - 20_000]
    assert column(decoded, "end_ms") == [EXPORT_MS - 10_000]


@pytest.mark.parametrize(
    ("fields", "icmp"),
    [
        pytest.param([(4, 1, 1), (32, 2, 0x0800)], 0x0800, id="32"),
        pytest.param([(4, 1, 1), (176, 1, 3), (177, 1, 13)], 0x030D, id="176 and 177"),
        pytest.param([(4, 1, 1), (7, 2, 0), (11, 2, 0x0301)], 0x0301, id="destination port"),
        pytest.param([(4, 1, 1), (11, 2, 7), (32, 2, 0x0800)], 0x0800, id="32 beside the port"),
        pytest.param([(4, 1, 58), (139, 2, 0x8000)], 0x8000, id="139"),
        pytest.param([(4, 1, 58), (178, 1, 129), (179, 1, 0)], 0x8100, id="178 and 179"),
        pytest.param([(4, 1, 58), (32, 2, 0x8000)], 0x8000, id="32 for ICMPv6"),
        pytest.param([(4, 1, 1), (32, 2, 0x0800), (139, 2, 0x8000)], 0x0800, id="both, IPv4"),
        pytest.param([(4, 1, 58), (32, 2, 0x0800), (139, 2, 0x8000)], 0x8000, id="both, IPv6"),
        pytest.param([(4, 1, 6), (7, 2, 5), (11, 2, 6), (32, 2, 0x0800)], 0, id="none for TCP"),
    ],
)
def test_icmp_type_and_code(fields, icmp):
    decoded = one(*fields)
    assert column(decoded, "icmp") == [icmp]
    if icmp:
        assert (column(decoded, "srcport"), column(decoded, "dstport")) == ([0], [0])


def test_icmp_of_version_5_is_in_the_destination_port():
    decoded = run(v5(v5_record(protocol=1, ports=(77, 0x0303)), v5_record(protocol=17, ports=(77, 53))))
    assert column(decoded, "icmp") == [0x0303, 0]
    assert column(decoded, "srcport") == [0, 77]
    assert column(decoded, "dstport") == [0, 53]


@pytest.mark.parametrize(
    ("fields", "ports"),
    [
        pytest.param([(7, 2, 5), (11, 2, 6)], (5, 6), id="7 and 11"),
        pytest.param([(182, 2, 5), (183, 2, 6)], (5, 6), id="TCP"),
        pytest.param([(180, 2, 5), (181, 2, 6)], (5, 6), id="UDP"),
        pytest.param([(180, 2, 0), (181, 2, 0), (182, 2, 5), (183, 2, 6)], (5, 6), id="both"),
    ],
)
def test_ports(fields, ports):
    decoded = one(*fields)
    assert (column(decoded, "srcport")[0], column(decoded, "dstport")[0]) == ports


@pytest.mark.parametrize(
    ("version", "v4", "v6", "family", "low"),
    [
        pytest.param(4, 0x0A000001, 5, 4, 0x0A000001, id="ipVersion 4"),
        pytest.param(6, 0x0A000001, 5, 6, 5, id="ipVersion 6"),
        pytest.param(None, 0x0A000001, 0, 4, 0x0A000001, id="IPv6 empty"),
        pytest.param(None, 0, 5, 6, 5, id="IPv4 empty"),
    ],
)
def test_a_template_with_addresses_of_both_families(version, v4, v6, family, low):
    fields = [(8, 4), (12, 4), (27, 16), (28, 16), (2, 4)] + ([(60, 1)] if version else [])
    record = number(v4, 4) * 2 + number(v6, 16) * 2 + number(1, 4) + (number(version, 1) if version else b"")
    decoded = run(ipfix(ipfix_template_set(256, fields), set_(256, record)))
    assert column(decoded, "family") == [family]
    assert column(decoded, "src_lo") == column(decoded, "dst_lo") == [low]


@pytest.mark.parametrize(
    ("fields", "rate"),
    [
        pytest.param([(34, 4, 100)], 100, id="34"),
        pytest.param([(50, 4, 64)], 64, id="50"),
        pytest.param([(305, 4, 1), (306, 4, 9)], 10, id="305 and 306"),
        pytest.param([(305, 4, 2), (306, 4, 998)], 500, id="two of a thousand"),
        pytest.param([(305, 4, 1), (306, 4, 0)], 1, id="all"),
        pytest.param([(305, 4, 0), (306, 4, 9)], 1, id="none"),
        pytest.param([(309, 4, 1), (310, 4, 256)], 256, id="309 and 310"),
        pytest.param([(311, 8, int.from_bytes(struct.pack(">d", 0.001), "big"))], 1000, id="311"),
        pytest.param(
            [(311, 8, int.from_bytes(struct.pack(">d", float("nan")), "big"))], 1, id="311 is no number"
        ),
        pytest.param([(34, 4, 0)], 1, id="0"),
        pytest.param([(34, 8, 1 << 60)], (1 << 32) - 1, id="absurd"),
    ],
)
def test_a_sampling_rate_in_the_record(fields, rate):
    assert column(one(*fields), "sampling") == [rate]


def test_the_protocol_is_255_when_the_exporter_does_not_tell():
    assert column(one(), "protocol") == [255]


def test_the_reverse_direction_of_a_biflow_without_its_own_flags_has_none():
    decoded = one((6, 1, 0x12), (61, 1, 0), (2, 4, 3, REVERSE))
    assert column(decoded, "tcp_flags") == [0x12, 0]
    assert column(decoded, "flow_direction") == [0, 255]


def test_fields_of_variable_length_of_an_integer_are_not_read():
    fields = [*ENDS, (61, VARIABLE), (2, 4)]
    record = ip("10.0.0.1") + ip("10.0.0.2") + b"\x01\x01" + number(4, 4)
    decoded = run(ipfix(ipfix_template_set(256, fields), set_(256, record)))
    assert column(decoded, "flow_direction") == [255]
    assert column(decoded, "packets") == [4]
    assert lost(decoded) == []
