"""The demo's network as data: a web shop in two regions, with every kind of thing a flow log meets.

Addresses outside are of the ranges for documentation and benchmarks (RFC 5737, RFC 2544, RFC 3849): nobody's.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from console.texts import noop as _

ANYWHERE: Final = "0.0.0.0/0"
ANYWHERE_6: Final = "::/0"
OFFICE: Final = "192.168.0.0/16"
PARTNERS: Final = "192.0.2.0/24"
CUSTOMERS: Final = "198.18.0.0/15"
CUSTOMERS_6: Final = "2001:db8:f000::/36"
SCANNERS: Final = "198.51.100.0/24"
OBJECT_STORAGE: Final = "100.118.28.0/24"
PROVIDER_DNS: Final = "100.100.2.136/31"


@dataclass(frozen=True)
class Rule:
    """A rule of a security group or network ACL; ``peer`` is a CIDR block or the name of a security group."""

    protocol: str
    ports: tuple[int, int]
    peer: str
    accepts: bool = True
    inbound: bool = True
    priority: int = 1
    description: str = ""


@dataclass(frozen=True)
class Switch:
    """A vSwitch; ``acl`` names its network ACL."""

    name: str
    zone: str
    cidr: str
    ipv6_cidr: str = ""
    acl: str = ""


@dataclass(frozen=True)
class Host:
    """An ENI with its ECS instance; without an instance type it belongs to a gateway."""

    name: str
    switch: str
    address: str
    groups: tuple[str, ...] = ()
    instance_type: str = "ecs.g7.large"
    public_ip: str | None = None
    ipv6: str | None = None


@dataclass(frozen=True)
class Route:
    """A route entry to the gateway of a name."""

    destination: str
    gateway: str


@dataclass(frozen=True)
class Log:
    """A flow log of the demo; ``switch`` narrows it from the VPC to one vSwitch."""

    name: str
    logstore: str
    traffic: str = "All"
    switch: str = ""
    description: str = ""


@dataclass(frozen=True)
class Network:
    """A VPC with all that is in it, and the exporter that observes it."""

    name: str
    region: str
    description: str
    cidrs: tuple[str, ...]
    exporter: str
    switches: tuple[Switch, ...]
    groups: dict[str, tuple[Rule, ...]]
    hosts: tuple[Host, ...]
    gateways: dict[str, str]
    routes: tuple[Route, ...]
    acls: dict[str, tuple[Rule, ...]] = field(default_factory=dict)
    logs: tuple[Log, ...] = ()


PROJECTS: Final = {"cn-hangzhou": "demo-flow-logs-hangzhou", "ap-southeast-1": "demo-flow-logs-singapore"}
EXPORTERS: Final = {"127.0.0.2": "demo-switch-hangzhou", "127.0.0.3": "demo-switch-singapore"}

SSH_FROM_OPS: Final = Rule("tcp", (22, 22), "ops", description=_("SSH from bastion"))
METRICS: Final = Rule("tcp", (9100, 9100), "ops", description=_("metrics"))
PING: Final = Rule("icmp", (0, 65535), "10.0.0.0/8", description=_("ping inside"))
EPHEMERAL: Final = (1024, 65535)

SHOP = Network(
    name="shop-prod",
    region="cn-hangzhou",
    description=_("Demo: the shop's production network"),
    cidrs=("10.0.0.0/16", "2001:db8:a00::/56"),
    exporter="127.0.0.2",
    switches=(
        Switch("web-h", "cn-hangzhou-h", "10.0.1.0/24", "2001:db8:a00:1::/64"),
        Switch("web-i", "cn-hangzhou-i", "10.0.2.0/24", "2001:db8:a00:2::/64"),
        Switch("data-h", "cn-hangzhou-h", "10.0.10.0/24", acl="data"),
        Switch("ops-i", "cn-hangzhou-i", "10.0.20.0/24"),
    ),
    groups={
        "web": (
            Rule("tcp", (80, 80), ANYWHERE, description="HTTP"),
            Rule("tcp", (443, 443), ANYWHERE, description="HTTPS"),
            Rule("tcp", (443, 443), ANYWHERE_6, description=_("HTTPS over IPv6")),
            Rule("icmpv6", (0, 65535), ANYWHERE_6),
            SSH_FROM_OPS,
            METRICS,
            PING,
            Rule("tcp", (25, 25), ANYWHERE, accepts=False, inbound=False, description=_("no mail from here")),
        ),
        "app": (
            Rule("tcp", (8080, 8080), "web", description=_("the shop's API")),
            SSH_FROM_OPS,
            METRICS,
            PING,
        ),
        "data": (
            Rule("tcp", (3306, 3306), "app", description=_("MySQL for the API")),
            Rule("tcp", (6379, 6379), "app", description=_("Redis for the API")),
            Rule("tcp", (3306, 3306), "ops", description=_("backup")),
            Rule("tcp", (3306, 3306), "10.8.0.0/16", description=_("replica in Singapore")),
            SSH_FROM_OPS,
            METRICS,
            PING,
        ),
        "dns": (
            Rule("udp", (53, 53), "10.0.0.0/8", description="DNS"),
            Rule("tcp", (53, 53), "10.0.0.0/8", description="DNS"),
            SSH_FROM_OPS,
            METRICS,
            PING,
        ),
        "ops": (Rule("tcp", (22, 22), OFFICE, description=_("SSH from the office")), PING),
    },
    acls={
        "data": (
            Rule("tcp", EPHEMERAL, "10.0.0.0/16"),
            Rule("tcp", (22, 22), "10.0.20.0/24"),
            Rule("udp", EPHEMERAL, "10.0.20.0/24"),
            Rule("tcp", EPHEMERAL, "10.8.0.0/16"),
            Rule("icmp", (0, 65535), "10.0.0.0/8"),
            Rule("all", (0, 65535), ANYWHERE, accepts=False),
            Rule("tcp", EPHEMERAL, "10.0.0.0/8", inbound=False),
            Rule("udp", (53, 53), "10.0.20.0/24", inbound=False),
            Rule("icmp", (0, 65535), "10.0.0.0/8", inbound=False),
            Rule("all", (0, 65535), ANYWHERE, accepts=False, inbound=False),
        )
    },
    hosts=(
        Host("web-1", "web-h", "10.0.1.11", ("web",), public_ip="203.0.113.11", ipv6="2001:db8:a00:1::11"),
        Host("web-2", "web-h", "10.0.1.12", ("web",), public_ip="203.0.113.12", ipv6="2001:db8:a00:1::12"),
        Host("web-3", "web-i", "10.0.2.11", ("web",), public_ip="203.0.113.13", ipv6="2001:db8:a00:2::11"),
        Host("app-1", "web-h", "10.0.1.21", ("app",), "ecs.c7.xlarge"),
        Host("app-2", "web-i", "10.0.2.21", ("app",), "ecs.c7.xlarge"),
        Host("standby-1", "web-i", "10.0.2.99", ("web",)),
        Host("db-1", "data-h", "10.0.10.11", ("data",), "ecs.r7.2xlarge"),
        Host("db-2", "data-h", "10.0.10.12", ("data",), "ecs.r7.2xlarge"),
        Host("cache-1", "data-h", "10.0.10.21", ("data",), "ecs.r7.large"),
        Host("bastion", "ops-i", "10.0.20.10", ("ops",), "ecs.t6-c1m1.large", public_ip="203.0.113.10"),
        Host("backup-1", "ops-i", "10.0.20.30", ("ops",), "ecs.d3s.2xlarge"),
        Host("monitor-1", "ops-i", "10.0.20.40", ("ops",)),
        Host("dns-1", "ops-i", "10.0.20.53", ("dns",), "ecs.c7.large"),
        Host("nat-gateway", "ops-i", "10.0.20.250", instance_type="", public_ip="203.0.113.250"),
    ),
    gateways={
        "internet": "ipv4",
        "internet-6": "ipv6",
        "partners": "nat",
        "office-and-singapore": "vpn",
        "object-storage": "gateway_endpoint",
    },
    routes=(
        Route(ANYWHERE, "internet"),
        Route(ANYWHERE_6, "internet-6"),
        Route(PARTNERS, "partners"),
        Route(OFFICE, "office-and-singapore"),
        Route("10.8.0.0/16", "office-and-singapore"),
        Route(OBJECT_STORAGE, "object-storage"),
    ),
    logs=(
        Log("shop-prod-all", "vpc-shop-prod", description=_("Demo: all traffic of the production network")),
        Log("data-denied", "vswitch-data-denied", "Drop", "data-h", _("Demo: what the data vSwitch refuses")),
    ),
)

TEST = Network(
    name="shop-test",
    region="cn-hangzhou",
    description=_("Demo: a test network that no flow log covers yet"),
    cidrs=("10.1.0.0/16",),
    exporter="127.0.0.2",
    switches=(Switch("test-h", "cn-hangzhou-h", "10.1.1.0/24"),),
    groups={"test": (Rule("tcp", (443, 443), ANYWHERE), Rule("tcp", (22, 22), OFFICE))},
    hosts=(
        Host("test-1", "test-h", "10.1.1.11", ("test",), public_ip="203.0.113.61"),
        Host("test-2", "test-h", "10.1.1.12", ("test",)),
    ),
    gateways={"test-internet": "ipv4"},
    routes=(Route(ANYWHERE, "test-internet"),),
)

SINGAPORE = Network(
    name="shop-singapore",
    region="ap-southeast-1",
    description=_("Demo: the shop's network for South-East Asia"),
    cidrs=("10.8.0.0/16",),
    exporter="127.0.0.3",
    switches=(
        Switch("web-a", "ap-southeast-1a", "10.8.1.0/24"),
        Switch("data-b", "ap-southeast-1b", "10.8.10.0/24"),
    ),
    groups={
        "web": (Rule("tcp", (443, 443), ANYWHERE, description="HTTPS"), PING),
        "data": (Rule("tcp", (3306, 3306), "web", description="MySQL"), PING),
        "dns": (Rule("udp", (53, 53), "10.8.0.0/16", description="DNS"), PING),
    },
    hosts=(
        Host("web-sg-1", "web-a", "10.8.1.11", ("web",), public_ip="203.0.113.131"),
        Host("web-sg-2", "web-a", "10.8.1.12", ("web",), public_ip="203.0.113.132"),
        Host("worker-sg-1", "web-a", "10.8.1.31", ("web",), "ecs.c7.xlarge"),
        Host("dns-sg-1", "web-a", "10.8.1.53", ("dns",), "ecs.c7.large"),
        Host("nat-gateway-sg", "web-a", "10.8.1.250", instance_type="", public_ip="203.0.113.140"),
        Host("db-sg-1", "data-b", "10.8.10.11", ("data",), "ecs.r7.xlarge"),
    ),
    gateways={"sg-internet": "ipv4", "sg-partners": "nat", "sg-hangzhou": "vpn"},
    routes=(
        Route(ANYWHERE, "sg-internet"),
        Route(PARTNERS, "sg-partners"),
        Route("10.0.0.0/16", "sg-hangzhou"),
    ),
    logs=(Log("shop-singapore-all", "vpc-shop-singapore", description=_("Demo: all traffic in Singapore")),),
)

NETWORKS: Final = (SHOP, TEST, SINGAPORE)
HOSTS: Final = {host.name: host for network in NETWORKS for host in network.hosts}
