"""The one recipe for measured data: seeded, with distinct 5-tuples, several samples each, second-exact times."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from flowlogs.export import FLOW
from flowlogs.inventory_tables import interface_key
from flowlogs.jobs import Interface

SEED = 20_260
ENIS = 2_000
SAMPLES_A_TUPLE = 8
FIRST_ADDRESS = 0x0A00_0000
EXPORTER = "127.0.0.9"
WINDOW = 1_767_225_600
"""2026-01-01T00:00:00Z, a boundary of every interval."""
SERVICES = np.array([80, 443, 53, 22, 3306, 6379, 8080, 9092], dtype=np.uint16)
SHARES = np.array([0.22, 0.38, 0.15, 0.04, 0.08, 0.06, 0.05, 0.02])
REGION_ACCOUNT = "1000000000000001"


def eni_id(number: int) -> str:
    """Return the identifier of an interface of the recipe."""
    return f"eni-bnc{number:018d}"


def flows(count: int, window_seconds: int, seed: int = SEED) -> NDArray[np.void]:
    """Return flows of 2,000 interfaces in one window: about one 5-tuple for eight samples, half to the Internet.

    The 5-tuples are the same for every seed, as services and their clients stay; what flows in them is not.
    """
    rng = np.random.default_rng(SEED)
    tuples = max(count // SAMPLES_A_TUPLE, 1)
    own = FIRST_ADDRESS + rng.integers(0, ENIS, tuples)
    inside = rng.random(tuples) < 0.5
    # a handful of peers carries most of the traffic
    popular = (rng.pareto(1.2, tuples) * 20).astype(np.int64)
    peer = np.where(inside, FIRST_ADDRESS + popular % ENIS, 0x2D00_0000 + popular * 977 % (1 << 26))
    outward = rng.random(tuples) < 0.5
    service = rng.choice(SERVICES, tuples, p=SHARES)
    client = rng.integers(32_768, 61_000, tuples)
    rng = np.random.default_rng(seed)
    chosen = rng.integers(0, tuples, count)
    made = np.zeros(count, dtype=FLOW)
    made["family"] = 4
    made["src_lo"] = np.where(outward, own, peer)[chosen]
    made["dst_lo"] = np.where(outward, peer, own)[chosen]
    made["srcport"] = np.where(outward, client, service)[chosen]
    made["dstport"] = np.where(outward, service, client)[chosen]
    made["protocol"] = np.where(service == 53, 17, 6)[chosen]
    made["tcp_flags"] = np.where(
        made["protocol"] == 6, rng.choice([18, 24, 27, 2], count, p=[0.3, 0.4, 0.25, 0.05]), 0
    )
    made["packets"] = 1 + rng.geometric(0.08, count)
    made["bytes"] = made["packets"] * rng.choice([52, 90, 576, 1420], count, p=[0.35, 0.25, 0.2, 0.2])
    start = rng.integers(0, window_seconds, count)
    made["start_ms"] = (WINDOW + start) * 1000
    made["end_ms"] = (WINDOW + np.minimum(start + rng.geometric(0.2, count) - 1, window_seconds - 1)) * 1000
    return made


def inventory() -> dict[str, Any]:
    """Return the inventory of the recipe: one VPC, 2,000 interfaces under a usual security group, one exporter."""
    rule = {
        "policy": "accept",
        "priority": 1,
        "protocol": "tcp",
        "cidr": "0.0.0.0/0",
        "group": "",
        "direction": "ingress",
    }
    ports = [(80, 80), (443, 443), (8080, 8080), (22, 22), (3306, 3306), (6379, 6379), (9092, 9092)]
    rules = [{**rule, "port_from": low, "port_to": high} for low, high in ports]
    rules[3] |= {"cidr": "10.0.0.0/8"}
    rules.append({**rule, "protocol": "udp", "port_from": 53, "port_to": 53, "cidr": "10.0.0.0/8"})
    group = {"id": "sg-bench", "inner_access": False, "rules": rules}
    enis = [
        {
            "id": eni_id(number),
            "vpc": 0,
            "vswitch": f"vsw-bnc{number // 250:018d}",
            "vm": f"i-bnc{number:018d}",
            "addresses": [_dotted(FIRST_ADDRESS + number)],
            "public": number % 4 == 0,
            "policy": 0,
            "intervals": [[0, 10]],
        }
        for number in range(ENIS)
    ]
    exporter: dict[str, Any] = {
        "id": "exp-bench",
        "address": EXPORTER,
        "domain": None,
        "layer": "L3",
        "points": {},
        "ports": [],
    }
    return {
        "vpcs": [
            {
                "id": "vpc-bench",
                "account": REGION_ACCOUNT,
                "cidrs": ["10.0.0.0/8"],
                "routes": [["0.0.0.0/0", "nat"], ["192.168.0.0/16", "vpn"]],
            }
        ],
        "enis": enis,
        "policies": [{"groups": [group], "acl": None}],
        "groups": {"sg-bench": []},
        "exporters": [{**exporter, "enis": list(range(ENIS))}],
    }


def interfaces() -> tuple[Interface, ...]:
    """Return the interfaces as the aggregation takes them, in the order of their ids."""
    return tuple(
        Interface(eni_id(n), REGION_ACCOUNT, f"i-bnc{n:018d}", f"vsw-bnc{n // 250:018d}", "vpc-bench")
        for n in range(ENIS)
    )


def samples(count: int, window_seconds: int, seed: int = SEED) -> dict[str, NDArray[Any]]:
    """Return samples of one window as columns, as attribution writes them."""
    made = flows(count, window_seconds, seed)
    outward = (made["src_lo"] >= FIRST_ADDRESS) & (made["src_lo"] < FIRST_ADDRESS + ENIS)
    own = np.where(outward, made["src_lo"], made["dst_lo"]).astype(np.int64) - FIRST_ADDRESS
    keys = np.array([interface_key(eni_id(number)) for number in range(ENIS)], dtype=np.uint64)
    zero = np.zeros(count, dtype=np.uint64)
    path = np.where(made["dst_lo"] < FIRST_ADDRESS + (1 << 24), 2, 7).astype(np.uint8)
    return {
        "eni": keys[own],
        "window": np.full(count, WINDOW, dtype=np.uint32),
        "interval": np.full(count, window_seconds // 60, dtype=np.uint8),
        "direction": outward.astype(np.uint8),
        "family": np.full(count, 4, dtype=np.uint8),
        "src_hi": zero,
        "src_lo": made["src_lo"].astype(np.uint64),
        "dst_hi": zero,
        "dst_lo": made["dst_lo"].astype(np.uint64),
        "protocol": made["protocol"].astype(np.uint8),
        "srcport": made["srcport"].astype(np.uint16),
        "dstport": made["dstport"].astype(np.uint16),
        "tcp_flags": made["tcp_flags"].astype(np.uint16),
        "packets": made["packets"].astype(np.uint64),
        "bytes": made["bytes"].astype(np.uint64),
        "start": (made["start_ms"] // 1000).astype(np.uint32),
        "end": (made["end_ms"] // 1000).astype(np.uint32),
        "last": (made["end_ms"] // 1000).astype(np.uint32),
        "path": path,
        "action": (made["tcp_flags"] != 2).astype(np.uint8),
        "source": np.ones(count, dtype=np.uint8),
    }


def _dotted(address: int) -> str:
    return ".".join(str(address >> shift & 255) for shift in (24, 16, 8, 0))
