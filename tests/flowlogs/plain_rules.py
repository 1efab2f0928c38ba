"""Security groups, network ACLs and routes as a person reads them: one packet at a time, no NumPy.

The tests hold the column-wise modules against this. It shares no code with them.
"""

from ipaddress import ip_address, ip_network

PROTOCOLS = {"tcp": 6, "udp": 17, "icmp": 1, "icmpv6": 58, "gre": 47}
WITH_PORTS = ("tcp", "udp")


def rule_matches(rule: dict, members: dict, remote: str, protocol: int, port: int) -> bool:
    if rule["protocol"] != "all" and PROTOCOLS[rule["protocol"]] != protocol:
        return False
    if rule["protocol"] in WITH_PORTS and not rule["port_from"] <= port <= rule["port_to"]:
        return False
    if rule.get("group"):
        return any(ip_address(remote) == ip_address(member) for member in members.get(rule["group"], []))
    network = ip_network(rule["cidr"], strict=False)
    return ip_address(remote).version == network.version and ip_address(remote) in network


def groups_pass(groups: list, members: dict, direction: str, remote: str, protocol: int, port: int) -> bool:
    """Lower priority number first, Deny before Allow; then members of a group; then the default."""
    rules = [rule for group in groups for rule in group["rules"] if rule["direction"] == direction]
    for priority in range(1, 101):
        level = [rule for rule in rules if rule["priority"] == priority]
        matching = [rule for rule in level if rule_matches(rule, members, remote, protocol, port)]
        if any(rule["policy"] == "drop" for rule in matching):
            return False
        if matching:
            return True
    for group in groups:
        if group["inner_access"] and ip_address(remote) in map(ip_address, members.get(group["id"], [])):
            return True
    return direction == "egress"


def acl_passes(acl: dict | None, direction: str, remote: str, protocol: int, port: int) -> bool:
    """The first rule by order that matches decides; none: denied; no ACL: everything passes."""
    if acl is None:
        return True
    for rule in sorted(acl["rules"], key=lambda rule: rule["order"]):
        if rule["direction"] == direction and rule_matches(rule, {}, remote, protocol, port):
            return rule["policy"] == "accept"
    return False


def longest_prefix(routes: list, address: str, default: int) -> int:
    """Of equally long prefixes the one given last counts."""
    best, found = -1, default
    for cidr, code in routes:
        network = ip_network(cidr, strict=False)
        if ip_address(address) in network and network.prefixlen >= best:
            best, found = network.prefixlen, code
    return found
