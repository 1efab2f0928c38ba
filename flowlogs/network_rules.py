"""Rules of the network inventory: CIDR blocks nest and do not overlap, addresses are in their vSwitch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from flowlogs.rules import Violation

Network = IPv4Network | IPv6Network


def cidr_block(value: str, field: str) -> list[Violation]:
    """Check that a text is a CIDR block without host bits, IPv4 or IPv6."""
    return [] if _network(value) else [Violation("CidrBlock", field, {"value": value})]


def vswitch_block(
    value: str, vpc_blocks: Iterable[str], vswitches: Mapping[str, str], field: str
) -> list[Violation]:
    """Check that a vSwitch's block is inside its VPC and apart from other vSwitches, given by identifier."""
    block = _network(value)
    if block is None:
        return [Violation("CidrBlock", field, {"value": value})]
    found = [] if any(_contains(outer, block) for outer in vpc_blocks) else [Violation("CidrOutside", field)]
    return found + overlaps(value, vswitches, field)


def overlaps(value: str, others: Mapping[str, str], field: str) -> list[Violation]:
    """Check that a CIDR block is apart from others, given by what has them."""
    block = _network(value)
    return [
        Violation("CidrOverlap", field, {"other": other})
        for other, taken in others.items()
        if block is not None and _overlap(block, _network(taken))
    ][:1]


def address(value: str, vswitch_blocks: Iterable[str], taken_by: str, field: str) -> list[Violation]:
    """Check that an address is in its vSwitch and free; ``taken_by`` is the interface that has it, if any."""
    single = ip_network(ip_address(value))
    if not any(_contains(outer, single) for outer in vswitch_blocks if outer):
        return [Violation("AddressOutside", field)]
    return [Violation("AddressTaken", field, {"other": taken_by})] if taken_by else []


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
