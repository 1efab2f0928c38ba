"""Rules of the network inventory: CIDR blocks nest and do not overlap, addresses are in their vSwitch."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from flowlogs.rules import Violation

Network = IPv4Network | IPv6Network

ID_LENGTH = 64
PORTS = range(65536)
PRIORITIES = range(1, 101)
ORDERS = range(1, 32767)
WITH_PORTS = ("tcp", "udp")
_ID = re.compile(r"[A-Za-z][A-Za-z0-9]*-[A-Za-z0-9_-]+")
_ZONE = re.compile(r"[A-Za-z0-9]+(?:-[A-Za-z0-9]+)*")
_INSTANCE_TYPE = re.compile(r"[A-Za-z0-9]+(?:[.-][A-Za-z0-9]+)+")


def identifier(value: str, field: str = "id") -> list[Violation]:
    """Check the identifier of a resource, of this console or of a cloud."""
    fits = len(value) <= ID_LENGTH and _ID.fullmatch(value)
    return [] if fits else [Violation("Identifier", field)]


def instance_type(value: str, field: str = "instance_type") -> list[Violation]:
    """Check the type of an ECS instance, such as ecs.g7.large."""
    fits = len(value) <= ID_LENGTH and _INSTANCE_TYPE.fullmatch(value)
    return [] if fits else [Violation("InstanceType", field, {"value": value})]


def zone(value: str, field: str = "zone_id") -> list[Violation]:
    """Check the zone of a vSwitch, such as cn-hangzhou-h."""
    fits = len(value) <= ID_LENGTH and _ZONE.fullmatch(value)
    return [] if fits else [Violation("Zone", field, {"value": value})]


def ports(protocol: str, first: int, last: int) -> list[Violation]:
    """Check a range of ports, which only TCP and UDP have; 0 to 65535 is all of them."""
    if first not in PORTS or last not in PORTS or first > last:
        return [Violation("PortRange", "port_from")]
    restricted = (first, last) != (PORTS[0], PORTS[-1])
    return [Violation("PortProtocol", "port_from")] if restricted and protocol not in WITH_PORTS else []


def priority(value: int, field: str = "priority") -> list[Violation]:
    """Check the priority of a security group rule."""
    return [] if value in PRIORITIES else [Violation("RulePriority", field)]


def order(value: int, field: str = "order") -> list[Violation]:
    """Check the place of a network ACL rule among the others."""
    return [] if value in ORDERS else [Violation("RuleOrder", field)]


def cidr_block(value: str, field: str, version: int | None = None) -> list[Violation]:
    """Check that a text is a CIDR block without host bits, IPv4 or IPv6 or, if given, of that version."""
    block = _network(value)
    if block is not None and version in (None, block.version):
        return []
    return [Violation("Ipv6CidrBlock" if version == 6 else "CidrBlock", field, {"value": value})]


def one_address(value: str, field: str, version: int | None = None) -> list[Violation]:
    """Check that a text is an IP address, of that version if given."""
    try:
        fits = ip_address(value).version in (version or 4, version or 6)
    except ValueError:
        fits = False
    code = {4: "Ipv4Address", 6: "Ipv6Address"}.get(version or 0, "IpAddress")
    return [] if fits else [Violation(code, field, {"value": value})]


def vswitch_block(
    value: str, vpc_blocks: Iterable[str], vswitches: Mapping[str, str], field: str
) -> list[Violation]:
    """Check that a vSwitch's block is inside its VPC and apart from other vSwitches, given by identifier."""
    block = _network(value)
    if block is None:
        return [Violation("CidrBlock", field, {"value": value})]
    return inside(value, vpc_blocks, field) + overlaps(value, vswitches, field)


def inside(value: str, outer_blocks: Iterable[str], field: str) -> list[Violation]:
    """Check that a CIDR block is inside one of others."""
    return [] if holds(outer_blocks, value) else [Violation("CidrOutside", field)]


def holds(outer_blocks: Iterable[str], value: str) -> bool:
    """Tell whether one of the CIDR blocks holds a CIDR block or address."""
    inner = _network(value if "/" in value else f"{value}/{ip_address(value).max_prefixlen}")
    return inner is not None and any(_contains(outer, inner) for outer in outer_blocks if outer)


def overlaps(value: str, others: Mapping[str, str], field: str) -> list[Violation]:
    """Check that a CIDR block is apart from others, given by what has them."""
    block = _network(value)
    return [
        Violation("CidrOverlap", field, {"other": other})
        for other, taken in others.items()
        if block is not None and _overlap(block, _network(taken))
    ][:1]


def overlapping(blocks: Mapping[str, str]) -> dict[str, str]:
    """Return what has a CIDR block that overlaps with another's, each with one such other.

    Blocks are given by what has them; what is no CIDR block is passed over. Blocks nest or are apart, so that
    one pass in order of address and size finds every overlap.
    """
    ordered = sorted(
        (block.version, int(block.network_address), block.prefixlen, name, block)
        for name, text in blocks.items()
        if (block := _network(text)) is not None
    )
    found: dict[str, str] = {}
    around: list[tuple[str, Network]] = []
    for *_place, name, block in ordered:
        while around and not _overlap(around[-1][1], block):
            around.pop()
        if around:
            found[name] = around[-1][0]
            found.setdefault(around[-1][0], name)
        around.append((name, block))
    return found


def address(value: str, vswitch_blocks: Iterable[str], taken_by: str, field: str) -> list[Violation]:
    """Check that an address is in its vSwitch and free; ``taken_by`` is the interface that has it, if any."""
    if not holds(vswitch_blocks, value):
        return [Violation("AddressOutside", field)]
    return [Violation("AddressTaken", field, {"other": taken_by})] if taken_by else []


@lru_cache(maxsize=4096)
def _network(value: str) -> Network | None:
    try:
        return ip_network(value) if "/" in value else None
    except ValueError:
        return None


def _contains(outer: str, inner: Network) -> bool:
    network = _network(outer)
    if isinstance(network, IPv4Network) and isinstance(inner, IPv4Network):
        return inner.subnet_of(network)
    if isinstance(network, IPv6Network) and isinstance(inner, IPv6Network):
        return inner.subnet_of(network)
    return False


def _overlap(one: Network, other: Network | None) -> bool:
    return other is not None and one.version == other.version and one.overlaps(other)
