"""Capture files of every kind give the same datagrams; damaged ones say so."""

import io
import struct
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowlogs.pcap import CapturedDatagram, CaptureError, CaptureNotes, read_datagrams

SAMPLES = Path(__file__).parents[1] / "samples"
SECONDS, NANOSECONDS = 1_795_235_325, 123_456_000
AT_NS = SECONDS * 1_000_000_000 + NANOSECONDS
MAPPED = b"\0" * 10 + b"\xff\xff"
SOURCE, DESTINATION = bytes([192, 0, 2, 1]), bytes([192, 0, 2, 2])
SOURCE6, DESTINATION6 = bytes.fromhex("fd77" + "00" * 13 + "01"), bytes.fromhex("fd77" + "00" * 13 + "02")
PAYLOAD = b"flow data of no meaning"
MACS = bytes(12)


def udp(payload: bytes = PAYLOAD, length: int | None = None) -> bytes:
    return struct.pack(">HHHH", 4444, 2055, 8 + len(payload) if length is None else length, 0) + payload


def ipv4(
    segment: bytes | None = None, *, protocol: int = 17, fragment: int = 0, options: bytes = b""
) -> bytes:
    segment = udp() if segment is None else segment
    length = 20 + len(options) + len(segment)
    head = struct.pack(">BBHHHBBH", 0x40 | (5 + len(options) // 4), 0, length, 1, fragment, 64, protocol, 0)
    return head + SOURCE + DESTINATION + options + segment


def ipv6(segment: bytes | None = None, following: int = 17, extensions: bytes = b"") -> bytes:
    segment = udp() if segment is None else segment
    head = struct.pack(">IHBB", 6 << 28, len(extensions) + len(segment), following, 64)
    return head + SOURCE6 + DESTINATION6 + extensions + segment


def ethernet(packet: bytes, kind: int = 0x0800, tags: bytes = b"") -> bytes:
    return MACS + tags + struct.pack(">H", kind) + packet


def pcap(*frames: bytes, link: int = 1, order: str = "<", nanoseconds: bool = False) -> bytes:
    magic, fraction = (0xA1B23C4D, NANOSECONDS) if nanoseconds else (0xA1B2C3D4, NANOSECONDS // 1000)
    made = struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, 65535, link)
    for frame in frames:
        made += struct.pack(order + "IIII", SECONDS, fraction, len(frame), len(frame)) + frame
    return made


def block(kind: int, body: bytes, order: str) -> bytes:
    body += bytes(-len(body) % 4)
    length = struct.pack(order + "I", 12 + len(body))
    return struct.pack(order + "I", kind) + length + body + length


def pcapng(
    *frames: bytes, link: int = 1, order: str = "<", resolution: int = 6, packet: str = "enhanced"
) -> bytes:
    options = struct.pack(order + "HHB3x", 9, 1, resolution) + struct.pack(order + "HH", 0, 0)
    units = 1 << (resolution & 0x7F) if resolution & 0x80 else 10**resolution
    ticks = AT_NS * units // 1_000_000_000
    made = block(0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1), order)
    made += block(1, struct.pack(order + "HHI", link, 0, 65535) + options, order)
    made += block(5, bytes(12), order)
    for frame in frames:
        high, low, length = ticks >> 32, ticks & 0xFFFFFFFF, len(frame)
        if packet == "enhanced":
            made += block(6, struct.pack(order + "IIIII", 0, high, low, length, length) + frame, order)
        elif packet == "old":
            made += block(2, struct.pack(order + "HHIIII", 0, 0, high, low, length, length) + frame, order)
        else:
            made += block(3, struct.pack(order + "I", length) + frame, order)
    return made


def read(data: bytes) -> tuple[list[CapturedDatagram], CaptureNotes]:
    notes = CaptureNotes()
    return list(read_datagrams(io.BytesIO(data), notes)), notes


def expected(at_ns: int = AT_NS, source: bytes = MAPPED + SOURCE, destination: bytes = MAPPED + DESTINATION):
    return [CapturedDatagram(at_ns, source, 4444, destination, 2055, PAYLOAD)]


@pytest.mark.parametrize("order", ["<", ">"], ids=["little-endian", "big-endian"])
@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda frame, order: pcap(frame, order=order), id="pcap"),
        pytest.param(
            lambda frame, order: pcap(frame, order=order, nanoseconds=True), id="pcap of nanoseconds"
        ),
        pytest.param(lambda frame, order: pcapng(frame, order=order), id="pcapng"),
        pytest.param(
            lambda frame, order: pcapng(frame, order=order, resolution=9), id="pcapng of nanoseconds"
        ),
        pytest.param(lambda frame, order: pcapng(frame, order=order, packet="old"), id="pcapng, old packets"),
    ],
)
def test_every_file_format_and_byte_order(make, order):
    assert read(make(ethernet(ipv4()), order))[0] == expected()


def test_a_resolution_of_a_power_of_two():
    (found,) = read(pcapng(ethernet(ipv4()), resolution=0x80 | 20))[0]
    assert abs(found.received_ns - AT_NS) < 1000


def test_simple_packets_have_no_time():
    assert read(pcapng(ethernet(ipv4()), packet="simple"))[0] == expected(at_ns=0)


def test_sections_of_other_byte_orders_one_after_another():
    joined = pcapng(ethernet(ipv4()), order="<") + pcapng(ethernet(ipv4()), order=">")
    assert read(joined)[0] == expected() * 2


@pytest.mark.parametrize(
    ("link", "frame"),
    [
        pytest.param(1, ethernet(ipv4()) + bytes(20), id="Ethernet, padded"),
        pytest.param(1, ethernet(ipv4(udp() + bytes(20))), id="IP packet longer than its datagram"),
        pytest.param(1, ethernet(ipv4(), tags=b"\x81\0\0\5"), id="VLAN"),
        pytest.param(1, ethernet(ipv4(), tags=b"\x88\xa8\0\5\x81\0\0\6"), id="two VLANs"),
        pytest.param(1, ethernet(ipv4(options=bytes(8))), id="IP options"),
        pytest.param(0, struct.pack("<I", 2) + ipv4(), id="loopback"),
        pytest.param(108, struct.pack(">I", 2) + ipv4(), id="OpenBSD loopback"),
        pytest.param(101, ipv4(), id="raw"),
        pytest.param(228, ipv4(), id="raw IPv4"),
        pytest.param(113, bytes(14) + b"\x08\0" + ipv4(), id="Linux cooked"),
        pytest.param(276, b"\x08\0" + bytes(18) + ipv4(), id="Linux cooked 2"),
    ],
)
def test_every_link_layer(link, frame):
    assert read(pcap(frame, link=link))[0] == expected()


@pytest.mark.parametrize(
    "packet",
    [
        pytest.param(ipv6(), id="plain"),
        pytest.param(ipv6(following=0, extensions=b"\x11\0" + bytes(6)), id="hop-by-hop options"),
        pytest.param(
            ipv6(following=60, extensions=b"\x2b\1" + bytes(14) + b"\x11\0" + bytes(6)), id="two extensions"
        ),
    ],
)
def test_ipv6(packet):
    frames = pcap(ethernet(packet, kind=0x86DD))
    assert read(frames)[0] == expected(source=SOURCE6, destination=DESTINATION6)


@pytest.mark.parametrize(
    "frame",
    [
        pytest.param(ethernet(b"\0\1\x08\0", kind=0x0806), id="ARP"),
        pytest.param(ethernet(ipv4(protocol=6)), id="TCP"),
        pytest.param(ethernet(ipv6(following=58), kind=0x86DD), id="ICMPv6"),
        pytest.param(b"", id="empty"),
        pytest.param(MACS, id="half a header"),
        pytest.param(ethernet(b""), id="no packet"),
        pytest.param(ethernet(b"\x41" + ipv4()[1:]), id="an IP header of 4 bytes"),
    ],
)
def test_what_is_no_udp_is_passed_over(frame):
    found, notes = read(pcap(frame, ethernet(ipv4())))
    assert found == expected()
    assert notes == CaptureNotes(packets=2)


@pytest.mark.parametrize(
    "frame",
    [
        pytest.param(ethernet(ipv4(fragment=0x2000)), id="first"),
        pytest.param(ethernet(ipv4(fragment=185)), id="later"),
        pytest.param(ethernet(ipv6(following=44, extensions=bytes(8)), kind=0x86DD), id="IPv6"),
    ],
)
def test_fragments_are_counted(frame):
    assert read(pcap(frame)) == ([], CaptureNotes(packets=1, fragments=1))


def test_a_datagram_captured_in_part_is_given_and_counted():
    found, notes = read(pcap(ethernet(ipv4())[:-5]))
    assert [each.payload for each in found] == [PAYLOAD[:-5]]
    assert notes.cut == 1


@pytest.mark.parametrize(
    ("data", "message"),
    [
        pytest.param(b"", "not a pcap", id="empty"),
        pytest.param(b"\xd4\xc3", "not a pcap", id="two bytes"),
        pytest.param(b"root:x:0:0:root:/root:/bin/bash\n", "not a pcap", id="text"),
        pytest.param(pcap()[:15], "ends within its header", id="header cut"),
        pytest.param(struct.pack("<III", 0x0A0D0D0A, 28, 7), "not a pcap", id="pcapng without byte order"),
        pytest.param(pcap(ethernet(ipv4()), link=147), "link type 147", id="unknown link"),
    ],
)
def test_what_is_no_capture_says_so(data, message):
    with pytest.raises(CaptureError, match=message):
        read(data)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        pytest.param(pcap(ethernet(ipv4()))[:-3], "ends within a packet", id="pcap cut"),
        pytest.param(pcap(ethernet(ipv4())) + b"\0\0", "ends within a packet", id="pcap with half a header"),
        pytest.param(pcap() + struct.pack("<IIII", 0, 0, 1 << 30, 1 << 30), "damaged", id="absurd length"),
        pytest.param(pcapng(ethernet(ipv4()))[:-3], "ends within a packet", id="pcapng cut"),
        pytest.param(pcapng() + struct.pack("<II", 6, 13), "damaged", id="odd block"),
        pytest.param(pcapng() + struct.pack("<I", 6), "ends within a block", id="block cut"),
        pytest.param(
            pcapng() + block(6, struct.pack("<IIIII", 9, 0, 0, 0, 0), "<"),
            "unknown interface",
            id="interface",
        ),
        pytest.param(pcapng() + block(6, b"", "<"), "without a packet", id="empty packet block"),
    ],
)
def test_damage_says_where_reading_ended(data, message):
    with pytest.raises(CaptureError, match=message):
        read(data)


def test_what_comes_before_the_damage_is_given():
    notes, found = CaptureNotes(), []
    with pytest.raises(CaptureError):
        for datagram in read_datagrams(io.BytesIO(pcap(ethernet(ipv4()), ethernet(ipv4()))[:-1]), notes):
            found.append(datagram)
    assert found == expected()


def test_the_samples_hold_as_many_datagrams_as_tshark_sees():
    counts = {
        name: len(read((SAMPLES / name).read_bytes())[0])
        for name in ("softflowd-a-offline.pcap", "exporters-a-live.pcap")
    }
    assert counts == {"softflowd-a-offline.pcap": 9, "exporters-a-live.pcap": 116}


@given(
    st.sampled_from([pcap(ethernet(ipv4()), ethernet(ipv4())), pcapng(ethernet(ipv4()), ethernet(ipv4()))]),
    st.data(),
)
@settings(deadline=None, max_examples=200)
def test_damaged_files_never_raise_anything_else(data, drawn):
    damaged = bytearray(data)
    for _ in range(drawn.draw(st.integers(1, 4))):
        damaged[drawn.draw(st.integers(0, len(damaged) - 1))] = drawn.draw(st.integers(0, 255))
    try:
        read(bytes(damaged[: drawn.draw(st.integers(0, len(damaged)))]))
    except CaptureError as error:
        assert str(error)
