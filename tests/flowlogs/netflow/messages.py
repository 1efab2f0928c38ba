"""Exporter datagrams built field by field, by nothing of the code under test."""

import json
import struct
from collections.abc import Iterable, Sequence

from flowlogs.netflow import Datagram, Decoded, Sessions, decode

SECOND = 1_000_000_000
EXPORT_S = 1_795_235_300
RECEIVED_NS = EXPORT_S * SECOND + 250_000_000
END_NS = 1 << 62
EXPORTER = b"\0" * 10 + b"\xff\xff" + bytes([192, 0, 2, 1])
VARIABLE = 65535
REVERSE = 29305

Field = tuple[int, int] | tuple[int, int, int]
"""Element, length and, where there is one, enterprise."""


def datagram(
    payload: bytes, at_ns: int = RECEIVED_NS, port: int = 2055, address: bytes = EXPORTER
) -> Datagram:
    return Datagram(at_ns, address, port, payload)


def set_(set_id: int, body: bytes, padding: int = 0) -> bytes:
    return struct.pack(">HH", set_id, 4 + len(body) + padding) + body + bytes(padding)


def specifiers(fields: Iterable[Field]) -> bytes:
    packed = b""
    for element, length, *enterprise in fields:
        bit = 0x8000 if enterprise else 0
        packed += struct.pack(">HH", element | bit, length)
        packed += struct.pack(">I", enterprise[0]) if enterprise else b""
    return packed


def template(template_id: int, fields: Sequence[Field]) -> bytes:
    return struct.pack(">HH", template_id, len(fields)) + specifiers(fields)


def v9_template_set(template_id: int, fields: Sequence[Field]) -> bytes:
    return set_(0, template(template_id, fields))


def v9_options_set(template_id: int, scopes: Sequence[Field], fields: Sequence[Field]) -> bytes:
    body = (
        struct.pack(">HHH", template_id, 4 * len(scopes), 4 * len(fields))
        + specifiers(scopes)
        + specifiers(fields)
    )
    return set_(1, body, -len(body) % 4)


def ipfix_template_set(template_id: int, fields: Sequence[Field]) -> bytes:
    return set_(2, template(template_id, fields))


def ipfix_options_set(template_id: int, scopes: Sequence[Field], fields: Sequence[Field]) -> bytes:
    head = struct.pack(">HHH", template_id, len(scopes) + len(fields), len(scopes))
    return set_(3, head + specifiers(scopes) + specifiers(fields))


def v9(
    *sets: bytes,
    sequence: int = 0,
    domain: int = 0,
    uptime_ms: int = 100_000,
    export_s: int = EXPORT_S,
    count: int = 1,
) -> bytes:
    return struct.pack(">HHIIII", 9, count, uptime_ms, export_s, sequence, domain) + b"".join(sets)


def ipfix(*sets: bytes, sequence: int = 0, domain: int = 0, export_s: int = EXPORT_S) -> bytes:
    body = b"".join(sets)
    return struct.pack(">HHIII", 10, 16 + len(body), export_s, sequence, domain) + body


def v5_record(
    source: str = "10.0.0.1",
    destination: str = "10.0.0.2",
    *,
    packets: int = 1,
    octets: int = 100,
    first_ms: int = 90_000,
    last_ms: int = 95_000,
    ports: tuple[int, int] = (1000, 80),
    flags: int = 0,
    protocol: int = 6,
    interfaces: tuple[int, int] = (0, 0),
) -> bytes:
    addresses = ip(source) + ip(destination) + bytes(4)
    counts = struct.pack(">HHIIIIHH", *interfaces, packets, octets, first_ms, last_ms, *ports)
    return addresses + counts + struct.pack(">BBBBHHBBH", 0, flags, protocol, 0, 0, 0, 24, 24, 0)


def v5(
    *records: bytes,
    sequence: int = 0,
    engine: int = 0,
    sampling: int = 0,
    uptime_ms: int = 100_000,
    export_s: int = EXPORT_S,
    nanoseconds: int = 0,
    count: int | None = None,
) -> bytes:
    head = (
        5,
        len(records) if count is None else count,
        uptime_ms,
        export_s,
        nanoseconds,
        sequence,
        engine,
        sampling,
    )
    return struct.pack(">HHIIIIHH", *head) + b"".join(records)


def ip(address: str) -> bytes:
    return bytes(map(int, address.split(".")))


def number(value: int, length: int) -> bytes:
    return value.to_bytes(length, "big")


def run(
    *datagrams: Datagram | bytes, sessions: Sessions | None = None, now_ns: int | None = END_NS
) -> Decoded:
    """Decode datagrams, or payloads received 1 ms after another, and let everything become due."""
    made = [
        each if isinstance(each, Datagram) else datagram(each, RECEIVED_NS + index * 1_000_000)
        for index, each in enumerate(datagrams)
    ]
    return decode(made, sessions or Sessions(), now_ns=now_ns)


def through_json(sessions: Sessions) -> Sessions:
    return Sessions.from_json(json.loads(json.dumps(sessions.to_json())))


def column(decoded: Decoded, name: str) -> list[int]:
    return getattr(decoded.flows, name).tolist()


def lost(decoded: Decoded) -> list[tuple[int, str]]:
    return [(loss.count, loss.unit) for loss in decoded.losses]


def counted(decoded: Decoded, name: str) -> int:
    return sum(getattr(counters, name) for counters in decoded.counters.values())
