"""What goes into a decoder and what comes out of it, beside the flows themselves."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, fields
from enum import StrEnum
from functools import lru_cache
from typing import Literal, NamedTuple


class Datagram(NamedTuple):
    """One UDP payload as it was received: time in ns since the epoch, source address (16 bytes) and port."""

    received_ns: int
    address: bytes
    port: int
    payload: bytes


class StreamKey(NamedTuple):
    """What templates and sequence numbers belong to.

    ``address`` is text. ``domain`` is the observation domain (IPFIX), source id (v9) or engine type and id (v5,
    type * 256 + id). ``version`` is 5, 9 or 10; 0 for datagrams of any other protocol.
    """

    address: str
    port: int
    domain: int
    version: int


class Reason(StrEnum):
    """Why flows or datagrams are lost."""

    SEQUENCE = "sequence gap"
    TRUNCATED = "truncated"
    MALFORMED = "malformed"
    UNSUPPORTED = "unsupported version"
    NO_TEMPLATE = "no template"
    UNDECODABLE = "undecodable data"


Unit = Literal["flows", "datagrams"]


@dataclass(frozen=True, slots=True)
class Loss:
    """Flows, or datagrams with an unknown number of flows, that will never be decoded.

    ``received_ns`` is the receipt of the datagram that could not be read, or that showed the gap before it.
    """

    stream: StreamKey
    count: int
    unit: Unit
    received_ns: int
    reason: Reason


@dataclass(slots=True)
class Counters:
    """What one stream brought in one batch; everything is an increment.

    ``malformed`` counts datagrams, ``unsupported`` datagrams of a protocol or version that is not decoded.
    ``waiting`` counts sets put aside until their template arrives, ``unknown_template`` those given up on.
    ``undecodable_sets`` counts data sets that do not hold one whole record. ``skipped_sections`` counts records of
    packet sections (PSAMP), ``skipped_records`` those of no IP flow or without any counter. ``reserved_sets`` have an
    id that no standard assigns. ``assumed_times`` counts flows whose clock base or times the exporter never told.
    """

    datagrams: int = 0
    flows: int = 0
    malformed: int = 0
    unsupported: int = 0
    templates: int = 0
    rejected_templates: int = 0
    evicted_templates: int = 0
    withdrawn_templates: int = 0
    options_records: int = 0
    waiting: int = 0
    unknown_template: int = 0
    undecodable_sets: int = 0
    reserved_sets: int = 0
    skipped_sections: int = 0
    skipped_records: int = 0
    assumed_times: int = 0
    out_of_order: int = 0
    resets: int = 0

    def add(self, other: Counters) -> None:
        """Add the increments of another batch."""
        for field in fields(self):
            setattr(self, field.name, getattr(self, field.name) + getattr(other, field.name))


@lru_cache(maxsize=4096)
def address_text(address: bytes) -> str:
    """Return a 16-byte address as text; IPv4-mapped ones in dotted form."""
    parsed = ipaddress.IPv6Address(address)
    return str(parsed.ipv4_mapped or parsed)


@lru_cache(maxsize=4096)
def address_bytes(text: str) -> bytes:
    """Return an address given as text as 16 bytes. Raise ValueError when it is none."""
    parsed = ipaddress.ip_address(text)
    return b"\0" * 10 + b"\xff\xff" + parsed.packed if parsed.version == 4 else parsed.packed
