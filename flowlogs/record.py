"""The field table of the flow log record: every schema, heading, index and export asks it.

Names, order and meaning follow the documented record format (facts, section 3.2); ``__time__`` is the
time under which the Log Service files a record, which for a flow log record is its ``start``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from console.texts import noop as _

FieldType = Literal["text", "long"]

NOT_APPLICABLE = "-"
TIME = "__time__"
TOPIC = "flow_log"


@dataclass(frozen=True, slots=True)
class Field:
    """One field of the record: its name, index type, meaning and the year the product added it."""

    name: str
    type: FieldType
    doc: str
    since: int


FIELDS: tuple[Field, ...] = (
    Field("version", "long", _("Version of the record format; always 1."), 2018),
    Field("account-id", "text", _("Account that owns the elastic network interface."), 2018),
    Field("eni-id", "text", _("Elastic network interface that the flow was captured on."), 2018),
    Field("vm-id", "text", _("ECS instance that the network interface is attached to."), 2018),
    Field("vswitch-id", "text", _("vSwitch of the network interface."), 2018),
    Field("vpc-id", "text", _("VPC of the network interface."), 2018),
    Field("type", "text", _("Traffic type: IPv4 or IPv6."), 2023),
    Field("protocol", "long", _("IANA protocol number: 1 ICMP, 6 TCP, 17 UDP."), 2018),
    Field("srcaddr", "text", _("Source IP address."), 2018),
    Field("srcport", "long", _("Source port; 0 for protocols without ports."), 2018),
    Field("dstaddr", "text", _("Destination IP address."), 2018),
    Field("dstport", "long", _("Destination port; 0 for protocols without ports."), 2018),
    Field("direction", "text", _("in: into the network interface; out: from it."), 2018),
    Field("action", "text", _("ACCEPT or REJECT by security groups and network ACLs."), 2018),
    Field("packets", "long", _("Packets in the capture window."), 2018),
    Field("bytes", "long", _("IP bytes in the capture window."), 2018),
    Field("start", "long", _("Unix second of the first packet in the capture window."), 2018),
    Field(
        "end", "long", _("Unix second of the last packet, or the window's end while the flow goes on."), 2018
    ),
    Field(
        "tcp-flags",
        "long",
        _("Bitwise OR of the TCP flags of all packets: FIN 1, SYN 2, RST 4, PSH 8, ACK 16."),
        2024,
    ),
    Field(
        "log-status",
        "text",
        _("OK, NODATA (no traffic in the window) or SKIPDATA (records were skipped)."),
        2018,
    ),
    Field("traffic_path", "long", _("Code of the path that the traffic takes."), 2024),
)

FIELD_BY_NAME: dict[str, Field] = {field.name: field for field in FIELDS}
FIELD_NAMES: tuple[str, ...] = tuple(field.name for field in FIELDS)
TEXT_FIELDS: tuple[str, ...] = tuple(field.name for field in FIELDS if field.type == "text")
LONG_FIELDS: tuple[str, ...] = tuple(field.name for field in FIELDS if field.type == "long")

PROTOCOL_NAMES: dict[int, str] = {
    1: "ICMP", 2: "IGMP", 4: "IPv4", 6: "TCP", 17: "UDP", 41: "IPv6", 47: "GRE", 50: "ESP", 51: "AH",
    58: "ICMPv6", 89: "OSPF", 112: "VRRP", 132: "SCTP",
}  # fmt: skip

TRAFFIC_PATHS: dict[int, str] = {
    0: _("Other"),
    1: _("Another resource in the same VPC"),
    2: _("ECS instance in the same VPC"),
    3: _("Elastic network interface"),
    4: "HaVip",
    5: _("Cloud service in the same region"),
    6: _("Cloud service through a gateway endpoint"),
    7: _("NAT gateway"),
    8: _("Transit router"),
    9: _("VPN gateway"),
    10: _("Leased line through a VBR"),
    11: _("VPC in the same region through CEN Basic"),
    12: _("Other traffic through CEN Basic"),
    13: _("Internet through an IPv4 gateway"),
    14: _("Internet through an IPv6 gateway"),
    15: _("Internet through a public IP address"),
    17: _("VPC peering"),
    18: _("VPC in another region through CEN Basic"),
    19: _("VBR in the same region through CEN Basic"),
    20: _("VBR in another region through CEN Basic"),
    21: _("Express Connect Router"),
    22: _("GWLB endpoint"),
}


def quote(name: str) -> str:
    """Return a field name as a double-quoted SQL identifier."""
    return '"' + name.replace('"', '""') + '"'
