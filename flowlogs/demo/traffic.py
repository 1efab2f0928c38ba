"""What flows in the demo's network: five minutes at a time, and the same five minutes always the same.

Pure and seeded. Each pattern makes its own connections; an answered one is two flows, one a direction, as exporters
report them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from ipaddress import ip_address, ip_network
from typing import Final

import numpy as np
from numpy.typing import NDArray

from flowlogs.demo.network import (
    CUSTOMERS,
    CUSTOMERS_6,
    HOSTS,
    NETWORKS,
    OBJECT_STORAGE,
    OFFICE,
    PARTNERS,
    PROVIDER_DNS,
    SCANNERS,
)
from flowlogs.export import FLOW

SEED: Final = 20_240_712
CELL_MS: Final = 300_000
MINUTE_MS: Final = 60_000
LONGEST_MS: Final = 50_000
"""Longer connections are reported in pieces, as an exporter with an active timeout of a minute does."""
LOCAL_MINUTES: Final = 8 * 60
"""Both regions keep UTC+8."""
UPLINK: Final = 100
TCP, UDP, ICMP, ICMP6 = 6, 17, 1, 58
ECHO: Final = {ICMP: (8 << 8, 0), ICMP6: (128 << 8, 129 << 8)}
COMPLETE: Final = 2 | 8 | 16 | 1
SYN: Final = 2
EPHEMERAL: Final = (32_768, 61_000)
OUTSIDE: Final = {
    "customers": (CUSTOMERS, 4_000, 0.7),
    "customers-6": (CUSTOMERS_6, 600, 0.7),
    "scanners": (SCANNERS, 40, 1.1),
    "partners": (PARTNERS, 6, 0.8),
    "office": (OFFICE, 25, 0.6),
    "object-storage": (OBJECT_STORAGE, 4, 0.2),
    "provider-dns": (PROVIDER_DNS, 2, 0.2),
}
"""Peers outside: their block, how many of them, and how unevenly they take part (a Zipf exponent)."""


@dataclass(frozen=True)
class Size:
    """How large one side of a connection is: median of packets, their spread (sigma), and bytes a packet."""

    packets: float
    octets: float
    spread: float = 0.6


@dataclass(frozen=True)
class Pattern:
    """Connections of one kind: who with whom, how many a minute on average, when, and how large.

    Clients and servers are names of hosts, or one name of ``OUTSIDE``. Without an answer nothing comes back.
    """

    name: str
    exporters: tuple[str, ...]
    clients: tuple[str, ...]
    servers: tuple[str, ...]
    port: int
    a_minute: float
    request: Size
    answer: Size | None
    seconds: float = 1.0
    protocol: int = TCP
    curve: str = "day"
    is_ipv6: bool = False
    is_covered: bool = True


HZ, SG = ("127.0.0.2",), ("127.0.0.3",)
BOTH: Final = (*HZ, *SG)
WEB: Final = ("web-1", "web-2", "web-3")
APP: Final = ("app-1", "app-2")
WEB_SG: Final = ("web-sg-1", "web-sg-2")
SHOP_HOSTS: Final = (*WEB, *APP, "db-1", "db-2", "cache-1", "backup-1", "monitor-1", "bastion")
WATCHED: Final = (*WEB, *APP, "db-1", "db-2", "cache-1", "dns-1")
QUESTION: Final = Size(1, 70, 0.1)
REPLY: Final = Size(1, 180, 0.1)
PROBE: Final = Size(1.3, 44, 0.3)

PATTERNS: Final = (
    Pattern("shop", HZ, ("customers",), WEB, 443, 10, Size(14, 180), Size(18, 1_100), 8),
    Pattern("redirect", HZ, ("customers",), WEB, 80, 2, Size(5, 110), Size(4, 220)),
    Pattern("shop-6", HZ, ("customers-6",), WEB, 443, 2, Size(14, 200), Size(18, 1_120), 8, is_ipv6=True),
    Pattern("ping-6", HZ, ("customers-6",), WEB, 0, 0.2, Size(4, 104), Size(4, 104), 4, ICMP6, is_ipv6=True),
    Pattern("api", HZ, WEB, APP, 8080, 6, Size(16, 420), Size(18, 900), 12),
    Pattern("orders", HZ, APP, ("db-1",), 3306, 4, Size(40, 210), Size(44, 640), 25),
    Pattern("reports", HZ, APP, ("db-2",), 3306, 0.8, Size(30, 190), Size(400, 1_300), 20, curve="office"),
    Pattern("sessions", HZ, APP, ("cache-1",), 6379, 3, Size(60, 120), Size(60, 260), 30),
    Pattern("replication", HZ, ("db-2",), ("db-1",), 3306, 1, Size(120, 66), Size(240, 900), 45, curve="flat"),
    Pattern("names", HZ, SHOP_HOSTS, ("dns-1",), 53, 5, QUESTION, REPLY, 0.02, UDP),
    Pattern("forwarded-names", HZ, ("dns-1",), ("provider-dns",), 53, 2, QUESTION, REPLY, 0.03, UDP),
    Pattern("metrics", HZ, ("monitor-1",), WATCHED, 9100, 4, Size(8, 130), Size(22, 1_050), 0.4, curve="flat"),
    Pattern("ping", HZ, ("monitor-1",), WATCHED, 0, 1.5, Size(5, 84, 0), Size(5, 84, 0), 4, ICMP, "flat"),
    Pattern("payments", HZ, APP, ("partners",), 443, 2, Size(12, 380), Size(12, 520), 2),
    Pattern("payments-nat", HZ, ("nat-gateway",), ("partners",), 443, 2, Size(12, 380), Size(12, 520), 2),
    Pattern("office", HZ, ("office",), ("bastion",), 22, 0.6, Size(150, 96), Size(170, 210), 40, curve="office"),
    Pattern("admin", HZ, ("bastion",), WATCHED, 22, 0.4, Size(120, 96), Size(140, 210), 40, curve="office"),
    Pattern("scan-ssh", HZ, ("scanners",), (*WEB, "bastion"), 22, 5, PROBE, None, curve="bursts"),
    Pattern("scan-telnet", HZ, ("scanners",), (*WEB, "bastion"), 23, 0.7, PROBE, None, curve="bursts"),
    Pattern("scan-rdp", HZ, ("scanners",), (*WEB, "bastion"), 3389, 0.7, PROBE, None, curve="flat"),
    Pattern("scan-redis", HZ, ("scanners",), WEB, 6379, 0.5, PROBE, None, curve="flat"),
    Pattern("forgotten-job", HZ, ("web-2",), ("db-1",), 3306, 0.5, Size(3, 60, 0.1), None, 6, curve="flat"),
    Pattern("mail", HZ, ("web-3",), ("customers",), 25, 0.3, Size(3, 60, 0.1), None, 6, curve="office"),
    Pattern("dump", HZ, ("backup-1",), ("db-1", "db-2"), 3306, 5, Size(9_000, 66), Size(42_000, 1_440), 45,
            curve="night"),
    Pattern("upload", HZ, ("backup-1",), ("object-storage",), 443, 5, Size(40_000, 1_440), Size(8_000, 66), 45,
            curve="night"),
    Pattern("mirror", BOTH, ("db-sg-1",), ("db-1",), 3306, 1, Size(80, 66), Size(160, 820), 45, curve="flat"),
    Pattern("shop-sg", SG, ("customers",), WEB_SG, 443, 4, Size(14, 180), Size(18, 1_100), 8),
    Pattern("orders-sg", SG, WEB_SG, ("db-sg-1",), 3306, 2, Size(40, 210), Size(44, 640), 25),
    Pattern("names-sg", SG, (*WEB_SG, "worker-sg-1", "db-sg-1"), ("dns-sg-1",), 53, 2, QUESTION, REPLY, 0.02, UDP),
    Pattern("updates-sg", SG, ("worker-sg-1",), ("partners",), 443, 1, Size(20, 90), Size(60, 1_350), 3),
    Pattern("updates-sg-nat", SG, ("nat-gateway-sg",), ("partners",), 443, 1, Size(20, 90), Size(60, 1_350), 3),
    Pattern("scan-sg", SG, ("scanners",), WEB_SG, 22, 2, PROBE, None, curve="bursts"),
    Pattern("test", HZ, ("customers",), ("test-1",), 443, 1.5, Size(8, 150), Size(9, 700), 4, is_covered=False),
    Pattern("test-db", HZ, ("test-1",), ("test-2",), 5432, 1, Size(20, 160), Size(22, 500), 10, is_covered=False),
    Pattern("test-scan", HZ, ("scanners",), ("test-1",), 22, 1, PROBE, None, curve="flat", is_covered=False),
)  # fmt: skip


def flows_ended(exporter: str, start_ms: int, end_ms: int, *, covered_only: bool = False) -> NDArray[np.void]:
    """Give the flows (dtype ``FLOW``) that an exporter saw end in ``[start_ms, end_ms)``, in that order.

    ``covered_only`` leaves out what no flow log of the demo covers.
    """
    cells = range(start_ms // CELL_MS, -(-end_ms // CELL_MS))
    parts = [_cell(exporter, cell, covered_only) for cell in cells]
    flows = np.concatenate([np.empty(0, FLOW), *parts])
    return flows[(flows["end_ms"] >= start_ms) & (flows["end_ms"] < end_ms)]


@lru_cache(maxsize=8)
def _cell(exporter: str, cell: int, covered_only: bool) -> NDArray[np.void]:
    made = [
        _connections(pattern, number, cell)
        for number, pattern in enumerate(PATTERNS)
        if exporter in pattern.exporters and (pattern.is_covered or not covered_only)
    ]
    flows = np.concatenate(made)
    return flows[np.argsort(flows["end_ms"], kind="stable")]


def _connections(pattern: Pattern, number: int, cell: int) -> NDArray[np.void]:
    """Make the flows of one pattern that end in one cell of time; requests first, then their answers."""
    random = np.random.default_rng([SEED, number, cell])
    minutes = CELL_MS // MINUTE_MS
    count = int(random.poisson(pattern.a_minute * minutes * activity(pattern.curve, cell * minutes)))
    request = np.zeros(count, FLOW)
    request["family"] = 6 if pattern.is_ipv6 else 4
    request["protocol"] = pattern.protocol
    for side, names, port in (("src", pattern.clients, "input_if"), ("dst", pattern.servers, "output_if")):
        peers = _peers(names, pattern.is_ipv6)
        chosen = np.searchsorted(peers.shares, random.random(count))
        request[f"{side}_hi"], request[f"{side}_lo"] = peers.hi[chosen], peers.lo[chosen]
        request[port] = peers.interface[chosen]
    request["end_ms"] = cell * CELL_MS + random.integers(0, CELL_MS, count)
    duration = np.minimum(random.exponential(pattern.seconds * 1000, count), LONGEST_MS).astype(np.int64)
    _fill(request, pattern.request, random)
    request["start_ms"] = request["end_ms"] - np.where(request["packets"] > 1, duration, 0)
    request["flow_direction"] = request["input_if"] == UPLINK
    if pattern.protocol in ECHO:
        request["icmp"] = ECHO[pattern.protocol][0]
    else:
        request["srcport"], request["dstport"] = random.integers(*EPHEMERAL, count), pattern.port
    if pattern.protocol == TCP:
        request["tcp_flags"] = COMPLETE if pattern.answer else SYN
    return (
        request if pattern.answer is None else np.concatenate([request, _answers(request, pattern, random)])
    )


def _answers(request: NDArray[np.void], pattern: Pattern, random: np.random.Generator) -> NDArray[np.void]:
    answer = request.copy()
    for one, other in (
        ("src_hi", "dst_hi"),
        ("src_lo", "dst_lo"),
        ("srcport", "dstport"),
        ("input_if", "output_if"),
    ):
        answer[one], answer[other] = request[other], request[one]
    if pattern.protocol in ECHO:
        answer["icmp"] = ECHO[pattern.protocol][1]
    answer["flow_direction"] = answer["input_if"] == UPLINK
    assert pattern.answer is not None
    _fill(answer, pattern.answer, random)
    return answer


def _fill(flows: NDArray[np.void], size: Size, random: np.random.Generator) -> None:
    packets = np.maximum(np.rint(random.lognormal(np.log(size.packets), size.spread, len(flows))), 1)
    octets = packets * size.octets * random.uniform(0.85, 1.15, len(flows))
    flows["packets"] = packets
    flows["bytes"] = np.clip(octets, packets * 40, packets * 1500)


def activity(curve: str, minute: int) -> float:
    """Tell how busy a curve is in a minute since the epoch, about 1 on average over a day."""
    hour = (minute + LOCAL_MINUTES) % 1440 / 60
    if curve == "day":
        noon, evening = np.exp(-(((hour - 12.5) / 4.5) ** 2)), np.exp(-(((hour - 20.5) / 2.5) ** 2))
        return float(0.35 + 1.05 * noon + 1.1 * evening)
    if curve == "office":
        return 2.2 if 9 <= hour < 18 else 0.25
    if curve == "night":
        return 1.0 if 2 <= hour < 2.75 else 0.0
    if curve == "bursts":
        return 4.0 if minute // 10 % 7 == 0 else 0.5
    return 1.0


@dataclass(frozen=True)
class Peers:
    """Addresses to choose from: halves, the switch port they are behind, and their cumulated shares."""

    hi: NDArray[np.uint64]
    lo: NDArray[np.uint64]
    interface: NDArray[np.uint32]
    shares: NDArray[np.float64]


@lru_cache(maxsize=128)
def _peers(names: tuple[str, ...], is_ipv6: bool) -> Peers:
    if names[0] in OUTSIDE:
        return _outside(names[0])
    ports = {host.name: port for network in NETWORKS for port, host in enumerate(network.hosts, 1)}
    addresses = [
        int(ip_address((HOSTS[name].ipv6 or "") if is_ipv6 else HOSTS[name].address)) for name in names
    ]
    shares = np.cumsum(np.linspace(1.3, 0.7, len(names)))
    return _table(addresses, [ports[name] for name in names], shares)


def _outside(name: str) -> Peers:
    block, count, skew = OUTSIDE[name]
    network = ip_network(block)
    random = np.random.default_rng([SEED, *name.encode()])
    room = min(network.num_addresses, 1 << 62)
    places = random.choice(room, count, replace=False) if room < 1 << 20 else random.integers(0, room, count)
    addresses = [int(network.network_address) + int(place) for place in places]
    return _table(addresses, [UPLINK] * count, np.cumsum(np.arange(1, count + 1) ** -skew))


def _table(addresses: list[int], ports: list[int], shares: NDArray[np.float64]) -> Peers:
    return Peers(
        np.array([address >> 64 for address in addresses], np.uint64),
        np.array([address & 2**64 - 1 for address in addresses], np.uint64),
        np.array(ports, np.uint32),
        shares / shares[-1],
    )
