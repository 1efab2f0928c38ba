"""UDP datagrams out of capture files: libpcap (microseconds, nanoseconds) and pcapng, of either byte order.

Link layers: Ethernet with VLAN tags, Linux cooked (SLL, SLL2), raw IP, BSD loopback.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Final, NamedTuple

UDP: Final = 17
LONGEST_PACKET: Final = 1 << 28
"""A record that claims more is damaged."""

_SECTION_HEADER: Final = 0x0A0D0D0A
_BYTE_ORDER: Final = 0x1A2B3C4D
_INTERFACE, _OLD_PACKET, _SIMPLE_PACKET, _ENHANCED_PACKET = 1, 2, 3, 6
_TIME_RESOLUTION, _TIME_OFFSET = 9, 14
_NANOSECONDS: Final = 1_000_000_000
_FRACTIONS: Final = {0xA1B2C3D4: 1000, 0xA1B23C4D: 1}
"""Nanoseconds in the unit of the second time field of libpcap, by magic number."""

_NULL, _ETHERNET, _LOOP, _SLL, _SLL2 = 0, 1, 108, 113, 276
_RAW: Final = (12, 14, 101, 228, 229)
_IP_TYPES: Final = (0x0800, 0x86DD)
_VLAN_TYPES: Final = (0x8100, 0x88A8, 0x9100)
_IPV6_OPTIONS: Final = (0, 43, 60)
_IPV6_FRAGMENT: Final = 44


class CaptureError(ValueError):
    """The file is no capture that can be read, or is damaged from some place on; the message says so to a user."""


class CapturedDatagram(NamedTuple):
    """One UDP datagram: time of capture in ns since the epoch, addresses of 16 bytes (IPv4 mapped), ports, payload."""

    received_ns: int
    address: bytes
    port: int
    destination: bytes
    destination_port: int
    payload: bytes


@dataclass(slots=True)
class CaptureNotes:
    """What a capture held: ``cut`` datagrams were captured in part, ``fragments`` are not put together."""

    packets: int = 0
    cut: int = 0
    fragments: int = 0


class _Packet(NamedTuple):
    received_ns: int
    link: int
    data: bytes


def read_datagrams(file: BinaryIO, notes: CaptureNotes) -> Iterator[CapturedDatagram]:
    """Yield the UDP datagrams of a capture in its order. Raise CaptureError when it is none, or where it is damaged."""
    for received_ns, link, data in _packets(file):
        notes.packets += 1
        packet = _ip_packet(link, data)
        if packet:
            datagram = _datagram(received_ns, packet, notes)
            if datagram:
                yield datagram


def _packets(file: BinaryIO) -> Iterator[_Packet]:
    magic = file.read(4)
    if len(magic) == 4:
        if int.from_bytes(magic, "big") == _SECTION_HEADER:
            return _read_pcapng(file)
        for order in ("<", ">"):
            nanoseconds = _FRACTIONS.get(struct.unpack(order + "I", magic)[0])
            if nanoseconds:
                return _read_pcap(file, order, nanoseconds)
    raise CaptureError("not a pcap or pcapng file")


def _read_pcap(file: BinaryIO, order: str, nanoseconds: int) -> Iterator[_Packet]:
    rest = file.read(20)
    if len(rest) < 20:
        raise CaptureError("the file ends within its header")
    # the upper bits of the link type tell of checksums at the end of frames
    link = struct.unpack(order + "I", rest[16:])[0] & 0xFFFF
    header = struct.Struct(order + "IIII")
    while start := file.read(header.size):
        if len(start) < header.size:
            raise CaptureError("the file ends within a packet")
        seconds, fraction, length, _ = header.unpack(start)
        yield _Packet(seconds * _NANOSECONDS + fraction * nanoseconds, link, _exactly(file, length))


def _exactly(file: BinaryIO, length: int) -> bytes:
    if length > LONGEST_PACKET:
        raise CaptureError(f"damaged: a packet of {length} bytes")
    data = file.read(length)
    if len(data) < length:
        raise CaptureError("the file ends within a packet")
    return data


class _Interface(NamedTuple):
    """An interface of a pcapng section; its clock counts ``units`` a second from ``offset_s`` on."""

    link: int
    units: int
    offset_s: int

    def time_ns(self, high: int, low: int) -> int:
        """Return a time of this interface as ns since the epoch."""
        return (high << 32 | low) * _NANOSECONDS // self.units + self.offset_s * _NANOSECONDS


def _read_pcapng(file: BinaryIO) -> Iterator[_Packet]:
    interfaces: list[_Interface] = []
    order, kind = "<", _SECTION_HEADER
    while True:
        length_field = file.read(4)
        if kind == _SECTION_HEADER:
            order, start, interfaces = _section(file), 12, []
        else:
            start = 8
        body = _block_body(file, length_field, order, start)
        if kind == _INTERFACE:
            interfaces.append(_interface(body, order))
        elif kind in (_ENHANCED_PACKET, _OLD_PACKET, _SIMPLE_PACKET):
            yield _block_packet(kind, body, order, interfaces)
        next_kind = file.read(4)
        if not next_kind:
            return
        kind = int.from_bytes(next_kind, "little" if order == "<" else "big")


def _section(file: BinaryIO) -> str:
    magic = file.read(4)
    for order in ("<", ">"):
        if magic == struct.pack(order + "I", _BYTE_ORDER):
            return order
    raise CaptureError("not a pcap or pcapng file")


def _block_body(file: BinaryIO, length_field: bytes, order: str, start: int) -> bytes:
    """Return the rest of a block of which ``start`` bytes are read; the length stands at its end again."""
    if len(length_field) < 4:
        raise CaptureError("the file ends within a block")
    (length,) = struct.unpack(order + "I", length_field)
    if length < start + 4 or length % 4:
        raise CaptureError(f"damaged: a block of {length} bytes")
    return _exactly(file, length - start)[:-4]


def _interface(body: bytes, order: str) -> _Interface:
    if len(body) < 8:
        raise CaptureError("damaged: an interface without a description")
    (link,) = struct.unpack_from(order + "H", body)
    units, offset_s, position = 1_000_000, 0, 8
    while position + 4 <= len(body):
        code, length = struct.unpack_from(order + "HH", body, position)
        value = body[position + 4 : position + 4 + length]
        if code == _TIME_RESOLUTION and len(value) == 1:
            units = 1 << (value[0] & 0x7F) if value[0] & 0x80 else 10 ** value[0]
        elif code == _TIME_OFFSET and len(value) == 8:
            (offset_s,) = struct.unpack(order + "q", value)
        elif code == 0:
            break
        position += 4 + -(-length // 4) * 4
    return _Interface(link, units, offset_s)


def _block_packet(kind: int, body: bytes, order: str, interfaces: list[_Interface]) -> _Packet:
    """Return the packet of a block. A simple one has no time: it is given that of the epoch."""
    header = {_ENHANCED_PACKET: "IIIII", _OLD_PACKET: "HHIIII", _SIMPLE_PACKET: "I"}[kind]
    size = struct.calcsize(order + header)
    if len(body) < size:
        raise CaptureError("damaged: a packet block without a packet")
    values = struct.unpack_from(order + header, body)
    number = 0 if kind == _SIMPLE_PACKET else values[0]
    if number >= len(interfaces):
        raise CaptureError("damaged: a packet of an unknown interface")
    interface = interfaces[number]
    if kind == _SIMPLE_PACKET:
        return _Packet(0, interface.link, body[size : size + values[0]])
    high, low, length, _ = values[-4:]
    return _Packet(interface.time_ns(high, low), interface.link, body[size : size + length])


def _ip_packet(link: int, data: bytes) -> bytes:
    """Return the IP packet in a frame; nothing when it holds something else."""
    if link in _RAW:
        return data
    if link in (_NULL, _LOOP):
        return data[4:]
    if link == _SLL:
        return data[16:] if int.from_bytes(data[14:16], "big") in _IP_TYPES else b""
    if link == _SLL2:
        return data[20:] if int.from_bytes(data[:2], "big") in _IP_TYPES else b""
    if link != _ETHERNET:
        raise CaptureError(f"link type {link} is not supported")
    position = 12
    while int.from_bytes(data[position : position + 2], "big") in _VLAN_TYPES:
        position += 4
    return data[position + 2 :] if int.from_bytes(data[position : position + 2], "big") in _IP_TYPES else b""


def _datagram(received_ns: int, packet: bytes, notes: CaptureNotes) -> CapturedDatagram | None:
    parts = _ipv4(packet, notes) if packet[0] >> 4 == 4 else _ipv6(packet, notes)
    if parts is None:
        return None
    source, destination, segment = parts
    if len(segment) < 8:
        notes.cut += 1
        return None
    port, destination_port, length, _ = struct.unpack_from(">HHHH", segment)
    # a jumbogram has length 0 (RFC 2675)
    end = length if length >= 8 else len(segment)
    if end > len(segment):
        notes.cut += 1
    return CapturedDatagram(received_ns, source, port, destination, destination_port, segment[8:end])


def _ipv4(packet: bytes, notes: CaptureNotes) -> tuple[bytes, bytes, bytes] | None:
    if len(packet) < 20 or packet[9] != UDP:
        return None
    header = (packet[0] & 15) * 4
    if header < 20:
        return None
    length, _, fragment = struct.unpack_from(">HHH", packet, 2)
    if fragment & 0x3FFF:
        notes.fragments += 1
        return None
    mapped = b"\0" * 10 + b"\xff\xff"
    # segmentation offload leaves length 0
    return mapped + packet[12:16], mapped + packet[16:20], packet[header : length or len(packet)]


def _ipv6(packet: bytes, notes: CaptureNotes) -> tuple[bytes, bytes, bytes] | None:
    if len(packet) < 40 or packet[0] >> 4 != 6:
        return None
    following, position = packet[6], 40
    while following in _IPV6_OPTIONS and position + 2 <= len(packet):
        following, position = packet[position], position + (packet[position + 1] + 1) * 8
    if following == _IPV6_FRAGMENT:
        notes.fragments += 1
        return None
    if following != UDP:
        return None
    length = int.from_bytes(packet[4:6], "big")
    return packet[8:24], packet[24:40], packet[position : 40 + length if length else len(packet)]
