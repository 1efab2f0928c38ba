"""Network ACLs and security groups as column-wise verdicts.

A packet passes when the network ACL of the vSwitch (stateless, first match by order, nothing matched: denied)
and the security groups of the network interface (by priority, Deny before Allow; nothing matched: inbound denied,
outbound allowed) let it pass. Security groups are stateful: a flow is accepted when it, or the flow it answers, is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .addresses import AddressTable, Block, Bools

IN, OUT = 0, 1
PROTOCOL_NUMBERS = {"tcp": 6, "udp": 17, "icmp": 1, "icmpv6": 58, "gre": 47}
PORTLESS = (1, 58, 47)
NOBODY = AddressTable(())


@dataclass(frozen=True)
class Peers:
    """The remote side of flows: columns of one length (family 4 or 6; address halves; protocol; service port)."""

    family: NDArray[np.uint8]
    hi: NDArray[np.uint64]
    lo: NDArray[np.uint64]
    protocol: NDArray[np.uint8]
    port: NDArray[np.uint16]

    def __len__(self) -> int:
        return len(self.lo)


@dataclass(frozen=True)
class Rule:
    """One rule, compiled: whether it accepts, which protocol (0 all), ports and peers it means."""

    accepts: bool
    protocol: int
    port_from: int
    port_to: int
    peers: Block | AddressTable

    def matches(self, flows: Peers) -> Bools:
        """Return which flows the rule speaks of."""
        found = self.peers.contains(flows.family, flows.hi, flows.lo)
        if self.protocol:
            found &= flows.protocol == self.protocol
            if self.protocol not in PORTLESS and (self.port_from, self.port_to) != (0, 65535):
                found &= (flows.port >= self.port_from) & (flows.port <= self.port_to)
        return found


@dataclass(frozen=True)
class RuleSet:
    """Rules in the order in which they are tried, and what happens where none matches."""

    rules: tuple[Rule, ...] = ()
    default: bool = True

    def accepts(self, peers: Peers) -> Bools:
        """Return which flows pass: the first rule that matches decides."""
        verdict = np.full(len(peers), self.default)
        if not self.rules or not len(peers):
            return verdict
        undecided = np.ones(len(peers), dtype=bool)
        for rule in self.rules:
            hit = undecided & rule.matches(peers)
            verdict[hit] = rule.accepts
            undecided &= ~hit
        return verdict


@dataclass(frozen=True)
class Policy:
    """All rules that one network interface stands under, by direction: [IN, OUT]."""

    groups: tuple[RuleSet, RuleSet] = field(default_factory=lambda: (RuleSet((), False), RuleSet()))
    acl: tuple[RuleSet, RuleSet] | None = None


def compile_rule(rule: Mapping[str, Any], members: Mapping[str, AddressTable]) -> Rule:
    """Compile one rule of the inventory: ``policy protocol port_from port_to cidr group``."""
    protocol = PROTOCOL_NUMBERS.get(rule["protocol"], 0)
    peers = members.get(rule["group"], NOBODY) if rule.get("group") else Block(rule["cidr"])
    return Rule(rule["policy"] == "accept", protocol, rule["port_from"], rule["port_to"], peers)


def compile_groups(
    groups: Sequence[Mapping[str, Any]], members: Mapping[str, AddressTable]
) -> tuple[RuleSet, RuleSet]:
    """Compile the security groups of one interface: rules of all of them, by priority, Deny first.

    ``members`` are the addresses of the interfaces in each group. That members of a group reach each other
    is tried last: any rule may refuse it.
    """

    def rules(direction: str) -> tuple[Rule, ...]:
        found = [rule for group in groups for rule in group["rules"] if rule["direction"] == direction]
        found.sort(key=lambda rule: (rule["priority"], rule["policy"] == "accept"))
        compiled = [compile_rule(rule, members) for rule in found]
        compiled += [
            Rule(True, 0, 0, 65535, members.get(group["id"], NOBODY))
            for group in groups
            if group.get("inner_access")
        ]
        return tuple(compiled)

    return RuleSet(rules("ingress"), False), RuleSet(rules("egress"), True)


def compile_acl(acl: Mapping[str, Any] | None) -> tuple[RuleSet, RuleSet] | None:
    """Compile a network ACL; no ACL lets everything pass."""
    if acl is None:
        return None

    def rules(direction: str) -> tuple[Rule, ...]:
        found = sorted(
            (rule for rule in acl["rules"] if rule["direction"] == direction), key=lambda rule: rule["order"]
        )
        return tuple(compile_rule(rule, {}) for rule in found)

    return RuleSet(rules("ingress"), False), RuleSet(rules("egress"), False)
