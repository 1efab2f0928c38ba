"""The examples of the RFCs, byte by byte, and records whose every column is known."""

import struct

from .messages import (
    EXPORT_S,
    RECEIVED_NS,
    REVERSE,
    VARIABLE,
    column,
    counted,
    ip,
    ipfix,
    ipfix_options_set,
    ipfix_template_set,
    number,
    run,
    set_,
    v5,
    v5_record,
    v9,
    v9_template_set,
)

RFC_FIELDS = [(8, 4), (12, 4), (15, 4), (2, 4), (1, 4)]


def rfc_record(source: str, destination: str, next_hop: str, packets: int, octets: int) -> bytes:
    return ip(source) + ip(destination) + ip(next_hop) + struct.pack(">II", packets, octets)


def dotted(values: list[int]) -> list[str]:
    return [".".join(map(str, number(value, 4))) for value in values]


def test_rfc_3954_packet_example():
    """RFC 3954 section 9: a template, three flows of 20 bytes, a FlowSet of length 64."""
    records = (
        rfc_record("198.168.1.12", "10.5.12.254", "192.168.1.1", 5009, 5344385)
        + rfc_record("192.168.1.27", "10.5.12.23", "192.168.1.1", 748, 388934)
        + rfc_record("192.168.1.56", "10.5.12.65", "192.168.1.1", 5, 6534)
    )
    data = bytes.fromhex("01000040") + records
    decoded = run(
        v9(bytes.fromhex("0000001c01000005000800040 00c0004000f00040002000400010004".replace(" ", "")), data)
    )
    assert dotted(column(decoded, "src_lo")) == ["198.168.1.12", "192.168.1.27", "192.168.1.56"]
    assert dotted(column(decoded, "dst_lo")) == ["10.5.12.254", "10.5.12.23", "10.5.12.65"]
    assert column(decoded, "packets") == [5009, 748, 5]
    assert column(decoded, "bytes") == [5344385, 388934, 6534]


def test_rfc_7011_appendix_a_message():
    """RFC 7011 appendix A: message length 152, template 256, options template 258, three flows and two options."""
    template_set = bytes.fromhex("0002001c 01000005 00080004 000c0004 000f0004 00020004 00010004")
    records = (
        rfc_record("192.0.2.12", "192.0.2.254", "192.0.2.1", 5009, 5344385)
        + rfc_record("192.0.2.27", "192.0.2.23", "192.0.2.2", 748, 388934)
        + rfc_record("192.0.2.56", "192.0.2.65", "192.0.2.3", 5, 6534)
    )
    data_set = bytes.fromhex("01000040") + records
    # lineCardId (141) as scope, exportedMessageTotalCount (41), exportedFlowRecordTotalCount (42), padding
    options_template_set = bytes.fromhex("00030018 01020003 0001008d 00040029 0002002a 00020000")
    options_set = bytes.fromhex("01020014 00000001 01592710 00000002 0172 2774".replace(" ", ""))
    message = ipfix(template_set, data_set, options_template_set, options_set)
    assert len(message) == 152
    decoded = run(message)
    assert dotted(column(decoded, "dst_lo")) == ["192.0.2.254", "192.0.2.23", "192.0.2.65"]
    assert column(decoded, "bytes") == [5344385, 388934, 6534]
    assert counted(decoded, "options_records") == 2
    assert not decoded.losses


def test_rfc_7011_variable_length_information_elements():
    """RFC 7011 appendix A.5: a string of 5 octets with a length of one octet, one of 1000 with a length of three."""
    fields = [(82, VARIABLE), (8, 4), (83, VARIABLE), (12, 4), (2, 4), (1, 4)]
    short, long = b"\x05hello", b"\xff\x03\xe8" + b"H" * 1000
    rest = struct.pack(">II", 7, 700)
    records = (
        short
        + ip("10.0.0.1")
        + long
        + ip("10.0.0.2")
        + rest
        + long
        + ip("10.0.0.3")
        + b"\0"
        + ip("10.0.0.4")
        + rest
    )
    decoded = run(ipfix(ipfix_template_set(256, fields), set_(256, records)))
    assert dotted(column(decoded, "src_lo")) == ["10.0.0.1", "10.0.0.3"]
    assert dotted(column(decoded, "dst_lo")) == ["10.0.0.2", "10.0.0.4"]
    assert column(decoded, "packets") == [7, 7]


def test_rfc_5103_biflow_is_two_flows():
    fields = [
        (150, 4), (150, 4, REVERSE), (8, 4), (12, 4), (7, 2), (11, 2), (4, 1), (6, 1), (6, 1, REVERSE),
        (10, 4), (14, 4), (1, 4), (2, 4), (1, 4, REVERSE), (2, 4, REVERSE),
    ]  # fmt: skip
    start, answer = EXPORT_S - 10, EXPORT_S - 9
    record = (
        struct.pack(">II", start, answer) + ip("192.0.2.2") + ip("192.0.2.3")
        + struct.pack(">HHBBBIIIIII", 32770, 80, 6, 0x1B, 0x12, 1, 2, 18000, 65, 128000, 110)
    )  # fmt: skip
    decoded = run(ipfix(ipfix_template_set(256, fields), set_(256, record)))
    assert column(decoded, "reverse") == [0, 1]
    assert dotted(column(decoded, "src_lo")) == ["192.0.2.2", "192.0.2.3"]
    assert dotted(column(decoded, "dst_lo")) == ["192.0.2.3", "192.0.2.2"]
    assert column(decoded, "srcport") == [32770, 80]
    assert column(decoded, "dstport") == [80, 32770]
    assert column(decoded, "bytes") == [18000, 128000]
    assert column(decoded, "packets") == [65, 110]
    assert column(decoded, "tcp_flags") == [0x1B, 0x12]
    assert column(decoded, "input_if") == [1, 2]
    assert column(decoded, "output_if") == [2, 1]
    assert column(decoded, "start_ms") == [start * 1000, answer * 1000]


def test_halves_of_a_biflow_without_traffic_are_no_flows():
    fields = [(8, 4), (12, 4), (1, 4), (2, 4), (1, 4, REVERSE), (2, 4, REVERSE)]
    ends = ip("10.0.0.1") + ip("10.0.0.2")
    counts = [(0, 0, 5, 1), (7, 1, 0, 0), (0, 0, 0, 0)]
    records = b"".join(ends + struct.pack(">IIII", *each) for each in counts)
    decoded = run(ipfix(ipfix_template_set(256, fields), set_(256, records)))
    assert sorted(zip(column(decoded, "reverse"), column(decoded, "bytes"), strict=True)) == [
        (0, 0),
        (0, 7),
        (1, 5),
    ]


def test_every_column_of_a_version_5_flow():
    record = v5_record(
        "10.1.2.3", "172.16.0.9", packets=12, octets=3456, first_ms=90_000, last_ms=95_500, ports=(50_000, 443),
        flags=0x1B, protocol=6, interfaces=(3, 65533),
    )  # fmt: skip
    decoded = run(
        v5(record, engine=0x0102, uptime_ms=100_000, nanoseconds=500_000_000, sampling=0x4000 | 100)
    )
    known = {
        "family": 4, "src_hi": 0, "src_lo": 0x0A010203, "dst_hi": 0, "dst_lo": 0xAC100009, "protocol": 6,
        "srcport": 50_000, "dstport": 443, "icmp": 0, "tcp_flags": 0x1B, "packets": 12, "bytes": 3456,
        "start_ms": EXPORT_S * 1000 + 500 - 10_000, "end_ms": EXPORT_S * 1000 + 500 - 4_500,
        "export_ms": EXPORT_S * 1000 + 500, "received_ms": RECEIVED_NS // 1_000_000, "input_if": 3, "output_if": 65533,
        "flow_direction": 255, "firewall_event": 0, "forwarding_status": 0, "observation_point": 0, "end_reason": 0,
        "sampling": 100, "reverse": 0, "stream": 0,
    }  # fmt: skip
    assert {name: column(decoded, name)[0] for name in known} == known
    assert decoded.streams == [("192.0.2.1", 2055, 0x0102, 5)]


def test_every_column_of_an_ipfix_flow():
    fields = [
        (27, 16), (28, 16), (7, 2), (11, 2), (4, 1), (6, 2), (1, 8), (2, 8), (152, 8), (153, 8), (10, 4), (14, 4),
        (61, 1), (233, 1), (89, 1), (138, 8), (136, 1), (34, 4),
    ]  # fmt: skip
    source, destination = (
        bytes.fromhex("20010db8" + "00" * 11 + "01"),
        bytes.fromhex("fd77" + "00" * 13 + "ff"),
    )
    record = source + destination + struct.pack(
        ">HHBHQQQQIIBBBQBI", 1234, 53, 17, 0x0112, 1 << 40, 1 << 33, 1_795_235_290_123, 1_795_235_299_999, 7, 1 << 31,
        1, 3, 0x80, 1 << 63, 4, 512,
    )  # fmt: skip
    decoded = run(ipfix(ipfix_template_set(300, fields), set_(300, record), domain=9))
    known = {
        "family": 6, "src_hi": 0x20010DB8 << 32, "src_lo": 1, "dst_hi": 0xFD77 << 48, "dst_lo": 0xFF, "protocol": 17,
        "srcport": 1234, "dstport": 53, "icmp": 0, "tcp_flags": 0x0112, "packets": 1 << 33, "bytes": 1 << 40,
        "start_ms": 1_795_235_290_123, "end_ms": 1_795_235_299_999, "export_ms": EXPORT_S * 1000, "input_if": 7,
        "output_if": 1 << 31, "flow_direction": 1, "firewall_event": 3, "forwarding_status": 0x80,
        "observation_point": 1 << 63, "end_reason": 4, "sampling": 512, "reverse": 0,
    }  # fmt: skip
    assert {name: column(decoded, name)[0] for name in known} == known
    assert decoded.streams == [("192.0.2.1", 2055, 9, 10)]


def test_columns_are_contiguous_and_native():
    flows = run(v5(v5_record(), v5_record())).flows
    for name in flows.__slots__:
        values = getattr(flows, name)
        assert values.flags.c_contiguous and values.flags.aligned and values.dtype.isnative


def test_open_vswitch_sample_flows():
    """Deltas beside running totals and dropped counters, strings, a tunnel of another enterprise, us before export."""
    fields = [
        (138, 4), (61, 1), (70, 6), (56, 6), (80, 6), (256, 2), (10, 4), (14, 4), (368, 4), (82, VARIABLE),
        (83, VARIABLE), (60, 1), (192, 1), (4, 1), (195, 1), (8, 4), (12, 4), (7, 2), (11, 2), (891, 1, 6876),
        (892, VARIABLE, 6876), (158, 4), (159, 4), (2, 8), (1, 8), (132, 8), (133, 8), (86, 8), (85, 8), (136, 1),
        (6, 2), (218, 8),
    ]  # fmt: skip
    head = struct.pack(">IB", 2, 1) + bytes(18) + struct.pack(">HIII", 0x0800, 3, 4, 1) + b"\x03in0" + b"\x00"
    ends = (
        bytes([4, 64, 6, 0]) + ip("10.1.0.1") + ip("10.1.0.2") + struct.pack(">HHB", 5000, 80, 1) + b"\x02ab"
    )
    counts = struct.pack(">IIQQQQQQBHQ", 2_500_000, 500_000, 5, 420, 400, 4, 50, 4200, 1, 0x12, 3)
    options = ipfix(ipfix_options_set(300, [(144, 4)], [(41, 8)]), set_(300, bytes(12)), domain=0, sequence=0)
    data = ipfix(
        ipfix_template_set(256, fields), set_(256, (head + ends + counts) * 3), domain=77, sequence=3
    )
    decoded = run(options, data)
    known = {
        "src_lo": 0x0A010001, "dst_lo": 0x0A010002, "srcport": 5000, "dstport": 80, "packets": 5, "bytes": 420,
        "observation_point": 2, "flow_direction": 1, "input_if": 3, "output_if": 4, "end_reason": 1, "tcp_flags": 0x12,
        "start_ms": EXPORT_S * 1000 - 2500, "end_ms": EXPORT_S * 1000 - 500,
    }  # fmt: skip
    assert {name: column(decoded, name) for name in known} == {
        name: [value] * 3 for name, value in known.items()
    }
    assert not decoded.losses


def test_options_records_are_no_flows():
    options = ipfix_options_set(257, [(149, 4)], [(8, 4), (12, 4), (1, 4)])
    message = ipfix(options, set_(257, bytes(16)))
    decoded = run(message)
    assert len(decoded.flows) == 0
    assert counted(decoded, "options_records") == 1


def test_a_version_9_template_and_its_data_in_one_datagram_with_padding():
    fields = [(8, 4), (12, 4), (4, 1), (1, 4), (2, 2)]
    record = ip("10.0.0.1") + ip("10.0.0.2") + struct.pack(">BIH", 17, 99, 3)
    decoded = run(v9(v9_template_set(256, fields), set_(256, record * 3, padding=3)))
    assert column(decoded, "bytes") == [99, 99, 99]
    assert not decoded.losses
