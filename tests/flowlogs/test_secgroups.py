"""Security groups and network ACLs, column by column, against the same rules read one packet at a time."""

from ipaddress import ip_address

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowlogs.addresses import AddressTable
from flowlogs.secgroups import IN, OUT, Peers, compile_acl, compile_groups

from .plain_rules import acl_passes, groups_pass

ADDRESSES = ("10.0.0.1", "10.0.0.2", "10.0.1.1", "192.0.2.7", "2001:db8::1", "2001:db8::2", "2001:db8:1::1")
CIDRS = ("0.0.0.0/0", "10.0.0.0/8", "10.0.0.0/24", "10.0.0.2/32", "::/0", "2001:db8::/64", "2001:db8::2/128")
SIDES = {"ingress": IN, "egress": OUT}

ports = st.sampled_from([0, 22, 53, 80, 443, 1024, 65535])
rules = st.fixed_dictionaries(
    {
        "direction": st.sampled_from(["ingress", "egress"]),
        "policy": st.sampled_from(["accept", "drop"]),
        "protocol": st.sampled_from(["all", "tcp", "udp", "icmp", "icmpv6", "gre"]),
        "ports": st.tuples(ports, ports).map(sorted),
    }
).map(lambda rule: {**rule, "port_from": rule["ports"][0], "port_to": rule["ports"][1]})
peers = st.one_of(
    st.sampled_from(CIDRS).map(lambda cidr: {"cidr": cidr, "group": ""}),
    st.sampled_from(["sg-a", "sg-b", "sg-gone"]).map(lambda group: {"cidr": "", "group": group}),
)
group_rules = st.builds(
    lambda rule, peer, priority: {**rule, **peer, "priority": priority}, rules, peers, st.integers(1, 3)
)
groups = st.lists(
    st.fixed_dictionaries(
        {
            "id": st.sampled_from(["sg-a", "sg-b"]),
            "inner_access": st.booleans(),
            "rules": st.lists(group_rules, max_size=5),
        }
    ),
    max_size=2,
)
members = st.fixed_dictionaries(
    {"sg-a": st.lists(st.sampled_from(ADDRESSES)), "sg-b": st.lists(st.sampled_from(ADDRESSES))}
)
acls = st.one_of(
    st.none(),
    st.lists(st.tuples(rules, st.sampled_from(CIDRS)), max_size=5).map(
        lambda found: {
            "rules": [{**rule, "cidr": cidr, "order": 7 - order} for order, (rule, cidr) in enumerate(found)]
        }
    ),
)
packets = st.lists(
    st.tuples(st.sampled_from(ADDRESSES), st.sampled_from([1, 6, 17, 47, 58, 132]), ports),
    min_size=1,
    max_size=12,
)


def as_peers(found: list[tuple[str, int, int]]) -> Peers:
    addresses = [ip_address(address) for address, *_ in found]
    return Peers(
        family=np.array([address.version for address in addresses], np.uint8),
        hi=np.array([int(address) >> 64 for address in addresses], np.uint64),
        lo=np.array([int(address) & 2**64 - 1 for address in addresses], np.uint64),
        protocol=np.array([protocol for _, protocol, _ in found], np.uint8),
        port=np.array([port for *_, port in found], np.uint16),
    )


def tables(members: dict[str, list[str]]) -> dict[str, AddressTable]:
    return {group: AddressTable([(address, 0) for address in found]) for group, found in members.items()}


@given(groups, members, packets)
def test_groups_decide_as_their_rules_read(groups, members, packets):
    compiled = compile_groups(groups, tables(members))
    for direction, side in SIDES.items():
        verdicts = compiled[side].accepts(as_peers(packets))
        assert verdicts.tolist() == [groups_pass(groups, members, direction, *packet) for packet in packets]


@given(acls, packets)
def test_network_acls_decide_as_their_rules_read(acl, packets):
    compiled = compile_acl(acl)
    for direction, side in SIDES.items():
        expected = [acl_passes(acl, direction, *packet) for packet in packets]
        assert (compiled is None and all(expected)) or compiled[side].accepts(
            as_peers(packets)
        ).tolist() == expected


def rule(direction: str = "ingress", policy: str = "accept", **values: object) -> dict:
    defaults = {
        "priority": 1,
        "protocol": "all",
        "port_from": 0,
        "port_to": 65535,
        "cidr": "0.0.0.0/0",
        "group": "",
    }
    return {"direction": direction, "policy": policy, **defaults, **values}


def group(*found: dict, inner_access: bool = False) -> list[dict]:
    return [{"id": "sg-a", "inner_access": inner_access, "rules": list(found)}]


@pytest.mark.parametrize(
    ("groups", "direction", "packet", "passes"),
    [
        pytest.param(group(), "ingress", ("10.0.0.1", 6, 22), False, id="inbound is denied by default"),
        pytest.param(group(), "egress", ("10.0.0.1", 6, 22), True, id="outbound is allowed by default"),
        pytest.param(
            group(rule(), rule(policy="drop")), "ingress", ("10.0.0.1", 6, 22), False, id="Deny before Allow"
        ),
        pytest.param(
            group(rule(priority=1), rule(policy="drop", priority=2)),
            "ingress", ("10.0.0.1", 6, 22), True, id="but priority comes first",
        ),
        pytest.param(
            group(rule(protocol="tcp", port_from=80, port_to=443)),
            "ingress", ("10.0.0.1", 6, 443), True, id="a port range holds its end",
        ),
        pytest.param(
            group(rule(protocol="tcp", port_from=80, port_to=443)),
            "ingress", ("10.0.0.1", 17, 80), False, id="and its protocol only",
        ),
        pytest.param(
            group(rule(protocol="icmp", port_from=1, port_to=1)),
            "ingress", ("10.0.0.1", 1, 0), True, id="ICMP has no ports to look at",
        ),
        pytest.param(
            group(rule(cidr="::/0")), "ingress", ("10.0.0.1", 6, 22), False, id="a block speaks of its family"
        ),
        pytest.param(
            group(inner_access=True), "ingress", ("2001:db8::1", 6, 22), True, id="members over IPv6"
        ),
        pytest.param(
            group(rule(policy="drop", priority=100), inner_access=True),
            "ingress", ("10.0.0.1", 6, 22), False, id="any rule comes before membership",
        ),
    ],
)  # fmt: skip
def test_groups_case_by_case(groups, direction, packet, passes):
    members = {"sg-a": ["10.0.0.1", "2001:db8::1"]}
    verdict = compile_groups(groups, tables(members))[SIDES[direction]].accepts(as_peers([packet]))
    assert verdict.tolist() == [passes]
    assert groups_pass(groups, members, direction, *packet) is passes


def test_no_flows_and_no_rules_are_no_problem():
    inbound, outbound = compile_groups((), {})
    assert inbound.accepts(as_peers([])).tolist() == []
    assert outbound.accepts(as_peers([("10.0.0.1", 6, 1)])).tolist() == [True]
